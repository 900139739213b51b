import { futexWait } from "../ffi/futex.ts";
import { type Patience, SPIN_SYNC } from "./patience.ts";
import type { SharedPlace } from "./place.ts";

/**
 * The longest that anybody sleeps before asking again, in milliseconds. A process that is killed
 * between its store and its wake-up leaves nobody asleep for longer, and what no futex tells, such
 * as the death of a peer, is noticed then.
 */
export const RECHECK = 100;

/** The same as it is kept to: for tests, which would find nothing if everything healed itself. */
export const timing: { recheck: number } = { recheck: RECHECK };

/**
 * Something to wait for, in a 32-bit word of shared memory. Whatever makes an attempt succeed
 * changes the word, and then wakes those who sleep on it.
 */
export interface Waitable<T> {
  /** Where the word lies. */
  readonly place: SharedPlace;
  /** Which word of the place it is. */
  readonly index: number;
  /** How long to spin. */
  readonly patience: Patience;
  /**
   * Tells apart what is waited for on one word. If one can't have it, those of the same kind who
   * came after it aren't asked, and never get it before it does. Without it each is asked each
   * time, in their order: with thousands that takes its time.
   */
  readonly kind?: string;
  /** Takes it if it is there, without blocking; `undefined` if it isn't. Throws if it never will. */
  attempt(): T | undefined;
  /**
   * Sees to it that others wake whoever sleeps from now on, and returns the value of the word to
   * sleep on; `undefined` if it changed meanwhile. Without it, others always wake. For those of a
   * kind that wait asynchronously, one announcement stands for all.
   */
  announce?(value: number): number | undefined;
  /** Undoes an announcement, after the sleep. */
  retire?(): void;
}

/** What a thread does before it sleeps: set by whoever wakes for its asynchronous waits. */
export const sleeping = { prepare: () => {} };

/**
 * Tries for a short while, within a bound in milliseconds; `undefined` if that was in vain.
 */
export function spin<T>(waitable: Waitable<T>, bound: number = SPIN_SYNC): T | undefined {
  const { patience } = waitable;
  const tries = patience.tries(bound);
  if (tries === 0) return undefined;
  const start = performance.now();
  for (let i = 1; i <= tries; i++) {
    Atomics.pause();
    const result = waitable.attempt();
    if (result === undefined) continue;
    patience.learn(i, true, performance.now() - start);
    return result;
  }
  patience.learn(tries, false, performance.now() - start);
}

/**
 * Waits on this thread for some milliseconds at most, by default for ever; `undefined` if that was
 * in vain. With a timeout of 0 it asks once.
 */
export function waitSync<T>(waitable: Waitable<T>, timeout?: number): T | undefined {
  const first = waitable.attempt();
  if (first !== undefined || timeout === 0) return first;
  return waitLong(waitable, timeout);
}

function waitLong<T>(waitable: Waitable<T>, timeout?: number): T | undefined {
  const deadline = timeout === undefined ? Infinity : performance.now() + timeout;
  const early = spin(waitable);
  if (early !== undefined) return early;
  const { place, index, patience } = waitable;
  let start = 0;
  for (;;) {
    const seen = Atomics.load(place.words, index);
    const result = waitable.attempt();
    const now = performance.now();
    if (result !== undefined) {
      if (start > 0) patience.slept(now - start);
      return result;
    }
    const left = deadline - now;
    if (left <= 0) return undefined;
    if (start === 0) start = now;
    const expected = waitable.announce ? waitable.announce(seen) : seen;
    if (expected === undefined) continue;
    sleeping.prepare();
    futexWait(place.address + BigInt(4 * index), expected, Math.min(left, timing.recheck));
    waitable.retire?.();
  }
}
