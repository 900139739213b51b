import { ALL, futexWake } from "../ffi/futex.ts";
import { HEADER_WORDS } from "./header.ts";
import { Patience } from "./patience.ts";
import type { SharedPlace } from "./place.ts";
import type { Waitable } from "./waitable.ts";

/** The futex word. */
const STATE = HEADER_WORDS;
/** How many wait, or more if some were killed. */
const WAITING = HEADER_WORDS + 1;

/** What differs between the two ways to reset an event, and what doesn't. */
export abstract class EventState {
  protected readonly place: SharedPlace;
  protected readonly patience: Patience = new Patience();

  constructor(place: SharedPlace) {
    this.place = place;
  }

  /** Whether it is set. */
  isSet(): boolean {
    return this.isSetNow(Atomics.load(this.place.words, STATE));
  }

  /** Sets it. */
  abstract set(): void;

  /** Resets it. */
  abstract clear(): void;

  /** Whether it is set, or was it for this caller. */
  abstract take(): boolean;

  /** Begins a wait, of which those who set it know from now on. */
  enter(): Waitable<true> {
    const { place } = this;
    place.pin(); // so that exit() can undo it, even if the memory is closed meanwhile
    Atomics.add(place.words, WAITING, 1);
    return this.waitable();
  }

  /** Ends a wait, however. */
  exit(): void {
    const { place } = this;
    place.revive(() => this.exitNow(place.words));
    place.unpin();
  }

  protected exitNow(words: Int32Array<ArrayBufferLike>): void {
    Atomics.sub(words, WAITING, 1);
  }

  protected abstract isSetNow(state: number): boolean;

  protected abstract waitable(): Waitable<true>;

  /** Wakes some of those who wait, after the state was changed. */
  protected wake(words: Int32Array<ArrayBufferLike>, count: number): void {
    // Whoever counts itself after this finds the state changed.
    if (Atomics.load(words, WAITING) === 0) return;
    futexWake(this.place.address + BigInt(4 * STATE), count);
  }

  protected waitableFor(attempt: () => true | undefined): Waitable<true> {
    const { place, patience } = this;
    // It may have been taken and set again since the attempt: nobody wakes for that any more.
    const announce = (value: number) => this.isSetNow(value) ? undefined : value;
    return { place, index: STATE, patience, kind: "event", attempt, announce };
  }
}

/**
 * One that stays set until it is cleared. The lowest bit of the word says whether it is; the others
 * count how often it was, so that whoever waited then knows, even if it was cleared at once.
 */
export class ManualReset extends EventState {
  set(): void {
    const { words } = this.place;
    for (;;) {
      const state = Atomics.load(words, STATE);
      if (this.isSetNow(state)) return;
      if (Atomics.compareExchange(words, STATE, state, (state + 2) | 1) === state) break;
    }
    this.wake(words, ALL);
  }

  clear(): void {
    Atomics.and(this.place.words, STATE, ~1);
  }

  take(): boolean {
    return this.isSet();
  }

  protected isSetNow(state: number): boolean {
    return (state & 1) === 1;
  }

  protected waitable(): Waitable<true> {
    const { place } = this;
    const before = Atomics.load(place.words, STATE) >>> 1;
    return this.waitableFor(() => {
      const state = Atomics.load(place.words, STATE);
      return this.isSetNow(state) || state >>> 1 !== before || undefined;
    });
  }
}

/**
 * One of which each setting releases one waiter. The word counts the settings that nobody has taken
 * yet: at most one for each who waits, and one for the next to come.
 */
export class AutomaticReset extends EventState {
  readonly #waitable = this.waitableFor(() => this.take() || undefined);

  set(): void {
    const { words } = this.place;
    for (;;) {
      const state = Atomics.load(words, STATE);
      if (state > Atomics.load(words, WAITING)) return;
      if (Atomics.compareExchange(words, STATE, state, state + 1) === state) break;
    }
    this.wake(words, 1);
  }

  clear(): void {
    Atomics.store(this.place.words, STATE, 0);
  }

  take(): boolean {
    const { words } = this.place;
    for (;;) {
      const state = Atomics.load(words, STATE);
      if (!this.isSetNow(state)) return false;
      if (Atomics.compareExchange(words, STATE, state, state - 1) === state) return true;
    }
  }

  /** Also forgets a setting that was for somebody who gave up, if one is there for the next. */
  protected override exitNow(words: Int32Array<ArrayBufferLike>): void {
    super.exitNow(words);
    for (;;) {
      const state = Atomics.load(words, STATE);
      if (state <= Math.max(0, Atomics.load(words, WAITING)) + 1) return;
      if (Atomics.compareExchange(words, STATE, state, state - 1) === state) return;
    }
  }

  protected isSetNow(state: number): boolean {
    return state > 0;
  }

  protected waitable(): Waitable<true> {
    return this.#waitable;
  }
}
