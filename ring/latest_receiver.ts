import type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
import type { Decoder } from "./codec.ts";
import { Landing, NOTHING } from "./landing.ts";
import { LatestReader } from "./latest_reader.ts";
import { type PeerDeath, type PeerDeathPolicy, PeerTarget } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { Iteration } from "./station_iteration.ts";
import { Reception } from "./station_reception.ts";

/**
 * A receiver of a `Latest`, made by its `receiver()`. What it receives is the newest value, whole;
 * those in between are skipped.
 *
 * The event `"peerdeath"` tells that the sender's process died.
 *
 * @typeParam Out What is received.
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

  /** The sequence of the value that was received last: 0 for the first that was ever sent. */
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
   * @throws {Deno.errors.TimedOut} If none comes in time.
   *
   * It throws what {@linkcode tryReceive} throws, too.
   */
  receiveSync(options: WaitSyncOptions = {}): Out | undefined {
    return this.#reception.receiveSync(options)?.value;
  }

  /**
   * Receives the newest value as soon as there is one that wasn't received before; `undefined` at
   * the end. Rejects with what {@linkcode receiveSync} throws, and with the signal's reason.
   */
  async receive(options: WaitOptions = {}): Promise<Out | undefined> {
    return (await this.#reception.receive(options))?.value;
  }

  /** The newest value, again and again until the end; `timeout` is for each of them. */
  values(options: WaitOptions = {}): AsyncIterableIterator<Out> {
    return new Iteration(this.#reception, options, ({ value }) => value);
  }

  /** The newest value, again and again until the end. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Out> {
    return this.values();
  }

  /** A stream of the newest values. It takes one when it is asked for one. */
  get readable(): ReadableStream<Out> {
    return this.#reception.readable(({ value }) => value);
  }

  /** Leaves; calls that wait are rejected. Once is enough. */
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
