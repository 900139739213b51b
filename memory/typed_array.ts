import { checkInteger, checkOptions, checkRange, describe } from "../ffi/check.ts";

/** Any of JavaScript's typed arrays. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Float16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** The same typed array on a `SharedArrayBuffer`. */
export type SharedTypedArray<T extends TypedArray> = T extends Int8Array
  ? Int8Array<SharedArrayBuffer>
  : T extends Uint8Array ? Uint8Array<SharedArrayBuffer>
  : T extends Uint8ClampedArray ? Uint8ClampedArray<SharedArrayBuffer>
  : T extends Int16Array ? Int16Array<SharedArrayBuffer>
  : T extends Uint16Array ? Uint16Array<SharedArrayBuffer>
  : T extends Float16Array ? Float16Array<SharedArrayBuffer>
  : T extends Int32Array ? Int32Array<SharedArrayBuffer>
  : T extends Uint32Array ? Uint32Array<SharedArrayBuffer>
  : T extends Float32Array ? Float32Array<SharedArrayBuffer>
  : T extends Float64Array ? Float64Array<SharedArrayBuffer>
  : T extends BigInt64Array ? BigInt64Array<SharedArrayBuffer>
  : T extends BigUint64Array ? BigUint64Array<SharedArrayBuffer>
  : never;

/** The class of a typed array, such as `Float64Array`. */
export interface TypedArrayConstructor<T extends TypedArray = TypedArray> {
  /** The class's name. */
  readonly name: string;
  /** Bytes that an element takes, and that its offset must be a multiple of. */
  readonly BYTES_PER_ELEMENT: number;
  /** A view of `length` elements on a buffer, `byteOffset` bytes from its start. */
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

/** Which part of a memory a typed array shows. */
export interface ArrayOptions {
  /** Where it starts, in bytes, a multiple of the element's size. Default: 0. */
  readonly offset?: number;
  /** How many elements it has. Default: all that fit behind `offset`. */
  readonly length?: number;
}

/**
 * JavaScript's own: a class derived from one would get hold of read-only memory in its constructor.
 */
const TYPES: ReadonlySet<unknown> = new Set([
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Float16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]);

/**
 * A typed array on a part of a memory, every argument checked.
 *
 * @throws {TypeError} If `type` isn't one of JavaScript's typed arrays.
 * @throws {RangeError} If the part is misaligned or reaches beyond the memory.
 */
export function typedArray<T extends TypedArray>(
  memory: Uint8Array,
  type: TypedArrayConstructor<T>,
  options: ArrayOptions,
): T {
  if (!TYPES.has(type)) {
    throw new TypeError(
      `type must be one of JavaScript's typed arrays, such as Float64Array: received ${
        describe(type)
      }`,
    );
  }
  const size = type.BYTES_PER_ELEMENT;
  const { offset: anyOffset = 0, length: anyLength } = checkOptions(options);
  const offset = checkInteger("offset", anyOffset, 0);
  const start = memory.byteOffset + offset;
  if (start % size !== 0) {
    const fault = memory.byteOffset % size;
    throw new RangeError(
      fault === 0
        ? `offset must be a multiple of ${size} for a ${type.name}: received ${offset}`
        : `offset must be a multiple of ${size} for a ${type.name}, plus ${
          size - fault
        } since the memory doesn't start at such a multiple: received ${offset}`,
    );
  }
  checkRange(offset, 0, memory.byteLength);
  const fits = Math.floor((memory.byteLength - offset) / size);
  const length = checkInteger("length", anyLength ?? fits, 0);
  if (length > fits) {
    throw new RangeError(
      `${length} elements of ${size} bytes at offset ${offset} reach beyond the memory's ${memory.byteLength} bytes`,
    );
  }
  return new type(memory.buffer as ArrayBuffer, start, length);
}
