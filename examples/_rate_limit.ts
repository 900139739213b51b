// What the workers of shared_rate_limit.ts share: one array of 64-bit words in shared memory. All
// that a request does to it is one atomic operation after the other, each of which
// leaves it right: a worker may be killed between any two.

/** Words that other threads and processes change, too. */
export type Words = BigInt64Array<ArrayBufferLike>;

/** How many requests there were, from all. */
const TOTAL = 0;
/** How many of them were refused. */
const REFUSED = 1;
/** How many requests are let through per second. */
const LIMIT = 2;
/** When all that were let through are paid for: each moves it on by its share of a second. */
const PAID = 3;
/** Pairs of words, one for each process: its id, and how many requests it had. */
const PLACES = 4;
const PLACE_COUNT = 126;

/** How many words there are. */
export const WORD_COUNT = PLACES + 2 * PLACE_COUNT;

const SECOND = 1_000_000_000n; // in nanoseconds, the unit of all times here

/** The most that the limit can be: one per nanosecond. */
export const MAX_LIMIT = Number(SECOND);

/** What {@linkcode count} and {@linkcode admit} left behind. */
export interface Counts {
  readonly total: number;
  readonly refused: number;
  readonly limit: number;
  readonly process: number;
}

/** Makes words of zeros usable, or those of killed processes, which aren't there any more. */
export function start(words: Words, limit: number): void {
  words.fill(0n, PLACES);
  setLimit(words, limit);
}

/** Sets the limit for all. */
export function setLimit(words: Words, limit: number): void {
  Atomics.store(words, LIMIT, BigInt(limit));
}

/** Counts a request of a process, whose place is `place`. */
export function count(words: Words, place: number): void {
  Atomics.add(words, TOTAL, 1n);
  Atomics.add(words, place + 1, 1n);
}

/** The time that all processes agree on, in nanoseconds. */
function wallClock(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/**
 * Lets a request through and returns 0, or refuses it and returns how long to wait, in nanoseconds.
 * A second's worth of requests may come at once; from then on they are let through evenly.
 */
export function admit(words: Words, clock: () => bigint = wallClock): bigint {
  const share = SECOND / Atomics.load(words, LIMIT);
  for (;;) {
    const seen = Atomics.load(words, PAID);
    // A look at the clock after that: what was seen is a second ahead of it at most, unless the
    // clock was set back.
    const now = clock();
    const paid = seen > now && seen <= now + SECOND ? seen : now;
    const wait = paid + share - (now + SECOND);
    if (wait > 0n) {
      Atomics.add(words, REFUSED, 1n);
      return wait;
    }
    // If another worker was faster, it has paid meanwhile: look again.
    if (Atomics.compareExchange(words, PAID, seen, paid + share) === seen) return 0n;
  }
}

/** What was counted until now. */
export function counts(words: Words, place: number): Counts {
  const number = (index: number) => Number(Atomics.load(words, index));
  return {
    total: number(TOTAL),
    refused: number(REFUSED),
    limit: number(LIMIT),
    process: number(place + 1),
  };
}

/**
 * Finds the place of a process, or gives it one: only one caller at a time. Those of processes
 * that ended are free again when all have; if there are too many, one of them is taken over.
 */
export function placeOf(words: Words, pid: number): number {
  const first = pid % PLACE_COUNT;
  for (let step = 0; step < PLACE_COUNT; step++) {
    const place = PLACES + 2 * ((first + step) % PLACE_COUNT);
    if (words[place] === BigInt(pid)) return place;
    if (words[place] === 0n) {
      words[place] = BigInt(pid);
      return place;
    }
  }
  const place = PLACES + 2 * first;
  words.set([BigInt(pid), 0n], place);
  return place;
}
