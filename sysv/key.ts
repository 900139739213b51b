import { checkInteger, describe } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { ftok as cFtok } from "../ffi/sysv_ipc.ts";

/**
 * The key of a private object: `create` always makes a new one, which other
 * processes find by its id alone.
 */
export const IPC_PRIVATE = 0;

/** Options of {@linkcode ftok}. */
export interface FtokOptions {
  /**
   * Whether a project id of 0 is taken. POSIX leaves it open what it does; glibc, musl and macOS
   * make a key of it like any other, which may even be `IPC_PRIVATE`. Default: `false`.
   */
  readonly allowZero?: boolean;
}

function decodePath({ pathname, href }: URL): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    throw new TypeError(`path must be a file URL with UTF-8 in its escapes: received ${href}`);
  }
}

/** A path as C wants it: a string without NUL. */
function toPath(path: string | URL): string {
  if (path instanceof URL) {
    if (path.protocol !== "file:") {
      throw new TypeError(`path must be a file URL: received ${path.href}`);
    }
    return toPath(decodePath(path));
  }
  if (typeof path !== "string") {
    throw new TypeError(`path must be a string or a file URL: received ${describe(path)}`);
  }
  if (path.includes("\0")) throw new TypeError("path must not contain NUL");
  return path;
}

/**
 * Makes a System V key from an existing file and a project id, as `ftok(3)`
 * does, so that programs agree on a key by agreeing on a path.
 *
 * The key is made of the id and the low bits of the file's device and inode
 * numbers: two files may give the same key, and a file that is deleted and made anew gives
 * another one. The file is looked at (`stat`), not opened, so no permission
 * but `--allow-ffi` is asked for.
 *
 * @param path An existing file or directory.
 * @param projectId The project id, 1 to 255: often a letter's code, such as `0x66`.
 * @returns The key, a signed 32-bit integer.
 *
 * @throws {RangeError} If `projectId` is out of range.
 * @throws {Deno.errors.NotFound} If there is no such file.
 *
 * @example
 * ```ts
 * import { ftok } from "@isthmus/isthmus";
 *
 * const key = ftok(".", 0x66);
 * ```
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man3/ftok.3.html ftok(3)}
 */
export function ftok(path: string | URL, projectId: number, options: FtokOptions = {}): number {
  const name = toPath(path);
  checkInteger("projectId", projectId, options.allowZero ? 0 : 1, 255);
  const { key, errno } = cFtok(name, projectId);
  if (errno !== 0) {
    throw systemError({
      errno,
      syscall: "ftok",
      action: `make a key from ${Deno.inspect(name)}`,
      advice: {
        ENOENT: ["there is no such file", "Both programs must name an existing file or directory."],
        EACCES: ["a directory on the path may not be searched"],
      },
    });
  }
  return key;
}

/**
 * Returns a key as the signed 32-bit integer that C has; `0xdeadbeef` and
 * `-559038737` are the same key.
 *
 * @throws {TypeError} If it isn't a number.
 * @throws {RangeError} If it isn't an integer of 32 bits.
 */
export function checkKey(key: number): number {
  return checkInteger("key", key, -(2 ** 31), 2 ** 32 - 1) | 0;
}

/**
 * A key as `ipcs` shows it: `0x6601a2b3`.
 *
 * @example
 * ```ts
 * import { formatKey } from "@isthmus/isthmus";
 *
 * console.log(formatKey(-559038737)); // 0xdeadbeef
 * ```
 */
export function formatKey(key: number): string {
  return `0x${(checkKey(key) >>> 0).toString(16).padStart(8, "0")}`;
}
