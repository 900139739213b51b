import { checkInteger, checkMode, checkOptions, describe } from "../ffi/check.ts";
import type { Advice } from "../ffi/errors.ts";
import { platform } from "../ffi/platform.ts";
import { shmget } from "../ffi/sysv_shm.ts";
import type { Get } from "../sysv/get.ts";

/** Options of `Segment.create()` and `Segment.openOrCreate()`. */
export interface CreateSegmentOptions {
  /** Permission bits. Default: `0o600`, this user alone. */
  readonly mode?: number;
  /**
   * Backs the segment with huge pages (`SHM_HUGETLB`; Linux): `true` for the default size, or
   * the size in bytes. The system must have reserved some. Default: `false`.
   */
  readonly hugePages?: boolean | number;
  /**
   * Reserves no swap space for the segment (`SHM_NORESERVE`; Linux). Not with `hugePages`: where
   * none is free then, the first touch would kill the process. Default: `false`.
   */
  readonly noReserve?: boolean;
  /**
   * Removes the segment when the `Segment` leaves scope, if this call created it. A signal that
   * ends the process (Ctrl-C) ends no scope. Default: `false`.
   */
  readonly removeOnDispose?: boolean;
}

/** The shmget that creates, its arguments checked. */
export function creation(size: number, options: CreateSegmentOptions): Get {
  checkInteger("size", size, 1);
  const { mode = 0o600, hugePages = false, noReserve = false } = checkOptions(options);
  if (hugePages !== false && noReserve) {
    throw new TypeError("noReserve can't be set together with hugePages");
  }
  const flags = checkMode(mode) | hugePageFlags(hugePages) | noReserveFlag(noReserve);
  return (key, exclusive) => shmget(key, size, flags | exclusive);
}

/** The shmget that opens: size 0 fits every segment. */
export const opening: Get = (key, flags) => shmget(key, 0, flags);

/** No page that is called huge is smaller than the smallest ordinary one. */
const SMALLEST_HUGE_PAGE = 4096;

function hugePageFlags(hugePages: boolean | number): number {
  if (hugePages === false) return 0;
  const { SHM_HUGETLB, SHM_HUGE_SHIFT } = platform().constants;
  if (SHM_HUGETLB === null || SHM_HUGE_SHIFT === null) throw missing("SHM_HUGETLB");
  if (hugePages === true) return SHM_HUGETLB;
  const exponent = Math.log2(checkInteger("hugePages", hugePages, SMALLEST_HUGE_PAGE));
  if (!Number.isInteger(exponent)) {
    throw new RangeError(`hugePages must be a power of two: received ${describe(hugePages)}`);
  }
  return SHM_HUGETLB | (exponent << SHM_HUGE_SHIFT);
}

function noReserveFlag(noReserve: boolean): number {
  if (!noReserve) return 0;
  const { SHM_NORESERVE } = platform().constants;
  if (SHM_NORESERVE === null) throw missing("SHM_NORESERVE");
  return SHM_NORESERVE;
}

function missing(constant: string): Error {
  return new Deno.errors.NotSupported(`Cannot create segment: this platform has no ${constant}`);
}

/** What errors of the shmget that creates mean. */
export function createAdvice(size: number, { hugePages }: CreateSegmentOptions): Advice {
  return {
    EINVAL: [
      `the system does not allow a segment of ${size} bytes` +
      (typeof hugePages === "number" ? `, or has no huge pages of ${hugePages}` : ""),
      "Segment.limits() tells the least (shmmin) and the most (shmmax).",
    ],
    ENOMEM: hugePages
      ? ["there are not enough free huge pages", "Reserve some: `sysctl vm.nr_hugepages`."]
      : ["not enough memory"],
    ENOSPC: [
      "the system has as many segments (shmmni), or pages in them (shmall), as it may",
      "Remove those that nobody uses (`ipcs -m`, `ipcrm -m <id>`), or raise the limits kernel.shmmni and kernel.shmall.",
    ],
    EPERM: [
      "this user may not use huge pages",
      "It takes CAP_IPC_LOCK or the group in vm.hugetlb_shm_group.",
    ],
  };
}
