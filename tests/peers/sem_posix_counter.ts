// Adds 1 to the first integer of a segment, many times, under a POSIX semaphore: one with a name, or at an offset of
// the segment. Arguments are the name or the offset, the segment's id, how many times, and "sync" or "async".
import { PosixSemaphore, Segment } from "../../mod.ts";

const [where, id, times, form] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
using mutex = where.startsWith("/")
  ? PosixSemaphore.open(where)
  : PosixSemaphore.at(memory, { offset: Number(where) });
const [count] = [memory.array(Int32Array, { length: 1 })];
for (let time = 0; time < Number(times); time++) {
  using _guard = form === "sync" ? mutex.lockSync() : await mutex.lock();
  count[0] = count[0] + 1;
}
