import { checkInteger, describe } from "../ffi/check.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/waiter.ts";
import { Landing } from "./landing.ts";
import { Deaths, RECEIVER, SENDER } from "./channel_deaths.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { ChannelMessage, ChannelReceiveBatch } from "./channel_message.ts";
import { ReceiveEnd } from "./channel_receive_end.ts";
import { Turns } from "./channel_turns.ts";
import { ChannelWait, deadlineOf, DeathWatch, timeLeft } from "./channel_wait.ts";
import type { Codec } from "./codec.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import { point } from "./test_points.ts";

/** How many messages a batch has by default. */
const BATCH = 256;

/** What an attempt at something gives; `undefined` if nothing is there now. */
type Attempt<R> = () => R | undefined;

/** A value, as one that isn't `undefined`. */
interface Received<T> {
  readonly value: T;
}

/**
 * An end of a channel that receives, made by `channel.receiver()`.
 *
 * Each way of receiving exists three times: `try...` never blocks and gives `undefined` if nothing
 * is there now, `...Sync` blocks the thread, and the plain name returns a promise. These two give
 * `undefined` at the end of the stream, when a sender called `end()` and all messages were
 * received.
 *
 * A message is received when it was copied. If the process is killed after that, while it handles
 * the message, nobody gets it again; `peek()` has the message stay in the ring until it is
 * released.
 *
 * Small messages that a codec keeps share buffers of 64 KiB: who keeps one of them keeps all of its
 * buffer, and who transfers that away takes the others with it.
 *
 * @typeParam Out What is received.
 */
export class ChannelReceiver<Out> extends PeerTarget implements Disposable {
  readonly #end: ReceiveEnd;
  readonly #decode: Codec<Out, never>["decode"];
  readonly #landing: Landing;
  readonly #watch: DeathWatch | undefined;
  readonly #events: Deaths;
  readonly #turns = new Turns();
  readonly #syncWait: ChannelWait;
  readonly #asyncWait: ChannelWait;
  #view: DataView<ArrayBuffer> | undefined;

  /** Made by `channel.receiver()`. */
  constructor(frame: ChannelFrame, codec: Codec<Out, never>, policy: PeerDeathPolicy) {
    super();
    this.#decode = (bytes) => codec.decode(bytes);
    this.#landing = new Landing(codec.keeps !== false);
    this.#events = new Deaths(frame, SENDER);
    this.#watch = policy === "throw"
      ? new DeathWatch(frame.place, new Deaths(frame, SENDER))
      : undefined;
    const end = this.#end = new ReceiveEnd(frame); // last: what fails before attaches nothing
    this.#syncWait = new ChannelWait(end, RECEIVER, () => end.hasMessage, this.#watch);
    this.#asyncWait = new ChannelWait(end, RECEIVER, () => end.hasMessage, this.#watch);
  }

  /**
   * Whether all was received, and a sender said that it was all, as far as the last look at the
   * channel found.
   */
  get ended(): boolean {
    return this.#end.ended;
  }

