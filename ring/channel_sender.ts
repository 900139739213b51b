import { checkInteger, describe } from "../ffi/check.ts";
import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { fulfilled } from "../sync/waiter.ts";
import { ChannelClaim, ChannelSendBatch } from "./channel_claim.ts";
import { Deaths, RECEIVER, SENDER } from "./channel_deaths.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { type Room, SendEnd } from "./channel_send_end.ts";
import { Turns } from "./channel_turns.ts";
import { ChannelWait, deadlineOf, DeathWatch, timeLeft } from "./channel_wait.ts";
import { type Codec, encoderOf } from "./codec.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import { point } from "./test_points.ts";

/** What an attempt at something gives; `undefined` if it is to wait. */
type Attempt<R> = () => R | undefined;

/** What a sender needs room for; `whole` says that it is to be in one piece. */
interface Need {
  readonly length: number;
  readonly whole: boolean;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBufferLike>) {
  return new DataView(buffer as ArrayBuffer, byteOffset, byteLength);
}

/**
 * An end of a channel that sends, made by `channel.sender()`.
 *
 * Each way of sending exists three times: `try...` never blocks, `...Sync` blocks the thread until
 * there is room, and the plain name returns a promise. Promises of one sender are fulfilled in the
 * order of the calls.
 *
 * Closing it, or leaving scope, leaves the channel without ending it; {@linkcode end} tells the
 * receivers that there is no more to come.
 *
 * @typeParam In What is sent.
 */
export class ChannelSender<In> extends PeerTarget implements Disposable {
  readonly #end: SendEnd;
  readonly #encode: Codec<unknown, In>["encode"];
  readonly #watch: DeathWatch | undefined;
  readonly #events: Deaths;
  readonly #turns = new Turns();
  /** What is waited for, by the blocked thread and asynchronously. */
  #syncNeed: Need = { length: 0, whole: false };
  #asyncNeed: Need = this.#syncNeed;
  readonly #syncWait: ChannelWait;
  readonly #asyncWait: ChannelWait;
  #view: DataView<ArrayBuffer> | undefined;

  /** Made by `channel.sender()`. */
  constructor(frame: ChannelFrame, codec: Codec<unknown, In>, policy: PeerDeathPolicy) {
    super();
    this.#encode = encoderOf(codec);
    this.#events = new Deaths(frame, RECEIVER);
    this.#watch = policy === "throw"
      ? new DeathWatch(frame.place, new Deaths(frame, RECEIVER))
      : undefined;
    const end = this.#end = new SendEnd(frame); // last: what fails before attaches nothing
    const ready = ({ length, whole }: Need) => end.hasRoom(length, whole);
    this.#syncWait = new ChannelWait(end, SENDER, () => ready(this.#syncNeed), this.#watch);
    this.#asyncWait = new ChannelWait(end, SENDER, () => ready(this.#asyncNeed), this.#watch);
  }

