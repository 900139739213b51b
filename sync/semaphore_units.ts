import { ALL, futexWake } from "../ffi/futex.ts";
import { HEADER_WORDS } from "./header.ts";
import { garbled } from "./object.ts";
import { Patience } from "./patience.ts";
import type { SharedPlace } from "./place.ts";
import type { Waitable } from "./waitable.ts";

/** The most units: what `SEM_VALUE_MAX` is, too. */
export const MAX_UNITS = 0x7fffffff;

/** The units that are there: the futex word. */
const VALUE = HEADER_WORDS;
/** How many sleep, or more if some were killed: whoever gives wakes only if there are any. */
const SLEEPERS = HEADER_WORDS + 1;
/** How many of them want more than one unit: which of all can have theirs, only they know. */
const GREEDY = HEADER_WORDS + 2;

/** The units of a semaphore. */
export class SemaphoreUnits {
  readonly place: SharedPlace;
  readonly #patience = new Patience();
  readonly #one: Waitable<true>;

  constructor(place: SharedPlace) {
    this.place = place;
    this.#one = this.#waitableFor(1);
  }

  /** What waits for so many units. */
  waitable(amount: number): Waitable<true> {
    return amount === 1 ? this.#one : this.#waitableFor(amount);
  }

  /** How many are there. */
  value(): number {
    return this.#load("read", this.place.words);
  }

  /** Takes units; `false` if there are fewer. */
  take(amount: number): boolean {
    const { words } = this.place;
    for (;;) {
      const value = this.#load("acquire", words);
      if (value < amount) return false;
      if (Atomics.compareExchange(words, VALUE, value, value - amount) === value) return true;
    }
  }

  /** Gives units, and wakes those who can have them. */
  give(amount: number): void {
    const { place } = this;
    const { words } = place;
    for (;;) {
      const value = this.#load("release", words);
      if (value > MAX_UNITS - amount) {
        throw new RangeError(
          `Cannot release ${place.name}: its value would exceed ${MAX_UNITS}. It was released more often than acquired`,
        );
      }
      if (Atomics.compareExchange(words, VALUE, value, value + amount) === value) break;
    }
    // Whoever counts itself among the sleepers after this finds the value changed (announce()).
    if (Atomics.load(words, SLEEPERS) === 0) return;
    const count = Atomics.load(words, GREEDY) === 0 ? amount : ALL;
    futexWake(place.address + BigInt(4 * VALUE), count);
  }

  #load(verb: string, words: Int32Array<ArrayBufferLike>): number {
    const value = Atomics.load(words, VALUE);
    if (value < 0) throw garbled(verb, this.place, `its value is ${value}`);
    return value;
  }

  #waitableFor(amount: number): Waitable<true> {
    const { place } = this;
    const count = (by: 1 | -1) => {
      Atomics.add(place.words, SLEEPERS, by);
      if (amount > 1) Atomics.add(place.words, GREEDY, by);
    };
    return {
      place,
      index: VALUE,
      patience: this.#patience,
      kind: "acquire",
      attempt: () => this.take(amount) || undefined,
      announce(value) {
        // The units may have been taken and given back since the attempt: nobody wakes for that.
        if (value >= amount) return undefined;
        count(1);
        return value;
      },
      retire: () => count(-1),
    };
  }
}
