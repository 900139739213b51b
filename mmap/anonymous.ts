import { checkBoolean, checkInteger, checkOptions } from "../ffi/check.ts";
import { getpagesize, roundUp } from "../ffi/pages.ts";
import type { Advice } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { HUGE_PAGES_ADVICE, hugePageFlags, type HugePages, hugePageSize } from "./huge_pages.ts";
import { type AnyMapping, type Mapping, type ReservedMapping, wrap } from "./mapping.ts";
import { checkAccess, protection } from "./options.ts";
import { mapPlace, regionAt } from "./place.ts";

/** Options of {@linkcode mapAnonymous}. */
export interface MapAnonymousOptions {
  /** What it may be used for: `"none"` is address space for later. Default: `"readwrite"`. */
  readonly access?: "readwrite" | "none";
  /**
   * Whether it is shared memory (`MAP_SHARED`), of a fixed size. A Deno process has no `fork()` to
   * hand it down: for another process or a Worker take a `Memfd`, or lay a `SharedMemory` over it
   * for Workers. Default: `false`.
   */
  readonly shared?: boolean;
  /**
   * Huge pages (`MAP_HUGETLB`; Linux): `true` for the system's default size, or the size in bytes.
   * The system must have reserved some (`sysctl vm.nr_hugepages`). For huge pages as far as there
   * are some, see `advise("hugepage")`. Default: `false`.
   */
  readonly hugePages?: HugePages;
  /** Gives every page its memory at once. Default: `false`. */
  readonly populate?: boolean;
  /** Reserves no swap space (`MAP_NORESERVE`). Default: `false`. */
  readonly noReserve?: boolean;
  /** Lets code in it be executed (`PROT_EXEC`). Default: `false`. */
  readonly execute?: boolean;
}

const ADVICE: Advice = {
  ENOMEM: ["not enough memory or address space", "Take less; noReserve only reserves addresses."],
};

/**
 * Maps memory that is no file's, filled with zeros. It lives until it is closed, or the process
 * ends.
 *
 * @example
 * ```ts
 * import { mapAnonymous } from "@isthmus/isthmus";
 *
 * using scratch = mapAnonymous(1 << 20);
 * scratch.array(Float64Array)[0] = 1.5;
 * ```
 *
 * @param length In bytes, at least 1.
 * @throws {RangeError} If `length`, or the size of huge pages, is out of range.
 * @throws {Deno.errors.NotSupported} If the platform has no huge pages.
 * @throws {Error} With code `ENOMEM` if there is not enough memory or address space, or no free
 * huge page.
 *
 * @see {@linkcode https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}
 */
export function mapAnonymous(
  length: number,
  options?: MapAnonymousOptions & { readonly access?: "readwrite" },
): Mapping;
/** Reserves address space. */
export function mapAnonymous(
  length: number,
  options: MapAnonymousOptions & { readonly access: "none" },
): ReservedMapping;
/** Maps memory for a use known at run time only. */
export function mapAnonymous(length: number, options: MapAnonymousOptions): AnyMapping;
export function mapAnonymous(length: number, options: MapAnonymousOptions = {}): AnyMapping {
  checkInteger("length", length, 1);
  const { access = "readwrite", hugePages = false, ...rest } = checkOptions(options);
  checkAccess(access, ["readwrite", "none"]);
  const shared = checkBoolean("shared", rest.shared);
  const populate = checkBoolean("populate", rest.populate);
  const noReserve = checkBoolean("noReserve", rest.noReserve);
  const execute = checkBoolean("execute", rest.execute);
  if (hugePages !== false && noReserve) {
    // Where no huge page is free, the first touch would kill the process.
    throw new TypeError("noReserve can't be set together with hugePages");
  }
  const { constants } = platform();
  const flags = (shared ? constants.MAP_SHARED : constants.MAP_PRIVATE) |
    constants.MAP_ANONYMOUS |
    hugePageFlags(hugePages) |
    (populate ? constants.MAP_POPULATE ?? 0 : 0) |
    (noReserve ? constants.MAP_NORESERVE : 0);
  const pageSize = hugePages === false ? getpagesize() : hugePageSize(hugePages);
  const name = `${shared ? "shared" : "private"} anonymous memory`;
  const place = mapPlace({
    fd: -1,
    offset: 0,
    byteLength: length,
    prot: protection(access, execute),
    flags,
    pageSize,
    name: `${length} bytes of ${name}`,
    advice: hugePages === false ? ADVICE : HUGE_PAGES_ADVICE,
  });
  const region = regionAt(place, { name, pageSize, flags });
  const limit = shared ? roundUp(length, pageSize) : Infinity;
  return wrap(region, { flags, execute, pageSize, file: null, limit, created: true }, access);
}
