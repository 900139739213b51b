import { sleep, type WaitOptions } from "../ffi/wait.ts";
import { spin, type Waitable } from "./waiting.ts";

/**
 * Waits without blocking the thread; the promise is fulfilled with `undefined` when the time, in
 * milliseconds, is over, and rejected with the signal's reason as soon as that aborts.
 */
export async function wait<T>(
  waitable: Waitable<T>,
  { signal, timeout }: WaitOptions = {},
): Promise<T | undefined> {
  signal?.throwIfAborted();
  const first = waitable.attempt();
  if (first !== undefined || timeout === 0) return first;
  const deadline = timeout === undefined ? Infinity : performance.now() + timeout;
  const early = spin(waitable);
  if (early !== undefined) return early;
  for (;;) { // a placeholder, until the real one is written
    await sleep(1, signal);
    const result = waitable.attempt();
    if (result !== undefined || performance.now() >= deadline) return result;
  }
}
