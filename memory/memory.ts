import { Region } from "../ffi/region.ts";
import {
  advisePages,
  countResidentPages,
  type Discard,
  discardPages,
  lockPages,
  type PageAdvice,
  type Part,
  unlockPages,
} from "./pages.ts";
import { ReadonlyDataView } from "./readonly_data_view.ts";
import { ReadonlyTypedArray } from "./readonly_typed_array.ts";
import { readText, type ReadTextOptions, writeText, type WriteTextOptions } from "./text.ts";
import {
  type ArrayOptions,
  type TypedArray,
  typedArray,
  type TypedArrayConstructor,
} from "./typed_array.ts";

// The writable and the read-only class each keep the region in a private field of their own: no
// method of one can be called on the other to get hold of what that hides.

/** All bytes of a region, or a clear error if they are gone. */
function live(region: Region): Uint8Array<ArrayBuffer> {
  if (!region.detached) return region.newBytes();
  throw new Deno.errors.BadResource(
    region.closed
      ? `Cannot use ${region.name}: it was unmapped`
      : `Cannot use ${region.name}: its ArrayBuffer was transferred away`,
  );
}

function dataView({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): DataView<ArrayBuffer> {
  return new DataView(buffer, byteOffset, length);
}

/**
 * The region that a memory stands on; for the library's own rooms, which check what they do with
 * it.
 */
export let regionOf: (memory: BaseMemory) => Region;

/** What all mapped memory has, even what may be neither read nor written: pages. */
export abstract class BaseMemory implements Disposable {
  readonly #region: Region;

  static {
    regionOf = (memory) => memory.#region;
  }

  /** Takes over a mapped region. */
  constructor(region: Region) {
    if (!Region.is(region)) {
      throw new TypeError("Illegal constructor: memory is made by what maps it, such as mapFile()");
    }
    this.#region = region;
  }

  /** The address of the first byte in this process; it tells another process nothing. */
  get address(): bigint {
    return this.#region.address;
  }

  /** The length in bytes; 0 once the memory is gone. */
  get byteLength(): number {
    return this.#region.detached ? 0 : this.#region.byteLength;
  }

  /** Whether the memory is still there. */
  get mapped(): boolean {
    return !this.#region.closed;
  }

  /**
   * Tells the system how the memory, or the pages that a part of it touches, is going to be used
   * (`madvise`). That changes speed and memory use, never what the memory holds.
   *
   * @throws {TypeError} If there is no such advice.
   * @throws {RangeError} If the part reaches beyond the memory.
   * @throws {Deno.errors.NotSupported} If this platform doesn't take that advice.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/madvise.2.html madvise(2)}
   */
  advise(advice: PageAdvice, part?: Part): void {
    advisePages(this.#region, advice, part);
  }

  /**
   * Keeps the memory, or the pages that a part of it touches, in main memory (`mlock`). It keeps
   * nobody out: for that there are semaphores and file locks.
   *
   * @throws {RangeError} If the part reaches beyond the memory.
   * @throws {Error} With code `ENOMEM` if it is more than `RLIMIT_MEMLOCK` allows.
   * @throws {Deno.errors.PermissionDenied} If this user may not lock memory at all.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/mlock.2.html mlock(2)}
   */
  lock(part?: Part): void {
    lockPages(this.#region, part);
  }

  /** Lets the pages go to the swap, or be dropped, again (`munlock`). */
  unlock(part?: Part): void {
    unlockPages(this.#region, part);
  }

  /**
   * How many of the memory's pages are in main memory (`mincore`), where a page has
   * `getpagesize()` bytes. For a file that this user may not write, the system says all.
   *
   * @throws {RangeError} If the part reaches beyond the memory.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/mincore.2.html mincore(2)}
   */
  residentPages(part?: Part): number {
    return countResidentPages(this.#region, part);
  }

  /** Ends every view, then gives the memory back; does nothing the second time. */
  [Symbol.dispose](): void {
    this.#region.close();
  }
}

/**
 * Memory that other processes may see and change: its bytes, and typed arrays,
 * a `DataView` and text on them.
 *
 * Everything handed out dies with the memory: afterwards every view has length
 * 0 and reads give `undefined`; nothing crashes.
 */
export class Memory extends BaseMemory {
  readonly #region: Region;
  #view: DataView<ArrayBuffer> | undefined;

  /** Takes over a region that is mapped for writing. */
  constructor(region: Region) {
    super(region);
    this.#region = region;
  }

  /** All bytes. They are the memory, not a copy of it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#region.bytes;
  }

  /** A `DataView` on all bytes. */
  get view(): DataView<ArrayBuffer> {
    if (this.#view?.buffer !== this.#region.buffer || this.#region.detached) {
      this.#view = dataView(live(this.#region));
    }
    return this.#view;
  }

  /**
   * A typed array on a part of the memory.
   *
   * @example
   * ```ts
   * import { IPC_PRIVATE, Segment } from "@isthmus/isthmus";
   *
   * using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
   * using memory = segment.attach();
   * const samples = memory.array(Float64Array, { offset: 64, length: 100 });
   * samples[0] = 1.5;
   * ```
   *
   * @throws {TypeError} If `type` isn't one of JavaScript's typed arrays.
   * @throws {RangeError} If the part is misaligned or reaches beyond the memory.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  array<T extends TypedArray>(type: TypedArrayConstructor<T>, options: ArrayOptions = {}): T {
    return typedArray(live(this.#region), type, options);
  }

  /**
   * Reads UTF-8 text up to its NUL.
   *
   * @throws {Deno.errors.InvalidData} If there is no NUL, or the bytes aren't UTF-8 and `fatal` is
   * set.
   * @throws {RangeError} If `offset` or `length` reach beyond the memory.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  readText(options?: ReadTextOptions): string {
    return readText(live(this.#region), options);
  }

  /**
   * Writes UTF-8 text and the NUL that ends it; writes nothing if they don't fit.
   *
   * @returns The number of bytes written, with the NUL.
   * @throws {RangeError} If text and NUL don't fit, or the text contains a NUL.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  writeText(text: string, options?: WriteTextOptions): number {
    return writeText(live(this.#region), text, options);
  }

  /**
   * Gives pages back to the system (`madvise`), and with them **what they hold**, in the way that
   * {@linkcode Discard} tells. After an error a part of it may be gone.
   *
   * @throws {TypeError} If there is no such way.
   * @throws {RangeError} If the part doesn't consist of whole pages (but for `"remove"`, its end
   * may be the memory's), or reaches beyond the memory.
   * @throws {Deno.errors.NotSupported} If this platform, or what is mapped, can't do it.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   *
   * @see {@linkcode https://man7.org/linux/man-pages/man2/madvise.2.html madvise(2)}
   */
  discard(how: Discard, part?: Part): void {
    discardPages(this.#region, how, part);
  }
}

/**
 * Memory that this process may only read. A write would kill the process, so
 * nothing here has a writing method; other processes may change what is read.
 *
 * Everything handed out dies with the memory, as with {@linkcode Memory}.
 */
export class ReadonlyMemory extends BaseMemory {
  readonly #region: Region;

  /** Takes over a region that is mapped for reading. */
  constructor(region: Region) {
    super(region);
    this.#region = region;
  }

  /** All bytes. */
  get bytes(): ReadonlyTypedArray<Uint8Array<ArrayBuffer>> {
    return new ReadonlyTypedArray(Uint8Array, this.#region.bytes);
  }

  /** A `DataView` on all bytes, without the setters. */
  get view(): ReadonlyDataView {
    return new ReadonlyDataView(dataView(live(this.#region)));
  }

  /**
   * A typed array on a part of the memory, without the writing methods.
   *
   * @throws {TypeError} If `type` isn't one of JavaScript's typed arrays.
   * @throws {RangeError} If the part is misaligned or reaches beyond the memory.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  array<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    options: ArrayOptions = {},
  ): ReadonlyTypedArray<T> {
    return new ReadonlyTypedArray(type, typedArray(live(this.#region), type, options));
  }

  /** Reads UTF-8 text up to its NUL, as {@linkcode Memory.readText} does. */
  readText(options?: ReadTextOptions): string {
    return readText(live(this.#region), options);
  }

  /**
   * All bytes as an ordinary `Uint8Array`, for functions that want one and only read it.
   *
   * Unsafe: whoever writes through it, or through its buffer, kills this process (SIGSEGV).
   */
  get unsafeBytes(): Uint8Array<ArrayBuffer> {
    return this.#region.bytes;
  }
}
