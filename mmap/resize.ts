import { checkBoolean, checkInteger, checkOptions } from "../ffi/check.ts";
import type { Place } from "../ffi/pages.ts";
import type { Region } from "../ffi/region.ts";
import { type BackingFile, reserve, shorten } from "./backing_file.ts";
import { protection } from "./options.ts";
import { checkWhole, type Origin } from "./origin.ts";
import { mapPlace, resizePlace } from "./place.ts";

/** How far a mapping may be resized. */
export interface ResizeOptions {
  /**
   * Maps bytes behind the end of the file too. A touch of them kills the process (SIGBUS) until
   * somebody makes the file longer. Default: `false`.
   */
  readonly allowBeyondEnd?: boolean;
}

/** What of a mapping that may be written is resized. */
export interface ResizeFileOptions extends ResizeOptions {
  /**
   * Gives the file the size that puts its end where the mapping's is: it grows with real blocks, or
   * loses what is behind. Other processes that still use what it loses get faults. Default:
   * `false`.
   */
  readonly file?: boolean;
}

/** Makes a mapping of this length of a mapping; `access` is what it is mapped for. */
export function resizeMapping(
  region: Region,
  origin: Origin,
  access: "read" | "readwrite",
  length: number,
  options: ResizeFileOptions = {},
): void {
  checkInteger("length", length, 1);
  const settings = checkOptions(options);
  const allowBeyondEnd = checkBoolean("allowBeyondEnd", settings.allowBeyondEnd);
  const resizeFile = checkBoolean("file", settings.file);
  const { file } = origin;
  if (region.closed) {
    throw new Deno.errors.BadResource(`Cannot resize ${region.name}: it was unmapped`);
  }
  if (file === null) {
    if (resizeFile) throw new TypeError(`file must not be set: ${region.name} has none`);
    if (length > origin.limit) {
      throw new Deno.errors.NotSupported(
        `Cannot resize ${region.name} to ${length} bytes: shared anonymous memory can't grow beyond the ${origin.limit} it was made with. Use a Memfd`,
      );
    }
    region.move("resize", (place) => resizePlace(place, length, origin.pageSize, region.name));
    return;
  }
  if (resizeFile) return resizeWithFile(region, origin, file, length);
  const size = checkEnd(region, origin, file, length, allowBeyondEnd);
  remap(region, origin, file, access, length);
  file.reach = Math.min(file.offset + length, size);
}

/** Checks that a mapping of this length ends within the file; returns the file's size. */
function checkEnd(
  region: Region,
  origin: Origin,
  file: BackingFile,
  length: number,
  allowBeyondEnd: boolean,
): number {
  const end = file.offset + length;
  if (!file.hasSize) {
    if (length <= region.byteLength) return file.reach;
    throw new Deno.errors.NotSupported(
      `Cannot resize ${region.name} to ${length} bytes: a device doesn't tell how many it has. Map it anew`,
    );
  }
  const size = file.size() ??
    // It can't be looked at: what is mapped already needs no look, and for more this says why.
    (length <= region.byteLength ? file.reach : file.lend("read", (_fd, status) => status.size));
  if (end > size && !allowBeyondEnd) {
    checkWhole(region, origin, "resize");
    throw new RangeError(
      `Cannot resize ${region.name} to ${length} bytes: the file has ${size} bytes, ` +
        `so ${Math.max(0, size - file.offset)} from offset ${file.offset}. ` +
        "Make the file longer (file: true, where it is mapped for writing), or set allowBeyondEnd " +
        "if somebody else will",
    );
  }
  return size;
}

/**
 * Resizes the mapping and the file, while there is no view that could see one without the other.
 */
function resizeWithFile(region: Region, origin: Origin, file: BackingFile, length: number): void {
  if (region.isPrivate) {
    throw new TypeError('file must not be set: with access "copy" nothing reaches the file');
  }
  checkWhole(region, origin, "resize"); // what is gone would seem to be zeros
  const end = file.offset + length;
  file.lend("readwrite", (fd, { size }) => {
    region.move("resize", (place) => {
      if (end > size) reserve(fd, size, end, file.source.name);
      else if (end < size) shorten(fd, end, file.source.name, file);
      return place.byteLength > 0
        ? resizePlace(place, length, origin.pageSize, region.name)
        : mapFirst(region, origin, file, "readwrite", length, fd);
    });
  });
  file.reach = end;
}

/** Resizes the mapping, of which the file has enough. */
function remap(
  region: Region,
  origin: Origin,
  file: BackingFile,
  access: "read" | "readwrite",
  length: number,
): void {
  if (region.byteLength > 0) {
    region.move("resize", (place) => resizePlace(place, length, origin.pageSize, region.name));
    return;
  }
  const opening = access === "readwrite" && !region.isPrivate ? "readwrite" : "read";
  file.lend(opening, (fd) => {
    region.move("resize", () => mapFirst(region, origin, file, access, length, fd));
  });
}

/** Maps what was empty, and so was not mapped at all. */
function mapFirst(
  { name }: Region,
  { pageSize, flags, execute }: Origin,
  { offset }: BackingFile,
  access: "read" | "readwrite",
  length: number,
  fd: number,
): Place {
  const prot = protection(access, execute);
  return mapPlace({ fd, offset, byteLength: length, prot, flags, pageSize, name });
}
