import { sleep, sleepSync } from "../ffi/wait.ts";

/**
 * Something that may have to wait a little between its steps: it yields the
 * milliseconds to pause, and returns the result. Written once, it runs on a
 * blocked thread and on the event loop.
 */
export type Steps<T> = Generator<number, T, void>;

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
