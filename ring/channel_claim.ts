import { checkInteger } from "../ffi/check.ts";
import { RECORD_BYTES } from "./channel_layout.ts";
import type { Room, SendEnd } from "./channel_send_end.ts";

function over(what: string): Error {
  return new Deno.errors.BadResource(
    `Cannot use the ${what}: it was committed or aborted, or its sender closed`,
  );
}

/**
 * Room for one message in the ring itself: write to `bytes`, and commit. Nobody sees it before
 * that. Leaving scope without a commit aborts it.
 *
 * Where there are many senders, it has their lock: the others wait until it is over. If this
 * process is killed before the commit, this message is lost and nothing else.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory);
 * using sender = channel.sender();
 * {
 *   using claim = await sender.claim(1000);
 *   const { written } = new TextEncoder().encodeInto("hello", claim.bytes);
 *   claim.commit(written); // 5 bytes of it
 * }
 * console.log(channel.stat().messages); // 1
 * ```
 */
export class ChannelClaim implements Disposable {
  /**
   * Where to write the message: what the ring holds there at first is anything. Don't use it any
   * more after the commit: the room is the next sender's then.
   */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #end: SendEnd;
  readonly #outside: boolean;
  #open = true;

  /** Made by a sender's `claim()`. */
  constructor(end: SendEnd, { bytes, outside }: Room) {
    this.#end = end;
    this.bytes = bytes;
    this.#outside = outside;
  }

  /**
   * Sends what was written.
   *
   * @param length How many bytes of it. Default: all.
   *
   * @throws {RangeError} If that is more than was claimed.
   * @throws {Deno.errors.BrokenPipe} If another sender ended the channel meanwhile: nothing is
   * sent.
   * @throws {Deno.errors.BadResource} If it is over already, or the memory is gone.
   */
  commit(length?: number): void {
    const claimed = this.bytes.length;
    const end = this.#end;
    if (!this.#open || !end.open) throw over("claim");
    end.check(); // the memory may be gone, and the length 0 with it
    const used = length === undefined ? claimed : checkInteger("length", length, 0, claimed);
    this.#open = false;
    if (this.#outside) end.append(this.bytes.subarray(0, used));
    else if (used < claimed) end.shorten(claimed, used);
    end.commit(true);
  }

  /** Sends nothing; does nothing if it is over already. */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#end.open) this.#end.abort();
  }

  /** Aborts it, unless it was committed. */
  [Symbol.dispose](): void {
    this.abort();
  }
}

/**
 * Messages that are written in the ring itself, and sent together: `add()` says where each goes.
 * That is the fastest way to send many small ones. Leaving scope without a commit aborts what was
 * added since the last `flush()`.
 *
 * Where there are many senders, it has their lock: the others wait until it is over.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory);
 * using sender = channel.sender();
 * using batch = sender.batchSync(16);
 * for (let i = 0; i < 100; i++) {
 *   const at = batch.add(16);
 *   if (at < 0) break; // the ring is full
 *   batch.view.setFloat64(at, i, true);
 *   batch.view.setFloat64(at + 8, i * i, true);
 * }
 * batch.commit();
 * ```
 */
export class ChannelSendBatch implements Disposable {
  /** The whole ring. Write only where `add()` says, and only until the commit. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same, as a `DataView`. */
  readonly view: DataView<ArrayBuffer>;
  readonly #end: SendEnd;
  readonly #longest: number;
  #open = true;

  /** Made by a sender's `batch()`. */
  constructor(end: SendEnd, view: DataView<ArrayBuffer>) {
    this.#end = end;
    this.bytes = end.bytes as Uint8Array<ArrayBuffer>;
    this.view = view;
    this.#longest = Math.max(0, end.capacity / 2 - RECORD_BYTES);
  }

  /** How many messages were added since the last flush. */
  get count(): number {
    return this.#open ? this.#end.pending : 0;
  }

  /**
   * Adds a message: where in `bytes` its first byte is to be written, a multiple of 8; -1 if the
   * ring is full. All of its bytes follow there. What is there at first is anything.
   *
   * @throws {RangeError} If the length is more than half of the ring's, less 8: see `claim()`.
   * @throws {Deno.errors.BadResource} If the batch is over, or the memory is gone.
   */
  add(length: number): number {
    if (!(length >= 0 && length <= this.#longest) || (length | 0) !== length) this.#refuse(length);
    if (!this.#open || !this.#end.open) throw over("batch");
    return this.#end.add(length);
  }

  /**
   * Sends what was added so far; more can be added. Does nothing if that is nothing.
   *
   * @throws {Deno.errors.BrokenPipe} If another sender ended the channel meanwhile: the batch is
   * over, without what was added.
   * @throws {Deno.errors.BadResource} If the batch is over, or the memory is gone.
   */
  flush(): void {
    if (!this.#open || !this.#end.open) throw over("batch");
    this.#end.commit(false);
  }

  /**
   * Sends what was added, and ends the batch.
   *
   * @throws {Deno.errors.BrokenPipe} If another sender ended the channel meanwhile: what was added
   * is not sent.
   * @throws {Deno.errors.BadResource} If the batch is over, or the memory is gone.
   */
  commit(): void {
    if (!this.#open || !this.#end.open) throw over("batch");
    this.#end.check();
    this.#open = false;
    this.#end.commit(true);
  }

  /**
   * Ends the batch without sending what was added since the last flush; does nothing if it is over
   * already.
   */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#end.open) this.#end.abort();
  }

  /** Aborts it, unless it was committed. */
  [Symbol.dispose](): void {
    this.abort();
  }

  #refuse(length: number): void {
    checkInteger("length", length, 0, this.#longest);
  }
}
