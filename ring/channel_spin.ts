/** How many bytes the other side copies while this one makes a pause. */
const BYTES_PER_PAUSE = 512;

/** The most pauses: about a tenth of a millisecond. */
const MOST = 3000;

/** After it was in vain so often in a row ... */
const FAILURES = 4;

/** ... it is tried again after so many times. */
const TRY_AGAIN = 8;

/**
 * How long to spin for the other side that is copying a long message: to sleep and be woken takes
 * about as long.
 */
export class LongSpin {
  #failures = 0;
  #skip = 0;

  /** How many pauses to make; 0 where messages are short, or it was in vain of late. */
  pausesFor(length: number): number {
    if (length < 16 * BYTES_PER_PAUSE) return 0;
    if (this.#skip > 0) {
      this.#skip--;
      return 0;
    }
    return Math.min(MOST, 16 + Math.ceil(2 * length / BYTES_PER_PAUSE));
  }

  /** Learns whether it helped, and returns that. */
  learn(helped: boolean): boolean {
    this.#failures = helped ? 0 : this.#failures + 1;
    if (this.#failures >= FAILURES) this.#skip = TRY_AGAIN;
    return helped;
  }
}
