import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import { RingReader } from "./broadcast_reader.ts";
import type { Decoder } from "./codec.ts";
import { Landing, NOTHING } from "./landing.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { Iteration } from "./iteration.ts";
import { Reception } from "./station_reception.ts";

/** A message of a `Broadcast`, as a receiver gets it. */
export interface BroadcastMessage<T> {
  /** What was sent. */
  readonly value: T;
  /** Its number: 0 for the first message that was ever sent. */
  readonly sequence: number;
  /** How many messages this receiver missed between the one that it got before and this one. */
  readonly missed: number;
}

/** Where a receiver starts, and what it does when the sender dies. */
export interface ReceiveFrom {
  /**
   * `"newest"`: with the messages sent from now on. `"oldest"`: with the oldest one that is still
   * there, or one that is at most an eighth of the ring newer. Default: `"newest"`.
   */
  readonly from?: "newest" | "oldest";
  /**
   * What to do once everything was received and the sender has died: to go on waiting for the next
   * one (`"ignore"`), or to throw `Deno.errors.BrokenPipe` once, from the next call or the one that
   * is waiting, and wait for the next one then (`"throw"`). Default: `"ignore"`.
   */
  readonly peerDeath?: PeerDeathPolicy;
}

/**
 * A receiver of a `Broadcast`, made by its `receiver()`. Each has its own place in the stream.
 *
 * It gets every message, or is told how many it missed: the sender doesn't wait, and overwrites the
 * oldest messages. A receiver that was overtaken goes on about half a ring behind the sender. It
 * counts by a sequence of 64 bits that the messages have, so the count is exact: what was received
 * and what was missed is, together, what was sent.
 *
 * What waits does so for ever without a `timeout`, and gives `undefined` at the end of the stream,
 * when the sender called `end()` and all was received. Promises are rejected with their signal's
 * reason if that aborts.
 *
 * The event `"peerdeath"` tells that the sender's process died.
 *
 * @typeParam Out What is received.
 *
 * @example
 * ```ts
 * import { Broadcast, mapAnonymous, textCodec } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(Broadcast.byteLength({ capacity: 1024 }), { shared: true });
 * const news = Broadcast.create(memory, { capacity: 1024 });
 * using receiver = news.receiver({ codec: textCodec });
 * using sender = news.sender({ codec: textCodec });
 * for (let i = 0; i < 100; i++) sender.send(`message ${i}`); // more than the ring can have
 * const message = receiver.tryReceive();
 * console.log(message?.sequence === message?.missed); // true: it missed all before this one
 * ```
 */
export class BroadcastReceiver<Out> extends PeerTarget implements Disposable {
  readonly #reception: Reception<BroadcastMessage<Out>>;
  readonly #reader: RingReader;

  /** Made by `Broadcast.receiver()`. */
  constructor(station: Station, codec: Decoder<Out>, options: Required<ReceiveFrom>) {
    super();
    const landing = new Landing(codec.keeps !== false);
    const reader = this.#reader = new RingReader(station, landing, options.from);
    this.#reception = new Reception(station, options.peerDeath, () => {
      const length = reader.read();
      if (length === NOTHING) return undefined;
      const { sequence, missed } = reader;
      return { value: codec.decode(landing.take(length)), sequence, missed };
    });
  }

  /** How many messages it missed in all since it came. */
  get missed(): number {
    return this.#reader.missedTotal;
  }

  /** Whether the last call found that there will be no more. */
  get ended(): boolean {
    return this.#reception.ended;
  }

  /**
   * Receives the next message if it is there; else, and after the end, `undefined`.
   *
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode the
   * message; in the latter case the next call receives the next one.
   * @throws {Deno.errors.BrokenPipe} If the sender has died, once, with `peerDeath: "throw"`.
   * @throws {Deno.errors.BadResource} If the receiver was closed, or the memory is gone.
   */
  tryReceive(): BroadcastMessage<Out> | undefined {
    return this.#reception.tryReceive();
  }

  /**
   * Receives the next message, and blocks the thread until it is there; `undefined` at the end.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If none comes in time.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode the
   * message; in the latter case the next call receives the next one.
   * @throws {Deno.errors.BrokenPipe} If the sender has died, once, with `peerDeath: "throw"`.
   * @throws {Deno.errors.BadResource} If the receiver was closed, or the memory is gone.
   */
  receiveSync(options: WaitSyncOptions = {}): BroadcastMessage<Out> | undefined {
    return this.#reception.receiveSync(options);
  }

  /**
   * Receives the next message as soon as it is there; `undefined` at the end. Promises of one
   * receiver are fulfilled in the order of the calls.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If none comes in time.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode the
   * message; in the latter case the next call receives the next one.
   * @throws {Deno.errors.BrokenPipe} If the sender has died, once, with `peerDeath: "throw"`.
   * @throws {Deno.errors.BadResource} If the receiver was closed, or the memory is gone, also while
   * waiting.
   */
  receive(options: WaitOptions = {}): Promise<BroadcastMessage<Out> | undefined> {
    return this.#reception.receive(options);
  }

  /**
   * All messages until the end. The steps reject with what {@linkcode receive} rejects with.
   *
   * @param options `signal` ends all of it with its reason; `timeout` is for each message.
   *
   * @example
   * ```ts
   * import { mapAnonymous } from "@isthmus/isthmus";
   * import { Broadcast } from "@isthmus/isthmus/ring";
   *
   * using memory = mapAnonymous(Broadcast.byteLength(), { shared: true });
   * using receiver = Broadcast.create(memory).receiver();
   * const signal = AbortSignal.timeout(10);
   * try {
   *   for await (const { value, missed } of receiver.messages({ signal })) {
   *     if (missed > 0) console.warn(`${missed} missed`);
   *     console.log(value);
   *   }
   * } catch (error) {
   *   if (error !== signal.reason) throw error;
   * }
   * ```
   */
  messages(options: WaitOptions = {}): AsyncIterableIterator<BroadcastMessage<Out>> {
    return new Iteration(this.#reception.source((message) => message), options);
  }

  /** All messages until the end. */
  [Symbol.asyncIterator](): AsyncIterableIterator<BroadcastMessage<Out>> {
    return this.messages();
  }

  /**
   * A stream of all messages, which ends with the broadcast. It takes one when it is asked for one:
   * who reads slowly misses some. Each time it is a new one.
   */
  get readable(): ReadableStream<BroadcastMessage<Out>> {
    return this.#reception.readable((message) => message);
  }

  /**
   * Leaves; calls that wait are rejected (`Deno.errors.BadResource`). Does nothing the second time.
   */
  close(): void {
    this.stopLooking();
    this.#reception.close();
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** For the event. */
  protected override newDeaths(): readonly PeerDeath[] {
    return this.#reception.newDeaths();
  }
}
