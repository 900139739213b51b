import type { ReceiveEnd } from "./channel_receive_end.ts";

/**
 * A message that is read where it lies in the ring. Once it is released its room is the senders'
 * again; leaving scope releases it. If this process is killed before that, the next receiver gets
 * it (once more): so each message is handled at least once.
 *
 * Where there are many receivers, it has their lock: the others wait until it is over.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous, textCodec } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory);
 * using sender = channel.sender({ codec: textCodec });
 * using receiver = channel.receiver();
 * sender.sendSync("hello");
 * {
 *   using message = await receiver.peek();
 *   if (message !== undefined) console.log(message.bytes.length); // 5
 * } // received
 * console.log(channel.stat().messages); // 0
 * ```
 */
export class ChannelMessage implements Disposable {
  /**
   * The bytes, in the ring; in rare cases, where the ring has them in two pieces, a copy. Senders
   * could still change them: check what you copied, not what you look at. Don't use them after the
   * release: they are those of a later message then.
   */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #end: ReceiveEnd;
  #open = true;

  /** Made by a receiver's `peek()`. */
  constructor(end: ReceiveEnd, bytes: Uint8Array<ArrayBuffer>) {
    this.#end = end;
    this.bytes = bytes;
  }

  /**
   * Gives the room back to the senders: the message is received. Does nothing the second time.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone; the message stays there.
   */
  release(): void {
    this.#finish(true);
  }

  /** Leaves the message there: it is the next one to be received. */
  putBack(): void {
    this.#finish(false);
  }

  /** Releases it, unless it was put back. */
  [Symbol.dispose](): void {
    this.release();
  }

  #finish(release: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#end.open) this.#end.finish(release);
  }
}

/**
 * Messages that are read where they lie in the ring, one after the other, and released together:
 * the fastest way to receive many small ones. Leaving scope releases all that `next()` went to.
 *
 * Where there are many receivers, it has their lock: the others wait until it is over.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory);
 * using sender = channel.sender();
 * using receiver = channel.receiver();
 * for (let i = 1; i <= 3; i++) sender.trySend(new Uint8Array([i, i * i]));
 * let sum = 0;
 * {
 *   using batch = receiver.peekBatchSync();
 *   while (batch?.next()) sum += batch.bytes[batch.offset] + batch.bytes[batch.offset + 1];
 * }
 * console.log(sum); // 20
 * ```
 */
export class ChannelReceiveBatch implements Disposable {
  /** Where the message's bytes are: the whole ring, in rare cases a copy of this message. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes, as a `DataView`. */
  view: DataView<ArrayBuffer>;
  /** Where in `bytes` the message starts, a multiple of 8. */
  offset = 0;
  /** How many bytes it has. */
  length = 0;
  readonly #end: ReceiveEnd;
  readonly #ring: Uint8Array<ArrayBuffer>;
  readonly #ringView: DataView<ArrayBuffer>;
  #copied = false;
  #open = true;

  /** Made by a receiver's `peekBatch()`. */
  constructor(end: ReceiveEnd, view: DataView<ArrayBuffer>) {
    this.#end = end;
    this.#ring = this.bytes = end.bytes as Uint8Array<ArrayBuffer>;
    this.#ringView = this.view = view;
  }

  /**
   * Goes to the next message; `false` if there is none now.
   *
   * @throws {Deno.errors.InvalidData} If something else has written to the ring.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  next(): boolean {
    const end = this.#end;
    if (!this.#open || !end.open) return false;
    const length = end.step();
    if (length < 0) return false;
    const start = end.last;
    this.length = length;
    if (length > end.capacity - start) this.#copy(length, start);
    else {
      this.offset = start;
      if (this.#copied) this.#look();
    }
    return true;
  }

  /**
   * Gives the room of all messages that `next()` went to back to the senders: they are received.
   * Does nothing the second time.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone; the messages stay there.
   */
  release(): void {
    this.#finish(true);
  }

  /** Leaves all of them there: they are the next ones to be received. */
  putBack(): void {
    this.#finish(false);
  }

  /** Releases them, unless they were put back. */
  [Symbol.dispose](): void {
    this.release();
  }

  #copy(length: number, start: number): void {
    this.bytes = this.#end.view(length, start);
    this.view = new DataView(this.bytes.buffer);
    this.offset = 0;
    this.#copied = true;
  }

  #look(): void {
    this.bytes = this.#ring;
    this.view = this.#ringView;
    this.#copied = false;
  }

  #finish(release: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#end.open) this.#end.finish(release);
  }
}
