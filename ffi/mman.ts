import { addressOrError } from "./address.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// Each function returns what C returns, or the negated error number (-ENOMEM) in
// place of -1. Arguments are the caller's to check: the call truncates silently.
// Addresses are those of pages that the caller mapped: a wrong one destroys memory that
// Deno is using.

/**
 * `void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)`
 *
 * `addr` 0 leaves the address to the system. Returns an address, or a negated error number.
 * See {@linkcode https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}.
 */
export function mmap(
  addr: bigint,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): bigint | number {
  const { c } = libc();
  const [size, position] = [BigInt(length), BigInt(offset)];
  return addressOrError(() => c.mmap(addr, size, prot, flags, fd, position));
}

/**
 * `int munmap(void *addr, size_t length)`
 *
 * Every view on the memory must be dead before this call; `Region` sees to that.
 * See {@linkcode https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}.
 */
export function munmap(addr: bigint, length: number): number {
  const { c, errno } = libc();
  return c.munmap(addr, BigInt(length)) === -1 ? -errno[0] : 0;
}

/** Whether the platform has `mremap`; macOS has not. */
export function hasMremap(): boolean {
  return libc().c.mremap !== null;
}

/**
 * `void *mremap(void *old_address, size_t old_size, size_t new_size, int flags, void *new_address)`
 *
 * Only where {@linkcode hasMremap} says so. Every view on the memory must be dead before.
 * See {@linkcode https://man7.org/linux/man-pages/man2/mremap.2.html mremap(2)}.
 */
export function mremap(
  oldAddress: bigint,
  oldSize: number,
  newSize: number,
  flags: number,
  newAddress = 0n,
): bigint | number {
  const { mremap: call } = libc().c;
  if (call === null) return -platform().errno.ENOSYS;
  const [from, to] = [BigInt(oldSize), BigInt(newSize)];
  return addressOrError(() => call(oldAddress, from, to, flags, newAddress));
}

/**
 * `int mprotect(void *addr, size_t len, int prot)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/mprotect.2.html mprotect(2)}.
 */
export function mprotect(addr: bigint, len: number, prot: number): number {
  const { c, errno } = libc();
  return c.mprotect(addr, BigInt(len), prot) === -1 ? -errno[0] : 0;
}

/**
 * `int msync(void *addr, size_t length, int flags)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/msync.2.html msync(2)}.
 */
export function msync(addr: bigint, length: number, flags: number): number {
  const { c, errno } = libc();
  return c.msync(addr, BigInt(length), flags) === -1 ? -errno[0] : 0;
}

/**
 * `msync` on another thread: the promise is fulfilled with whether it succeeded. That
 * thread's `errno` can't be read; to learn why not, ask again with {@linkcode msync}.
 */
export async function msyncNonblocking(
  addr: bigint,
  length: number,
  flags: number,
): Promise<boolean> {
  return await libc().c.msync_nonblocking(addr, BigInt(length), flags) === 0;
}

/**
 * `int madvise(void *addr, size_t length, int advice)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/madvise.2.html madvise(2)}.
 */
export function madvise(addr: bigint, length: number, advice: number): number {
  const { c, errno } = libc();
  return c.madvise(addr, BigInt(length), advice) === -1 ? -errno[0] : 0;
}

/**
 * `int mlock(const void *addr, size_t len)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/mlock.2.html mlock(2)}.
 */
export function mlock(addr: bigint, len: number): number {
  const { c, errno } = libc();
  return c.mlock(addr, BigInt(len)) === -1 ? -errno[0] : 0;
}

/**
 * `int munlock(const void *addr, size_t len)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/mlock.2.html mlock(2)}.
 */
export function munlock(addr: bigint, len: number): number {
  const { c, errno } = libc();
  return c.munlock(addr, BigInt(len)) === -1 ? -errno[0] : 0;
}

/**
 * `int mincore(void *addr, size_t length, unsigned char *vec)`
 *
 * `vec` has a byte for each page.
 * See {@linkcode https://man7.org/linux/man-pages/man2/mincore.2.html mincore(2)}.
 */
export function mincore(addr: bigint, length: number, vec: Uint8Array<ArrayBuffer>): number {
  const { c, errno } = libc();
  return c.mincore(addr, BigInt(length), vec) === -1 ? -errno[0] : 0;
}
