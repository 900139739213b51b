import { checkedWait, type WaitOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/waiter.ts";
import type { ChannelReception } from "./channel_reception.ts";

/** Receives the next message, which is there and has that length. */
export type Take<Out> = (length: number) => Out;

/** All messages of a channel up to its end, one after the other. */
export class Messages<Out> implements AsyncIterableIterator<Out> {
  readonly #reception: ChannelReception;
  readonly #take: Take<Out>;
  readonly #limits: WaitOptions;
  /** A loop that is left while it waits doesn't take the next message away from others. */
  readonly #left = new AbortController();
  #over = false;

  constructor(reception: ChannelReception, take: Take<Out>, options: WaitOptions) {
    const { signal, timeout } = checkedWait(options);
    this.#reception = reception;
    this.#take = take;
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
      const reception = this.#reception;
      if (!reception.free) return this.#later();
      const { end } = reception;
      if (end.open) end.checkOpen();
      const length = end.next();
      if (length < 0) return this.#later();
      return fulfilled<IteratorResult<Out>>({ done: false, value: this.#take(length) });
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
    const { end } = this.#reception;
    const attempt = (): IteratorResult<Out> | undefined => {
      const length = end.next();
      return length < 0 ? undefined : { done: false, value: this.#take(length) };
    };
    try {
      return await this.#reception.until(this.#limits, attempt) ?? this.#finish();
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
export function streamOf<Out>(
  reception: ChannelReception,
  take: Take<Out>,
): ReadableStream<Out> {
  const cancelled = new AbortController();
  const { signal } = cancelled;
  const { end } = reception;
  return new ReadableStream<Out>({
    pull: async (controller) => {
      // Taken and passed on in one go: a stream that is cancelled in between would lose it.
      const pass = () => {
        signal.throwIfAborted();
        const length = end.next();
        if (length < 0) return undefined;
        controller.enqueue(take(length));
        return true;
      };
      try {
        const passed = reception.early(pass) ?? await reception.until({ signal }, pass);
        if (passed === undefined && !signal.aborted) controller.close();
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    cancel: (reason) => cancelled.abort(reason),
  }, { highWaterMark: 0 });
}
