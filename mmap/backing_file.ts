import { systemError } from "../ffi/errors.ts";
import { fallocate, fileSizeLimit, type FileStatus, ftruncate } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { hasSize, identityOf, type Opening, type Source, statusOf } from "./source.ts";

/** The files of this thread's mappings. */
const mapped = new Set<BackingFile>();

/**
 * The file, or memory object, that a mapping is a window on: found again by its source, and
 * recognised.
 */
export class BackingFile {
  readonly source: Source;
  /** Where the mapping starts in it, in bytes. */
  readonly offset: number;
  /** Whether it has a size; some devices have none. */
  readonly hasSize: boolean;
  /** How far the mapping's bytes were the file's when it was mapped. */
  reach: number;
  /** What tells it from all other files. */
  readonly identity: string;

  constructor(source: Source, status: FileStatus, offset: number, length: number) {
    this.source = source;
    this.offset = offset;
    this.hasSize = hasSize(status);
    this.reach = length === 0 ? 0 : Math.min(offset + length, status.size);
    this.identity = identityOf(status);
    mapped.add(this);
  }

  /** Says that the mapping has ended. */
  unmapped(): void {
    mapped.delete(this);
  }

  /** Lends a descriptor of this very file. */
  lend<T>(opening: Opening, use: (fd: number, status: FileStatus) => T): T {
    return this.source.lend(opening, (fd) => {
      const status = statusOf(fd, this.source.name);
      if (identityOf(status) === this.identity) return use(fd, status);
      throw new Deno.errors.NotFound(
        `Cannot find the file that was mapped: ${this.source.name} is another one now. Map it anew`,
      );
    });
  }

  /** Its size now, in bytes; `null` if it was moved or closed, so that it can't be told. */
  size(): number | null {
    try {
      return this.lend("read", (_fd, { size }) => size);
    } catch {
      return null;
    }
  }
}

/**
 * Makes a file shorter, unless a mapping of this thread, other than that of `except`, would lose
 * bytes: a touch of them would kill the process.
 *
 * @throws {Deno.errors.Busy} If there is such a mapping.
 */
export function shorten(fd: number, size: number, name: string, except?: BackingFile): void {
  const file = identityOf(statusOf(fd, name));
  for (const other of mapped) {
    if (other === except || other.identity !== file || other.reach <= size) continue;
    throw new Deno.errors.Busy(
      `Cannot give ${name} ${size} bytes: this thread has mapped ${other.reach} of it. Close that mapping, or resize it, first`,
    );
  }
  setSize(fd, size, name);
}

/** Sets a file's size: bytes behind it are gone, new ones are zeros without blocks on the disk. */
export function setSize(fd: number, size: number, name: string): void {
  checkSizeLimit(fd, size, name);
  const result = ftruncate(fd, size);
  if (result < 0) throw sizeError(result, "ftruncate", size, name);
}

/**
 * Gives a file at least `size` bytes, and blocks to each from `offset` on: a full disk is an error
 * now, and not a fault when the bytes are touched. What is there already stays as it is.
 *
 * On failure the file may have become longer. It isn't cut off again: another process may have
 * made it longer too, and mapped it.
 */
export function reserve(fd: number, offset: number, size: number, name: string): void {
  checkSizeLimit(fd, size, name);
  // Not posix_fallocate: where the file system can't do it, glibc reads bytes and writes them back,
  // and what other processes write in between is lost.
  const result = fallocate(fd, offset, size - offset);
  if (result === 0) return;
  if (result !== -platform().errno.ENOSYS) throw sizeError(result, "fallocate", size, name);
  // macOS has no such call.
  if (size > statusOf(fd, name).size) setSize(fd, size, name);
}

/** A file that grows beyond the limit would kill the process (SIGXFSZ). */
function checkSizeLimit(fd: number, size: number, name: string): void {
  if (size <= fileSizeLimit() || size <= statusOf(fd, name).size) return;
  throw sizeError(-platform().errno.EFBIG, "getrlimit", size, name);
}

function sizeError(result: number, syscall: string, size: number, name: string): Error {
  return systemError({
    errno: -result,
    syscall,
    action: `give ${name} ${size} bytes`,
    advice: {
      EBADF: ["it is not open for writing", "Open it for reading and writing."],
      EDQUOT: ["this user's quota is used up"],
      EFBIG: ["that is more than its file system, or RLIMIT_FSIZE, allows"],
      EINVAL: ["its file system does not allow that size, or it is not open for writing"],
      ENODEV: ["it is not a file"],
      ENOSPC: ["there is no room for them where it lies", "Make room, or ask for less."],
      EOPNOTSUPP: [
        "its file system can't reserve blocks",
        "Set reserve: false to do without: a full disk is then a fault.",
      ],
      EPERM: ["it is sealed against that"],
      ESPIPE: ["it is a pipe"],
    },
  });
}