  /**
   * Sends a message if there is room; tells whether it did.
   *
   * @throws {RangeError} If the message is longer than the ring, less 8 bytes.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   * @throws {Deno.errors.Busy} If a claim or a batch of this sender is open.
   * @throws {Deno.errors.InvalidData} If something else has written to the channel.
   * @throws {Deno.errors.BadResource} If this sender was closed, or the memory is gone.
   */
  trySend(value: In): boolean {
    if (this.#watch !== undefined) this.#watch.poll();
    return this.#put(this.#encode(value));
  }

  /**
   * Sends a message; blocks the thread until there is room.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time.
   * @throws {RangeError} If the message is longer than the ring, less 8 bytes.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   */
  sendSync(value: In, options?: WaitSyncOptions): void {
    const timeout = options === undefined ? undefined : checkedWait(options).timeout;
    if (this.#watch !== undefined) this.#watch.poll();
    const bytes = this.#encode(value);
    if (this.#put(bytes)) return;
    this.#untilSync(bytes.length, false, timeout, () => this.#append(bytes));
  }

  /**
   * Sends a message as soon as there is room.
   *
   * @throws {Deno.errors.TimedOut} If there was none in that time.
   * @throws {RangeError} If the message is longer than the ring, less 8 bytes.
   * @throws {Deno.errors.BrokenPipe} If a sender ended the channel; or a receiver died, where that
   * was asked for.
   */
  send(value: In, options?: WaitOptions): Promise<void> {
    try {
      const wanted = options === undefined ? {} : checkedWait(options);
      wanted.signal?.throwIfAborted();
      this.#watch?.poll();
      const bytes = this.#encode(value);
      if (!this.#turns.busy && this.#put(bytes)) return fulfilled<void>(undefined);
      // The codec may use it for the next one. Not slice(): that of Node's Buffer is no copy.
      const copy = new Uint8Array(bytes);
      return this.#until(copy.length, false, wanted, () => this.#append(copy)).then(() => {});
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends those messages for which there is room, in their order, together; returns how many. If
   * one can't be encoded, or is too long, those before it are sent and the error is thrown.
   */
  trySendBatch(values: readonly In[]): number {
    checkValues(values);
    this.#watch?.poll();
    return this.#end.tryEnter() ? this.#putSome(values, 0) : 0;
  }

  /**
   * Sends messages, as many together as there is room for; blocks the thread until all are sent.
   *
   * @throws {Deno.errors.TimedOut} If there wasn't room for all in that time: the message says how
   * many were sent.
   */
  sendBatchSync(values: readonly In[], options: WaitSyncOptions = {}): void {
    checkValues(values);
    const { timeout } = checkedWait(options);
    const deadline = deadlineOf(timeout);
    this.#watch?.poll();
    const end = this.#end;
    let sent = 0;
    if (end.tryEnter()) sent += this.#putSome(values, 0);
    for (let left = timeout; sent < values.length; left = timeLeft(deadline)) {
      this.#syncNeed = { length: this.#encode(values[sent]).length, whole: false };
      if (
        left === 0 || !end.spin(this.#syncNeed.length) && !this.#syncWait.waitSync(left) ||
        !end.enterSync(timeLeft(deadline))
      ) throw this.#timedOut(timeout, sent);
      sent += this.#putSome(values, sent);
    }
  }

  /**
   * Sends messages, as many together as there is room for, until all are sent.
   *
   * @throws {Deno.errors.TimedOut} If there wasn't room for all in that time: the message says how
   * many were sent.
   */
  async sendBatch(values: readonly In[], options: WaitOptions = {}): Promise<void> {
    checkValues(values);
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    this.#watch?.poll();
    const end = this.#end;
    let sent = 0;
    if (!this.#turns.busy && end.tryEnter()) sent += this.#putSome(values, 0);
    if (sent >= values.length) return await fulfilled<void>(undefined);
    const timedOut = () => this.#timedOut(wanted.timeout, sent);
    await this.#turns.take(wanted, timedOut, async ({ signal, timeout }) => {
      const deadline = deadlineOf(timeout);
      for (let left = timeout; sent < values.length; left = timeLeft(deadline)) {
        this.#asyncNeed = { length: this.#encode(values[sent]).length, whole: false };
        if (
          left === 0 || !await this.#asyncWait.wait({ signal, timeout: left }) ||
          !await end.enter({ signal, timeout: timeLeft(deadline) })
        ) throw timedOut();
        sent += this.#putSome(values, sent);
      }
    });
  }

  /**
   * Room for a message in the ring itself, if there is some. Only one claim or batch of a sender
   * can be open.
   *
   * The room is one piece. Where the end of the ring is in its way it starts at the beginning, and
   * what is before the end stays empty. Only if the message is longer than half of the ring, so
   * that it could never have room like that, `bytes` is a buffer of its own, which `commit()`
   * copies.
   *
   * @throws {RangeError} If the length is more than the ring's, less 8 bytes.
   * @throws {Deno.errors.Busy} If a claim or a batch is open.
   */
  tryClaim(length: number): ChannelClaim | undefined {
    this.#checkLength(length);
    this.#watch?.poll();
    return this.#try(() => this.#claim(length));
  }

  /** The same; blocks the thread until there is room. */
  claimSync(length: number, options: WaitSyncOptions = {}): ChannelClaim {
    this.#checkLength(length);
    const { timeout } = checkedWait(options);
    this.#watch?.poll();
    const attempt = () => this.#claim(length);
    return this.#try(attempt) ?? this.#untilSync(length, true, timeout, attempt);
  }

  /** The same, as soon as there is room. */
  async claim(length: number, options: WaitOptions = {}): Promise<ChannelClaim> {
    this.#checkLength(length);
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    this.#watch?.poll();
    const attempt = () => this.#claim(length);
    const early = this.#turns.busy ? undefined : this.#try(attempt);
    return early ?? await this.#until(length, true, wanted, attempt);
  }

  /**
   * A batch of messages to be written in the ring itself, if there is room for at least one of that
   * length. Only one claim or batch of a sender can be open.
   *
   * @throws {RangeError} If the length is more than half of the ring's, less 8 bytes.
   * @throws {Deno.errors.Busy} If a claim or a batch is open.
   */
  tryBatch(length = 0): ChannelSendBatch | undefined {
    this.#checkLength(length, 2);
    this.#watch?.poll();
    return this.#try(() => this.#batch(length));
  }

  /** The same; blocks the thread until there is room. */
  batchSync(length = 0, options?: WaitSyncOptions): ChannelSendBatch {
    this.#checkLength(length, 2);
    const timeout = options === undefined ? undefined : checkedWait(options).timeout;
    this.#watch?.poll();
    const attempt = () => this.#batch(length);
    return this.#try(attempt) ?? this.#untilSync(length, true, timeout, attempt);
  }

  /** The same, as soon as there is room. */
  async batch(length = 0, options: WaitOptions = {}): Promise<ChannelSendBatch> {
    this.#checkLength(length, 2);
    const wanted = checkedWait(options);
    wanted.signal?.throwIfAborted();
    this.#watch?.poll();
    const attempt = () => this.#batch(length);
    const early = this.#turns.busy ? undefined : this.#try(attempt);
    return early ?? await this.#until(length, true, wanted, attempt);
  }

  /**
   * The end of the stream: receivers get what is still there, and then learn that it was all.
   * Nobody can send any more, of several senders none, until another sender attaches.
   */
  end(): void {
    this.#end.end();
  }

  /**
   * A stream that sends what is written to it, with back-pressure: a write is done once there was
   * room. Closing the stream ends the channel.
   */
  get writable(): WritableStream<In> {
    return new WritableStream<In>({
      write: (value, { signal }) => this.send(value, { signal }),
      close: () => this.end(),
    });
  }

  /** Leaves the channel, without ending it; what is open in place is aborted. */
  close(): void {
    this.stopLooking();
    this.#end.close();
  }

  /** Leaves the channel, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Which receivers died. */
  protected override newDeaths(): readonly PeerDeath[] {
    return this.#end.closed ? [] : this.#events.look();
  }

  /** Sends if that is possible now. */
  #put(bytes: Uint8Array<ArrayBufferLike>): boolean {
    const end = this.#end;
    if (end.shared) return this.#putShared(bytes);
    if (end.open) end.checkOpen();
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

  /** Sends if there is room, while the side is locked. */
  #append(bytes: Uint8Array<ArrayBufferLike>): true | undefined {
    if (!this.#end.append(bytes)) return undefined;
    this.#end.publish();
    return true;
  }

  /** Sends some, from an index on, while the side is locked, and unlocks it; returns how many. */
  #putSome(values: readonly In[], from: number): number {
    const end = this.#end;
    let i = from;
    end.coding = true;
    try {
      while (i < values.length && end.append(this.#encode(values[i]))) i++;
      return i - from;
    } finally {
      end.coding = false;
      try {
        if (end.pending > 0) end.publish();
      } finally {
        end.leave();
      }
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

  #try<R>(attempt: Attempt<R>): R | undefined {
    return this.#end.tryEnter() ? this.#locked(attempt) : undefined;
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

  /** Waits for room, and tries; again and again, since other senders do so too. */
  #untilSync<R>(
    length: number,
    whole: boolean,
    timeout: number | undefined,
    attempt: Attempt<R>,
  ): R {
    const deadline = deadlineOf(timeout);
    const end = this.#end;
    // What is in the way may be the lock alone.
    let early = end.shared;
    for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
      this.#syncNeed = { length, whole };
      if (!early && !end.spin(length) && !this.#syncWait.waitSync(left)) break;
      early = false;
      if (!end.enterSync(timeLeft(deadline))) break;
      const result = this.#locked(attempt);
      if (result !== undefined) return result;
    }
    throw this.#timedOut(timeout);
  }

  #until<R>(
    length: number,
    whole: boolean,
    options: WaitOptions,
    attempt: Attempt<R>,
  ): Promise<R> {
    const timedOut = () => this.#timedOut(options.timeout);
    const end = this.#end;
    return this.#turns.take(options, timedOut, async ({ signal, timeout }) => {
      const deadline = deadlineOf(timeout);
      for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
        this.#asyncNeed = { length, whole };
        if (!await this.#asyncWait.wait({ signal, timeout: left })) break;
        if (!await end.enter({ signal, timeout: timeLeft(deadline) })) break;
        const result = this.#locked(attempt);
        if (result !== undefined) return result;
      }
      throw timedOut();
    });
  }

  #checkLength(length: number, share = 1): void {
    const { capacity } = this.#end;
    checkInteger("length", length, 0, Math.max(0, capacity / share - 8));
  }

  #timedOut(timeout: number | undefined, sent?: number): Error {
    const some = sent === undefined ? "" : `; ${sent} messages were sent before`;
    return new Deno.errors.TimedOut(
      `Cannot send by the ${this.#end.place.name}: there was no room for it for ${timeout} ms${some}. Wait longer, or see what the receivers do`,
    );
  }
}

function checkValues(values: unknown): void {
  if (Array.isArray(values)) return;
  throw new TypeError(`values must be an array: received ${describe(values)}`);
}
