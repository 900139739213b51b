/** How long to spin before the thread sleeps, in milliseconds: about what it takes to wake it. */
export const SPIN_SYNC = 0.02;

/**
 * How long to spin before a promise is given that is still pending, in milliseconds: meanwhile
 * nothing else happens on the thread.
 */
export const SPIN_ASYNC = 0.008;

/** How long to spin even if it never helped so far: another who spins answers within that. */
const LEAST = 0.002;

/** Every how many waits it is tried whether more would help. */
const PROBE_EVERY = 32;

/**
 * How long such a probe may be. A wait that takes longer than this wasn't long because of the
 * wake-up: more spinning wouldn't have helped.
 */
const PROBE = 0.15;

/** What one try may cost, in milliseconds: of what is measured, less or more is an accident. */
const CHEAPEST = 20e-6;
const DEAREST = 2e-3;

/** Whether it makes sense: one processor can't do what is asked for while it asks. */
let enabled = navigator.hardwareConcurrency > 1;

/** Switches all spinning of this thread off, or on again: for tests and measurements. */
export function setSpinning(on: boolean): void {
  enabled = on;
}

/**
 * How long it pays to ask again and again before sleeping: what came after some asking will
 * probably do so again, and what never came isn't worth the processor's time. It spins for no
 * longer than a bound of time, since to sleep and be woken takes about that long. Kept per thing
 * that is waited for.
 */
export class Patience {
  /** How many tries it probably takes. */
  #expected = 0;
  /** What one try costs, in milliseconds. */
  #cost = 200e-6;
  /** How long sleeps last, in milliseconds. */
  #sleep = Infinity;
  #waits = 0;

  /** How often to ask now, within so many milliseconds. */
  tries(bound: number): number {
    if (!enabled) return 0;
    // Two who answer each other may both sleep only because the other one does, and be ten times
    // as fast if one of them begins to spin until the other is awake.
    if (++this.#waits % PROBE_EVERY === 0 && this.#sleep < PROBE) {
      return Math.ceil(Math.max(bound, 1.5 * this.#sleep) / this.#cost);
    }
    const most = Math.ceil(bound / this.#cost);
    return Math.min(most, Math.ceil(LEAST / this.#cost + 2 * this.#expected));
  }

  /** Learns from what came at some try, or didn't come within all of them, in that time. */
  learn(tries: number, came: boolean, milliseconds: number): void {
    this.#expected += ((came ? tries : 0) - this.#expected) / 4;
    if (tries < 8) return; // too few to measure
    const cost = Math.min(DEAREST, Math.max(CHEAPEST, milliseconds / tries));
    this.#cost += (cost - this.#cost) / 8;
  }

  /** Learns how long a sleep was after which it came. */
  slept(milliseconds: number): void {
    this.#sleep = milliseconds < PROBE && this.#sleep < PROBE
      ? this.#sleep + (milliseconds - this.#sleep) / 4
      : milliseconds;
  }
}
