import { madvise } from "../ffi/mman.ts";
import { span } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import type { Region } from "../ffi/region.ts";
import type { BackingFile } from "./backing_file.ts";

/** What a mapping was made from, which what is done to it later depends on. */
export interface Origin {
  /** The `MAP_...` flags. */
  readonly flags: number;
  /** Whether code in it may be executed. */
  readonly execute: boolean;
  /** The unit of its pages, in bytes. */
  readonly pageSize: number;
  /** What it is a window on; `null` for anonymous memory. */
  readonly file: BackingFile | null;
  /** The most bytes that it can have: that of shared anonymous memory is fixed when it is made. */
  readonly limit: number;
  /** Whether the mapping call made the file. */
  readonly created: boolean;
}

/** Whether the file is now shorter than what is mapped of it. */
export function isTruncated(region: Region, { file, pageSize }: Origin): boolean {
  if (region.closed) {
    throw new Deno.errors.BadResource(`Cannot look at ${region.name}: it was unmapped`);
  }
  if (file === null || !file.hasSize || region.byteLength === 0) return false;
  const size = file.size();
  if (size !== null) return size < file.reach;
  // The file was renamed, deleted or closed, so that nothing tells its size. But the
  // last page can be asked for without a fault.
  const { constants: { MADV_POPULATE_READ }, errno: { EFAULT } } = platform();
  if (MADV_POPULATE_READ === null || file.reach <= file.offset) return false;
  const pages = span({ address: region.address, byteLength: file.reach - file.offset }, pageSize);
  const last = pages.address + BigInt(pages.byteLength - pageSize);
  return madvise(last, pageSize, MADV_POPULATE_READ) === -EFAULT;
}

/**
 * Throws if the file is now shorter than what is mapped of it, which `verb` can't be done to.
 *
 * @throws {Deno.errors.UnexpectedEof} If it is.
 */
export function checkWhole(region: Region, origin: Origin, verb: string): void {
  if (!isTruncated(region, origin)) return;
  const size = origin.file?.size();
  throw new Deno.errors.UnexpectedEof(
    `Cannot ${verb} ${region.name}: somebody truncated the file${
      typeof size === "number" ? ` to ${size} bytes` : ""
    }, and ${origin.file?.reach} are mapped. ` +
      "Don't touch what is gone (SIGBUS): close the mapping, or resize it to what is left",
  );
}
