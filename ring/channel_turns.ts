import { deadlineOf, timeLeft, type WaitOptions, within } from "../ffi/wait.ts";

/** Asynchronous operations of one handle, one after the other in the order of their calls. */
export class Turns {
  #busy = false;
  /** Those who wait for their turn: functions that give it to them. */
  readonly #queue = new Set<() => void>();

  /** Whether an operation is under way. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Does something once all before it are done; with the time that is left by then. */
  async take<T>(
    { signal, timeout }: WaitOptions,
    timedOut: () => Error,
    operation: (rest: WaitOptions) => Promise<T>,
  ): Promise<T> {
    const deadline = deadlineOf(timeout);
    if (this.#busy) await this.#wait({ signal, timeout }, timedOut);
    this.#busy = true;
    try {
      return await operation({ signal, timeout: timeLeft(deadline) });
    } finally {
      this.#pass();
    }
  }

  async #wait(limits: WaitOptions, timedOut: () => Error): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.add(resolve);
    try {
      await within(promise, limits, timedOut);
    } catch (error) {
      // It gave up; if it got its turn in the same moment, that is the next one's.
      if (!this.#queue.delete(resolve)) this.#pass();
      throw error;
    }
  }

  /** The next one's turn; nobody comes in between. */
  #pass(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#busy = false;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}
