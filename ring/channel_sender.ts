import { checkInteger, describe } from "../ffi/check.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/fulfilled.ts";
import { ChannelClaim, ChannelSendBatch } from "./channel_claim.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import type { Room, SendEnd } from "./channel_send_end.ts";
import { ChannelSending, type Delivery } from "./channel_sending.ts";
import { type Encoder, encoderOf } from "./codec.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import { point } from "./test_points.ts";

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBufferLike>) {
  return new DataView(buffer as ArrayBuffer, byteOffset, byteLength);
}

/**
 * An end of a channel that sends, made by `channel.sender()`.
 *
 * Each way of sending exists three times: `try...` never blocks, `...Sync` blocks the thread until
 * there is room, and the plain name returns a promise. Without a `timeout` they wait for ever.
 * Promises of one sender are fulfilled in the order of the calls, and rejected with their signal's
 * reason if that aborts. The other forms don't wait for them: a short message by `trySend()` may be
 * sent before a long one that waits for room.
 *
 * Where many send, each takes the lock of their side for a moment. `try...` then also fails if
 * another sender has it, after a few tries: because it is just sending, or has a claim or a batch
 * open. `false` doesn't mean that the ring is full: try again, or wait by the other forms.
 *
 * Closing it, or leaving scope, leaves the channel without ending it; {@linkcode end} tells the
 * receivers that there is no more to come. A promise that waits is then rejected
 * (`Deno.errors.BadResource`).
 *
 * The event `"peerdeath"` tells that a receiver's process died.
 *
 * @typeParam In What is sent.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous, textCodec } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory, { capacity: 64 });
 * using sender = channel.sender({ codec: textCodec });
 * console.log(sender.trySend("0123456789".repeat(4))); // true
 * console.log(sender.trySend("0123456789".repeat(4))); // false: the ring is full
 * try {
 *   await sender.send("0123456789".repeat(4), { timeout: 20 });
 * } catch (error) {
 *   console.log(error instanceof Deno.errors.TimedOut); // true
 * }
 * ```
 */
export class ChannelSender<In> extends PeerTarget implements Disposable {
  readonly #sending: ChannelSending;
  readonly #end: SendEnd;
  readonly #encode: Encoder<In>["encode"];
  #view: DataView<ArrayBuffer> | undefined;

  /** Made by `channel.sender()`. */
  constructor(frame: ChannelFrame, codec: Encoder<In>, policy: PeerDeathPolicy) {
    super();
    this.#encode = encoderOf(codec);
    this.#sending = new ChannelSending(frame, policy);
    this.#end = this.#sending.end;
  }

