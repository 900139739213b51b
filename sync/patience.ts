/** How often to ask, before sleeping, for what is expected to come soon. */
const MOST = 2000;

/** What is asked even if it never came so far: once in a while it could. */
const LEAST = 10;

/** One processor can't do what is asked for while it asks. */
const alone = navigator.hardwareConcurrency === 1;

/**
 * How long it pays to ask again and again before sleeping: what came after some asking will
 * probably do so again, and what never came isn't worth the processor's time. A bound of some 20 us
 * holds in any case, since to sleep and be woken takes about that long.
 */
export class Patience {
  #expected = LEAST;

  /** How often to ask now. */
  get tries(): number {
    return alone ? 0 : Math.min(MOST, 2 * this.#expected + LEAST);
  }

  /** Learns from what came at some try, or didn't come within all of them. */
  learn(tries: number, came: boolean): void {
    this.#expected += ((came ? tries : 0) - this.#expected) / 8;
  }
}
