import type { BroadcastClaim } from "./broadcast_claim.ts";
import type { Encoder } from "./codec.ts";
import { SlotWriter } from "./latest_writer.ts";
import { type PeerDeath, PeerTarget } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { Sending } from "./station_sending.ts";

/**
 * The sender of a `Latest`, made by its `sender()`. It never waits for anybody.
 *
 * The event `"peerdeath"` tells that a receiver's process died.
 *
 * @typeParam In What is sent.
 */
export class LatestSender<In> extends PeerTarget implements Disposable {
  readonly #sending: Sending<In>;

  /** Made by `Latest.sender()`. */
  constructor(station: Station, codec: Encoder<In>) {
    super();
    this.#sending = new Sending(station, codec, () => new SlotWriter(station));
  }

  /** How many values were sent since it was created, by all senders it had. */
  get sent(): number {
    return this.#sending.sent;
  }

  /**
   * Makes a value the newest one, and returns its sequence: 0 for the first one that was ever sent.
   *
   * @throws {RangeError} If it is longer than the `size` it was created with.
   * @throws {TypeError} If the codec takes no such value.
   * @throws {Deno.errors.Busy} If there is a claim.
   * @throws {Deno.errors.BrokenPipe} If the sender has ended.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  send(value: In): number {
    return this.#sending.send(value);
  }

  /**
   * Makes room for a value in the memory itself, so that it needs no copy. Until that is committed
   * or aborted nothing else can be sent.
   *
   * @param length The most bytes that the value will have.
   *
   * @throws {RangeError} If it is longer than the `size` it was created with.
   * @throws {Deno.errors.Busy} If there is a claim already.
   * @throws {Deno.errors.BrokenPipe} If the sender has ended.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  claim(length: number): BroadcastClaim {
    return this.#sending.claim(length);
  }

  /**
   * Says that there will be no newer one: receivers get it if they haven't seen it, and then the
   * end.
   *
   * @throws {Deno.errors.Busy} If there is a claim.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  end(): void {
    this.#sending.end();
  }

  /** A stream that sends what is written to it, and ends with it. It never holds the writer up. */
  get writable(): WritableStream<In> {
    return this.#sending.writable();
  }

  /** Leaves without an end: receivers wait for the next sender. Once is enough. */
  close(): void {
    this.stopLooking();
    this.#sending.close();
  }

  /** As {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** For the event. */
  protected override newDeaths(): readonly PeerDeath[] {
    return this.#sending.newDeaths();
  }
}
