import { maxMessageLength } from "./broadcast_writer.ts";
import { fence } from "./fence.ts";
import { land, type Landing, NOTHING } from "./landing.ts";
import type { Station } from "./station.ts";
import {
  FILLER,
  FLAGS,
  INTENT,
  MARK_COUNT,
  MARKS,
  MESSAGE,
  RECORD_BYTES,
  recordSize,
  TAIL,
} from "./station_layout.ts";
import { nonsense, Note } from "./station_note.ts";

/** How often a reader that is overtaken again and again looks for a place to go on. */
const TRIES = 64;

/**
 * Reads a ring, at its own pace: a position and the sequence of the message that it expects there.
 * It takes no lock and is known to no sender, so it may be overtaken. It copies first, and then
 * sees whether that was still there. All that it reads is checked before it is used.
 */
export class RingReader {
  /** The sequence of the message that was read last. */
  sequence = -1;
  /** How many were missed between that one and the one before. */
  missed = 0;
  /** How many were missed in all. */
  missedTotal = 0;
  readonly #station: Station;
  readonly #landing: Landing;
  readonly #data: number;
  readonly #capacity: number;
  readonly #maxLength: number;
  readonly #note = new Note();
  #position = 0;
  /** The tail that was seen last. */
  #known = 0;
  /** What is expected next, as a number and in halves as they stand in the ring. */
  #expected = 0;
  #low = 0;
  #high = 0;
  /** Missed since the last message. */
  #gap = 0;

  /** Starts with what is sent from now on, or with the oldest message that is still there. */
  constructor(station: Station, landing: Landing, from: "newest" | "oldest") {
    this.#station = station;
    this.#landing = landing;
    this.#data = station.data;
    this.#capacity = station.length;
    this.#maxLength = maxMessageLength(station.length);
    this.#note.read(station);
    if (from === "newest") this.#goTo(this.#note.tail, this.#note.next);
    else this.#resume(MARK_COUNT - 1);
    this.missedTotal = this.#gap = 0; // what was before it came
  }

  /** Copies the next message to where it lands, and returns its length, or {@linkcode NOTHING}. */
  read(): number {
    const { place } = this.#station;
    const { words } = place;
    for (let tries = 0;; tries++) {
      if (this.#position === this.#known && !this.#look(words)) return NOTHING;
      const position = this.#position;
      const offset = this.#data + (position & this.#capacity - 1);
      const at = offset >>> 2;
      const length = words[at] >>> 0;
      const kind = words[at + 1];
      let sound = false;
      if (this.#isExpected(words, at)) {
        sound = this.#fits(position, length, kind);
        if (sound && kind === MESSAGE) {
          land(this.#landing, words, place.bytes, offset + RECORD_BYTES, length);
        }
        if (this.#isThere(words, position, at)) {
          if (!sound) {
            throw nonsense(place, `the length or kind of message ${this.#expected} is none`);
          }
          this.#position = position + recordSize(length) >>> 0;
          if (kind === FILLER) continue;
          this.#count();
          return length;
        }
      }
      // Overtaken: a little is left free before the sender comes to the place again.
      if (!this.#resume(tries < TRIES ? MARK_COUNT / 2 : 0)) return NOTHING;
    }
  }

  /** Whether there is more than what was known. */
  #look(words: Int32Array<ArrayBufferLike>): boolean {
    // SYNC POINT: pairs with the store of TAIL in publish(): all that is before it is seen.
    const tail = (Atomics.load(words, TAIL) & ~FLAGS) >>> 0;
    if (tail === this.#known) return false;
    this.#known = tail;
    return true;
  }

  #isExpected(words: Int32Array<ArrayBufferLike>, at: number): boolean {
    return words[at + 2] === this.#low && words[at + 3] === this.#high;
  }

  /** Whether a record can have that length where it is. */
  #fits(position: number, length: number, kind: number): boolean {
    if (kind !== MESSAGE && kind !== FILLER) return false;
    if (length > this.#maxLength) return false;
    const size = recordSize(length);
    return size <= this.#capacity - (position & this.#capacity - 1) &&
      size <= (this.#known - position >>> 0);
  }

  /** Whether what was read was there until now. */
  #isThere(words: Int32Array<ArrayBufferLike>, position: number, at: number): boolean {
    // SYNC POINT: pairs with intend(). If the copy saw anything of a newer message, the intent of
    // that one is seen here. And who was away while the position went once around 2 ** 32 finds
    // another sequence there.
    return (fence(words, INTENT) - position >>> 0) <= this.#capacity && this.#isExpected(words, at);
  }

  /**
   * Goes on behind what was missed: at the first mark that is no more than so many eighths of the
   * ring behind the tail, else at the newest message, else behind it (then `false`).
   */
  #resume(eighths: number): boolean {
    const { words } = this.#station.place;
    const note = this.#note;
    note.read(this.#station);
    this.#known = note.tail;
    if (eighths > 0) {
      const newest = (note.tail & this.#capacity - 1) / (this.#capacity / MARK_COUNT) | 0;
      for (let back = eighths; back >= 0; back--) {
        if (this.#tryAt(words[MARKS + (newest - back & MARK_COUNT - 1)] >>> 0)) return true;
      }
      if (this.#tryAt(note.last)) return true;
    }
    if (note.next < this.#expected) {
      throw nonsense(
        this.#station.place,
        `message ${this.#expected} was to come, but only ${note.next} were sent`,
      );
    }
    this.#goTo(note.tail, note.next);
    return false;
  }

  /** Goes to a message, if there is one that is newer than what was read. */
  #tryAt(position: number): boolean {
    const { cookieLow, cookieHigh, place: { words } } = this.#station;
    const { tail, next } = this.#note;
    const behind = tail - position >>> 0;
    if ((position & FLAGS) !== 0 || behind === 0 || behind > this.#capacity) return false;
    const at = this.#data + (position & this.#capacity - 1) >>> 2;
    const low = words[at + 2] ^ cookieLow;
    const high = words[at + 3] ^ cookieHigh;
    if ((fence(words, INTENT) - position >>> 0) > this.#capacity) return false;
    const sequence = (high >>> 0) * 2 ** 32 + (low >>> 0);
    if (sequence < this.#expected || sequence >= next) return false;
    this.#goTo(position, sequence);
    return true;
  }

  #goTo(position: number, sequence: number): void {
    this.#gap += sequence - this.#expected;
    this.missedTotal += sequence - this.#expected;
    if (position === this.#note.tail) this.#known = position;
    this.#position = position;
    this.#expected = sequence;
    this.#low = (sequence % 2 ** 32 | 0) ^ this.#station.cookieLow;
    this.#high = (sequence / 2 ** 32 | 0) ^ this.#station.cookieHigh;
  }

  /** Counts the message that was read. */
  #count(): void {
    const { cookieLow, cookieHigh } = this.#station;
    this.sequence = this.#expected++;
    this.missed = this.#gap;
    this.#gap = 0;
    const low = (this.#low ^ cookieLow) + 1 | 0;
    this.#low = low ^ cookieLow;
    if (low === 0) this.#high = (this.#high ^ cookieHigh) + 1 ^ cookieHigh;
  }
}
