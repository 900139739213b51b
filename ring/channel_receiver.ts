import { checkInteger, describe } from "../ffi/check.ts";
import { limitsOf, timeoutOf, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/fulfilled.ts";
import { Iteration } from "./iteration.ts";
import { Landing } from "./landing.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { ChannelMessage, ChannelReceiveBatch } from "./channel_message.ts";
import { Messages } from "./channel_messages.ts";
import type { ReceiveEnd } from "./channel_receive_end.ts";
import { ChannelReception } from "./channel_reception.ts";
import type { Decoder } from "./codec.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import { point } from "./test_points.ts";

/** How many messages a batch has by default. */
const BATCH = 256;

/**
 * An end of a channel that receives, made by `channel.receiver()`.
 *
 * Each way of receiving exists three times: `try...` never blocks and gives `undefined` if nothing
 * is there now, `...Sync` blocks the thread, and the plain name returns a promise. These two give
 * `undefined` at the end of the stream, when a sender called `end()` and all messages were
 * received. Without a `timeout` they wait for ever. Promises of one receiver are fulfilled in the
 * order of the calls, and rejected with their signal's reason if that aborts; the other forms don't
 * wait for them.
 *
 * Where many receive, each takes the lock of their side for a moment. `try...` then also gives
 * `undefined` if another receiver has it, after a few tries: because it is just receiving, or reads
 * something in place. That doesn't mean that the channel is empty, and {@linkcode ended} is `false`
 * then.
 *
 * A message is received when it was copied. If the process is killed after that, while it handles
 * the message, nobody gets it again; `peek()` has the message stay in the ring until it is
 * released.
 *
 * Small messages that a codec keeps share buffers of 64 KiB: who keeps one of them keeps all of its
 * buffer, and who transfers that away takes the others with it.
 *
 * The event `"peerdeath"` tells that a sender's process died.
 *
 * @typeParam Out What is received.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous, textCodec } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * const channel = Channel.create(memory);
 * using receiver = channel.receiver({ codec: textCodec });
 * console.log(receiver.tryReceive()); // undefined: nothing is there
 *
 * using sender = channel.sender({ codec: textCodec });
 * sender.sendSync("hello");
 * sender.end();
 * console.log(await receiver.receive({ timeout: 1000 })); // hello
 * console.log(await receiver.receive(), receiver.ended); // undefined true
 * ```
 */
export class ChannelReceiver<Out> extends PeerTarget implements Disposable {
  readonly #reception: ChannelReception;
  readonly #end: ReceiveEnd;
  readonly #decode: Decoder<Out>["decode"];
  readonly #landing: Landing;
  #view: DataView<ArrayBuffer> | undefined;

  /** Made by `channel.receiver()`. */
  constructor(frame: ChannelFrame, codec: Decoder<Out>, policy: PeerDeathPolicy) {
    super();
    this.#decode = (bytes) => codec.decode(bytes);
    this.#landing = new Landing(codec.keeps !== false);
    this.#reception = new ChannelReception(frame, policy);
    this.#end = this.#reception.end;
  }

  /**
   * Whether all was received, and a sender said that it was all, as far as the last call found. It
   * is `false` again when another sender has begun anew and that was seen.
   */
  get ended(): boolean {
    return this.#end.ended;
  }

  /**
   * Receives a message; `undefined` if none is there now, or any more: see {@linkcode ended}. Where
   * many receive, `undefined` can also mean that another one was just at it.
   *
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  tryReceive(): Out | undefined {
    const end = this.#end;
    if (end.shared) return this.#tryShared();
    end.checkIdle();
    const length = end.next();
    return length < 0 ? this.#reception.nothing() : this.#decode(this.#bytes(length));
  }

  /**
   * Receives a message; blocks the thread until there is one. `undefined` at the end of the stream.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open, or of another one
   * in this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  receiveSync(options?: WaitSyncOptions): Out | undefined {
    const timeout = timeoutOf(options);
    const end = this.#end;
    if (!end.shared) {
      end.checkIdle();
      let length = end.next();
      if (length < 0 && end.spin()) length = end.next();
      if (length >= 0) return this.#decode(this.#bytes(length));
    }
    const bytes = this.#reception.untilSync(timeout, () => this.#take());
    return bytes && this.#decode(bytes);
  }

  /**
   * Receives a message as soon as there is one. `undefined` at the end of the stream. Promises of
   * one receiver are fulfilled in the order of the calls.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  receive(options?: WaitOptions): Promise<Out | undefined> {
    try {
      const limits = limitsOf(options);
      const length = this.#reception.soon();
      if (length >= 0) return fulfilled<Out | undefined>(this.#decode(this.#bytes(length)));
      const take = () => this.#take();
      const early = this.#reception.early(take);
      if (early !== undefined) return fulfilled<Out | undefined>(this.#decode(early));
      const finish = (bytes: Uint8Array<ArrayBuffer>) => ({ value: this.#decode(bytes) });
      return this.#reception.until(limits, take, finish).then((received) => received?.value);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Receives a message into an array, without allocating anything; returns its length. `undefined`
   * if none is there now, or any more, and, where many receive, also if another one was just at it.
   * The codec has no part in it.
   *
   * @throws {TypeError} If a message is there, and `target` isn't a `Uint8Array`.
   * @throws {RangeError} If the array is too short: the message stays there.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  tryReceiveInto(target: Uint8Array<ArrayBufferLike>): number | undefined {
    const end = this.#end;
    if (end.shared) return this.#tryIntoShared(target) ?? this.#reception.nothing();
    end.checkIdle();
    const length = end.next();
    return length < 0 ? this.#reception.nothing() : this.#into(target, length);
  }

  /**
   * Receives a message into an array, as {@linkcode tryReceiveInto} does; blocks the thread until
   * one is there. `undefined` at the end of the stream.
   *
   * @throws {TypeError} If a message is there, and `target` isn't a `Uint8Array`.
   * @throws {RangeError} If the array is too short: the message stays there; or the timeout is out
   * of range.
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open, or of another one
   * in this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  receiveIntoSync(
    target: Uint8Array<ArrayBufferLike>,
    options?: WaitSyncOptions,
  ): number | undefined {
    const timeout = timeoutOf(options);
    const end = this.#end;
    if (!end.shared) {
      end.checkIdle();
      let length = end.next();
      if (length < 0 && end.spin()) length = end.next();
      if (length >= 0) return this.#into(target, length);
    } else {
      const length = this.#tryIntoShared(target);
      if (length !== undefined) return length;
    }
    return this.#reception.untilSync(timeout, () => this.#takeInto(target));
  }

  /**
   * Receives a message into an array, as {@linkcode tryReceiveInto} does, as soon as one is there.
   * `undefined` at the end of the stream.
   *
   * @throws {TypeError} If a message is there, and `target` isn't a `Uint8Array`.
   * @throws {RangeError} If the array is too short: the message stays there; or the timeout is out
   * of range.
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  receiveInto(
    target: Uint8Array<ArrayBufferLike>,
    options?: WaitOptions,
  ): Promise<number | undefined> {
    try {
      const limits = limitsOf(options);
      if (this.#reception.soon() >= 0) return fulfilled<number | undefined>(this.#takeInto(target));
      const attempt = () => this.#takeInto(target);
      const early = this.#reception.early(attempt);
      return early === undefined
        ? this.#reception.until(limits, attempt, same)
        : fulfilled<number | undefined>(early);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Receives the messages that are there now, together. None: an empty array; where many receive
   * that can also mean that another one was just at it. If the codec can't decode one, those before
   * it are returned, and the next call throws the error.
   *
   * @param max The most messages. Default: 256.
   *
   * @throws {RangeError} If `max` is less than 1.
   * @throws {TypeError} If `max` isn't a number.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  tryReceiveBatch(max: number = BATCH): Out[] {
    checkMax(max);
    return this.#reception.try(() => this.#takeSome(max)) ?? [];
  }

  /**
   * Receives the messages that are there, as {@linkcode tryReceiveBatch} does; blocks the thread
   * until there is at least one. Empty at the end of the stream.
   *
   * @param max The most messages. Default: 256.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If `max` is less than 1, or the timeout out of range.
   * @throws {TypeError} If `max` isn't a number.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open, or of another one
   * in this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  receiveBatchSync(max: number = BATCH, options: WaitSyncOptions = {}): Out[] {
    checkMax(max);
    const timeout = timeoutOf(options);
    return this.#reception.untilSync(timeout, () => this.#takeSome(max)) ?? [];
  }

  /**
   * Receives the messages that are there, as {@linkcode tryReceiveBatch} does, as soon as there is
   * at least one. Empty at the end of the stream.
   *
   * @param max The most messages. Default: 256.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If `max` is less than 1, or the timeout out of range.
   * @throws {TypeError} If `max` isn't a number.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  async receiveBatch(max: number = BATCH, options: WaitOptions = {}): Promise<Out[]> {
    checkMax(max);
    const limits = limitsOf(options);
    const attempt = () => this.#takeSome(max);
    const early = this.#reception.early(attempt);
    return (early === undefined
      ? await this.#reception.until(limits, attempt, same)
      : await fulfilled(early)) ??
      [];
  }

  /**
   * The next message, to be read in the ring itself and then released; `undefined` if none is there
   * now, or any more, and, where many receive, also if another one was just at it. Only one message
   * or batch of a receiver can be open. The codec has no part in it.
   *
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  tryPeek(): ChannelMessage | undefined {
    return this.#reception.try(() => this.#peek());
  }

  /**
   * The next message, as {@linkcode tryPeek} gives it; blocks the thread until one is there.
   * `undefined` at the end of the stream.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open, or of another one
   * in this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  peekSync(options: WaitSyncOptions = {}): ChannelMessage | undefined {
    const timeout = timeoutOf(options);
    return this.#reception.untilSync(timeout, () => this.#peek());
  }

  /**
   * The next message, as {@linkcode tryPeek} gives it, as soon as one is there. `undefined` at the
   * end of the stream.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  async peek(options: WaitOptions = {}): Promise<ChannelMessage | undefined> {
    const limits = limitsOf(options);
    const attempt = () => this.#peek();
    const early = this.#reception.early(attempt);
    return await (early ? fulfilled(early) : this.#reception.until(limits, attempt, same));
  }

  /**
   * A batch of messages to be read in the ring itself and released together; `undefined` if none is
   * there now, or any more, and, where many receive, also if another one was just at it. Only one
   * message or batch of a receiver can be open. The codec has no part in it.
   *
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  tryPeekBatch(): ChannelReceiveBatch | undefined {
    return this.#reception.try(() => this.#peekBatch());
  }

  /**
   * A batch, as {@linkcode tryPeekBatch} gives it; blocks the thread until a message is there.
   * `undefined` at the end of the stream.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open, or of another one
   * in this thread, for which it would wait for ever.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  peekBatchSync(options?: WaitSyncOptions): ChannelReceiveBatch | undefined {
    const timeout = timeoutOf(options);
    return this.#reception.untilSync(timeout, () => this.#peekBatch());
  }

  /**
   * A batch, as {@linkcode tryPeekBatch} gives it, as soon as a message is there. `undefined` at
   * the end of the stream.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time, or another receiver was at it.
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  async peekBatch(options: WaitOptions = {}): Promise<ChannelReceiveBatch | undefined> {
    const limits = limitsOf(options);
    const attempt = () => this.#peekBatch();
    const early = this.#reception.early(attempt);
    return await (early ? fulfilled(early) : this.#reception.until(limits, attempt, same));
  }

  /** All messages up to the end of the stream: `for await (const message of receiver)`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Out> {
    return this.messages();
  }

  /**
   * All messages up to the end of the stream, one after the other. A loop that is left has received
   * what it was given, and nothing more. The steps reject with what {@linkcode receive} rejects
   * with.
   *
   * @param options `signal` ends all of it with its reason; `timeout` is for each message.
   *
   * @throws {RangeError} If the timeout is out of range.
   */
  messages(options: WaitOptions = {}): AsyncIterableIterator<Out> {
    return new Iteration(this.#messages(), options);
  }

  /**
   * A stream of what is received, which ends with the channel. It receives only what is read; one
   * that is cancelled takes nothing away from other receivers. Each time it is a new one.
   */
  get readable(): ReadableStream<Out> {
    return this.#messages().readable();
  }

  /**
   * Leaves the channel; what is open in place stays there, for the next receiver, and promises that
   * wait are rejected (`Deno.errors.BadResource`). Does nothing the second time.
   */
  close(): void {
    this.stopLooking();
    this.#reception.close();
  }

  /** Leaves the channel, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Which senders died. */
  protected override newDeaths(): readonly PeerDeath[] {
    return this.#reception.newDeaths();
  }

  // Attempts, made while the side is locked.

  #take(): Uint8Array<ArrayBuffer> | undefined {
    const length = this.#end.next();
    return length < 0 ? undefined : this.#bytes(length);
  }

  /** Receives a message that is there. */
  #bytes(length: number): Uint8Array<ArrayBuffer> {
    const end = this.#end;
    const bytes = end.land(this.#landing, length);
    end.advance(length);
    end.publish();
    return bytes;
  }

  #messages(): Messages<Out> {
    return new Messages(this.#reception, () => this.#take(), (bytes) => this.#decode(bytes));
  }

  #tryShared(): Out | undefined {
    const end = this.#end;
    if (!end.tryEnter()) return this.#reception.nothing();
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    try {
      bytes = this.#take();
    } finally {
      end.leave();
    }
    return bytes === undefined ? this.#reception.nothing() : this.#decode(bytes);
  }

  #tryIntoShared(target: Uint8Array<ArrayBufferLike>): number | undefined {
    const end = this.#end;
    if (!end.tryEnter()) return undefined;
    try {
      return this.#takeInto(target);
    } finally {
      end.leave();
    }
  }

  #takeInto(target: Uint8Array<ArrayBufferLike>): number | undefined {
    const length = this.#end.next();
    return length < 0 ? undefined : this.#into(target, length);
  }

  #into(target: Uint8Array<ArrayBufferLike>, length: number): number {
    const end = this.#end;
    end.copyTo(target, length);
    end.advance(length);
    end.publish();
    return length;
  }

  #takeSome(max: number): Out[] | undefined {
    const end = this.#end;
    const values: Out[] = [];
    end.idle = false;
    try {
      while (values.length < max) {
        const length = end.next();
        if (length < 0) break;
        const bytes = end.land(this.#landing, length);
        end.advance(length);
        const { head } = end;
        try {
          values.push(this.#decode(bytes));
        } catch (error) {
          if (values.length === 0) throw error;
          // Unless the codec itself has received something, the next call meets it again.
          if (end.head === head && end.unpublished) end.retreat(length);
          break;
        }
      }
    } finally {
      end.idle = true;
      if (end.unpublished && end.words.length > 0) end.publish();
    }
    return values.length === 0 ? undefined : values;
  }

  #peek(): ChannelMessage | undefined {
    const length = this.#begin();
    if (length < 0) return undefined;
    const end = this.#end;
    const message = new ChannelMessage(end, end.view(length));
    end.advance(length);
    point(15);
    return message;
  }

  #peekBatch(): ChannelReceiveBatch | undefined {
    if (this.#begin() < 0) return undefined;
    const end = this.#end;
    if (this.#view === undefined) {
      const { buffer, byteOffset, byteLength } = end.bytes;
      this.#view = new DataView(buffer as ArrayBuffer, byteOffset, byteLength);
    }
    return new ChannelReceiveBatch(end, this.#view);
  }

  /** Begins something in place: the next message's length, or -1 if there is none. */
  #begin(): number {
    const end = this.#end;
    end.begin();
    let length = -1;
    try {
      return length = end.next();
    } finally {
      if (length < 0) end.cancel();
    }
  }
}

function same<T>(value: T): T {
  return value;
}

function checkMax(max: unknown): number {
  if (typeof max === "object") {
    throw new TypeError(`max must be a number, before the options: received ${describe(max)}`);
  }
  return checkInteger("max", max, 1);
}
