import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import type { Decoder } from "./codec.ts";
import { Landing, NOTHING } from "./landing.ts";
import { LatestReader } from "./latest_reader.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { Iteration } from "./iteration.ts";
import { Reception } from "./station_reception.ts";

/**
 * A receiver of a `Latest`, made by its `receiver()`. What it receives is the newest value, whole;
 * those in between are skipped.
 *
 * What waits does so for ever without a `timeout`, and gives `undefined` at the end, when the
 * sender called `end()` and the newest value was received. Promises are rejected with their
 * signal's reason if that aborts.
 *
 * The event `"peerdeath"` tells that the sender's process died.
 *
 * @typeParam Out What is received.
 *
 * @example
 * ```ts
 * import { Latest, mapAnonymous, textCodec } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(Latest.byteLength(100), { shared: true });
 * const weather = Latest.create(memory, 100);
 * using sender = weather.sender({ codec: textCodec });
 * using receiver = weather.receiver({ codec: textCodec });
 * console.log(receiver.newest()); // undefined: there was none yet
 * for (const value of ["rain", "clouds", "sun"]) sender.send(value);
 * sender.end();
 * for await (const value of receiver) console.log(value); // sun
 * console.log(receiver.sequence, receiver.ended, receiver.newest()); // 2 true sun
 * ```
 */
export class LatestReceiver<Out> extends PeerTarget implements Disposable {
  readonly #reception: Reception<{ value: Out }>;
  readonly #reader: LatestReader;
  readonly #landing: Landing;
  readonly #codec: Decoder<Out>;
  readonly #again: LatestReader;

  /** Made by `Latest.receiver()`. */
  constructor(station: Station, codec: Decoder<Out>, peerDeath: PeerDeathPolicy) {
    super();
    this.#codec = codec;
    const landing = this.#landing = new Landing(codec.keeps !== false);
    const reader = this.#reader = new LatestReader(station);
    this.#again = new LatestReader(station);
    this.#reception = new Reception(station, peerDeath, () => {
      const length = reader.read(landing, false);
      return length === NOTHING ? undefined : { value: codec.decode(landing.take(length)) };
    });
  }

  /**
   * The sequence of the value that was received last: 0 for the first that was ever sent;
   * `undefined` before that.
   */
  get sequence(): number | undefined {
    const { sequence } = this.#reader;
    return sequence < 0 ? undefined : sequence;
  }

  /** Whether the last call found that there will be no newer one. */
  get ended(): boolean {
    return this.#reception.ended;
  }

  /**
   * Receives the newest value if it wasn't received before; else, and after the end, `undefined`.
   *
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode it.
   * @throws {Deno.errors.BrokenPipe} If the sender has died, once, with `peerDeath: "throw"`.
   * @throws {Deno.errors.BadResource} If the receiver was closed, or the memory is gone.
   */
  tryReceive(): Out | undefined {
    return this.#reception.tryReceive()?.value;
  }

  /**
   * The newest value, whether it was received or not, also after the end; `undefined` if none was
   * ever sent. {@linkcode tryReceive} and its like still receive it after that.
   *
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode it.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  newest(): Out | undefined {
    this.#reception.checkAttached();
    const length = this.#again.read(this.#landing, true);
    return length === NOTHING ? undefined : this.#codec.decode(this.#landing.take(length));
  }

  /**
   * Receives the newest value, and blocks the thread until there is one that wasn't received
   * before; `undefined` at the end.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If none comes in time.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode it.
   * @throws {Deno.errors.BrokenPipe} If the sender has died, once, with `peerDeath: "throw"`.
   * @throws {Deno.errors.BadResource} If the receiver was closed, or the memory is gone.
   */
  receiveSync(options: WaitSyncOptions = {}): Out | undefined {
    return this.#reception.receiveSync(options)?.value;
  }

  /**
   * Receives the newest value as soon as there is one that wasn't received before; `undefined` at
   * the end.
   *
   * @throws {RangeError} If the timeout is out of range.
   * @throws {Deno.errors.TimedOut} If none comes in time.
   * @throws {Deno.errors.InvalidData} If the memory holds nonsense, or the codec can't decode it.
   * @throws {Deno.errors.BrokenPipe} If the sender has died, once, with `peerDeath: "throw"`.
   * @throws {Deno.errors.BadResource} If the receiver was closed, or the memory is gone, also while
   * waiting.
   */
  async receive(options: WaitOptions = {}): Promise<Out | undefined> {
    return (await this.#reception.receive(options))?.value;
  }

  /**
   * The newest value, again and again until the end; values that were replaced meanwhile are
   * skipped. The steps reject with what {@linkcode receive} rejects with.
   *
   * @param options `signal` ends all of it with its reason; `timeout` is for each value.
   *
   * @throws {RangeError} If the timeout is out of range.
   */
  values(options: WaitOptions = {}): AsyncIterableIterator<Out> {
    return new Iteration(this.#reception.source(({ value }) => value), options);
  }

  /** The newest value, again and again until the end. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Out> {
    return this.values();
  }

  /**
   * A stream of the newest values, which ends with them. It takes one when it is asked for one.
   * Each time it is a new one.
   */
  get readable(): ReadableStream<Out> {
    return this.#reception.readable(({ value }) => value);
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
