import { futexWait } from "../ffi/futex.ts";
import { SPIN_SYNC } from "./patience.ts";
import { timing, type Waitable } from "./waitable.ts";

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
