import { fence } from "./fence.ts";
import { land, type Landing, NOTHING } from "./landing.ts";
import type { Station } from "./station.ts";
import { INTENT, MESSAGE, RECORD_BYTES, recordSize, SLOTS, TAIL } from "./station_layout.ts";
import { nonsense, Note } from "./station_note.ts";

/** How often a reader tries that is overtaken while it copies: three values, each time. */
const TRIES = 10_000;

/** Reads the newest value, whole. */
export class LatestReader {
  /** The sequence of the value that was read last. */
  sequence = -1;
  readonly #station: Station;
  readonly #stride: number;
  readonly #note = new Note();

  constructor(station: Station) {
    this.#station = station;
    this.#stride = recordSize(station.length);
  }

  /**
   * Copies the newest value, unless it is the one that was read last (`anew`: also then), to where
   * it lands, and returns its length; {@linkcode NOTHING} if there is none, or no newer one.
   */
  read(landing: Landing, anew: boolean): number {
    const { place, data, cookieLow, cookieHigh, length: size } = this.#station;
    const { words } = place;
    const note = this.#note;
    for (let tries = 0; tries < TRIES; tries++) {
      note.read(this.#station);
      const sequence = note.next - 1;
      if (sequence < 0 || (!anew && sequence === this.sequence)) return NOTHING;
      const low = sequence % 2 ** 32 | 0;
      const offset = data + (low & SLOTS - 1) * this.#stride;
      const at = offset >>> 2;
      const length = words[at] >>> 0;
      const kind = words[at + 1];
      const sound = length <= size && kind === MESSAGE &&
        words[at + 2] === (low ^ cookieLow) &&
        words[at + 3] === ((sequence / 2 ** 32 | 0) ^ cookieHigh);
      if (sound) land(landing, words, place.bytes, offset + RECORD_BYTES, length);
      // SYNC POINT: pairs with intend(). If the copy saw anything of a newer value in this slot,
      // the intent of that one is seen here.
      const begun = fence(words, INTENT) - low | 0;
      if (!sound || begun < 1 || begun > SLOTS) {
        // Nobody overtakes without a newer tail.
        if (Atomics.load(words, TAIL) >>> 4 !== note.tail >>> 4) continue;
        throw nonsense(place, `value ${sequence} is none`);
      }
      this.sequence = sequence;
      return length;
    }
    return NOTHING;
  }
}
