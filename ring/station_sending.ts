import { checkInteger } from "../ffi/check.ts";
import { ALL, futexWake } from "../ffi/futex.ts";
import { BroadcastClaim } from "./broadcast_claim.ts";
import { type Encoder, encoderOf } from "./codec.ts";
import type { PeerDeath } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { ReceiverDeaths } from "./station_deaths.ts";
import { ENDED, TAIL } from "./station_layout.ts";
import { SenderSeat } from "./station_seat.ts";
import type { Writer } from "./station_writer.ts";

/** Up to how many bytes a loop is faster than a call. */
const SHORT = 16;

/** How the sender of a Broadcast or a Latest sends. */
export class Sending<In> {
  readonly #station: Station;
  readonly #seat: SenderSeat;
  readonly #writer: Writer;
  readonly #encode: (value: In) => Uint8Array;
  readonly #deaths: ReceiverDeaths;
  #claim: BroadcastClaim | undefined;
  /** Whether messages of a batch are there that weren't published. */
  #pending = false;
  #state: "open" | "ended" | "closed" = "open";

  constructor(station: Station, codec: Encoder<In>, makeWriter: () => Writer) {
    this.#station = station;
    this.#encode = encoderOf(codec);
    this.#seat = new SenderSeat(station);
    try {
      this.#writer = makeWriter();
      this.#deaths = new ReceiverDeaths(station);
    } catch (error) {
      this.#seat.leave();
      throw error;
    }
  }

  get sent(): number {
    return this.#writer.next;
  }

  get maxLength(): number {
    return this.#writer.maxLength;
  }

  send(value: In): number {
    const message = this.#encode(value);
    this.#checkOpen();
    this.#write(message);
    this.#writer.publish();
    return this.#writer.next - 1;
  }

  sendBatch(values: Iterable<In>): number {
    let count = 0;
    try {
      for (const value of values) {
        const message = this.#encode(value);
        this.#checkOpen();
        this.#write(message);
        this.#pending = true;
        count++;
        if (this.#writer.full) this.#flush();
      }
    } finally {
      // Also when a value was none: what was written before it is whole.
      this.#flush();
    }
    return count;
  }

  claim(length: number): BroadcastClaim {
    checkInteger("length", length, 0, Number.MAX_SAFE_INTEGER);
    this.#checkOpen();
    this.#checkLength(length);
    const { place } = this.#station;
    const at = this.#writer.claim(length);
    return this.#claim = new BroadcastClaim(place.bytes.subarray(at, at + length), (committed) => {
      this.#claim = undefined;
      if (committed === undefined) return -1;
      if (this.#state !== "open") this.#refuse();
      this.#writer.commit(committed);
      this.#writer.publish();
      return this.#writer.next - 1;
    });
  }

  end(): void {
    if (this.#state === "ended") return;
    this.#checkOpen();
    this.#flush();
    this.#state = "ended";
    const { place } = this.#station;
    // The word changes: nobody falls asleep on the old one any more.
    Atomics.or(place.words, TAIL, ENDED);
    futexWake(place.address + BigInt(4 * TAIL), ALL);
  }

  writable(): WritableStream<In> {
    return new WritableStream<In>({
      write: (value) => void this.send(value),
      close: () => this.end(),
    });
  }

  newDeaths(): PeerDeath[] {
    return this.#deaths.look();
  }

  close(): void {
    if (this.#state === "closed") return;
    try {
      this.#flush();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // the memory was closed before
    } finally {
      this.#state = "closed";
      this.#seat.leave();
    }
  }

  #flush(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#writer.publish();
  }

  #write(message: Uint8Array): void {
    const { length } = message;
    const writer = this.#writer;
    if (length > writer.maxLength) this.#checkLength(length);
    const at = writer.claim(length);
    const { bytes } = this.#station.place;
    if (length > SHORT) bytes.set(message, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = message[i];
    writer.commit(length);
  }

  #checkOpen(): void {
    if (this.#state !== "open") this.#refuse();
    if (this.#claim === undefined) return;
    throw new Deno.errors.Busy(
      `Cannot send to ${this.#station.place.name}: there is a claim. Commit or abort it first`,
    );
  }

  #refuse(): never {
    const what = `Cannot send to ${this.#station.place.name}: this sender`;
    if (this.#state === "closed") throw new Deno.errors.BadResource(`${what} was closed`);
    throw new Deno.errors.BrokenPipe(`${what} has ended it. Close it, and attach another one`);
  }

  #checkLength(length: number): void {
    if (length <= this.maxLength) return;
    throw new RangeError(
      `Cannot send a message of ${length} bytes to ${this.#station.place.name}: the longest has ${this.maxLength}. Send less, or create it larger`,
    );
  }
}
