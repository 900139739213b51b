import type { BroadcastClaim } from "./broadcast_claim.ts";
import type { Encoder } from "./codec.ts";
import { SlotWriter } from "./latest_writer.ts";
import { type PeerDeath, PeerTarget } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { Sending } from "./station_sending.ts";

/**
 * The sender of a `Latest`, made by its `sender()`. It never waits for anybody.
 *
 * Closing it, or leaving scope, doesn't end it: receivers keep the newest value and wait for the
 * next sender.
 *
 * The event `"peerdeath"` tells that a receiver's process died.
 *
 * @typeParam In What is sent.
 *
 * @example
 * ```ts
 * import { Latest, mapAnonymous, recordCodec } from "@isthmus/isthmus";
 * import { f64, struct } from "@isthmus/isthmus/struct";
 *
 * const codec = recordCodec(struct("position", { x: f64, y: f64 }));
 * using memory = mapAnonymous(Latest.byteLength(16), { shared: true });
 * const position = Latest.create(memory, 16);
 * using sender = position.sender({ codec });
 * using receiver = position.receiver({ codec });
 * sender.send({ x: 1, y: 2 });
 * sender.send({ x: 3, y: 4 });
 * console.log(receiver.newest()?.x, sender.sent); // 3 2
 * ```
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
   * end, until another sender sends. Does nothing the second time.
   *
   * @throws {Deno.errors.Busy} If there is a claim.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  end(): void {
    this.#sending.end();
  }

  /**
   * A stream that sends what is written to it, and never holds the writer up. Closing it is
   * {@linkcode end}; an abort ends nothing, and receivers go on waiting. Each time it is a new one.
   */
  get writable(): WritableStream<In> {
    return this.#sending.writable();
  }

  /**
   * Leaves without an end: receivers wait for the next sender. What is claimed is not sent. Does
   * nothing the second time.
   */
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
