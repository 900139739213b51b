// Makes every odd number in a segment even, when told by a condition: arguments are the segment's
// id, how to wait ("sync", "async", or "hold" to lock the mutex and never release it), and how
// often.
import { Condition, Mutex, Segment } from "../../mod.ts";

const [id, how, count] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
const mutex = Mutex.open(memory);
const condition = Condition.open(memory, { offset: 128 });
const number = memory.array(Int32Array, { offset: 512, length: 1 });
const isOdd = () => number[0] % 2 === 1;
{
  using guard = mutex.lockSync();
  if (how === "hold") {
    console.log("holding");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
  console.log("ready");
  for (let round = 0; round < Number(count); round++) {
    if (how === "sync") condition.waitUntilSync(guard, isOdd);
    else await condition.waitUntil(guard, isOdd);
    number[0]++;
    condition.notifyOne();
  }
}
