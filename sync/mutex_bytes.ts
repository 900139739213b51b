import { FUTEX_TID_MASK, MUTEX_KIND, MUTEX_LOCK, newMutex } from "../ffi/pthread.ts";
import type { SharedPlace } from "./place.ts";

// The bytes of a pthread_mutex_t of glibc: what they say about what it is.

/** How many words of it matter: up to the list's pointers. */
export const MUTEX_WORDS = 10;

/** The word with glibc's own note of the owner. */
export const MUTEX_OWNER = 2;
/** In {@linkcode MUTEX_OWNER}: the last owner died, and this one hasn't repaired the state yet. */
export const INCONSISTENT = 0x7fffffff;
/** In {@linkcode MUTEX_OWNER}: nobody repaired it, and nobody can lock it any more. */
export const NOT_RECOVERABLE = 0x7ffffffe;

// The kind (`__kind`): two bits for the type and one for each of these.
const TYPES = ["normal", "recursive", "error-checking", "adaptive"];
const TYPE_MASK = 3;
const ROBUST = 0x10;
const PRIO_INHERIT = 0x20;
const PRIO_PROTECT = 0x40;
const PSHARED = 0x80;
const KNOWN = TYPE_MASK | ROBUST | PRIO_INHERIT | PRIO_PROTECT | PSHARED;

/** The greatest thread id that a system gives (`PID_MAX_LIMIT`). */
const MOST_TID = 2 ** 22;

/** Whether a kind is that of a mutex that Isthmus locks: robust and process-shared, of any type. */
export function isUsable(kind: number): boolean {
  return (kind & ~TYPE_MASK) === (ROBUST | PSHARED);
}

let bytes: Int32Array | undefined;

/** The words of a new mutex. All but the one of the kind are 0: tested. */
function fresh(): Int32Array {
  return bytes ??= newMutex();
}

/**
 * Makes a mutex of zeros, at a word of a place; `false` if one is there. Of several who try it at
 * once, one succeeds.
 *
 * @throws {Deno.errors.InvalidData} If something else is there.
 */
export function makeMutex(place: SharedPlace, index: number): boolean {
  const { words } = place;
  // Word by word: another who makes it now may have locked it already.
  const kind = Atomics.load(words, index + MUTEX_KIND);
  if (kind === 0) {
    for (let i = 0; i < fresh().length; i++) {
      if (words[index + i] !== 0 && Atomics.load(words, index + MUTEX_KIND) === 0) {
        throw garbage(place, "create");
      }
    }
    // The word that makes zeros a mutex: whoever sees it sees one that nobody has locked yet.
    if (Atomics.compareExchange(words, index + MUTEX_KIND, 0, fresh()[MUTEX_KIND]) === 0) {
      return true;
    }
  }
  checkMutex(place, index, "create");
  return false;
}

/**
 * Checks that a mutex is at a word of a place.
 *
 * @throws {Deno.errors.NotFound} If nothing is there.
 * @throws {Deno.errors.InvalidData} If something else is there, or a mutex of another kind.
 */
export function checkMutex(place: SharedPlace, index: number, verb: "create" | "open" | "lock") {
  const { words } = place;
  const kind = Atomics.load(words, index + MUTEX_KIND);
  if (isUsable(kind)) return;
  if ((words[index + MUTEX_LOCK] & FUTEX_TID_MASK) > MOST_TID) throw garbage(place, verb);
  if (kind !== 0) throw misfit(place, verb, kind);
  for (let i = MUTEX_LOCK; i < MUTEX_WORDS; i++) {
    // glibc's default mutex has the kind 0: locked, it isn't zeros.
    if (words[index + i] !== 0) throw garbage(place, verb);
  }
  throw new Deno.errors.NotFound(
    `Cannot ${verb} ${place.name}: nothing is there but zeros. Start the program that creates it first, or use openOrCreate()`,
  );
}

function garbage(place: SharedPlace, verb: string): Error {
  return new Deno.errors.InvalidData(
    `Cannot ${verb} ${place.name}: something else is there. Give another offset, or fill the memory with zeros first`,
  );
}

/** What is wrong with a kind, for somebody who made it in C. */
function misfit(place: SharedPlace, verb: string, kind: number): Error {
  if ((kind & ~KNOWN) !== 0) return garbage(place, verb);
  const missing = [
    ...kind & PSHARED
      ? []
      : ["process-shared: pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED)"],
    ...kind & ROBUST ? [] : ["robust: pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)"],
    ...kind & (PRIO_INHERIT | PRIO_PROTECT)
      ? ["without a protocol: pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_NONE)"]
      : [],
  ];
  return new Deno.errors.InvalidData(
    `Cannot ${verb} ${place.name}: the ${TYPES[kind & TYPE_MASK]} mutex there must be made ${
      missing.join(", and ")
    }`,
  );
}
