import { getBigInt, getNumber, setNumber } from "./layouts/field.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// Calls on file descriptors. Each returns what C returns, or the negated error number (-EBADF) in
// place of -1. Arguments are the caller's to check: the call truncates silently.

/** What `fstat` tells of the thing behind a descriptor. */
export interface FileStatus {
  /** The device that it lies on; with `ino` it tells one file from another. */
  readonly dev: number;
  /** The inode number. */
  readonly ino: bigint;
  /** Its type (`S_IFMT`) and permission bits. */
  readonly mode: number;
  /** Its length in bytes. */
  readonly size: number;
  /** The size of its blocks in bytes; of its pages, where they are huge. */
  readonly blockSize: number;
}

/** What `fstat` fills: kept, since a new one costs more than the call. */
let statRecord: DataView<ArrayBuffer> | undefined;

/**
 * `int fstat(int fd, struct stat *statbuf)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/stat.2.html stat(2)}.
 */
export function fstat(fd: number): FileStatus | number {
  const { c, errno } = libc();
  const { layouts: { stat: { size, fields } }, statVersion, errno: { ENOSYS } } = platform();
  const view = statRecord ??= new DataView(new ArrayBuffer(size));
  const result = c.fstat?.(fd, view) ?? c.__fxstat?.(statVersion, fd, view);
  const error = errno[0];
  if (result !== 0) return result === undefined ? -ENOSYS : -error;
  return {
    dev: getNumber(view, fields.st_dev),
    ino: getBigInt(view, fields.st_ino),
    mode: getNumber(view, fields.st_mode),
    size: getNumber(view, fields.st_size),
    blockSize: getNumber(view, fields.st_blksize),
  };
}

/**
 * Where the end of a file is, after `off_t lseek(int fd, off_t offset, int whence)`: a block
 * device's size, which `fstat` doesn't tell. The position stays as it is.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/lseek.2.html lseek(2)}.
 */
export function endOf(fd: number): number {
  const { lseek } = libc().c;
  const { SEEK_SET, SEEK_CUR, SEEK_END } = platform().constants;
  const position = lseek(fd, 0n, SEEK_CUR);
  const end = lseek(fd, 0n, SEEK_END);
  lseek(fd, position, SEEK_SET);
  return Math.max(0, Number(end));
}

/**
 * Whether a file lies in a file system of huge pages, after `int fstatfs(int fd, struct statfs
 * *buf)`.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/statfs.2.html statfs(2)}.
 */
export function isHugetlbfs(fd: number): boolean {
  const { layouts: { statfs }, constants: { HUGETLBFS_MAGIC } } = platform();
  const { fstatfs } = libc().c;
  if (statfs === null || fstatfs === null) return false;
  const record = new Uint8Array(statfs.size);
  if (fstatfs(fd, record) === -1) return false;
  return getNumber(new DataView(record.buffer), statfs.fields.f_type) === HUGETLBFS_MAGIC;
}

/**
 * `int ftruncate(int fd, off_t length)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/truncate.2.html truncate(2)}.
 */
export function ftruncate(fd: number, length: number): number {
  const { c, errno } = libc();
  const { EINTR } = platform().errno;
  const size = BigInt(length);
  for (;;) {
    const error = c.ftruncate(fd, size) === -1 ? errno[0] : 0;
    if (error !== EINTR) return -error;
  }
}

/**
 * `int fallocate(int fd, int mode, off_t offset, off_t len)` with mode 0: blocks for bytes, which
 * become zeros behind the end of the file, and stay as they are within it.
 *
 * `-ENOSYS` where the platform has no such call (macOS).
 * See {@linkcode https://man7.org/linux/man-pages/man2/fallocate.2.html fallocate(2)}.
 */
export function fallocate(fd: number, offset: number, len: number): number {
  const { c, errno } = libc();
  const { EINTR, ENOSYS } = platform().errno;
  if (c.fallocate === null) return -ENOSYS;
  const [start, length] = [BigInt(offset), BigInt(len)];
  for (;;) {
    const error = c.fallocate(fd, 0, start, length) === -1 ? errno[0] : 0;
    if (error !== EINTR) return -error;
  }
}

/**
 * `int fcntl(int fd, int cmd, int arg)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/fcntl.2.html fcntl(2)}.
 */
export function fcntl(fd: number, cmd: number, arg: number): number {
  const { c, errno } = libc();
  const result = c.fcntl(fd, cmd, arg);
  return result === -1 ? -errno[0] : result;
}

/**
 * How long a file may become for this process, in bytes: `getrlimit(RLIMIT_FSIZE)`, `Infinity` if
 * there is no limit.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/getrlimit.2.html getrlimit(2)}.
 */
export function fileSizeLimit(): number {
  const { RLIMIT_FSIZE } = platform().constants;
  const limits = new BigUint64Array(2); // struct rlimit: what holds now, and what it can be raised to
  if (libc().c.getrlimit(RLIMIT_FSIZE, limits) === -1) return Infinity;
  return limits[0] > Number.MAX_SAFE_INTEGER ? Infinity : Number(limits[0]);
}

/**
 * `int fcntl(int fd, F_OFD_SETLK, struct flock *lock)`: locks or unlocks (`F_WRLCK`, `F_UNLCK`)
 * `length` bytes from `start` on for this descriptor's open file, without waiting. `flock` doesn't
 * see such locks.
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/fcntl.2.html fcntl(2)}.
 */
export function setLock(fd: number, type: number, start: number, length: number): number {
  const { c, errno } = libc();
  const { layouts: { flock: { size, fields } }, constants: { F_OFD_SETLK, SEEK_SET } } = platform();
  const lock = new DataView(new ArrayBuffer(size));
  setNumber(lock, fields.l_type, type);
  setNumber(lock, fields.l_whence, SEEK_SET);
  setNumber(lock, fields.l_start, start);
  setNumber(lock, fields.l_len, length);
  return c.fcntl_flock(fd, F_OFD_SETLK, lock) === -1 ? -errno[0] : 0;
}

/**
 * `int flock(int fd, int operation)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/flock.2.html flock(2)}.
 */
export function flock(fd: number, operation: number): number {
  const { c, errno } = libc();
  return c.flock(fd, operation) === -1 ? -errno[0] : 0;
}

/**
 * `int close(int fd)`
 *
 * See {@linkcode https://man7.org/linux/man-pages/man2/close.2.html close(2)}.
 */
export function close(fd: number): number {
  const { c, errno } = libc();
  return c.close(fd) === -1 ? -errno[0] : 0;
}
