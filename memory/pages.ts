import { checkOptions, checkRange, describe } from "../ffi/check.ts";
import { type Advice, systemError } from "../ffi/errors.ts";
import { madvise, mincore, mlock, munlock } from "../ffi/mman.ts";
import { getpagesize, type Place, span } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import type { Region } from "../ffi/region.ts";

/** A part of a memory, in bytes. */
export interface Part {
  /** Where it starts. Default: 0. */
  readonly offset?: number;
  /** How long it is. Default: all behind `offset`. */
  readonly length?: number;
}

/**
 * What is going to happen to pages, as `madvise` takes it:
 *
 * - `"normal"`: nothing special, the default.
 * - `"sequential"`: they will be read from front to back; `"random"`: here and there.
 * - `"willneed"`: soon, so read them ahead; `"populateRead"`, `"populateWrite"`: now, so map them,
 *   for reading or writing (Linux 5.14), with an error where a touch would be a fault.
 * - `"cold"`: not soon (Linux 5.4); `"pageout"`: not for long, so move them out.
 * - `"hugepage"`, `"nohugepage"`: whether huge pages may hold them.
 * - `"dontdump"`, `"dodump"`: whether core dumps show them.
 */
export type PageAdvice =
  | "normal"
  | "sequential"
  | "random"
  | "willneed"
  | "populateRead"
  | "populateWrite"
  | "cold"
  | "pageout"
  | "hugepage"
  | "nohugepage"
  | "dontdump"
  | "dodump";

/**
 * How pages lose what they hold:
 *
 * - `"dontneed"`: at once (`MADV_DONTNEED`). Private memory then reads zeros, or the file again;
 *   shared memory is read anew from what it is a window on.
 * - `"free"`: when the system needs the room, or never (`MADV_FREE`); private anonymous memory
 *   only.
 * - `"remove"`: for everybody (`MADV_REMOVE`): shared memory, or a hole in the file, that reads
 *   zeros. Blocks that were reserved are gone with it: on a full disk the next touch kills the
 *   process.
 */
export type Discard = "dontneed" | "free" | "remove";

/** The C constants of the words; `null` where the platform has none. */
function adviceConstants(): Readonly<Record<PageAdvice, number | null>> {
  const { constants } = platform();
  return {
    normal: constants.MADV_NORMAL,
    sequential: constants.MADV_SEQUENTIAL,
    random: constants.MADV_RANDOM,
    willneed: constants.MADV_WILLNEED,
    populateRead: constants.MADV_POPULATE_READ,
    populateWrite: constants.MADV_POPULATE_WRITE,
    cold: constants.MADV_COLD,
    pageout: constants.MADV_PAGEOUT,
    hugepage: constants.MADV_HUGEPAGE,
    nohugepage: constants.MADV_NOHUGEPAGE,
    dontdump: constants.MADV_DONTDUMP,
    dodump: constants.MADV_DODUMP,
  };
}

function discardConstants(): Readonly<Record<Discard, number | null>> {
  const { MADV_DONTNEED, MADV_FREE, MADV_REMOVE } = platform().constants;
  return { dontneed: MADV_DONTNEED, free: MADV_FREE, remove: MADV_REMOVE };
}

/** The constant of a word, or an error that lists the words. */
function constantOf(
  what: string,
  word: string,
  constants: Readonly<Record<string, number | null>>,
): number {
  if (typeof word !== "string" || !Object.hasOwn(constants, word)) {
    const words = Object.keys(constants).map((known) => `"${known}"`).join(", ");
    throw new TypeError(`${what} must be one of ${words}: received ${describe(word)}`);
  }
  const constant = constants[word];
  if (constant === null) {
    throw new Deno.errors.NotSupported(`Cannot advise "${word}": this platform does not know it`);
  }
  return constant;
}

/** The pages that a part of a region touches; `verb` completes "Cannot ... <name>". */
export function pagesOf(region: Region, verb: string, part: Part = {}): Place {
  return span(placeOf(region, verb, part), region.pageSize);
}

/** Where a part of a region lies. */
function placeOf(region: Region, verb: string, part: Part): Place {
  const { offset = 0, length } = checkOptions(part);
  if (region.closed) {
    throw new Deno.errors.BadResource(`Cannot ${verb} ${region.name}: it was unmapped`);
  }
  checkRange(offset, length ?? 0, region.byteLength);
  return {
    address: region.address + BigInt(offset),
    byteLength: length ?? region.byteLength - offset,
  };
}

