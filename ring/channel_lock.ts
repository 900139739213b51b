import { deadlineOf, sleepSync, timeLeft } from "../ffi/wait.ts";
import { BUSY, type LockResult } from "../sync/lock_result.ts";
import type { MutexCore } from "../sync/mutex_core.ts";
import { type Patience, SPIN_SYNC } from "../sync/patience.ts";

// How many senders (or receivers) take turns at the mutex of their side. Each has it for well under
// a microsecond. To sleep on it as glibc does would have every unlock make a system call to wake
// somebody who finds it locked again, and two who run at the same time slow each other down much
// more than one who runs alone. So whoever doesn't get it soon takes a nap, which nobody has to
// end, and leaves the processors to the one who has it and to the other side. Only if it is held
// for long, from a claim to its commit for example, does it sleep on the mutex itself.

/** Tries before the first nap. */
const TRIES = 4;

/** How long naps are, in milliseconds: each is twice as long as the one before. */
const NAPS = { first: 0.05, last: 0.8 };

/** Locks it, for at most so many milliseconds. */
export function lockPatiently(
  core: MutexCore,
  patience: Patience,
  timeout?: number,
): LockResult {
  const deadline = deadlineOf(timeout);
  if (!core.isMine && patience.tries(SPIN_SYNC) > 0) {
    for (let nap = NAPS.first; nap <= NAPS.last; nap *= 2) {
      for (let i = 0; i < TRIES; i++) {
        const result = core.tryLock();
        if (result !== BUSY) return result;
        Atomics.pause();
      }
      const left = timeLeft(deadline) ?? nap;
      if (left === 0) return BUSY;
      sleepSync(Math.min(nap, left));
    }
  }
  return core.lockSync(timeLeft(deadline));
}