  /**
   * Receives a message; `undefined` if none is there now, or any more: see {@linkcode ended}.
   *
   * @throws {Deno.errors.InvalidData} If something else has written to the channel, or the codec
   * can't decode the message, which is received nonetheless.
   * @throws {Deno.errors.BrokenPipe} If nothing is there and a sender died, where that was asked
   * for.
   * @throws {Deno.errors.Busy} If a message or a batch of this receiver is open.
   * @throws {Deno.errors.BadResource} If this receiver was closed, or the memory is gone.
   */
  tryReceive(): Out | undefined {
    const end = this.#end;
    if (end.shared) return this.#tryShared();
    if (end.open) end.checkOpen();
    const length = end.next();
    if (length < 0) return this.#nothing();
    const bytes = end.land(this.#landing, length);
    end.advance(length);
    end.publish();
    return this.#decode(bytes);
  }

  /**
   * Receives a message; blocks the thread until there is one. `undefined` at the end of the stream.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time.
   * @throws {Deno.errors.BrokenPipe} If a sender died, where that was asked for.
   */
  receiveSync(options?: WaitSyncOptions): Out | undefined {
    const timeout = options === undefined ? undefined : checkedWait(options).timeout;
    const end = this.#end;
    if (!end.shared) {
      if (end.open) end.checkOpen();
      let length = end.next();
      if (length < 0 && end.spin()) length = end.next();
      if (length >= 0) return this.#finish(length);
    }
    return this.#untilSync(timeout, () => this.#take())?.value;
  }

  /**
   * Receives a message as soon as there is one. `undefined` at the end of the stream. Promises of
   * one receiver are fulfilled in the order of the calls.
   *
   * @throws {Deno.errors.TimedOut} If none came in that time.
   * @throws {Deno.errors.BrokenPipe} If a sender died, where that was asked for.
   */
  receive(options?: WaitOptions): Promise<Out | undefined> {
    try {
      const wanted = this.#wanted(options);
      const length = this.#soon();
      if (length >= 0) return fulfilled<Out | undefined>(this.#finish(length));
      const attempt = () => this.#take();
      const early = this.#early(attempt);
      if (early !== undefined) return fulfilled<Out | undefined>(early.value);
      return this.#until(wanted, attempt).then((received) => received?.value);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Receives a message into an array, without allocating anything; returns its length. `undefined`
   * if none is there now, or any more. The codec has no part in it.
   *
   * @throws {RangeError} If the array is too short: the message stays there.
   */
  tryReceiveInto(target: Uint8Array<ArrayBufferLike>): number | undefined {
    const end = this.#end;
    if (end.shared) return this.#tryIntoShared(target) ?? this.#nothing();
    if (end.open) end.checkOpen();
    const length = end.next();
    if (length < 0) return this.#nothing();
    end.copyTo(target, length);
    end.advance(length);
    end.publish();
    return length;
  }

  /** The same; blocks the thread until a message is there. `undefined` at the end of the stream. */
  receiveIntoSync(
    target: Uint8Array<ArrayBufferLike>,
    options?: WaitSyncOptions,
  ): number | undefined {
    const timeout = options === undefined ? undefined : checkedWait(options).timeout;
    const end = this.#end;
    if (!end.shared) {
      if (end.open) end.checkOpen();
      let length = end.next();
      if (length < 0 && end.spin()) length = end.next();
      if (length >= 0) {
        end.copyTo(target, length);
        end.advance(length);
        end.publish();
        return length;
      }
    } else {
      const length = this.#tryIntoShared(target);
      if (length !== undefined) return length;
    }
    return this.#untilSync(timeout, () => this.#takeInto(target));
  }

  /** The same, as soon as a message is there. */
  receiveInto(
    target: Uint8Array<ArrayBufferLike>,
    options?: WaitOptions,
  ): Promise<number | undefined> {
    try {
      const wanted = this.#wanted(options);
      if (this.#soon() >= 0) return fulfilled<number | undefined>(this.#takeInto(target));
      const attempt = () => this.#takeInto(target);
      const early = this.#early(attempt);
      return early === undefined
        ? this.#until(wanted, attempt)
        : fulfilled<number | undefined>(early);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Receives the messages that are there now, at most so many, together. None: an empty array. If
   * the codec can't decode one, those before it are returned, and the next call throws the error.
   */
  tryReceiveBatch(max: number = BATCH): Out[] {
    checkMax(max);
    return this.#tryOr(() => this.#takeSome(max)) ?? [];
  }

  /** The same; blocks the thread until there is at least one. Empty at the end of the stream. */
  receiveBatchSync(max: number = BATCH, options: WaitSyncOptions = {}): Out[] {
    checkMax(max);
    const { timeout } = checkedWait(options);
    return this.#untilSync(timeout, () => this.#takeSome(max)) ?? [];
  }

  /** The same, as soon as there is at least one. */
  async receiveBatch(max: number = BATCH, options: WaitOptions = {}): Promise<Out[]> {
    checkMax(max);
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    const attempt = () => this.#takeSome(max);
    const early = this.#early(attempt);
    return (early === undefined ? await this.#until(wanted, attempt) : await fulfilled(early)) ??
      [];
  }

  /**
   * The next message, to be read in the ring itself and then released; `undefined` if none is there
   * now, or any more. Only one message or batch of a receiver can be open. The codec has no part in
   * it.
   *
   * @throws {Deno.errors.Busy} If a message or a batch is open.
   */
  tryPeek(): ChannelMessage | undefined {
    return this.#tryOr(() => this.#peek());
  }

  /** The same; blocks the thread until a message is there. `undefined` at the end of the stream. */
  peekSync(options: WaitSyncOptions = {}): ChannelMessage | undefined {
    const { timeout } = checkedWait(options);
    return this.#untilSync(timeout, () => this.#peek());
  }

  /** The same, as soon as a message is there. */
  async peek(options: WaitOptions = {}): Promise<ChannelMessage | undefined> {
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    const attempt = () => this.#peek();
    return this.#early(attempt) ?? await this.#until(wanted, attempt);
  }

  /**
   * A batch of messages to be read in the ring itself and released together; `undefined` if none is
   * there now, or any more. Only one message or batch of a receiver can be open.
   *
   * @throws {Deno.errors.Busy} If a message or a batch is open.
   */
  tryPeekBatch(): ChannelReceiveBatch | undefined {
    return this.#tryOr(() => this.#peekBatch());
  }

  /** The same; blocks the thread until a message is there. `undefined` at the end of the stream. */
  peekBatchSync(options?: WaitSyncOptions): ChannelReceiveBatch | undefined {
    const timeout = options === undefined ? undefined : checkedWait(options).timeout;
    return this.#untilSync(timeout, () => this.#peekBatch());
  }

  /** The same, as soon as a message is there. */
  async peekBatch(options: WaitOptions = {}): Promise<ChannelReceiveBatch | undefined> {
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    const attempt = () => this.#peekBatch();
    return this.#early(attempt) ?? await this.#until(wanted, attempt);
  }

  /**
   * All messages up to the end of the stream: `for await (const message of receiver)`.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Out> {
    return this.messages();
  }

  /** The same, until the signal aborts, or none came for some time (`timeout`). */
  messages(options: WaitOptions = {}): AsyncIterableIterator<Out> {
    const wanted = checkedWait(options);
    const end = this.#end;
    // A loop that is left while it waits doesn't take the next message away from others.
    const left = new AbortController();
    const signal = wanted.signal === undefined
      ? left.signal
      : AbortSignal.any([wanted.signal, left.signal]);
    let over = false;
    const finish = (): IteratorResult<Out> => {
      over = true;
      return { done: true, value: undefined };
    };
    const later = async (): Promise<IteratorResult<Out>> => {
      const attempt = () => this.#take();
      try {
        const received = await this.#until({ ...wanted, signal }, attempt);
        return received === undefined ? finish() : { done: false, value: received.value };
      } catch (error) {
        if (left.signal.aborted) return finish();
        throw error;
      }
    };
    const next = (): Promise<IteratorResult<Out>> => {
      try {
        if (over) return Promise.resolve(finish());
        if (signal.aborted) signal.throwIfAborted();
        if (end.shared || this.#turns.busy) return later();
        if (end.open) end.checkOpen();
        const length = end.next();
        if (length < 0) return later();
        const bytes = end.land(this.#landing, length);
        end.advance(length);
        end.publish();
        return fulfilled<IteratorResult<Out>>({ done: false, value: this.#decode(bytes) });
      } catch (error) {
        return Promise.reject(error);
      }
    };
    return {
      next,
      return: () => {
        left.abort();
        return Promise.resolve(finish());
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    } as AsyncIterableIterator<Out>;
  }

  /** A stream of what is received, which ends with the channel. It receives only what is read. */
  get readable(): ReadableStream<Out> {
    const cancelled = new AbortController();
    const { signal } = cancelled;
    return new ReadableStream<Out>({
      pull: async (controller) => {
        // Taken and passed on in one go: a stream that is cancelled in between would lose it.
        const pass = () => {
          signal.throwIfAborted();
          const received = this.#take();
          if (received !== undefined) controller.enqueue(received.value);
          return received;
        };
        try {
          const received = this.#early(pass) ?? await this.#until({ signal }, pass);
          if (received === undefined && !signal.aborted) controller.close();
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      },
      cancel: (reason) => cancelled.abort(reason),
    }, { highWaterMark: 0 });
  }

  /** Leaves the channel; what is open in place stays there, for the next receiver. */
  close(): void {
    this.stopLooking();
    this.#end.close();
  }

  /** Leaves the channel, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Which senders died. */
  protected override newDeaths(): readonly PeerDeath[] {
    return this.#end.closed ? [] : this.#events.look();
  }

  // Attempts, made while the side is locked.

  #take(): Received<Out> | undefined {
    const length = this.#end.next();
    return length < 0 ? undefined : { value: this.#finish(length) };
  }

  #tryShared(): Out | undefined {
    const end = this.#end;
    if (!end.tryEnter()) return undefined;
    let length = -1;
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    try {
      length = end.next();
      if (length >= 0) {
        bytes = end.land(this.#landing, length);
        end.advance(length);
        end.publish();
      }
    } finally {
      end.leave();
    }
    return bytes === undefined ? this.#nothing() : this.#decode(bytes);
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

  /** Receives a message that is there. */
  #finish(length: number): Out {
    const end = this.#end;
    const bytes = end.land(this.#landing, length);
    end.advance(length);
    end.publish();
    return this.#decode(bytes);
  }

  #takeInto(target: Uint8Array<ArrayBufferLike>): number | undefined {
    const end = this.#end;
    const length = end.next();
    if (length < 0) return undefined;
    end.copyTo(target, length);
    end.advance(length);
    end.publish();
    return length;
  }

  #takeSome(max: number): Out[] | undefined {
    const end = this.#end;
    const values: Out[] = [];
    end.coding = true;
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
      end.coding = false;
      if (end.unpublished && end.words.length > 0) end.publish();
    }
    return values.length === 0 ? undefined : values;
  }

  #peek(): ChannelMessage | undefined {
    const end = this.#end;
    end.begin();
    let length = -1;
    try {
      length = end.next();
    } finally {
      if (length < 0) end.cancel();
    }
    if (length < 0) return undefined;
    const message = new ChannelMessage(end, end.view(length));
    end.advance(length);
    point(15);
    return message;
  }

  #peekBatch(): ChannelReceiveBatch | undefined {
    const end = this.#end;
    end.begin();
    let length = -1;
    try {
      length = end.next();
    } finally {
      if (length < 0) end.cancel();
    }
    if (length < 0) return undefined;
    if (this.#view === undefined) {
      const { buffer, byteOffset, byteLength } = end.bytes;
      this.#view = new DataView(buffer as ArrayBuffer, byteOffset, byteLength);
    }
    return new ChannelReceiveBatch(end, this.#view);
  }

  // Waiting.

  /** Nothing is there: an error if that is because somebody died, where that was asked for. */
  #nothing(): undefined {
    if (!this.#end.ended) this.#watch?.poll();
    return undefined;
  }

  #tryOr<R>(attempt: Attempt<R>): R | undefined {
    return this.#try(attempt) ?? this.#nothing();
  }

  #try<R>(attempt: Attempt<R>): R | undefined {
    return this.#end.tryEnter() ? this.#locked(attempt) : undefined;
  }

  /** Options of a wait, checked. */
  #wanted(options: WaitOptions | undefined): WaitOptions {
    if (options === undefined) return {};
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    return wanted;
  }

  /** The length of the next message, where no lock is needed and it is there soon; else -1. */
  #soon(): number {
    const end = this.#end;
    if (end.shared || this.#turns.busy) return -1;
    if (end.open) end.checkOpen();
    const length = end.next();
    if (length >= 0 || end.ended || !end.spin() && !end.spin()) return length;
    return end.next();
  }

  /** The first attempt of something asynchronous, unless others wait that came before. */
  #early<R>(attempt: Attempt<R>): R | undefined {
    if (this.#turns.busy) return undefined;
    const first = this.#tryOr(attempt);
    if (first !== undefined || this.#end.ended || !this.#end.spin()) return first;
    return this.#try(attempt);
  }

  /** An attempt while the side is locked; what is open after it keeps it so. */
  #locked<R>(attempt: Attempt<R>): R | undefined {
    const end = this.#end;
    try {
      return attempt();
    } finally {
      if (!end.open) end.leave();
    }
  }

  /** Waits for a message, and tries; again and again, since other receivers do so too. */
  #untilSync<R>(timeout: number | undefined, attempt: Attempt<R>): R | undefined {
    const deadline = deadlineOf(timeout);
    const end = this.#end;
    const first = this.#try(attempt);
    if (first !== undefined || end.ended) return first;
    for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
      if (!end.spin() && !this.#syncWait.waitSync(left)) break;
      if (!end.enterSync(timeLeft(deadline))) break;
      const result = this.#locked(attempt);
      if (result !== undefined || end.ended) return result;
    }
    this.#watch?.poll();
    throw this.#timedOut(timeout);
  }

  #until<R>(options: WaitOptions, attempt: Attempt<R>): Promise<R | undefined> {
    const timedOut = () => this.#timedOut(options.timeout);
    const end = this.#end;
    return this.#turns.take(options, timedOut, async ({ signal, timeout }) => {
      const first = this.#try(attempt);
      if (first !== undefined || end.ended) return first;
      const deadline = deadlineOf(timeout);
      for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
        if (!await this.#asyncWait.wait({ signal, timeout: left })) break;
        if (!await end.enter({ signal, timeout: timeLeft(deadline) })) break;
        const result = this.#locked(attempt);
        if (result !== undefined || end.ended) return result;
      }
      this.#watch?.poll();
      throw timedOut();
    });
  }

  #timedOut(timeout: number | undefined): Error {
    return new Deno.errors.TimedOut(
      `Cannot receive from the ${this.#end.place.name}: nothing came for ${timeout} ms. Wait longer, or see what the senders do`,
    );
  }
}

function checkMax(max: unknown): number {
  if (typeof max === "object") {
    throw new TypeError(`max must be a number, before the options: received ${describe(max)}`);
  }
  return checkInteger("max", max, 1);
}
