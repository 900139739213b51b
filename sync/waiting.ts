import { futexWait } from "../ffi/futex.ts";
import type { Patience } from "./patience.ts";
import type { SharedPlace } from "./place.ts";

/**
 * The longest that anybody sleeps before asking again, in milliseconds. A process that is killed
 * between its store and its wake-up leaves nobody asleep for longer, and what no futex tells, such
 * as the death of a peer, is noticed then.
 */
export const RECHECK = 100;

/** Something to wait for, in a 32-bit word of shared memory. */
export interface Waitable<T> {
  /** Where the word lies. */
  readonly place: SharedPlace;
  /** Which word of the place it is. */
  readonly index: number;
  /** How long to spin. */
  readonly patience: Patience;
  /** Takes it if it is there, without blocking; `undefined` if it isn't. Throws if it never will. */
  attempt(): T | undefined;
  /**
   * Sees to it that others wake whoever sleeps from now on, and returns the value of the word to
   * sleep on; `undefined` if it changed meanwhile. Without it, others always wake.
   */
  announce?(value: number): number | undefined;
  /** Undoes an announcement, after the sleep. */
  retire?(): void;
}

/** Tries for a short while; `undefined` if that was in vain. */
export function spin<T>(waitable: Waitable<T>): T | undefined {
  const { patience } = waitable;
  const { tries } = patience;
  for (let i = 0; i < tries; i++) {
    Atomics.pause();
    const result = waitable.attempt();
    if (result === undefined) continue;
    patience.learn(i, true);
    return result;
  }
  if (tries > 0) patience.learn(tries, false);
}

/**
 * Waits on this thread for some milliseconds at most, by default for ever; `undefined` if that was
 * in vain. With a timeout of 0 it asks once.
 */
export function waitSync<T>(waitable: Waitable<T>, timeout?: number): T | undefined {
  const first = waitable.attempt();
  if (first !== undefined || timeout === 0) return first;
  const deadline = timeout === undefined ? Infinity : performance.now() + timeout;
  const early = spin(waitable);
  if (early !== undefined) return early;
  const { place, index } = waitable;
  for (;;) {
    const seen = Atomics.load(place.words, index);
    const result = waitable.attempt();
    if (result !== undefined) return result;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    const expected = waitable.announce ? waitable.announce(seen) : seen;
    if (expected === undefined) continue;
    futexWait(place.address + BigInt(4 * index), expected, Math.min(left, RECHECK));
    waitable.retire?.();
  }
}
