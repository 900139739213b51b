import { addressOrError } from "./address.ts";
import { libc } from "./libc.ts";

// Each function returns what C returns, or the negated error number (-EEXIST) in
// place of -1. Arguments are the caller's to check: the call truncates silently.

/**
 * `int shmget(key_t key, size_t size, int shmflg)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/shmget.2.html shmget(2)}.
 */
export function shmget(key: number, size: number, shmflg: number): number {
  const { c, errno } = libc();
  const id = c.shmget(key, BigInt(size), shmflg);
  return id === -1 ? -errno[0] : id;
}

/**
 * `void *shmat(int shmid, const void *shmaddr, int shmflg)`
 *
 * `shmaddr` 0 leaves the address to the system. Returns an address, or a negated error number.
 * See {@linkcode https://man7.org/linux/man-pages/man2/shmat.2.html shmat(2)}.
 */
export function shmat(shmid: number, shmaddr: bigint, shmflg: number): bigint | number {
  const { c } = libc();
  return addressOrError(() => c.shmat(shmid, shmaddr, shmflg));
}

/**
 * `int shmdt(const void *shmaddr)`
 *
 * Every view on the memory must be dead before this call; `Region` sees to that.
 * See {@linkcode https://man7.org/linux/man-pages/man2/shmdt.2.html shmdt(2)}.
 */
export function shmdt(shmaddr: bigint): number {
  const { c, errno } = libc();
  return c.shmdt(shmaddr) === -1 ? -errno[0] : 0;
}

/**
 * `int shmctl(int shmid, int cmd, struct shmid_ds *buf)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/shmctl.2.html shmctl(2)}.
 */
export function shmctl(shmid: number, cmd: number, buf: Uint8Array<ArrayBuffer> | null): number {
  const { c, errno } = libc();
  const result = c.shmctl(shmid, cmd, buf);
  return result === -1 ? -errno[0] : result;
}
