import { checkedWait, type WaitOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/fulfilled.ts";
import type { ChannelReception } from "./channel_reception.ts";
import { readableOf } from "./readable.ts";

/** How a receiver receives. */
export interface Source<Out> {
  readonly reception: ChannelReception;
  /** The next message, if it is there, while the side is locked. */
  take(): Uint8Array<ArrayBuffer> | undefined;
  /** What it says. */
  decode(bytes: Uint8Array<ArrayBuffer>): Out;
}

/** All messages of a channel up to its end, one after the other. */
export class Messages<Out> implements AsyncIterableIterator<Out> {
  readonly #source: Source<Out>;
  readonly #limits: WaitOptions;
  /** A loop that is left while it waits doesn't take the next message away from others. */
  readonly #left = new AbortController();
  #over = false;

  constructor(source: Source<Out>, options: WaitOptions) {
    const { signal, timeout } = checkedWait(options);
    this.#source = source;
    const left = this.#left.signal;
    this.#limits = {
      signal: signal === undefined ? left : AbortSignal.any([signal, left]),
      timeout,
    };
  }

  next(): Promise<IteratorResult<Out>> {
    try {
      if (this.#over) return Promise.resolve(this.#finish());
      this.#limits.signal?.throwIfAborted();
      const source = this.#source;
      if (!source.reception.free) return this.#later();
      source.reception.end.checkIdle();
      const bytes = source.take();
      if (bytes === undefined) return this.#later();
      return fulfilled<IteratorResult<Out>>({ done: false, value: source.decode(bytes) });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  return(): Promise<IteratorResult<Out>> {
    this.#left.abort();
    return Promise.resolve(this.#finish());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #later(): Promise<IteratorResult<Out>> {
    const source = this.#source;
    const finish = (bytes: Uint8Array<ArrayBuffer>): IteratorResult<Out> => ({
      done: false,
      value: source.decode(bytes),
    });
    try {
      const result = source.reception.until(this.#limits, () => source.take(), finish);
      return await result ?? this.#finish();
    } catch (error) {
      if (this.#left.signal.aborted) return this.#finish();
      throw error;
    }
  }

  #finish(): IteratorResult<Out> {
    this.#over = true;
    return { done: true, value: undefined };
  }
}

/** A stream of all messages of a channel up to its end. It receives only what is read. */
export function streamOf<Out>(source: Source<Out>): ReadableStream<Out> {
  const { reception } = source;
  return readableOf<Out>(async (enqueue, signal) => {
    const take = () => {
      signal.throwIfAborted();
      return source.take();
    };
    const pass = (bytes: Uint8Array<ArrayBuffer>) => {
      enqueue(source.decode(bytes));
      return true;
    };
    const early = reception.early(take);
    if (early !== undefined) return await fulfilled(pass(early));
    return await reception.until({ signal }, take, pass) ?? false;
  });
}
