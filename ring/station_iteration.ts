import { checkedWait, type WaitOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/fulfilled.ts";
import type { Reception } from "./station_reception.ts";

/** All that a receiver of a Broadcast or a Latest receives until the end, one after the other. */
export class Iteration<M, T> implements AsyncIterableIterator<T> {
  readonly #reception: Reception<M>;
  readonly #select: (message: M) => T;
  readonly #limits: WaitOptions;
  /** A loop that is left while it waits ends at once, and takes no message away from others. */
  readonly #left = new AbortController();
  #over = false;

  /** `select` makes of each message what is given out. */
  constructor(reception: Reception<M>, options: WaitOptions, select: (message: M) => T) {
    const { signal, timeout } = checkedWait(options);
    this.#reception = reception;
    this.#select = select;
    const left = this.#left.signal;
    this.#limits = {
      signal: signal === undefined ? left : AbortSignal.any([signal, left]),
      timeout,
    };
  }

  next(): Promise<IteratorResult<T>> {
    try {
      if (this.#over) return Promise.resolve(this.#finish());
      this.#limits.signal?.throwIfAborted();
      const message = this.#reception.soon();
      return message === undefined ? this.#later() : fulfilled(this.#result(message));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  return(): Promise<IteratorResult<T>> {
    this.#left.abort();
    return Promise.resolve(this.#finish());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #later(): Promise<IteratorResult<T>> {
    try {
      const message = await this.#reception.receive(this.#limits);
      return message === undefined ? this.#finish() : this.#result(message);
    } catch (error) {
      if (this.#left.signal.aborted) return this.#finish();
      throw error;
    }
  }

  #result(message: M): IteratorResult<T> {
    return { done: false, value: this.#select(message) };
  }

  #finish(): IteratorResult<T> {
    this.#over = true;
    return { done: true, value: undefined };
  }
}
