// Uses the reader-writer lock at an offset of a segment: arguments are the segment's id, the offset, and either
// "hold", "read" or "write" (locks it, says so, and holds it until it is killed), or how many times to write and to
// read a pair of numbers at the segment's start, in turn, and "sync" or "async".
import { RwLock, Segment } from "../../mod.ts";

const [id, offset, what, form] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
const lock = RwLock.open(memory, { offset: Number(offset) });

if (what === "hold") {
  using guard = form === "read" ? lock.lockReadSync() : lock.lockWriteSync();
  console.log("holding", guard.ownerDied);
  await new Promise((resolve) => setTimeout(resolve, 1e9));
}
const pair = memory.array(Int32Array, { length: 2 });
for (let i = 0; i < Number(what); i++) {
  if (i % 10 === 0) {
    using _guard = form === "sync" ? lock.lockWriteSync() : await lock.lockWrite();
    pair[0]++;
    pair[1]++;
  } else {
    using _guard = form === "sync" ? lock.lockReadSync() : await lock.lockRead();
    if (pair[0] !== pair[1]) throw new Error("read while somebody wrote");
  }
}
