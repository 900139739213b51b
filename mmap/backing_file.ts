import { systemError } from "../ffi/errors.ts";
import { fileSizeLimit, type FileStatus, ftruncate, posixFallocate } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { identityOf, type Opening, type Source, statusOf } from "./source.ts";

/** The file, or memory object, that a mapping is a window on: found again by its source, and recognised. */
export class BackingFile {
  readonly source: Source;
  /** Where the mapping starts in it, in bytes. */
  readonly offset: number;
  /** Whether it has a size that can be looked at and changed; a device has none. */
  readonly regular: boolean;
  /** How far the mapping's bytes were the file's when it was mapped. */
  reach: number;
  readonly #identity: string;

  constructor(source: Source, status: FileStatus, offset: number, length: number) {
    const { S_IFMT, S_IFREG } = platform().constants;
    this.source = source;
    this.offset = offset;
    this.regular = (status.mode & S_IFMT) === S_IFREG;
    this.reach = Math.min(offset + length, status.size);
    this.#identity = identityOf(status);
  }

  /** Lends a descriptor of this very file. */
  lend<T>(opening: Opening, use: (fd: number, status: FileStatus) => T): T {
    return this.source.lend(opening, (fd) => {
      const status = statusOf(fd, this.source.name);
      if (identityOf(status) === this.#identity) return use(fd, status);
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

/** Sets a file's size: bytes behind it are gone, new ones are zeros without blocks on the disk. */
export function setSize(fd: number, size: number, name: string): void {
  checkSizeLimit(fd, size, name);
  const result = ftruncate(fd, size);
  if (result < 0) throw sizeError(result, "ftruncate", size, name);
}

/**
 * Gives a file at least `size` bytes, and blocks to each from `offset` on: a full disk is an error now,
 * and not a fault when the bytes are touched. On failure the file has its old size.
 */
export function reserve(fd: number, offset: number, size: number, name: string): void {
  const { ENOSYS } = platform().errno;
  checkSizeLimit(fd, size, name);
  const before = statusOf(fd, name).size;
  const result = posixFallocate(fd, offset, size - offset);
  if (result === 0) return;
  // macOS has no such call.
  if (result === -ENOSYS) return size > before ? setSize(fd, size, name) : undefined;
  // Some file systems stop half-way. What is longer than asked for was another process.
  const { size: after } = statusOf(fd, name);
  if (after > before && after < size) ftruncate(fd, before);
  throw sizeError(result, "posix_fallocate", size, name);
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
