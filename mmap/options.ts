import { checkBoolean, checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { platform } from "../ffi/platform.ts";

/**
 * What a mapping may be used for:
 *
 * - `"read"`: other processes' writes are seen; a write is impossible.
 * - `"readwrite"`: writes reach the file and other processes.
 * - `"copy"`: writes stay in this process, on pages of its own (copy-on-write).
 * - `"none"`: address space only, until `protect()` allows more: reading, as far as a file goes.
 */
export type MapAccess = "read" | "readwrite" | "copy" | "none";

/** What of a file or memory object is mapped, and how. */
export interface MapOptions {
  /** Where the mapping starts, in bytes: any byte, not only a page's first. Default: 0. */
  readonly offset?: number;
  /** How many bytes to map. Default: all behind `offset`. */
  readonly length?: number;
  /**
   * Maps bytes behind the end of the file too. A touch of them kills the process (SIGBUS) until
   * somebody makes the file longer. Default: `false`.
   */
  readonly allowBeyondEnd?: boolean;
  /**
   * Maps every page at once, reading the file ahead, so that no first touch takes long. Default:
   * `false`.
   */
  readonly populate?: boolean;
  /** Lets code in the mapping be executed (`PROT_EXEC`). Default: `false`. */
  readonly execute?: boolean;
  /** Reserves no swap space for what `"copy"` may write (`MAP_NORESERVE`). Default: `false`. */
  readonly noReserve?: boolean;
}

/** Returns `access` if it is one of the words. */
export function checkAccess<T extends MapAccess>(access: T, words: readonly MapAccess[]): T {
  if (words.includes(access)) return access;
  const list = words.map((word) => `"${word}"`).join(", ");
  throw new TypeError(`access must be one of ${list}: received ${describe(access)}`);
}

/** Copies the options, each checked. */
export function checkedMapOptions(options: MapOptions) {
  const { offset = 0, length, allowBeyondEnd, populate, execute, noReserve } = checkOptions(
    options,
  );
  return {
    offset: checkInteger("offset", offset, 0),
    length: length === undefined ? undefined : checkInteger("length", length, 0),
    allowBeyondEnd: checkBoolean("allowBeyondEnd", allowBeyondEnd),
    populate: checkBoolean("populate", populate),
    execute: checkBoolean("execute", execute),
    noReserve: checkBoolean("noReserve", noReserve),
  };
}

/** The `PROT_...` flags of an access. */
export function protection(access: MapAccess, execute: boolean): number {
  const { PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC } = platform().constants;
  const rights = access === "none"
    ? PROT_NONE
    : access === "read"
    ? PROT_READ
    : PROT_READ | PROT_WRITE;
  return rights | (execute ? PROT_EXEC : 0);
}

/**
 * How many bytes to map of a file with `size`.
 *
 * @throws {RangeError} If the part that is asked for reaches beyond its end.
 */
export function checkedLength(
  name: string,
  size: number,
  { offset, length, allowBeyondEnd }: {
    offset: number;
    length: number | undefined;
    allowBeyondEnd: boolean;
  },
): number {
  if (allowBeyondEnd) return length ?? Math.max(0, size - offset);
  if (offset > size) {
    throw new RangeError(
      `Cannot map ${name} from offset ${offset}: it has ${size} bytes. Map what is there, or make it longer`,
    );
  }
  if (length !== undefined && length > size - offset) {
    throw new RangeError(
      `Cannot map ${length} bytes of ${name} from offset ${offset}: it has ${size} bytes, ` +
        `so ${size - offset} from there. Ask for less, make it longer (size), ` +
        "or set allowBeyondEnd if somebody will before the bytes are touched",
    );
  }
  return length ?? size - offset;
}
