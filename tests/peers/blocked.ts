// Waits for the semaphore 0 of a set until the kernel may take a unit for it, says so, and then blocks
// its thread for ever: it can no longer hear from the kernel.
import { SemaphoreSet } from "../../mod.ts";
import { batch } from "../../sem/batch.ts";
import { couldDeadlock } from "../../sem/waiter.ts";

const semaphore = SemaphoreSet.fromId(Number(Deno.args[0])).at(0);
void semaphore.acquire();
while (!couldDeadlock(semaphore.set.id, batch([{ index: 0, change: -1 }]))) {
  await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log("blocked");
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
