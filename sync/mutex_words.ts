import { FUTEX_OWNER_DIED, FUTEX_WAITERS, MUTEX_LOCK } from "../ffi/pthread.ts";

// How those who wait for a mutex asynchronously, and don't sleep in C's functions, are woken by
// whoever unlocks it, C programs too. The lock's word is the owner's thread id, and FUTEX_WAITERS,
// which has C's unlock wake one sleeper. That bit is
//
// - set before anybody sleeps, by announce(): an unlock after it wakes, and one before it changed
//   the word, so that the kernel lets nobody sleep on it. Who is woken and doesn't get the mutex,
//   since somebody was faster, announces anew; who gives up then passes the wake-up on;
// - cleared by unlocking, though others may still sleep;
// - set again for them by who was woken, once it has the mutex, by remind(). That this is a second
//   step does no harm: nobody but the owner unlocks.
//
// If one is killed after it was woken, or between the two steps, others stay asleep: here for
// RECHECK at most, and C programs until the next one who waited unlocks it.

type Words = Int32Array<ArrayBufferLike>;

/** Sees to it that the owner wakes those who sleep; returns the value to sleep on. */
export function announce(words: Words, value: number): number | undefined {
  if (value === 0 || (value & FUTEX_OWNER_DIED) !== 0) return undefined;
  if ((value & FUTEX_WAITERS) !== 0) return value;
  const announced = value | FUTEX_WAITERS;
  const found = Atomics.compareExchange(words, MUTEX_LOCK, value, announced);
  return found === value ? announced : undefined;
}

/** Has this thread, which has the mutex, wake somebody when it unlocks it. */
export function remind(words: Words): void {
  Atomics.or(words, MUTEX_LOCK, FUTEX_WAITERS);
}
