import { systemError } from "../ffi/errors.ts";
import { type FileStatus, fstat } from "../ffi/file.ts";

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
  if (typeof status !== "number") return status;
  throw systemError({
    errno: -status,
    syscall: "fstat",
    action: `map ${name}`,
    advice: { EBADF: ["it is not open", "Open it, or give the path."] },
  });
}

/** What tells one file from all others that exist at the same time. */
export function identityOf({ dev, ino }: FileStatus): string {
  return `${dev}:${ino}`;
}

/** A descriptor that the user opened, and will close. */
export function descriptorSource(fd: number): Source {
  return { name: `descriptor ${fd}`, lend: (_opening, use) => use(fd) };
}
