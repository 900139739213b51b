import { cString } from "./c_string.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// Memory with a descriptor. Each function returns what C returns, or the negated error number
// (-EEXIST) in place of -1. Arguments are the caller's to check: the call truncates silently.

/**
 * `int shm_open(const char *name, int oflag, mode_t mode)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/shm_open.3.html shm_open(3)}.
 */
export function shmOpen(name: string, oflag: number, mode: number): number {
  const { c, errno } = libc();
  const text = cString(name);
  const fd = c.shm_open(text, oflag, mode);
  return fd === -1 ? -errno[0] : fd;
}

/**
 * `int shm_unlink(const char *name)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man3/shm_unlink.3.html shm_unlink(3)}.
 */
export function shmUnlink(name: string): number {
  const { c, errno } = libc();
  const text = cString(name);
  return c.shm_unlink(text) === -1 ? -errno[0] : 0;
}

/**
 * `int memfd_create(const char *name, unsigned int flags)`
 *
 * `-ENOSYS` where the platform has no such call (macOS).
 * See {@linkcode https://man7.org/linux/man-pages/man2/memfd_create.2.html memfd_create(2)}.
 */
export function memfdCreate(name: string, flags: number): number {
  const { c, errno } = libc();
  if (c.memfd_create === null) return -platform().errno.ENOSYS;
  const text = cString(name);
  const fd = c.memfd_create(text, flags);
  return fd === -1 ? -errno[0] : fd;
}
