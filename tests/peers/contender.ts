// Locks the semaphore 0 of a set again and again, holding it for some milliseconds each time,
// until it is killed: arguments are the set's id and the milliseconds.
import { SemaphoreSet } from "../../mod.ts";

const [id, hold] = Deno.args.map(Number);
const mutex = SemaphoreSet.fromId(id).at(0);
const cell = new Int32Array(new SharedArrayBuffer(4));
for (let round = 0;; round++) {
  using _guard = mutex.lockSync();
  if (hold > 0) Atomics.wait(cell, 0, 0, hold);
  if (round === 0) console.log("contending");
}
