import {
  FILLER,
  INTENT,
  MARK_COUNT,
  MARKS,
  MESSAGE,
  NOTE_WORDS,
  NOTES,
  RECORD_BYTES,
  recordSize,
  SLEEPERS,
  SLOTS,
  TAIL,
} from "./broadcast_layout.ts";
import { Note, type Station } from "./broadcast_station.ts";
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

/** What both writers do in the same way. */
abstract class BaseWriter {
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
    Atomics.store(words, TAIL, this.tail | 0);
    point(8);
    // SYNC POINT: pairs with the store of SLEEPERS in Reception. Either this sees it, or the tail
    // above was there before the receiver asks for it, the last time before it sleeps.
    if (Atomics.load(words, SLEEPERS) !== 0) this.station.wake(words);
  }
}

/** Writes messages into a ring, over the oldest ones. */
export class RingWriter extends BaseWriter implements Writer {
  readonly maxLength: number;
  readonly #capacity: number;
  readonly #data: number;
  /** How much further than needed the intent goes, so that it needn't be stored each time. */
  readonly #reserve: number;
  readonly #eighth: number;
  #intent: number;
  #published: number;
  /** The claimed record: where it starts, and the bytes to fill before it. */
  #start = 0;
  #filler = 0;
  #mark = -1;

  constructor(station: Station) {
    super(station);
    const { place: { words }, length: capacity, data } = station;
    this.#capacity = capacity;
    this.#data = data;
    this.#reserve = capacity / 32;
    this.#eighth = Math.log2(capacity / MARK_COUNT);
    this.maxLength = maxMessageLength(capacity);
    this.#published = this.tail;
    const intent = Atomics.load(words, INTENT) >>> 0;
    // What a sender that died may have overwritten stays lost, of a nonsensical one everything.
    const ahead = intent - this.tail >>> 0;
    this.#intent = ahead <= capacity ? intent : this.tail + capacity >>> 0;
    Atomics.store(words, INTENT, this.#intent | 0);
  }

  get full(): boolean {
    return (this.tail - this.#published >>> 0) >= this.#capacity / 4;
  }

  claim(length: number): number {
    const { words } = this.station.place;
    const size = RECORD_BYTES + (length + RECORD_BYTES - 1 & -RECORD_BYTES);
    const capacity = this.#capacity;
    const at = this.tail & capacity - 1;
    const filler = at + size > capacity ? capacity - at : 0;
    const end = this.tail + filler + size;
    if ((end - this.#intent | 0) > 0) {
      this.#intent = end + Math.min(this.#reserve, capacity - filler - size) >>> 0;
      this.intend(words, this.#intent);
    }
    point(1);
    this.#filler = filler;
    this.#start = filler === 0 ? at : 0;
    return this.#data + this.#start + RECORD_BYTES;
  }

  commit(length: number): void {
    const { words } = this.station.place;
    point(2);
    const position = this.tail + this.#filler >>> 0;
    if (this.#filler > 0) {
      const at = this.tail & this.#capacity - 1;
      this.writeRecord(words, this.#data + at, this.#filler - RECORD_BYTES, FILLER);
      point(3);
    }
    this.writeRecord(words, this.#data + this.#start, length, MESSAGE);
    const mark = this.#start >>> this.#eighth;
    if (mark !== this.#mark) {
      words[MARKS + mark] = position | 0;
      this.#mark = mark;
    }
    point(4);
    this.last = position;
    this.tail = position + recordSize(length) >>> 0;
    this.count();
  }

  override publish(): void {
    super.publish();
    this.#published = this.tail;
  }
}

/** The longest message of a ring: it, and what may have to be filled before it, fit. */
export function maxMessageLength(capacity: number): number {
  return capacity / 2 - RECORD_BYTES;
}

/** Writes values into slots, over the oldest one. */
export class SlotWriter extends BaseWriter implements Writer {
  readonly maxLength: number;
  readonly full = false;
  readonly #data: number;
  readonly #stride: number;

  constructor(station: Station) {
    super(station);
    this.maxLength = station.length;
    this.#data = station.data;
    this.#stride = recordSize(station.length);
  }

  claim(_length: number): number {
    this.intend(this.station.place.words, this.nextLow + 1);
    point(1);
    return this.#slot() + RECORD_BYTES;
  }

  commit(length: number): void {
    point(2);
    this.writeRecord(this.station.place.words, this.#slot(), length, MESSAGE);
    point(4);
    this.last = this.nextLow & SLOTS - 1;
    this.count();
    this.tail = this.nextLow << 4 >>> 0;
  }

  #slot(): number {
    return this.#data + (this.nextLow & SLOTS - 1) * this.#stride;
  }
}
