import type { Region } from "../ffi/region.ts";
import { ReadonlyDataView } from "./readonly_data_view.ts";
import { ReadonlyTypedArray } from "./readonly_typed_array.ts";
import { readText, type ReadTextOptions, writeText, type WriteTextOptions } from "./text.ts";
import {
  type ArrayOptions,
  type TypedArray,
  typedArray,
  type TypedArrayConstructor,
} from "./typed_array.ts";

// The writable and the read-only class each keep a view of their own in a private field, and
// share none: no method of one can be called on the other to get hold of what it hides.

/** All bytes of a region, or a clear error if they are gone. */
function live(region: Region, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (!region.detached) return bytes;
  throw new Deno.errors.BadResource(
    region.closed
      ? "Cannot use the memory: it was detached"
      : "Cannot use the memory: its ArrayBuffer was transferred away",
  );
}

/** What all memory has, whether it may be written or not. */
export abstract class BaseMemory implements Disposable {
  readonly #region: Region;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** Takes over a mapped region. */
  constructor(region: Region) {
    this.#region = region;
    this.#bytes = new Uint8Array(region.buffer);
  }

  /** The address of the first byte in this process; it tells another process nothing. */
  get address(): bigint {
    return this.#region.address;
  }

  /** The length in bytes; 0 once the memory is gone. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /** Whether the memory is still there. */
  get mapped(): boolean {
    return !this.#region.closed;
  }

  /**
   * Reads UTF-8 text up to its NUL.
   *
   * @throws {Deno.errors.InvalidData} If there is no NUL, or the bytes aren't UTF-8 and `fatal` is set.
   * @throws {RangeError} If `offset` or `length` reach beyond the memory.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  readText(options?: ReadTextOptions): string {
    return readText(live(this.#region, this.#bytes), options);
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
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer> | undefined;

  /** Takes over a region that is mapped for writing. */
  constructor(region: Region) {
    super(region);
    this.#region = region;
    this.#bytes = new Uint8Array(region.buffer);
  }

  /** All bytes. They are the memory, not a copy of it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** A `DataView` on all bytes. */
  get view(): DataView<ArrayBuffer> {
    return this.#view ??= new DataView(live(this.#region, this.#bytes).buffer);
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
    return typedArray(live(this.#region, this.#bytes).buffer, type, options);
  }

  /**
   * Writes UTF-8 text and the NUL that ends it; writes nothing if they don't fit.
   *
   * @returns The number of bytes written, with the NUL.
   * @throws {RangeError} If text and NUL don't fit, or the text contains a NUL.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  writeText(text: string, options?: WriteTextOptions): number {
    return writeText(live(this.#region, this.#bytes), text, options);
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
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** Takes over a region that is mapped for reading. */
  constructor(region: Region) {
    super(region);
    this.#region = region;
    this.#bytes = new Uint8Array(region.buffer);
  }

  /** All bytes. */
  get bytes(): ReadonlyTypedArray<Uint8Array<ArrayBuffer>> {
    return new ReadonlyTypedArray(Uint8Array, this.#bytes);
  }

  /** A `DataView` on all bytes, without the setters. */
  get view(): ReadonlyDataView {
    return new ReadonlyDataView(new DataView(live(this.#region, this.#bytes).buffer));
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
    const { buffer } = live(this.#region, this.#bytes);
    return new ReadonlyTypedArray(type, typedArray(buffer, type, options));
  }

  /**
   * All bytes as an ordinary `Uint8Array`, for functions that want one and only read it.
   *
   * Unsafe: whoever writes through it, or through its buffer, kills this process (SIGSEGV).
   */
  get unsafeBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}
