/**
 * Something that may have to wait a little between its steps: it yields the
 * milliseconds to pause, and returns the result. Written once, it runs on a
 * blocked thread and on the event loop.
 */
export type Steps<T> = Generator<number, T, void>;

/** Blocks the thread for some milliseconds. */
export function sleepSync(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Resolves after some milliseconds, or rejects with the signal's reason as soon as it aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Runs the steps to their end, blocking the thread in the pauses. */
export function runSync<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    sleepSync(value);
  }
}

/** Runs the steps to their end on the event loop; an abort ends them in a pause. */
export async function run<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await sleep(value, signal);
  }
}
