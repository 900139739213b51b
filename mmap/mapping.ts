import { checkOptions } from "../ffi/check.ts";
import type { Region } from "../ffi/region.ts";
import type { WaitOptions } from "../ffi/wait.ts";
import { BaseMemory, Memory, ReadonlyMemory } from "../memory/memory.ts";
import { flush, type FlushOptions, flushSync } from "./flush.ts";
import { checkAccess } from "./options.ts";
import { isTruncated, type Origin } from "./origin.ts";
import { type Protection, type ProtectOptions, protectRegion } from "./protect.ts";
import { type ResizeFileOptions, resizeMapping, type ResizeOptions } from "./resize.ts";

/** A mapping, whatever it may be used for. */
export type AnyMapping = Mapping | ReadonlyMapping | ReservedMapping;

/** The class for what a region may be used for. */
export function wrap(region: Region, origin: Origin, access: Protection): AnyMapping {
  switch (access) {
    case "read":
      return new ReadonlyMapping(region, origin);
    case "readwrite":
      return new Mapping(region, origin);
    case "none":
      return new ReservedMapping(region, origin);
  }
}

/** Ends a mapping, and returns one on the same memory for another use. */
function protect(
  region: Region,
  origin: Origin,
  access: Protection,
  options: ProtectOptions,
): AnyMapping {
  checkAccess(access, ["read", "readwrite", "none"]);
  return wrap(protectRegion(region, origin, access, checkOptions(options)), origin, access);
}

/**
 * Mapped memory that may be written: a window on a file, on shared or on private memory. Made by
 * `mapFile()`, `mapAnonymous()`, `Memfd.map()` and `PosixSharedMemory.map()`.
 *
 * A file that somebody truncates while it is mapped takes the memory away: a touch of what is gone
 * kills the process (SIGBUS), which JavaScript can't prevent. {@linkcode isTruncated} tells it,
 * unless it happens in that moment; memory that is sealed (`Memfd.seal("shrink")`) can't be
 * truncated.
 */
export class Mapping extends Memory {
  readonly #region: Region;
  readonly #origin: Origin;

  /** Takes over mapped memory. */
  constructor(region: Region, origin: Origin) {
    super(region);
    this.#region = region;
    this.#origin = origin;
  }

  /** Whether the call that made the mapping also made the file. */
  get created(): boolean {
    return this.#origin.created;
  }

