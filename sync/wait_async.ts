import { fulfilled } from "./fulfilled.ts";
import type { WaitOptions } from "../ffi/wait.ts";
import { SPIN_ASYNC } from "./patience.ts";
import type { Waiter } from "./async_word.ts";
import { isBusy, join, leave, serve, wordOf } from "./async_words.ts";
import type { Waitable } from "./waitable.ts";
import { spin } from "./wait_sync.ts";

export { type AsyncWaiting, asyncWaiting } from "./async_mode.ts";

/**
 * Waits without blocking the thread; the promise is fulfilled with `undefined` when the time, in
 * milliseconds, is over, and rejected with the signal's reason as soon as that aborts, or with
 * what the attempt threw.
 *
 * All waits of a thread share two pool threads. Those of the same kind on the same word get their
 * turns in order.
 */
export function wait<T>(waitable: Waitable<T>, options: WaitOptions = {}): Promise<T | undefined> {
  const { signal, timeout } = options;
  try {
    signal?.throwIfAborted();
    if (mayTry(waitable)) {
      const result = waitable.attempt() ??
        (timeout === 0 || isBusy() ? undefined : spin(waitable, SPIN_ASYNC));
      if (result !== undefined) return fulfilled(result);
    }
    if (timeout === 0) return fulfilled(undefined);
    return pending(waitable, options);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether nobody waits for the same, who came before. */
function mayTry(waitable: Waitable<unknown>): boolean {
  const word = wordOf(waitable);
  if (word === undefined || !word.isBehind(waitable)) return true;
  serve(word);
  return !word.isBehind(waitable);
}

function pending<T>(
  waitable: Waitable<T>,
  { signal, timeout }: WaitOptions,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      if (timer !== undefined) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const start = performance.now();
    const waiter: Waiter<T> = {
      waitable,
      resolve(result) {
        waitable.patience.slept(performance.now() - start);
        stop();
        resolve(result);
      },
      reject(reason) {
        stop();
        reject(reason);
      },
    };
    const word = join(waiter as Waiter);
    const onAbort = () => {
      if (leave(word, waiter as Waiter)) waiter.reject(signal?.reason);
    };
    const onTimeout = () => {
      serve(word); // the thread may have been busy for long
      if (!leave(word, waiter as Waiter)) return;
      stop();
      resolve(undefined);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeout !== undefined) timer = setTimeout(onTimeout, timeout);
  });
}
