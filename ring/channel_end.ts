import { ALL, futexWake } from "../ffi/futex.ts";
import type { WaitOptions } from "../ffi/wait.ts";
import { Patience } from "../sync/patience.ts";
import type { SharedPlace } from "../sync/place.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { Seat } from "./channel_seat.ts";

/** How often to ask whether spinning is switched on. */
const ASK_EVERY = 64;

const NO_WORDS = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);

/** Adds to a 64-bit number in two words of shared memory. */
export function addAtomically(
  words: Int32Array<ArrayBufferLike>,
  index: number,
  value: number,
): void {
  const before = Atomics.add(words, index, value) >>> 0;
  if (before + value >= 2 ** 32) Atomics.add(words, index + 1, 1);
}

/** A 64-bit number in two words of shared memory. */
export function readNumber(words: Int32Array<ArrayBufferLike>, index: number): number {
  return (words[index + 1] >>> 0) * 2 ** 32 + (words[index] >>> 0);
}

/** What of a batch was sent before an error, for its message. */
export function sentBefore(count: number | undefined): string {
  if (count === undefined) return "";
  return count === 1 ? "; 1 message was sent before" : `; ${count} messages were sent before`;
}

/** Something to do while the side is locked; `undefined` if it can't be done now. */
export type Attempt<R> = () => R | undefined;

/** What both ends of a channel have: the seat, and views on the memory while they are attached. */
export abstract class ChannelEnd {
  readonly place: SharedPlace;
  readonly capacity: number;
  readonly mask: number;
  /** All of the channel, in words; none once the end is closed or the memory is gone. */
  words: Int32Array<ArrayBufferLike> = NO_WORDS;
  /** The ring, in words. */
  ring: Int32Array<ArrayBufferLike> = NO_WORDS;
  /** The ring, in bytes. */
  bytes: Uint8Array<ArrayBufferLike> = NO_BYTES;
  /** Whether others of the same role share the side. */
  readonly shared: boolean;
  /** Whether something in place is under way: a claim, a batch, a message that is read. */
  open = false;
  /** Whether neither that is, nor a batch of values, whose codec may call this end again. */
  idle = true;
  protected readonly seat: Seat;
  /** Says whether spinning is switched on. */
  readonly #patience = new Patience();
  #spins = false;
  #asked = 0;
  readonly #what: string;
  #closed = false;

  /** `what` completes "Cannot use the ...". */
  constructor(frame: ChannelFrame, role: number, what: string) {
    const { place, capacity, data } = frame;
    this.place = place;
    this.capacity = capacity;
    this.mask = capacity - 1;
    this.#what = `${what} of ${place.name}`;
    this.seat = new Seat(frame, role);
    this.shared = this.seat.shared;
    const { words, bytes } = place;
    this.words = words;
    this.ring = words.subarray(data >>> 2, (data + capacity) >>> 2);
    this.bytes = bytes.subarray(data, data + capacity);
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether to spin: not on one processor, nor beside others of the same role. */
  protected get spins(): boolean {
    if (--this.#asked < 0) {
      this.#asked = ASK_EVERY;
      this.#spins = !this.shared && this.#patience.tries(1) > 0;
    }
    return this.#spins;
  }

  /** Leaves the channel; does nothing the second time. `word` is what this thread waits for. */
  close(word?: number): void {
    if (this.#closed) return;
    this.#closed = true;
    if (word !== undefined && !this.place.gone) this.wake(word); // who waits learns that it is over
    this.words = this.ring = NO_WORDS;
    this.bytes = NO_BYTES;
    this.seat.leave();
  }

  /** Locks the side, if others share it, and gets what they left; `false` if it is locked. */
  tryEnter(): boolean {
    this.checkIdle();
    if (!this.shared) return true;
    this.check();
    if (!this.seat.tryLock()) return false;
    this.#entered();
    return true;
  }

  /** The same; waits for some milliseconds at most. */
  enterSync(timeout?: number): boolean {
    if (!this.shared) return this.tryEnter();
    this.checkIdle();
    this.check();
    if (!this.seat.lockSync(timeout)) return false;
    this.#entered();
    return true;
  }

  /**
   * Locks the side as soon as it can, makes an attempt, and has it finished after unlocking, all in
   * one step; `undefined` if the time is over.
   */
  async enterFor<R, S>(
    options: WaitOptions,
    attempt: Attempt<R>,
    finish: (result: R) => S,
  ): Promise<{ readonly result: S | undefined } | undefined> {
    const finished = () => {
      const result = this.run(attempt);
      return { result: result === undefined ? undefined : finish(result) };
    };
    if (!this.shared) return this.tryEnter() ? finished() : undefined;
    this.checkIdle();
    this.check();
    return await this.seat.lock(options, () => {
      this.#entered();
      return finished();
    });
  }

  /** Unlocks the side, if others share it. */
  leave(): void {
    if (this.shared) this.seat.unlock();
  }

  /** Makes an attempt while the side is locked; what is open after it keeps it so. */
  run<R>(attempt: Attempt<R>): R | undefined {
    try {
      return attempt();
    } finally {
      if (!this.open) this.leave();
    }
  }

  /** Throws if it is closed, or the memory is gone. */
  check(): void {
    if (this.ring.length > 0) return;
    if (this.#closed) {
      throw new Deno.errors.BadResource(
        `Cannot use the ${this.#what}: it was closed. Attach another one`,
      );
    }
    void this.place.words; // which throws the reason
    throw new Deno.errors.BadResource(`Cannot use the ${this.#what}: the memory is gone`);
  }

  /** Throws if something is under way, which comes first. */
  checkIdle(): void {
    if (!this.idle) throw this.#busy();
  }

  /** Begins something in place. */
  protected setOpen(): void {
    this.check();
    this.checkIdle();
    this.open = true;
    this.idle = false;
  }

  /** Ends what is under way in place. */
  protected setClosed(): void {
    this.open = false;
    this.idle = true;
  }

  /** The distance from one position to another. */
  distance(from: number, to: number): number {
    const distance = (to - from) | 0;
    if (distance < 0 || distance > this.capacity || (distance & 7) !== 0) {
      throw this.corrupt(
        `its positions ${from >>> 0} and ${to >>> 0} are ${
          distance >>> 0
        } bytes apart, in a ring of ${this.capacity}`,
      );
    }
    return distance;
  }

  /** The error for whoever waited in vain for others of its role. */
  lockedError(timeout: number | undefined, sent?: number): Error {
    return new Deno.errors.TimedOut(
      `Cannot use the ${this.#what}: another one was at it for ${timeout} ms${
        sentBefore(sent)
      }. Wait longer, or see why it doesn't commit or release what it has open`,
    );
  }

  /** The error for bytes that no sender or receiver writes. */
  corrupt(what: string): Error {
    return new Deno.errors.InvalidData(
      `Cannot use the ${this.#what}: ${what}, so something else has written there. Create it anew, in memory filled with zeros`,
    );
  }

  /** Wakes all who sleep on a word. */
  protected wake(word: number): void {
    futexWake(this.place.address + BigInt(4 * word), ALL);
  }

  /** Gets what others of the same role left, while the side is locked. */
  protected abstract catchUp(): void;

  #entered(): void {
    try {
      this.check(); // it may have been closed while it waited
      this.checkIdle();
      this.catchUp();
    } catch (error) {
      this.seat.unlock();
      throw error;
    }
  }

  #busy(): Error {
    return new Deno.errors.Busy(
      `Cannot use the ${this.#what}: something in place, or a batch, is under way. Commit or release that first`,
    );
  }
}
