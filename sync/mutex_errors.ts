import { type Advice, systemError } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { ownIdentity } from "../ffi/process.ts";
import { FUTEX_TID_MASK, MUTEX_LOCK } from "../ffi/pthread.ts";
import type { SharedPlace } from "./place.ts";

const ADVICE: Advice = {
  EDEADLK: [
    "this thread has it already",
    "Release the guard first. If another task of this thread has it, take it by the promise, lock(), which waits for that.",
  ],
  ENOTRECOVERABLE: [
    "an owner died with it, and the next one released it without markConsistent()",
    "Take it with recover(), and repair what it guards.",
  ],
  EAGAIN: [
    "this thread holds 2048 mutexes, and the system would give back no more if it died",
    "Release some.",
  ],
};

/** The error for a C function that couldn't. */
export function mutexError(place: SharedPlace, syscall: string, errno: number): Error {
  const { EDEADLK, ENOTRECOVERABLE } = platform().errno;
  return systemError({
    errno,
    syscall,
    action: `lock ${place.name}`,
    advice: ADVICE,
    class: errno === EDEADLK
      ? Deno.errors.Busy
      : errno === ENOTRECOVERABLE
      ? Deno.errors.BadResource
      : undefined,
  });
}

/** The error for whoever would wait for itself. */
export function relocked(place: SharedPlace): Error {
  return mutexError(place, "pthread_mutex_lock", platform().errno.EDEADLK);
}

/** The error for whoever unlocks what isn't there any more. */
export function lostMutex(place: SharedPlace): Error {
  return new Deno.errors.InvalidData(
    `Cannot unlock ${place.name}: its bytes were overwritten while it was locked, or its SharedMemory was closed. ` +
      "Whoever locks it next is told that its owner died, if it still is a mutex",
  );
}

/** The error for whoever uses a guard that was released. */
export function lostGuard(place: SharedPlace, verb: string): Error {
  return new Deno.errors.BadResource(
    `Cannot ${verb} the guard of ${place.name}: it was released. Lock the mutex again`,
  );
}

/** The error for whoever would hand on what a dead owner left. */
export function unrepaired(place: SharedPlace): Error {
  return new Deno.errors.BadResource(
    `Cannot wait with the guard of ${place.name}: its last owner died. Bring in order what it guards, and call markConsistent() first`,
  );
}

/** The error for whoever didn't get it in time. */
export function lockTimeout(place: SharedPlace, timeout: number | undefined, holder = ""): Error {
  return new Deno.errors.TimedOut(
    `Cannot lock ${place.name}: it was not free for ${timeout} ms${holder}. Wait longer, or see why it isn't released`,
  );
}

/** Who has a mutex now, for that error. */
export function holderOf(place: SharedPlace): string {
  if (place.gone) return "";
  const tid = Atomics.load(place.words, MUTEX_LOCK) & FUTEX_TID_MASK;
  if (tid === 0) return "";
  return tid === ownIdentity().tid ? "; this thread has it now" : `; thread ${tid} has it now`;
}

/** The error for whoever would take it from a living owner. */
export function stillHeld(place: SharedPlace, tid: number, mine: boolean): Error {
  const who = mine ? "this thread" : `thread ${tid}, which lives,`;
  return new Deno.errors.Busy(`Cannot recover ${place.name}: ${who} holds it`);
}
