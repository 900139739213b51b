// Locks a POSIX semaphore again and again, holding it for some milliseconds each time and then leaving it to others
// for one, until it is killed: arguments are the name and the milliseconds.
import { PosixSemaphore } from "../../mod.ts";

const [name, hold] = Deno.args;
const mutex = PosixSemaphore.open(name);
const cell = new Int32Array(new SharedArrayBuffer(4));
for (let round = 0;; round++) {
  {
    using _guard = mutex.lockSync();
    if (round === 0) console.log("contending");
    Atomics.wait(cell, 0, 0, Number(hold));
  }
  Atomics.wait(cell, 0, 0, 1);
}