  /**
   * Sends a message if there is room; tells whether it did. Where many send, `false` can also mean
   * that another one was just at it.
   *
   * @throws {RangeError} If the message is longer than the ring, less 8 bytes.
   * @throws {TypeError} If the codec takes no such value.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  trySend(value: In): boolean {
    this.#sending.checkPeers();
    return this.#put(this.#encode(value));
  }

  /**
   * Sends a message; blocks the thread until there is room.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time, or another sender was at it.
   * @throws {RangeError} If the message is longer than the ring, less 8 bytes, or the timeout out
   * of range.
   * @throws {TypeError} If the codec takes no such value.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open, or of another one in
   * this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  sendSync(value: In, options?: WaitSyncOptions): void {
    const timeout = timeoutOf(options);
    this.#sending.checkPeers();
    const bytes = this.#encode(value);
    if (this.#put(bytes)) return;
    this.#sending.untilSync(timeout, this.#message(bytes));
  }

  /**
   * Sends a message as soon as there is room. Its bytes are copied at once: they may be changed
   * while it waits.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time, or another sender was at it.
   * @throws {RangeError} If the message is longer than the ring, less 8 bytes, or the timeout out
   * of range.
   * @throws {TypeError} If the codec takes no such value.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  send(value: In, options?: WaitOptions): Promise<void> {
    try {
      const limits = limitsOf(options);
      this.#sending.checkPeers();
      const bytes = this.#encode(value);
      if (!this.#sending.busy && this.#put(bytes)) return fulfilled<void>(undefined);
      // The codec may use it for the next one. Not slice(): that of Node's Buffer is no copy.
      const copy = new Uint8Array(bytes);
      return this.#sending.until(limits, this.#message(copy)).then(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends those messages for which there is room, in their order, together; returns how many. 0 can
   * also mean, where many send, that another one was just at it. If one can't be encoded, or is too
   * long, those before it are sent and the error is thrown.
   *
   * @throws {RangeError} If a message is longer than the ring, less 8 bytes.
   * @throws {TypeError} If it isn't an array, or the codec takes no such value.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  trySendBatch(values: readonly In[]): number {
    checkValues(values);
    this.#sending.checkPeers();
    return this.#sending.try(() => this.#putSome(values, 0)) ?? 0;
  }

  /**
   * Sends messages, as many together as there is room for; blocks the thread until all are sent.
   * What was sent before an error stays sent.
   *
   * @throws {Deno.errors.TimedOut} If there wasn't room for all in that time: the message says how
   * many were sent.
   * @throws {RangeError} If a message is longer than the ring, less 8 bytes, or the timeout out of
   * range.
   * @throws {TypeError} If it isn't an array, or the codec takes no such value.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open, or of another one in
   * this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  sendBatchSync(values: readonly In[], options: WaitSyncOptions = {}): void {
    checkValues(values);
    const timeout = timeoutOf(options);
    this.#sending.checkPeers();
    const delivery = this.#messages(values);
    if (this.#sending.try(delivery.attempt) || values.length === 0) return;
    this.#sending.untilSync(timeout, delivery);
  }

  /**
   * Sends messages, as many together as there is room for, until all are sent. They are encoded
   * when there is room for them: change neither the array nor what is in it, such as byte arrays,
   * until the promise is settled. What was sent before an error or an abort stays sent.
   *
   * @throws {Deno.errors.TimedOut} If there wasn't room for all in that time: the message says how
   * many were sent.
   * @throws {RangeError} If a message is longer than the ring, less 8 bytes, or the timeout out of
   * range.
   * @throws {TypeError} If it isn't an array, or the codec takes no such value.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   *
   * @example
   * ```ts
   * import { Channel, mapAnonymous, textCodec } from "@isthmus/isthmus";
   *
   * using memory = mapAnonymous(65536, { shared: true });
   * const channel = Channel.create(memory);
   * using sender = channel.sender({ codec: textCodec });
   * using receiver = channel.receiver({ codec: textCodec });
   * await sender.sendBatch(["to be", "or not to be"], { timeout: 1000 });
   * console.log(await receiver.receiveBatch()); // [ "to be", "or not to be" ]
   * ```
   */
  async sendBatch(values: readonly In[], options: WaitOptions = {}): Promise<void> {
    checkValues(values);
    const limits = limitsOf(options);
    this.#sending.checkPeers();
    const delivery = this.#messages(values);
    if (this.#sending.early(delivery.attempt) || values.length === 0) {
      return await fulfilled<void>(undefined);
    }
    await this.#sending.until(limits, delivery);
  }

