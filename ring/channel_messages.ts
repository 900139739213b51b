import type { WaitOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/fulfilled.ts";
import type { ChannelReception } from "./channel_reception.ts";
import type { Received, Source } from "./iteration.ts";
import { readableOf } from "./readable.ts";

/** The messages of a channel up to its end, for loops and streams. */
export class Messages<Out> implements Source<Out> {
  readonly #reception: ChannelReception;
  readonly #take: () => Uint8Array<ArrayBuffer> | undefined;
  readonly #decode: (bytes: Uint8Array<ArrayBuffer>) => Out;

  /** `take` takes the next message if it is there, while the side is locked. */
  constructor(
    reception: ChannelReception,
    take: () => Uint8Array<ArrayBuffer> | undefined,
    decode: (bytes: Uint8Array<ArrayBuffer>) => Out,
  ) {
    this.#reception = reception;
    this.#take = take;
    this.#decode = decode;
  }

  now(): Received<Out> | undefined {
    const reception = this.#reception;
    if (!reception.free) return undefined;
    reception.end.checkIdle();
    const bytes = this.#take();
    return bytes && { done: false, value: this.#decode(bytes) };
  }

  later(limits: WaitOptions): Promise<Received<Out> | undefined> {
    return this.#reception.until(
      limits,
      this.#take,
      (bytes): Received<Out> => ({ done: false, value: this.#decode(bytes) }),
    );
  }

  /** A stream of them. It receives only what is read. */
  readable(): ReadableStream<Out> {
    const reception = this.#reception;
    return readableOf<Out>(async (enqueue, signal) => {
      const take = () => {
        signal.throwIfAborted();
        return this.#take();
      };
      const pass = (bytes: Uint8Array<ArrayBuffer>) => {
        enqueue(this.#decode(bytes));
        return true;
      };
      const early = reception.early(take);
      if (early !== undefined) return await fulfilled(pass(early));
      return await reception.until({ signal }, take, pass) ?? false;
    });
  }
}
