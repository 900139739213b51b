import type { Station } from "./station.ts";
import {
  FILLER,
  INTENT,
  MARK_COUNT,
  MARKS,
  MESSAGE,
  NO_MARK,
  RECORD_BYTES,
  recordSize,
} from "./station_layout.ts";
import { BaseWriter, type Writer } from "./station_writer.ts";
import { point } from "./test_points.ts";

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
    // Its records that it hadn't published lie behind the tail still, and would be believed where
    // this sender doesn't write over them: in what it fills, and in claims.
    for (let i = MARKS; i < MARKS + MARK_COUNT; i++) {
      if ((words[i] - this.tail >>> 0) <= capacity) words[i] = NO_MARK;
    }
    // The first record of this eighth may be there already.
    const mark = (this.tail & capacity - 1) >>> this.#eighth;
    const first = words[MARKS + mark];
    if (first !== NO_MARK && (this.tail >>> this.#eighth) === (first >>> this.#eighth)) {
      this.#mark = mark;
    }
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