  /**
   * Room for a message in the ring itself, if there is some; else `undefined`, where many send also
   * if another one was just at it. Only one claim or batch of a sender can be open. The codec has
   * no part in it.
   *
   * The room is one piece. Where the end of the ring is in its way it starts at the beginning, and
   * what is before the end stays empty. Only if the message is longer than half of the ring, so
   * that it could never have room like that, `bytes` is a buffer of its own, which `commit()`
   * copies.
   *
   * @param length The most bytes that the message will have.
   *
   * @throws {RangeError} If the length is more than the ring's, less 8 bytes.
   * @throws {TypeError} If the length isn't a number.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  tryClaim(length: number): ChannelClaim | undefined {
    this.#checkLength(length);
    this.#sending.checkPeers();
    return this.#sending.try(() => this.#claim(length));
  }

  /**
   * Room for a message, as {@linkcode tryClaim} gives it; blocks the thread until there is some.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time, or another sender was at it.
   * @throws {RangeError} If the length is more than the ring's, less 8 bytes, or the timeout out of
   * range.
   * @throws {TypeError} If the length isn't a number.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open, or of another one in
   * this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  claimSync(length: number, options: WaitSyncOptions = {}): ChannelClaim {
    this.#checkLength(length);
    const timeout = timeoutOf(options);
    this.#sending.checkPeers();
    const delivery = inPlace(length, () => this.#claim(length));
    return this.#sending.try(delivery.attempt) ?? this.#sending.untilSync(timeout, delivery);
  }

  /**
   * Room for a message, as {@linkcode tryClaim} gives it, as soon as there is some.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time, or another sender was at it.
   * @throws {RangeError} If the length is more than the ring's, less 8 bytes, or the timeout out of
   * range.
   * @throws {TypeError} If the length isn't a number.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  async claim(length: number, options: WaitOptions = {}): Promise<ChannelClaim> {
    this.#checkLength(length);
    const limits = limitsOf(options);
    this.#sending.checkPeers();
    const delivery = inPlace(length, () => this.#claim(length));
    const early = this.#sending.early(delivery.attempt);
    return await (early ? fulfilled(early) : this.#sending.until(limits, delivery));
  }

  /**
   * A batch of messages to be written in the ring itself, if there is room for at least one of that
   * length; else `undefined`, where many send also if another one was just at it. Only one claim or
   * batch of a sender can be open. The codec has no part in it.
   *
   * @param length The bytes of a message for which there is to be room. Default: 0.
   *
   * @throws {RangeError} If the length is more than half of the ring's, less 8 bytes.
   * @throws {TypeError} If the length isn't a number.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  tryBatch(length = 0): ChannelSendBatch | undefined {
    this.#checkLength(length, 2);
    this.#sending.checkPeers();
    return this.#sending.try(() => this.#batch(length));
  }

  /**
   * A batch, as {@linkcode tryBatch} gives it; blocks the thread until there is room.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time, or another sender was at it.
   * @throws {RangeError} If the length is more than half of the ring's, less 8 bytes, or the
   * timeout out of range.
   * @throws {TypeError} If the length isn't a number.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open, or of another one in
   * this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  batchSync(length = 0, options?: WaitSyncOptions): ChannelSendBatch {
    this.#checkLength(length, 2);
    const timeout = timeoutOf(options);
    this.#sending.checkPeers();
    const delivery = inPlace(length, () => this.#batch(length));
    return this.#sending.try(delivery.attempt) ?? this.#sending.untilSync(timeout, delivery);
  }

  /**
   * A batch, as {@linkcode tryBatch} gives it, as soon as there is room.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time, or another sender was at it.
   * @throws {RangeError} If the length is more than half of the ring's, less 8 bytes, or the
   * timeout out of range.
   * @throws {TypeError} If the length isn't a number.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  async batch(length = 0, options: WaitOptions = {}): Promise<ChannelSendBatch> {
    this.#checkLength(length, 2);
    const limits = limitsOf(options);
    this.#sending.checkPeers();
    const delivery = inPlace(length, () => this.#batch(length));
    const early = this.#sending.early(delivery.attempt);
    return await (early ? fulfilled(early) : this.#sending.until(limits, delivery));
  }

  /**
   * The end of the stream: receivers get what is still there, and then learn that it was all.
   * Nobody can send any more, of several senders none, until another sender attaches. Does nothing
   * the second time.
   *
   * It doesn't wait for other senders: a message that one of them hasn't sent by then, a claim too,
   * is refused there (`Deno.errors.BrokenPipe`). So are promises of this sender that still wait for
   * room: await them first.
   *
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  end(): void {
    this.#end.end();
  }

  /**
   * A stream that sends what is written to it, with back-pressure: a write is done once there was
   * room. Each time it is a new one.
   *
   * Closing the stream ends the channel, as {@linkcode end} does: of many senders for all of them.
   * `pipeTo(sender.writable, { preventClose: true })` doesn't. An abort, so also an error of what
   * is piped to it, ends nothing: receivers get what was sent before and go on waiting, until some
   * sender calls `end()`.
   *
   * @example
   * ```ts
   * import { Channel, mapAnonymous, textCodec } from "@isthmus/isthmus";
   *
   * using memory = mapAnonymous(65536, { shared: true });
   * const channel = Channel.create(memory);
   * using sender = channel.sender({ codec: textCodec });
   * using receiver = channel.receiver({ codec: textCodec });
   * const sending = ReadableStream.from(["to be", "or not to be"]).pipeTo(sender.writable);
   * for await (const text of receiver.readable) console.log(text);
   * await sending;
   * ```
   */
  get writable(): WritableStream<In> {
    return new WritableStream<In>({
      write: (value, { signal }) => this.send(value, { signal }),
      close: () => this.end(),
    });
  }

