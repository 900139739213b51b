import type { BroadcastClaim } from "./broadcast_claim.ts";
import { RingWriter } from "./broadcast_writer.ts";
import type { Encoder } from "./codec.ts";
import { type PeerDeath, PeerTarget } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { Sending } from "./station_sending.ts";

/**
 * The sender of a `Broadcast`, made by its `sender()`. It never waits for anybody: what receivers
 * don't read in time is overwritten.
 *
 * Closing it, or leaving scope, doesn't end the stream: receivers wait for the next sender.
 *
 * The event `"peerdeath"` tells that a receiver's process died.
 *
 * @typeParam In What is sent.
 *
 * @example
 * ```ts
 * import { Broadcast, jsonCodec, mapAnonymous } from "@isthmus/isthmus";
 *
 * const codec = jsonCodec<{ price: number }>();
 * using memory = mapAnonymous(Broadcast.byteLength(), { shared: true });
 * using sender = Broadcast.create(memory).sender({ codec });
 * console.log(sender.send({ price: 9.5 })); // 0
 * console.log(sender.sendBatch([{ price: 9.75 }, { price: 10 }])); // 2
 * console.log(sender.sent); // 3
 * ```
 */
export class BroadcastSender<In> extends PeerTarget implements Disposable {
  readonly #sending: Sending<In>;

  /** Made by `Broadcast.sender()`. */
  constructor(station: Station, codec: Encoder<In>) {
    super();
    this.#sending = new Sending(station, codec, () => new RingWriter(station));
  }

  /** How many messages were sent since the broadcast was created, by all senders it had. */
  get sent(): number {
    return this.#sending.sent;
  }

  /** The longest message, in bytes: half of the ring, less 16. */
  get maxMessageLength(): number {
    return this.#sending.maxLength;
  }

  /**
   * Sends a message, and returns its sequence: 0 for the first one that was ever sent. All
   * receivers that sleep are woken.
   *
   * @throws {RangeError} If it is longer than {@linkcode maxMessageLength}.
   * @throws {TypeError} If the codec takes no such value.
   * @throws {Deno.errors.Busy} If there is a claim.
   * @throws {Deno.errors.BrokenPipe} If the sender has ended.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  send(value: In): number {
    return this.#sending.send(value);
  }

  /**
   * Sends many messages, and returns how many. They are shown to the receivers together, or in
   * parts if they are more than a quarter of the ring; so that costs less for each of them. What
   * wasn't shown yet is lost if the process is killed. The messages before an error were sent.
   *
   * @throws {RangeError} If one is longer than {@linkcode maxMessageLength}.
   * @throws {TypeError} If the codec takes no such value.
   * @throws {Deno.errors.Busy} If there is a claim.
   * @throws {Deno.errors.BrokenPipe} If the sender has ended.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  sendBatch(values: Iterable<In>): number {
    return this.#sending.sendBatch(values);
  }

  /**
   * Makes room for a message in the ring itself, so that it needs no copy. Until that is committed
   * or aborted nothing else can be sent.
   *
   * @param length The most bytes that the message will have.
   *
   * @example
   * ```ts
   * import { mapAnonymous } from "@isthmus/isthmus";
   * import { Broadcast } from "@isthmus/isthmus/ring";
   *
   * using memory = mapAnonymous(Broadcast.byteLength(), { shared: true });
   * using sender = Broadcast.create(memory).sender();
   * {
   *   using claim = sender.claim(1000);
   *   const { written } = new TextEncoder().encodeInto("hello", claim.bytes);
   *   claim.commit(written);
   * }
   * ```
   *
   * @throws {RangeError} If it is longer than {@linkcode maxMessageLength}.
   * @throws {Deno.errors.Busy} If there is a claim already.
   * @throws {Deno.errors.BrokenPipe} If the sender has ended.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  claim(length: number): BroadcastClaim {
    return this.#sending.claim(length);
  }

  /**
   * Says that there will be no more: receivers get what is still there, and then the end. Another
   * sender may go on later; only those who are still there then hear it. The end stays in the
   * memory, also in a file, until then. Does nothing the second time.
   *
   * @throws {Deno.errors.Busy} If there is a claim.
   * @throws {Deno.errors.BadResource} If the sender was closed, or the memory is gone.
   */
  end(): void {
    this.#sending.end();
  }

  /**
   * A stream that sends what is written to it, and never holds the writer up. Closing it ends the
   * broadcast, as {@linkcode end} does; an abort ends nothing, and receivers go on waiting. Each
   * time it is a new one.
   */
  get writable(): WritableStream<In> {
    return this.#sending.writable();
  }

  /**
   * Leaves without ending the stream: receivers wait for the next sender. What is claimed is not
   * sent. Does nothing the second time.
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
