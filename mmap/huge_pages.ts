import { checkInteger } from "../ffi/check.ts";
import { type Advice, systemError } from "../ffi/errors.ts";
import { close, fstat } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { memfdCreate } from "../ffi/posix_shm.ts";

/**
 * Whether to use huge pages: `true` for those of the system's default size, or their size in bytes.
 */
export type HugePages = boolean | number;

/** No page that is called huge is smaller than the smallest ordinary one. */
const SMALLEST_HUGE_PAGE = 4096;

/** What it means when `mmap` fails for huge pages. */
export const HUGE_PAGES_ADVICE: Advice = {
  EINVAL: ["the system has no huge pages of that size"],
  ENOMEM: ["there are not enough free huge pages", "Reserve some: `sysctl vm.nr_hugepages`."],
};

/**
 * The flags that ask `mmap` for huge pages; `memfd_create` takes the same size behind its own flag.
 */
export function hugePageFlags(hugePages: HugePages): number {
  if (hugePages === false) return 0;
  const { MAP_HUGETLB } = platform().constants;
  if (MAP_HUGETLB === null) {
    throw new Deno.errors.NotSupported("Cannot map huge pages: this platform has no MAP_HUGETLB");
  }
  return MAP_HUGETLB | hugePageSizeBits(hugePages);
}

/** The size of huge pages as flags carry it: its exponent, in the bits from `MAP_HUGE_SHIFT` on. */
export function hugePageSizeBits(hugePages: HugePages): number {
  if (typeof hugePages === "boolean") return 0;
  const exponent = Math.log2(checkInteger("hugePages", hugePages, SMALLEST_HUGE_PAGE));
  if (Number.isInteger(exponent)) return exponent << (platform().constants.MAP_HUGE_SHIFT ?? 0);
  throw new RangeError(`hugePages must be a power of two: received ${hugePages}`);
}

/** How large the huge pages are, in bytes. */
export function hugePageSize(hugePages: true | number): number {
  if (hugePages !== true) return hugePages;
  // A file of huge pages has blocks of their size, even while none is reserved.
  const { MFD_CLOEXEC, MFD_HUGETLB } = platform().constants;
  const fd = memfdCreate("isthmus", (MFD_CLOEXEC ?? 0) | (MFD_HUGETLB ?? 0));
  const status = fd < 0 ? fd : fstat(fd);
  if (fd >= 0) close(fd);
  if (typeof status !== "number") return status.blockSize;
  throw systemError({
    errno: -status,
    syscall: "memfd_create",
    action: "map huge pages",
    advice: { ENOENT: ["this system has none"], ENOSYS: ["this system has none"] },
  });
}
