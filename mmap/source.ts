import { systemError } from "../ffi/errors.ts";
import { endOf, type FileStatus, fstat } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";

/** How a descriptor is to be opened. */
export type Opening = "read" | "readwrite";

/** Something with a descriptor: a path, a descriptor of the user's, a memory object. */
export interface Source {
  /** Completes "Cannot map ...". */
  readonly name: string;
  /** Lends a descriptor while `use` runs. */
  lend<T>(opening: Opening, use: (fd: number) => T): T;
}

/** Looks at what a source's descriptor stands for. */
export function statusOf(fd: number, name: string): FileStatus {
  const status = fstat(fd);
  if (typeof status !== "number") {
    return isBlockDevice(status) ? { ...status, size: endOf(fd) } : status;
  }
  throw systemError({
    errno: -status,
    syscall: "fstat",
    action: `use ${name}`,
    advice: { EBADF: ["it is not open", "Open it, or give the path."] },
  });
}

function isBlockDevice({ mode }: FileStatus): boolean {
  const { S_IFMT, S_IFBLK } = platform().constants;
  return (mode & S_IFMT) === S_IFBLK;
}

/**
 * Whether a thing has a size, beyond which nothing of it may be touched; other devices have none.
 */
export function hasSize(status: FileStatus): boolean {
  const { S_IFMT, S_IFREG } = platform().constants;
  const type = status.mode & S_IFMT;
  // POSIX shared memory has no type on macOS, nor have some things without a size on Linux.
  return type === S_IFREG || isBlockDevice(status) || (type === 0 && status.size > 0);
}

/** What tells one file from all others that exist at the same time. */
export function identityOf({ dev, ino }: FileStatus): string {
  return `${dev}:${ino}`;
}

/** A descriptor that the user opened, and will close. */
export function descriptorSource(fd: number): Source {
  return { name: `descriptor ${fd}`, lend: (_opening, use) => use(fd) };
}