  /**
   * Writes what was changed to the file (`msync`), and blocks the thread until the disk has it.
   * Other processes that map the file see changes without that, at once.
   *
   * @throws {RangeError} If the part reaches beyond the memory.
   * @throws {Deno.errors.UnexpectedEof} If the file was truncated below what is mapped.
   * @throws {Deno.errors.NotSupported} If the mapping has the access `"copy"`.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   * @throws {Error} With code `EIO` or `ENOSPC`, if the disk fails or is full.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/msync.2.html msync(2)}
   */
  flushSync(options?: FlushOptions): void {
    flushSync(this.#region, this.#origin, options);
  }

  /**
   * Writes what was changed to the file, as {@linkcode flushSync} does, on another thread.
   *
   * The mapping may be closed meanwhile: its views end at once, and the memory is given back when
   * all is written. Until then it can't be resized or protected (`Deno.errors.Busy`).
   */
  async flush(options?: FlushOptions & WaitOptions): Promise<void> {
    await flush(this.#region, this.#origin, options);
  }

  /**
   * Makes the mapping longer or shorter (`mremap`). Its views end, and it has new ones, maybe at
   * another address.
   *
   * @param length In bytes, at least 1.
   * @throws {RangeError} If the file is too short for that, and neither `file` nor `allowBeyondEnd`
   * is set.
   * @throws {Deno.errors.UnexpectedEof} If somebody made the file shorter than what is mapped, and
   * `length` isn't within what is left.
   * @throws {Deno.errors.Busy} If something asynchronous that uses the memory is under way, or with
   * `file`, if another mapping of this program would lose bytes.
   * @throws {Deno.errors.NotSupported} If it is shared anonymous memory, and would be longer than
   * it was made.
   * @throws {Deno.errors.BadResource} If the memory is gone, or with `file`, if the file can't be
   * found any more.
   * @throws {Error} With code `ENOSPC` if there is no room for the file, `ENOMEM` if there is no
   * address space. As after any error, the mapping is as it was, but for its views; the file may
   * have become longer.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/mremap.2.html mremap(2)}
   */
  resize(length: number, options?: ResizeFileOptions): void {
    resizeMapping(this.#region, this.#origin, "readwrite", length, options);
  }

  /** Whether the file is now shorter than what was mapped of it. */
  isTruncated(): boolean {
    return isTruncated(this.#region, this.#origin);
  }

  /**
   * Ends this mapping and returns another one on the same memory, which may be used otherwise
   * (`mprotect`). Views of the old one end.
   *
   * @throws {TypeError} If `access` isn't one of the words.
   * @throws {Deno.errors.PermissionDenied} If the file was not opened for that.
   * @throws {Deno.errors.Busy} If something asynchronous that uses the memory is under way.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/mprotect.2.html mprotect(2)}
   */
  protect(access: "read", options?: ProtectOptions): ReadonlyMapping;
  /** For reading and writing. */
  protect(access: "readwrite", options?: ProtectOptions): Mapping;
  /** For nothing: whoever touches it is killed. */
  protect(access: "none", options?: ProtectOptions): ReservedMapping;
  /** For a use known at run time only. */
  protect(access: Protection, options?: ProtectOptions): AnyMapping;
  protect(access: Protection, options: ProtectOptions = {}): AnyMapping {
    return protect(this.#region, this.#origin, access, options);
  }

  /**
   * Ends the mapping (`munmap`); does nothing the second time. All views end first: they have
   * length 0 from then on, and using them is no fault. What was written stays in the file.
   *
   * Input or output that is still under way on a view doesn't see the end of
   * it: await it before.
   *
   * @throws {Deno.errors.BadResource} If the memory's `ArrayBuffer` was transferred away. It
   * then stays mapped until the process ends.
   */
  close(): void {
    this[Symbol.dispose]();
  }
}

/**
 * Mapped memory that may only be read. Made as {@linkcode Mapping} is, with the access `"read"`.
 */
export class ReadonlyMapping extends ReadonlyMemory {
  readonly #region: Region;
  readonly #origin: Origin;

  /** Takes over mapped memory. */
  constructor(region: Region, origin: Origin) {
    super(region);
    this.#region = region;
    this.#origin = origin;
  }

  /**
   * Makes the mapping longer or shorter, as {@linkcode Mapping.resize} does; the file stays as it
   * is.
   */
  resize(length: number, options: ResizeOptions = {}): void {
    resizeMapping(this.#region, this.#origin, "read", length, {
      allowBeyondEnd: checkOptions(options).allowBeyondEnd,
    });
  }

  /** Whether the file is now shorter than what was mapped of it. */
  isTruncated(): boolean {
    return isTruncated(this.#region, this.#origin);
  }

  /**
   * Ends this mapping and returns one on the same memory for another use, as {@linkcode
   * Mapping.protect} does.
   */
  protect(access: "read", options?: ProtectOptions): ReadonlyMapping;
  /** For reading and writing. */
  protect(access: "readwrite", options?: ProtectOptions): Mapping;
  /** For nothing: whoever touches it is killed. */
  protect(access: "none", options?: ProtectOptions): ReservedMapping;
  /** For a use known at run time only. */
  protect(access: Protection, options?: ProtectOptions): AnyMapping;
  protect(access: Protection, options: ProtectOptions = {}): AnyMapping {
    return protect(this.#region, this.#origin, access, options);
  }

  /** Ends the mapping, as {@linkcode Mapping.close} does. */
  close(): void {
    this[Symbol.dispose]();
  }
}

/**
 * Address space that may be neither read nor written (`PROT_NONE`). Made with the access `"none"`;
 * {@linkcode protect} makes memory of it.
 */
export class ReservedMapping extends BaseMemory {
  readonly #region: Region;
  readonly #origin: Origin;

  /** Takes over address space. */
  constructor(region: Region, origin: Origin) {
    super(region);
    this.#region = region;
    this.#origin = origin;
  }

  /**
   * Ends this mapping and returns one on the same memory for another use, as {@linkcode
   * Mapping.protect} does.
   */
  protect(access: "read", options?: ProtectOptions): ReadonlyMapping;
  /** For reading and writing. */
  protect(access: "readwrite", options?: ProtectOptions): Mapping;
  /** For nothing, as it is. */
  protect(access: "none", options?: ProtectOptions): ReservedMapping;
  /** For a use known at run time only. */
  protect(access: Protection, options?: ProtectOptions): AnyMapping;
  protect(access: Protection, options: ProtectOptions = {}): AnyMapping {
    return protect(this.#region, this.#origin, access, options);
  }

  /** Ends the mapping, as {@linkcode Mapping.close} does. */
  close(): void {
    this[Symbol.dispose]();
  }
}
