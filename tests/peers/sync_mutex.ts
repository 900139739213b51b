// Uses the mutex at an offset of a segment: arguments are the segment's id, the offset and what to do.
//   hold          locks it, says so, and holds it until it is killed
//   await         awaits it, says "waiting" before and whether its owner died then, and releases it
//   lock          locks it synchronously, says the same, and releases it
//   count <n> <form> [offset]  adds 1 to the segment's first integer, n times, each time with the mutex, "sync" or
//                 "async"; before each time it adds 1 to that at another offset, which is its own
//   many <n>      locks n mutexes, 64 bytes apart, says so, and holds them until it is killed
import { Mutex, Segment } from "../../mod.ts";

const [id, offset, what, times, form, own] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
const mutex = Mutex.open(memory, { offset: Number(offset) });

if (what === "hold") {
  using _guard = mutex.lockSync();
  console.log("holding");
  await new Promise((resolve) => setTimeout(resolve, 1e9));
} else if (what === "await" || what === "lock") {
  console.log("waiting");
  using guard = what === "await" ? await mutex.lock() : mutex.lockSync();
  console.log(guard.ownerDied ? "owner died" : "in order");
  guard.markConsistent();
} else if (what === "many") {
  const guards = Array.from(
    { length: Number(times) },
    (_, i) => Mutex.open(memory, { offset: Number(offset) + 64 * i }).lockSync(),
  );
  console.log(`holding ${guards.length}`);
  await new Promise((resolve) => setTimeout(resolve, 1e9));
} else {
  const count = memory.array(Int32Array, { length: 1 });
  const tries = own === undefined
    ? new Int32Array(1)
    : memory.array(Int32Array, { offset: Number(own), length: 1 });
  for (let time = 0; time < Number(times); time++) {
    using guard = form === "sync" ? mutex.lockSync() : await mutex.lock();
    guard.markConsistent();
    tries[0] = tries[0] + 1;
    count[0] = count[0] + 1;
  }
}
