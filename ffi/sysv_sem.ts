import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// Each function returns what C returns, or the negated error number (-EAGAIN) in
// place of -1. Arguments are the caller's to check: the call truncates silently.

/**
 * `int semget(key_t key, int nsems, int semflg)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/semget.2.html semget(2)}.
 */
export function semget(key: number, nsems: number, semflg: number): number {
  const { c, errno } = libc();
  const id = c.semget(key, nsems, semflg);
  return id === -1 ? -errno[0] : id;
}

/**
 * `int semop(int semid, struct sembuf *sops, size_t nsops)`
 *
 * `nsops` is a bigint to keep, since a number takes a path that is ten times slower.
 * See {@linkcode https://man7.org/linux/man-pages/man2/semop.2.html semop(2)}.
 */
export function semop(semid: number, sops: Uint8Array<ArrayBuffer>, nsops: bigint): number {
  const { c, errno } = libc();
  return c.semop(semid, sops, nsops) === -1 ? -errno[0] : 0;
}

/** A `struct timespec` for a duration of whole milliseconds. */
export function timespec(milliseconds: number): BigInt64Array<ArrayBuffer> {
  const seconds = Math.floor(milliseconds / 1000);
  const nanoseconds = Math.floor((milliseconds - seconds * 1000) * 1e6);
  return new BigInt64Array([BigInt(seconds), BigInt(nanoseconds)]);
}

/** Whether the platform has `semtimedop`; macOS has not. */
export function hasSemtimedop(): boolean {
  return libc().c.semtimedop !== null;
}

/**
 * `int semtimedop(int semid, struct sembuf *sops, size_t nsops, const struct timespec *timeout)`
 *
 * Only where {@linkcode hasSemtimedop} says so.
 * See {@linkcode https://man7.org/linux/man-pages/man2/semop.2.html semop(2)}.
 */
export function semtimedop(
  semid: number,
  sops: Uint8Array<ArrayBuffer>,
  nsops: bigint,
  timeout: BigInt64Array<ArrayBuffer>,
): number {
  const { c, errno } = libc();
  if (c.semtimedop === null) return -platform().errno.ENOSYS;
  return c.semtimedop(semid, sops, nsops, timeout) === -1 ? -errno[0] : 0;
}

/**
 * `semtimedop` on another thread: the promise is fulfilled with whether the
 * operations were done. That thread's `errno` can't be read; to learn why not,
 * ask again with {@linkcode semop} and `IPC_NOWAIT`.
 */
export async function semtimedopNonblocking(
  semid: number,
  sops: Uint8Array<ArrayBuffer>,
  nsops: bigint,
  timeout: BigInt64Array<ArrayBuffer>,
): Promise<boolean> {
  const { c } = libc();
  if (c.semtimedop_nonblocking === null) return false;
  return await c.semtimedop_nonblocking(semid, sops, nsops, timeout) === 0;
}

/**
 * `int semctl(int semid, int semnum, int cmd, struct semid_ds *buf)`, and the
 * commands that take an array or nothing.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/semctl.2.html semctl(2)}.
 */
export function semctl(
  semid: number,
  semnum: number,
  cmd: number,
  buf: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | null,
): number {
  const { c, errno } = libc();
  const result = c.semctl(semid, semnum, cmd, buf);
  return result === -1 ? -errno[0] : result;
}

/**
 * `int semctl(int semid, int semnum, int cmd, int val)`: the form of `SETVAL`.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/semctl.2.html semctl(2)}.
 */
export function semctlValue(semid: number, semnum: number, cmd: number, val: number): number {
  const { c, errno } = libc();
  const result = c.semctl_value(semid, semnum, cmd, BigInt(val));
  return result === -1 ? -errno[0] : result;
}
