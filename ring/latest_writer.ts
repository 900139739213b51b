import type { Station } from "./station.ts";
import { MESSAGE, RECORD_BYTES, recordSize, SLOTS } from "./station_layout.ts";
import { BaseWriter, type Writer } from "./station_writer.ts";
import { point } from "./test_points.ts";

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
