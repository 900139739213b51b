import { clockGettime, timespecAfter } from "./clock.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// pthread mutexes: process-shared, robust and error-checking. Each function returns C's result,
// which is 0 or an error number, negated. A mutex is given by its address, a bigint to keep: a
// wrong one kills the process, and so may nonsense in it. glibc and the kernel follow pointers
// into a mutex for as long as it is locked: its memory must stay mapped, where it is. All calls
// belong on the thread that shall own the mutex.

/** Not macros but enumerators in glibc's header. */
export const PTHREAD_PROCESS_SHARED = 1;
export const PTHREAD_MUTEX_ERRORCHECK = 2;
export const PTHREAD_MUTEX_ROBUST = 1;

// What the kernel (robust futexes) and glibc keep in a mutex, as 32-bit words.

/** The word that is locked: the owner's thread id, 0 for none, and two flags. */
export const MUTEX_LOCK = 0;
/** The word that tells the kind, which never changes. */
export const MUTEX_KIND = 4;
/** The two words of the pointer to the mutex that this thread locked after this one. */
export const MUTEX_PREVIOUS = 6;
/** The two words of the pointer to the mutex that this thread locked before this one. */
export const MUTEX_NEXT = 8;
/** Where, in bytes, the pointers of other locked mutexes point to. */
export const MUTEX_NODE = 32;

/** In {@linkcode MUTEX_LOCK}: somebody sleeps on the word. */
export const FUTEX_WAITERS = 0x80000000 | 0;
/** In {@linkcode MUTEX_LOCK}: the last owner died with it. */
export const FUTEX_OWNER_DIED = 0x40000000;
/** In {@linkcode MUTEX_LOCK}: the owner's thread id. */
export const FUTEX_TID_MASK = 0x3fffffff;

/** Whether there are robust mutexes of a layout that is known: on Linux with glibc. */
export function hasRobustMutex(): boolean {
  const { c } = libc();
  return c.pthread_mutexattr_setrobust !== null && c.gnu_get_libc_version !== null;
}

/**
 * The bytes of a new mutex: process-shared, robust, error-checking (`pthread_mutex_init`). No
 * pointer is in them: wherever they stand, they are one.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutexattr_setrobust.3.html
 * pthread_mutexattr_setrobust(3)}.
 */
export function newMutex(): Int32Array<ArrayBuffer> {
  const { c } = libc();
  const { pthread_mutex_t, pthread_mutexattr_t } = platform().layouts;
  const attr = new Uint8Array(new ArrayBuffer(pthread_mutexattr_t.size));
  const mutex = new Int32Array(new ArrayBuffer(pthread_mutex_t.size));
  c.pthread_mutexattr_init(attr);
  c.pthread_mutexattr_setpshared(attr, PTHREAD_PROCESS_SHARED);
  c.pthread_mutexattr_settype(attr, PTHREAD_MUTEX_ERRORCHECK);
  c.pthread_mutexattr_setrobust?.(attr, PTHREAD_MUTEX_ROBUST);
  c.pthread_mutex_init(mutex, attr);
  return mutex;
}

/**
 * `int pthread_mutex_lock(pthread_mutex_t *mutex)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
 * pthread_mutex_lock(3p)}.
 */
export function mutexLock(mutex: bigint): number {
  return -libc().c.pthread_mutex_lock(mutex);
}

/**
 * `int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clockid, const struct timespec
 * *abstime)`, some milliseconds from now; before glibc 2.30 by `pthread_mutex_timedlock`.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_timedlock.3p.html
 * pthread_mutex_timedlock(3p)}.
 */
export function mutexTimedlock(mutex: bigint, milliseconds: number): number {
  const { c } = libc();
  const { CLOCK_MONOTONIC, CLOCK_REALTIME } = platform().constants;
  const deadline = (clock: number) => timespecAfter(clockGettime(clock), milliseconds);
  if (c.pthread_mutex_clocklock !== null) {
    return -c.pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, deadline(CLOCK_MONOTONIC));
  }
  if (c.pthread_mutex_timedlock === null) return -platform().errno.ENOSYS;
  return -c.pthread_mutex_timedlock(mutex, deadline(CLOCK_REALTIME));
}

/**
 * `int pthread_mutex_unlock(pthread_mutex_t *mutex)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_lock.3p.html
 * pthread_mutex_unlock(3p)}.
 */
export function mutexUnlock(mutex: bigint): number {
  return -libc().c.pthread_mutex_unlock(mutex);
}

/**
 * `int pthread_mutex_consistent(pthread_mutex_t *mutex)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/pthread_mutex_consistent.3.html
 * pthread_mutex_consistent(3)}.
 */
export function mutexConsistent(mutex: bigint): number {
  const { pthread_mutex_consistent: call } = libc().c;
  return call === null ? -platform().errno.ENOSYS : -call(mutex);
}

/** `pthread_mutex_trylock` and `pthread_mutex_unlock` themselves, for where a nanosecond counts. */
export interface MutexCalls {
  /** Returns 0, or an error number. */
  readonly trylock: (mutex: bigint) => number;
  /** Returns 0, or an error number. */
  readonly unlock: (mutex: bigint) => number;
}

/** C's functions without anything around them. */
export function mutexCalls(): MutexCalls {
  const { c } = libc();
  return { trylock: c.pthread_mutex_trylock, unlock: c.pthread_mutex_unlock };
}
