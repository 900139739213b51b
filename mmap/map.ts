import { systemError } from "../ffi/errors.ts";
import { type FileStatus, isHugetlbfs } from "../ffi/file.ts";
import { madvise } from "../ffi/mman.ts";
import { getpagesize, type Place, span } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import { BackingFile } from "./backing_file.ts";
import { HUGE_PAGES_ADVICE } from "./huge_pages.ts";
import { type AnyMapping, wrap } from "./mapping.ts";
import { checkedLength, type checkedMapOptions, type MapAccess, protection } from "./options.ts";
import { mapPlace, regionAt, unmapPlace } from "./place.ts";
import { hasSize, type Source, statusOf } from "./source.ts";

/** Options that were checked. */
export type Settings = ReturnType<typeof checkedMapOptions>;

/** Maps what a descriptor stands for. */
export function mapDescriptor(
  source: Source,
  fd: number,
  access: MapAccess,
  settings: Settings,
  created = false,
): AnyMapping {
  const { offset, execute } = settings;
  const status = statusOf(fd, source.name);
  const byteLength = lengthOf(source.name, status, settings);
  const name = `mapping of ${source.name}`;
  // The pages of memory that is made of huge ones; those of files are the system's.
  const huge = hasHugePages(fd, status);
  const pageSize = huge ? status.blockSize : getpagesize();
  // Where no huge page is free, the first touch would kill the process.
  if (huge && settings.noReserve) {
    throw new TypeError("noReserve can't be set for huge pages");
  }
  const { MAP_SHARED, MAP_PRIVATE, MAP_NORESERVE } = platform().constants;
  const flags = (access === "copy" ? MAP_PRIVATE : MAP_SHARED) |
    (settings.noReserve ? MAP_NORESERVE : 0);
  const prot = protection(access, execute);
  const place = mapPlace({
    fd,
    offset,
    byteLength,
    prot,
    flags,
    pageSize,
    name: source.name,
    advice: huge ? HUGE_PAGES_ADVICE : undefined,
  });
  if (settings.populate && access !== "none") populate(place, pageSize, source.name);
  const file = new BackingFile(source, status, offset, byteLength);
  const region = regionAt(place, { name, pageSize, flags, ended: () => file.unmapped() });
  const origin = { flags, execute, pageSize, file, limit: Infinity, created };
  return wrap(region, origin, access === "copy" ? "readwrite" : access);
}

/** How many bytes to map; what has no size must be told. */
function lengthOf(name: string, status: FileStatus, settings: Settings): number {
  const { constants: { S_IFMT, S_IFDIR, S_IFIFO, S_IFSOCK }, errno } = platform();
  const type = status.mode & S_IFMT;
  if (hasSize(status)) return checkedLength(name, status.size, settings);
  if (type === S_IFDIR || type === S_IFIFO || type === S_IFSOCK) {
    const kind = type === S_IFDIR ? "a directory" : type === S_IFIFO ? "a pipe" : "a socket";
    throw systemError({
      errno: errno.ENODEV,
      syscall: "mmap",
      action: `map ${name}`,
      advice: { ENODEV: [`it is ${kind}, which can't be mapped`, "Read it instead."] },
      class: type === S_IFDIR ? Deno.errors.IsADirectory : Deno.errors.NotSupported,
    });
  }
  if (settings.length !== undefined) return settings.length;
  throw new TypeError(`length must be given: ${name} is a device, which doesn't tell its size`);
}

/** Whether the pages of a file are huge ones, which are mapped and unmapped as a whole. */
function hasHugePages(fd: number, { blockSize }: FileStatus): boolean {
  const SMALLEST = 65536;
  return blockSize >= SMALLEST && isHugetlbfs(fd);
}

/** Maps every page now. A page that can't be had is an error, not a fault. */
function populate(place: Place, pageSize: number, name: string): void {
  const { address, byteLength } = span(place, pageSize);
  if (byteLength === 0) return;
  const { constants: { MADV_POPULATE_READ, MADV_WILLNEED }, errno: { EINVAL } } = platform();
  const result = madvise(address, byteLength, MADV_POPULATE_READ ?? MADV_WILLNEED);
  if (result === 0) return;
  if (result === -EINVAL) return void madvise(address, byteLength, MADV_WILLNEED); // before Linux 5.14
  unmapPlace(place, pageSize, name);
  throw systemError({
    errno: -result,
    syscall: "madvise",
    action: `populate the mapping of ${name}`,
    advice: { EFAULT: ["the file is shorter than what was to be mapped of it"] },
  });
}
