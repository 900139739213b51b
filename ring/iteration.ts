import { checkedWait, type WaitOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/fulfilled.ts";

/** Something received, as a loop has it. */
export type Received<T> = IteratorYieldResult<T>;

/** Where a loop gets what it goes over. */
export interface Source<T> {
  /** The next one, if it is there, and nobody waits for it who came before. */
  now(): Received<T> | undefined;
  /** The next one as soon as it is there; `undefined` at the end. */
  later(limits: WaitOptions): Promise<Received<T> | undefined>;
}

/** All that is received until the end, one after the other. */
export class Iteration<T> implements AsyncIterableIterator<T> {
  readonly #source: Source<T>;
  readonly #limits: WaitOptions;
  /** A loop that is left while it waits ends at once, and takes nothing away from others. */
  readonly #left = new AbortController();
  #over = false;

  constructor(source: Source<T>, options: WaitOptions) {
    const { signal, timeout } = checkedWait(options);
    this.#source = source;
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
      const received = this.#source.now();
      return received === undefined ? this.#later() : fulfilled<IteratorResult<T>>(received);
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
      return await this.#source.later(this.#limits) ?? this.#finish();
    } catch (error) {
      if (this.#left.signal.aborted) return this.#finish();
      throw error;
    }
  }

  #finish(): IteratorResult<T> {
    this.#over = true;
    return { done: true, value: undefined };
  }
}