  /**
   * Leaves the channel, without ending it; what is open in place is aborted, and promises that wait
   * are rejected. Does nothing the second time.
   */
  close(): void {
    this.stopLooking();
    this.#sending.close();
  }

  /** Leaves the channel, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Which receivers died. */
  protected override newDeaths(): readonly PeerDeath[] {
    return this.#sending.newDeaths();
  }

  /** Sends if that is possible now. */
  #put(bytes: Uint8Array<ArrayBufferLike>): boolean {
    const end = this.#end;
    if (end.shared) return this.#putShared(bytes);
    end.checkIdle();
    if (!end.append(bytes)) return false;
    end.publish();
    return true;
  }

  #putShared(bytes: Uint8Array<ArrayBufferLike>): boolean {
    const end = this.#end;
    if (!end.tryEnter()) return false;
    try {
      if (!end.append(bytes)) return false;
      end.publish();
      return true;
    } finally {
      end.leave();
    }
  }

  /** One message, to be sent when there is room. */
  #message(bytes: Uint8Array<ArrayBufferLike>): Delivery<true> {
    const end = this.#end;
    const attempt = () => {
      if (!end.append(bytes)) return undefined;
      end.publish();
      return true as const;
    };
    return { attempt, length: () => bytes.length };
  }

  /** All of several messages, as many together as there is room for. */
  #messages(values: readonly In[]): Delivery<true> {
    let sent = 0;
    const attempt = () => {
      sent += this.#putSome(values, sent);
      return sent === values.length || undefined;
    };
    return { attempt, length: () => this.#encode(values[sent]).length, sent: () => sent };
  }

  /** Sends some, from an index on, while the side is locked; returns how many. */
  #putSome(values: readonly In[], from: number): number {
    const end = this.#end;
    let i = from;
    end.idle = false;
    try {
      while (i < values.length && end.append(this.#encode(values[i]))) i++;
      return i - from;
    } finally {
      end.idle = true;
      if (end.pending > 0) end.publish();
    }
  }

  /** Begins a claim, while the side is locked. */
  #claim(length: number): ChannelClaim | undefined {
    const end = this.#end;
    end.begin();
    let room: Room | undefined;
    try {
      room = end.claim(length);
    } finally {
      if (room === undefined) end.cancel();
    }
    point(4);
    return room && new ChannelClaim(end, room);
  }

  /** Begins a batch, while the side is locked. */
  #batch(length: number): ChannelSendBatch | undefined {
    const end = this.#end;
    end.begin();
    let fits = false;
    try {
      fits = end.fits(length);
    } finally {
      if (!fits) end.cancel();
    }
    if (!fits) return undefined;
    return new ChannelSendBatch(end, this.#view ??= viewOf(end.bytes));
  }

  #checkLength(length: number, share = 1): void {
    checkInteger("length", length, 0);
    this.#end.checkLength(length, share);
  }
}

/** Something to be written in place, when there is room for it in one piece. */
function inPlace<R>(length: number, attempt: () => R | undefined): Delivery<R> {
  return { attempt, length: () => length, whole: true };
}

function checkValues(values: unknown): void {
  if (Array.isArray(values)) return;
  throw new TypeError(`values must be an array: received ${describe(values)}`);
}
