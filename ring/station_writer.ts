import type { Station } from "./station.ts";
import { ASLEEP, INTENT, NOTE_WORDS, NOTES, TAIL } from "./station_layout.ts";
import { Note } from "./station_note.ts";
import { point } from "./test_points.ts";

/** What writes the messages of a Broadcast, or the values of a Latest. */
export interface Writer {
  /** The longest message, in bytes. */
  readonly maxLength: number;
  /** The sequence of the next message. */
  readonly next: number;
  /** The first byte, in the object, of the room for a message; an earlier claim is forgotten. */
  claim(length: number): number;
  /** Makes what was written there a message, of that length or less. */
  commit(length: number): void;
  /** Whether so much was committed that it should be published before more is. */
  readonly full: boolean;
  /** Shows the receivers what was committed. */
  publish(): void;
}

/** What the writers of both do in the same way. */
export abstract class BaseWriter {
  protected readonly station: Station;
  /** Behind the newest committed record. */
  protected tail: number;
  protected last: number;
  /** The sequence of the next record, as a number and in halves. */
  next: number;
  protected nextLow: number;
  protected nextHigh: number;
  #turn: number;

  /** Goes on where the sender before stopped, also one that died anywhere in here. */
  constructor(station: Station) {
    const note = new Note();
    note.read(station);
    this.station = station;
    this.tail = note.tail;
    this.last = note.last;
    this.next = note.next;
    this.nextLow = note.next % 2 ** 32 | 0;
    this.nextHigh = note.next / 2 ** 32 | 0;
    this.#turn = 1 - note.turn;
  }

  protected writeRecord(
    words: Int32Array<ArrayBufferLike>,
    offset: number,
    length: number,
    kind: number,
  ): void {
    const at = offset >>> 2;
    words[at] = length;
    words[at + 1] = kind;
    words[at + 2] = this.nextLow ^ this.station.cookieLow;
    words[at + 3] = this.nextHigh ^ this.station.cookieHigh;
  }

  protected count(): void {
    this.next++;
    this.nextLow = this.nextLow + 1 | 0;
    if (this.nextLow === 0) this.nextHigh = this.nextHigh + 1 | 0;
  }

  /** Says that something up to `intent` is about to be overwritten. */
  protected intend(words: Int32Array<ArrayBufferLike>, intent: number): void {
    // SYNC POINT: pairs with the readers' fence. Who sees anything of what is written from here on
    // sees this word, too: a store and a load are a fence (see struct/sequence.ts).
    Atomics.store(words, INTENT, intent | 0);
    Atomics.load(words, INTENT);
  }

  publish(): void {
    const { words } = this.station.place;
    const at = NOTES + this.#turn * NOTE_WORDS;
    point(5);
    words[at + 1] = this.last | 0;
    words[at + 2] = this.nextLow;
    words[at + 3] = this.nextHigh;
    point(6);
    words[at] = this.tail | 0;
    point(7);
    this.#turn = 1 - this.#turn;
    // SYNC POINT: pairs with the loads of TAIL in Note, RingReader and LatestReader, which see all
    // of the above then.
    const before = Atomics.exchange(words, TAIL, this.tail | 0);
    point(8);
    if ((before & ASLEEP) !== 0) this.station.wake();
  }
}
