import { futexWake } from "../ffi/futex.ts";
import { livenessOf, ownIdentity } from "../ffi/process.ts";
import {
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  MUTEX_KIND,
  MUTEX_LOCK,
  MUTEX_PREVIOUS,
  mutexUnlock,
} from "../ffi/pthread.ts";
import { wordsAt } from "../ffi/robust_list.ts";
import { isUsable, MUTEX_OWNER, MUTEX_WORDS, NOT_RECOVERABLE } from "./mutex_bytes.ts";
import { lostMutex } from "./mutex_errors.ts";
import type { SharedPlace } from "./place.ts";
import { heldMutexes, type RobustEntry } from "./held_mutexes.ts";

// What is done to a mutex when something went wrong: its owner is no more, or left it as nobody can
// lock it, or its memory was closed or overwritten while it was locked.

type Words = Int32Array<ArrayBufferLike>;

/**
 * Makes one that nobody can lock any more one whose owner died. Whoever locks that finds the
 * owner's word overwritten, and is told: all of it by C's own rules.
 */
export function revive(words: Words, address: bigint): void {
  if (words[MUTEX_OWNER] !== NOT_RECOVERABLE) return;
  const dead = FUTEX_OWNER_DIED | FUTEX_WAITERS;
  if (Atomics.compareExchange(words, MUTEX_LOCK, 0, dead) === 0) futexWake(address, 1);
}

/** Does what the kernel does for an owner who died, if the lock's word still is what it was. */
export function leaveDead(words: Words, address: bigint, word: number): void {
  const freed = word & FUTEX_WAITERS | FUTEX_OWNER_DIED;
  if (Atomics.compareExchange(words, MUTEX_LOCK, word, freed) === word) futexWake(address, 1);
}

/**
 * Frees one whose owner is no more, which the kernel couldn't know, since the system was switched
 * off. The owner is looked for among the threads of this pid namespace.
 */
export function freeIfDead(words: Words, address: bigint): void {
  const word = Atomics.load(words, MUTEX_LOCK);
  const tid = word & FUTEX_TID_MASK;
  if (tid === 0 || (word & FUTEX_OWNER_DIED) !== 0) return;
  const { namespace } = ownIdentity();
  const liveness = livenessOf({ pid: tid, tid, startTime: 0n, namespace });
  if (liveness === "dead") leaveDead(words, address, word);
}

/**
 * glibc's pthread_mutex_trylock leaves the thread's id in a mutex that is not recoverable, as if it
 * were locked, without having it in the thread's list (seen in 2.36): takes it out again.
 */
export function letGo(words: Words, address: bigint): void {
  if ((words[MUTEX_LOCK] & FUTEX_TID_MASK) !== heldMutexes().tid) return;
  if ((Atomics.exchange(words, MUTEX_LOCK, 0) & FUTEX_WAITERS) !== 0) futexWake(address, 1);
}

/** A mutex that this thread has locked. */
type Held = RobustEntry & { readonly place: SharedPlace };

/** Unlocks one whose memory was closed, which it outlives, or whose bytes were overwritten. */
export function unlockStranger(mutex: Held, words: Words, address: bigint): void {
  const current = mapped(words, address);
  if (isOwn(current) && heldMutexes().isPlausible(mutex, current, MUTEX_PREVIOUS)) {
    mutexUnlock(address);
    forget(mutex);
  } else {
    abandon(mutex, words, address); // who knows what else was overwritten
    throw lostMutex(mutex.place);
  }
}

/** Leaves one to the next one, who is told, as the kernel would if this thread had died. */
export function abandon(mutex: Held, words: Words, address: bigint): void {
  heldMutexes().unlink(mutex);
  const current = mapped(words, address);
  if (isOwn(current)) {
    current.fill(0, MUTEX_PREVIOUS, MUTEX_WORDS);
    Atomics.store(current, MUTEX_LOCK, FUTEX_OWNER_DIED | FUTEX_WAITERS);
    futexWake(address, 1);
  }
  forget(mutex);
}

/** Its words as long as it is locked, also if the views ended with the memory: it is mapped. */
function mapped(words: Words, address: bigint): Words {
  return words.length > 0 ? words : wordsAt(address, MUTEX_WORDS);
}

/** Whether they say that this thread has it, and C would read them so. */
function isOwn(words: Words): boolean {
  return (words[MUTEX_LOCK] & FUTEX_TID_MASK) === heldMutexes().tid && isUsable(words[MUTEX_KIND]);
}

/** Notes that this thread doesn't have it any more. */
function forget(mutex: Held): void {
  heldMutexes().remove(mutex);
  if (mutex.place.closed) mutex.place.unpin(); // see addKeeper()
}
