import { sleepSync } from "../ffi/wait.ts";

// How often to ask for something that the kernel doesn't wait for with a limit.

/** The first pause between two tries, in milliseconds; it doubles up to the longest. */
export const FIRST_PAUSE = 1;

/** The longest pause, in milliseconds. */
const LONGEST_PAUSE = 16;

/** The pause that follows a pause in vain. */
export function longer(pause: number): number {
  return Math.min(2 * pause, LONGEST_PAUSE);
}

/**
 * How often to try before the thread pauses or blocks: for some 15 us, about what it takes to wake
 * it up again.
 */
const SPINS = 40;

/** Tries for a short while; `undefined` if that was in vain. */
export function spin<T>(attempt: () => T | undefined): T | undefined {
  for (let tries = 0; tries < SPINS; tries++) {
    const result = attempt();
    if (result !== undefined) return result;
  }
}

/**
 * Tries until the time is over, in milliseconds, and blocks the thread in the pauses; `undefined`
 * if that was in vain. With no time it tries once.
 */
export function pollSync<T>(attempt: () => T | undefined, timeout: number): T | undefined {
  if (timeout === 0) return attempt();
  const deadline = performance.now() + timeout;
  let result = spin(attempt);
  for (let pause = FIRST_PAUSE; result === undefined; pause = longer(pause)) {
    const remaining = deadline - performance.now();
    if (remaining <= 0) return undefined;
    sleepSync(Math.min(pause, remaining));
    result = attempt();
  }
  return result;
}
