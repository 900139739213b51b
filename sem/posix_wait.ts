import { clockGettime, timespecAfter } from "../ffi/clock.ts";
import { platform } from "../ffi/platform.ts";
import {
  hasSemClockwait,
  hasSemTimedwait,
  semClockwait,
  semClockwaitNonblocking,
  semTimedwait,
  semTimedwaitNonblocking,
  semTrywait,
  semWait,
} from "../ffi/posix_sem.ts";
import { sleepSync } from "../ffi/wait.ts";
import { POLL } from "./lanes.ts";
import type { PosixPlace } from "./posix_place.ts";

/** A way to wait for a unit of a semaphore for some milliseconds, and to take it. */
export interface Waiting {
  /** The C function, for errors. */
  readonly syscall: string;
  /** Whether another thread can wait, and take. */
  readonly elsewhere: boolean;
  /** Waits on this thread; returns 0 or a negated error number. It may end early. */
  wait(sem: bigint, milliseconds: number): number;
  /** Waits on another thread; whether it took. */
  waitElsewhere(sem: bigint, milliseconds: number): Promise<boolean>;
}

/**
 * The longest that a thread is in the kernel without a look at the semaphore, in milliseconds. A
 * process that is killed when it was woken, and before it took the unit, leaves that to nobody.
 */
const LONGEST_BLOCK = 1000;

/**
 * The moment some milliseconds from now: with a buffer of its own, since a call that is under way
 * has it.
 */
function deadline(clockid: number, milliseconds: number): BigInt64Array<ArrayBuffer> {
  return timespecAfter(clockGettime(clockid), Math.min(milliseconds, LONGEST_BLOCK));
}

/** By a clock that nobody sets. */
export const CLOCKWAIT: Waiting = {
  syscall: "sem_clockwait",
  elsewhere: true,
  wait(sem, milliseconds) {
    const { CLOCK_MONOTONIC } = platform().constants;
    return semClockwait(sem, CLOCK_MONOTONIC, deadline(CLOCK_MONOTONIC, milliseconds));
  },
  async waitElsewhere(sem, milliseconds) {
    const { CLOCK_MONOTONIC } = platform().constants;
    const abstime = deadline(CLOCK_MONOTONIC, milliseconds);
    return await semClockwaitNonblocking(sem, CLOCK_MONOTONIC, abstime);
  },
};

/**
 * By the time of day: whoever waits looks at another clock in between, since it may be set. If it
 * is set back meanwhile, glibc before 2.30 waits so much longer.
 */
export const TIMEDWAIT: Waiting = {
  syscall: "sem_timedwait",
  elsewhere: true,
  wait(sem, milliseconds) {
    return semTimedwait(sem, deadline(platform().constants.CLOCK_REALTIME, milliseconds));
  },
  async waitElsewhere(sem, milliseconds) {
    const abstime = deadline(platform().constants.CLOCK_REALTIME, milliseconds);
    return await semTimedwaitNonblocking(sem, abstime);
  },
};

/** Where the kernel waits for ever or not at all (macOS). */
export const POLLING: Waiting = {
  syscall: "sem_trywait",
  elsewhere: false,
  wait(sem, milliseconds) {
    if (milliseconds === Infinity) return semWait(sem);
    sleepSync(Math.min(POLL, milliseconds));
    return semTrywait(sem);
  },
  waitElsewhere: () => Promise.resolve(false),
};

/** The best way that the platform has. */
export function bestWaiting(): Waiting {
  if (hasSemClockwait()) return CLOCKWAIT;
  return hasSemTimedwait() ? TIMEDWAIT : POLLING;
}

/**
 * How long to try before the thread blocks, in milliseconds: about what it takes to wake it up
 * again. Among those who hold a lock for less, nobody then has to be woken.
 */
const SPIN = 0.015;

/** How many tries there are between two looks at the clock. */
const TRIES = 20;

/**
 * Blocks the thread until it has taken a unit or the time is over, first trying for a short while.
 * Returns 0 or a negated error number, `-EAGAIN` when the time is over.
 */
export function waitSync(
  place: PosixPlace,
  timeout = Infinity,
  how: Waiting = bestWaiting(),
): number {
  const { EAGAIN, EINTR, ETIMEDOUT } = platform().errno;
  const start = performance.now();
  do {
    for (let tries = 0; tries < TRIES; tries++) {
      const result = place.tryTake();
      if (result !== -EAGAIN) return result;
    }
  } while (performance.now() < start + SPIN);
  for (;;) {
    const remaining = start + timeout - performance.now();
    if (remaining <= 0) return place.tryTake();
    const sem = place.locate();
    if (typeof sem === "number") return sem;
    const result = how.wait(sem, remaining);
    if (![-EAGAIN, -EINTR, -ETIMEDOUT].includes(result)) return result;
  }
}
