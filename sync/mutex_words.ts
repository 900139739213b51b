import { FUTEX_OWNER_DIED, FUTEX_WAITERS, MUTEX_LOCK } from "../ffi/pthread.ts";
import { MUTEX_OWNER, NOT_RECOVERABLE } from "./mutex_bytes.ts";

// What is done to the words of a mutex without C's functions.
//
// For those who wait asynchronously: the lock's word is the owner's thread id, and FUTEX_WAITERS,
// which has C's unlock wake one sleeper. That bit is set before anybody sleeps, by announce(): an
// unlock after it wakes, and one before it changed the word, so the kernel lets nobody sleep on
// it. Unlocking clears the bit, though others may still sleep: so who was woken sets it again
// once it has the mutex, by remind(), for them. One who is woken and doesn't get it (somebody was
// faster) announces anew, with the same effect; one who leaves instead passes the wake-up on. That
// it takes two steps to lock it and to set the bit does no harm: nobody but the owner unlocks. Only
// if that one is killed just between the two, or after it was woken, others stay asleep: here for
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

/**
 * Makes one that nobody can lock any more one whose owner died. Whoever locks that finds the
 * owner's word overwritten, and is told: all of it by C's own rules.
 */
export function revive(words: Words): boolean {
  if (words[MUTEX_OWNER] !== NOT_RECOVERABLE) return false;
  return Atomics.compareExchange(words, MUTEX_LOCK, 0, FUTEX_OWNER_DIED | FUTEX_WAITERS) === 0;
}

/** Does what the kernel does for an owner who died, if the word still is what it was. */
export function leaveDead(words: Words, word: number): boolean {
  const freed = word & FUTEX_WAITERS | FUTEX_OWNER_DIED;
  return Atomics.compareExchange(words, MUTEX_LOCK, word, freed) === word;
}
