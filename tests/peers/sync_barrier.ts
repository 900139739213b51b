// Takes part at the barrier at the start of a segment: arguments are the segment's id, how often to
// arrive, and "sync", "async" or "never" (joins, says so, and waits until it is killed).
import { Barrier, Segment } from "../../mod.ts";

const [id, times, form] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
using participant = Barrier.open(memory).join();
const counts = memory.array(Int32Array, { offset: 2048, length: 16 });
console.log("joined");
if (form === "never") await new Promise((resolve) => setTimeout(resolve, 1e9));
for (let i = 0; i < Number(times); i++) {
  Atomics.add(counts, i % 16, 1);
  if (form === "sync") participant.arriveSync();
  else await participant.arrive();
}
console.log("done");
