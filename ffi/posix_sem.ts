import { addressOrError } from "./address.ts";
import { cString } from "./c_string.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// Each function returns what C returns, or the negated error number (-EAGAIN) in
// place of -1. Arguments are the caller's to check: the call truncates silently. A semaphore is
// given by the address of its `sem_t`, a bigint to keep; a wrong one kills the process. So does
// nonsense in it: glibc aborts when the kernel refuses what sem_post or a wait makes of it.

/**
 * Which 32-bit word of a `sem_t` counts those who wait in the kernel (glibc and musl on 64 bits).
 * Those who were killed there stay counted.
 */
export const SEM_WAITERS = 1;

/**
 * Which 32-bit word of a `sem_t` tells whether processes share it; {@linkcode semSharedMark} is
 * what it then holds.
 */
export const SEM_SHARED = 2;

/**
 * What tells that processes share a semaphore; `null` where a `sem_t` can't be looked into (macOS).
 */
export function semSharedMark(): number | null {
  const FUTEX_PRIVATE_FLAG = 128; // which each library applies in a sense of its own
  if (isGlibc()) return FUTEX_PRIVATE_FLAG;
  return platform().hasShmDirectory ? 0 : null;
}

/** Whether the C library is glibc: it marks the files of semaphores, and musl doesn't. */
export function isGlibc(): boolean {
  return libc().c.gnu_get_libc_version !== null;
}

/**
 * `sem_t *sem_open(const char *name, int oflag, mode_t mode, unsigned int value)`
 *
 * Returns an address (on macOS a number that stands for one), or a negated error number. Opened
 * again by the same process, it is the same, and closed when it was closed as often. See {@linkcode
 * https://man7.org/linux/man-pages/man3/sem_open.3.html sem_open(3)}.
 */
export function semOpen(name: string, oflag: number, mode: number, value: number): bigint | number {
  const { c } = libc();
  const failed = BigInt.asUintN(64, BigInt(platform().constants.SEM_FAILED));
  const text = cString(name);
  return addressOrError(() => c.sem_open(text, oflag, mode, value), failed);
}

/**
 * `int sem_close(sem_t *sem)`
 *
 * Nobody may use it any more, not on another thread either.
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_close.3.html sem_close(3)}.
 */
export function semClose(sem: bigint): number {
  const { c, errno } = libc();
  return c.sem_close(sem) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_unlink(const char *name)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_unlink.3.html sem_unlink(3)}.
 */
export function semUnlink(name: string): number {
  const { c, errno } = libc();
  const text = cString(name);
  return c.sem_unlink(text) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_init(sem_t *sem, int pshared, unsigned int value)`
 *
 * `-ENOSYS` on macOS.
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_init.3.html sem_init(3)}.
 */
export function semInit(sem: bigint, pshared: number, value: number): number {
  const { c, errno } = libc();
  return c.sem_init(sem, pshared, value) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_destroy(sem_t *sem)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_destroy.3.html sem_destroy(3)}.
 */
export function semDestroy(sem: bigint): number {
  const { c, errno } = libc();
  return c.sem_destroy(sem) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_getvalue(sem_t *sem, int *sval)`
 *
 * `-ENOSYS` on macOS.
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_getvalue.3.html sem_getvalue(3)}.
 */
export function semGetvalue(sem: bigint, sval: Int32Array<ArrayBuffer>): number {
  const { c, errno } = libc();
  return c.sem_getvalue(sem, sval) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_post(sem_t *sem)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_post.3.html sem_post(3)}.
 */
export function semPost(sem: bigint): number {
  const { c, errno } = libc();
  return c.sem_post(sem) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_trywait(sem_t *sem)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_wait.3.html sem_wait(3)}.
 */
export function semTrywait(sem: bigint): number {
  const { c, errno } = libc();
  return c.sem_trywait(sem) === -1 ? -errno[0] : 0;
}

/**
 * `int sem_wait(sem_t *sem)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_wait.3.html sem_wait(3)}.
 */
export function semWait(sem: bigint): number {
  const { c, errno } = libc();
  return c.sem_wait(sem) === -1 ? -errno[0] : 0;
}

/** Whether the platform has `sem_clockwait`; glibc before 2.30, musl and macOS have not. */
export function hasSemClockwait(): boolean {
  return libc().c.sem_clockwait !== null;
}

/**
 * `int sem_clockwait(sem_t *sem, clockid_t clockid, const struct timespec *abstime)`
 *
 * Only where {@linkcode hasSemClockwait} says so. See {@linkcode
 * https://www.gnu.org/software/libc/manual/html_node/Waiting-with-Explicit-Clocks.html
 * sem_clockwait}.
 */
export function semClockwait(
  sem: bigint,
  clockid: number,
  abstime: BigInt64Array<ArrayBuffer>,
): number {
  const { c, errno } = libc();
  if (c.sem_clockwait === null) return -platform().errno.ENOSYS;
  return c.sem_clockwait(sem, clockid, abstime) === -1 ? -errno[0] : 0;
}

/**
 * `sem_clockwait` on another thread: the promise is fulfilled with whether it took a unit. That
 * thread's `errno` can't be read. Until then the memory must stay where it is.
 */
export async function semClockwaitNonblocking(
  sem: bigint,
  clockid: number,
  abstime: BigInt64Array<ArrayBuffer>,
): Promise<boolean> {
  const { c } = libc();
  if (c.sem_clockwait_nonblocking === null) return false;
  return await c.sem_clockwait_nonblocking(sem, clockid, abstime) === 0;
}

/** Whether the platform has `sem_timedwait`; macOS has not. */
export function hasSemTimedwait(): boolean {
  return libc().c.sem_timedwait !== null;
}

/**
 * `int sem_timedwait(sem_t *sem, const struct timespec *abs_timeout)`, by `CLOCK_REALTIME`
 *
 * Only where {@linkcode hasSemTimedwait} says so.
 * See {@linkcode https://man7.org/linux/man-pages/man3/sem_wait.3.html sem_wait(3)}.
 */
export function semTimedwait(sem: bigint, absTimeout: BigInt64Array<ArrayBuffer>): number {
  const { c, errno } = libc();
  if (c.sem_timedwait === null) return -platform().errno.ENOSYS;
  return c.sem_timedwait(sem, absTimeout) === -1 ? -errno[0] : 0;
}

/** `sem_timedwait` on another thread, as {@linkcode semClockwaitNonblocking} is. */
export async function semTimedwaitNonblocking(
  sem: bigint,
  absTimeout: BigInt64Array<ArrayBuffer>,
): Promise<boolean> {
  const { c } = libc();
  if (c.sem_timedwait_nonblocking === null) return false;
  return await c.sem_timedwait_nonblocking(sem, absTimeout) === 0;
}