function fail(region: Region, verb: string, syscall: string, errno: number, advice: Advice): Error {
  return systemError({ errno, syscall, action: `${verb} ${region.name}`, advice });
}

/** `madvise` on the pages that a part touches. */
export function advisePages(region: Region, advice: PageAdvice, part?: Part): void {
  const constant = constantOf("advice", advice, adviceConstants());
  const { address, byteLength } = pagesOf(region, "advise on", part);
  if (byteLength === 0) return;
  const result = madvise(address, byteLength, constant);
  if (result === 0) return;
  throw fail(region, "advise on", "madvise", -result, {
    EFAULT: [
      "a page of it can't be had: the file is shorter than the mapping, or its disk is full",
    ],
    EINVAL: [`the system does not take the advice "${advice}" for it`],
    EBADF: [`the system does not take the advice "${advice}" for memory without a file`],
    ENOMEM: ["a part of it is not mapped, or may not be touched so"],
  });
}

/**
 * The destructive forms of `madvise`, on whole pages only: a part of a page isn't anybody's to
 * lose.
 */
export function discardPages(region: Region, how: Discard, part: Part = {}): void {
  const constant = constantOf("how", how, discardConstants());
  const place = placeOf(region, "discard pages of", part);
  const pages = span(place, region.pageSize);
  const offset = Number(place.address - region.address);
  // What follows the end in its page is nobody's, but for "remove": there it may be the file's.
  const toTheEnd = how !== "remove" && pages.address === place.address &&
    offset + place.byteLength === region.byteLength;
  if (pages.byteLength !== place.byteLength && !toTheEnd) {
    throw new RangeError(
      `offset and length must be those of whole pages of ${region.pageSize} bytes: ` +
        `received offset ${offset} and length ${place.byteLength}`,
    );
  }
  if (pages.byteLength === 0) return;
  const result = madvise(pages.address, pages.byteLength, constant);
  if (result === 0) return;
  throw fail(region, "discard pages of", "madvise", -result, {
    EACCES: ["only memory that is shared and may be written can be removed"],
    EINVAL: [`the system can't do "${how}" to it, or its pages are locked`],
  });
}

const LIMIT = [
  "it is more than this user may lock, or a part of it may not be touched",
  "Raise RLIMIT_MEMLOCK (`ulimit -l`).",
] as const;

/** `mlock` on the pages that a part touches. */
export function lockPages(region: Region, part?: Part): void {
  const { address, byteLength } = pagesOf(region, "lock", part);
  if (byteLength === 0) return;
  const result = mlock(address, byteLength);
  if (result === 0) return;
  throw fail(region, "lock", "mlock", -result, {
    EAGAIN: ["some of its pages can't be had"],
    ENOMEM: LIMIT,
    EPERM: LIMIT,
  });
}

/** `munlock` on the pages that a part touches. */
export function unlockPages(region: Region, part?: Part): void {
  const { address, byteLength } = pagesOf(region, "unlock", part);
  if (byteLength === 0) return;
  const result = munlock(address, byteLength);
  if (result < 0) throw fail(region, "unlock", "munlock", -result, {});
}

/** How many pages to ask about at once: mincore wants a byte for each. */
const MINCORE_PAGES = 2 ** 16;

/** Counts, with `mincore`, the pages of a part that are in main memory. */
export function countResidentPages(region: Region, part?: Part): number {
  const { address, byteLength } = pagesOf(region, "look at", part);
  const pageSize = getpagesize();
  const vec = new Uint8Array(Math.min(MINCORE_PAGES, Math.ceil(byteLength / pageSize)));
  let resident = 0;
  for (let done = 0; done < byteLength; done += vec.length * pageSize) {
    const length = Math.min(byteLength - done, vec.length * pageSize);
    const result = mincore(address + BigInt(done), length, vec);
    if (result < 0) throw fail(region, "look at", "mincore", -result, {});
    const pages = vec.subarray(0, Math.ceil(length / pageSize));
    for (const state of pages) resident += state & 1; // the other bits are reserved
  }
  return resident;
}
