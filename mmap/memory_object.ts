import { checkBoolean, checkInteger, checkOptions } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { close, fcntl } from "../ffi/file.ts";
import { platform } from "../ffi/platform.ts";
import { reserve, setSize, shorten } from "./backing_file.ts";
import { mapDescriptor } from "./map.ts";
import type { AnyMapping, Mapping, ReadonlyMapping, ReservedMapping } from "./mapping.ts";
import { checkAccess, checkedMapOptions, type MapAccess, type MapOptions } from "./options.ts";
import { type Source, statusOf } from "./source.ts";

/** Options of `map()`. */
export interface MapObjectOptions extends MapOptions {
  /** What the mapping may be used for. Default: `"readwrite"`. */
  readonly access?: MapAccess;
}

/** Options of `resize()`. */
export interface ResizeObjectOptions {
  /**
   * Whether new bytes get memory at once (`fallocate`), so that a full `/dev/shm` is an error now
   * and not a fault when they are touched. Default: `true`.
   */
  readonly reserve?: boolean;
}

/**
 * Memory that the system knows by a descriptor: a thing of its own, which mappings are windows on.
 */
export abstract class MemoryObject implements Disposable {
  /** The object as errors name it. */
  readonly #label: string;
  readonly #source: Source;
  #fd: number | null;

  /** Takes over a descriptor. */
  protected constructor(label: string, fd: number) {
    this.#label = label;
    this.#fd = fd;
    this.#source = { name: label, lend: (_opening, use) => use(this.descriptor) };
  }

  /**
   * The file descriptor. It stays this object's: don't close it.
   *
   * @throws {Deno.errors.BadResource} If the object was closed.
   */
  get descriptor(): number {
    if (this.#fd !== null) return this.#fd;
    throw new Deno.errors.BadResource(`Cannot use ${this.#label}: it was closed here`);
  }

  /** The size in bytes, now. */
  get size(): number {
    return statusOf(this.descriptor, this.#label).size;
  }

  /**
   * Maps the memory into this process. The mapping lives on without the object; only to become
   * longer it needs it open.
   *
   * @throws {RangeError} If `offset` and `length` reach beyond the end.
   * @throws {Deno.errors.PermissionDenied} If it was opened for less, or is sealed.
   * @throws {Deno.errors.BadResource} If the object was closed.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/mmap.2.html mmap(2)}
   */
  map(options: MapObjectOptions & { readonly access: "read" }): ReadonlyMapping;
  /** Maps the memory for reading and writing. */
  map(options?: MapObjectOptions & { readonly access?: "readwrite" | "copy" }): Mapping;
  /** Reserves address space for the memory. */
  map(options: MapObjectOptions & { readonly access: "none" }): ReservedMapping;
  /** Maps the memory for a use known at run time only. */
  map(options: MapObjectOptions): AnyMapping;
  map(options: MapObjectOptions = {}): AnyMapping {
    const settings = checkedMapOptions(options);
    const { access = "readwrite" } = options;
    checkAccess(access, ["read", "readwrite", "copy", "none"]);
    return mapDescriptor(this.#source, this.descriptor, access, settings);
  }

  /**
   * Sets the size (`ftruncate`). Made shorter, what others have mapped of it beyond its new end is
   * gone: a touch of that kills their process, unless the memory is sealed against it.
   *
   * @param size In bytes.
   * @throws {RangeError} If it is out of range.
   * @throws {Deno.errors.PermissionDenied} If it is sealed against that.
   * @throws {Deno.errors.Busy} If this program has mapped bytes that would be gone.
   * @throws {Error} With code `ENOSPC` if there is no room.
   * @throws {Deno.errors.BadResource} If the object was closed.
   */
  resize(size: number, options: ResizeObjectOptions = {}): void {
    checkInteger("size", size, 0);
    const blocks = checkBoolean("reserve", checkOptions(options).reserve, true);
    const oldSize = this.size;
    if (size > oldSize && blocks) reserve(this.descriptor, oldSize, size, this.#label);
    else if (size > oldSize) setSize(this.descriptor, size, this.#label);
    else shorten(this.descriptor, size, this.#label);
  }

  /**
   * Gives up the descriptor; does nothing the second time. Mappings stay, and so does what others
   * have of the memory.
   */
  close(): void {
    if (this.#fd === null) return;
    const fd = this.#fd;
    this.#fd = null;
    const result = close(fd);
    if (result < 0) {
      throw systemError({ errno: -result, syscall: "close", action: `close ${this.#label}` });
    }
  }

  /** Leaves scope: closes the object. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** `fcntl` with an error that says what was tried; `verb` completes "Cannot ...". */
export function control(fd: number, cmd: number, arg: number, action: string): number {
  const result = fcntl(fd, cmd, arg);
  if (result >= 0) return result;
  throw systemError({
    errno: -result,
    syscall: "fcntl",
    action,
    advice: {
      EBUSY: [
        "it is mapped somewhere for shared writing",
        'End those mappings, or seal it with "futureWrite".',
      ],
      EPERM: ["it was made without seals, or is sealed against more of them"],
    },
  });
}

/** Whether a descriptor goes down to programs that this one starts. */
export function setInheritable(fd: number, inheritable: boolean, name: string): void {
  const { F_SETFD, FD_CLOEXEC } = platform().constants;
  control(fd, F_SETFD, inheritable ? 0 : FD_CLOEXEC, `hand down ${name}`);
}
