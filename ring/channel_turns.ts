import { deadlineOf, timeLeft, type WaitOptions, within } from "../ffi/wait.ts";

/** Asynchronous operations of one handle, one after the other in the order of their calls. */
export class Turns {
  #last: Promise<void> | undefined;

  /** Whether an operation is under way. */
  get busy(): boolean {
    return this.#last !== undefined;
  }

  /** Does something once all before it are done; with the time that is left by then. */
  async take<T>(
    { signal, timeout }: WaitOptions,
    timedOut: () => Error,
    operation: (rest: WaitOptions) => Promise<T>,
  ): Promise<T> {
    const deadline = deadlineOf(timeout);
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      if (before !== undefined) await within(before, { signal, timeout }, timedOut);
      return await operation({ signal, timeout: timeLeft(deadline) });
    } finally {
      // One that gave up doesn't let those behind it overtake those before it.
      const done = () => {
        if (this.#last === promise) this.#last = undefined;
        resolve();
      };
      if (before === undefined) done();
      else before.then(done);
    }
  }
}
