import { checkInteger, checkRange } from "../ffi/check.ts";
import {
  Accessor,
  lengthOf,
  readElement,
  reading,
  walk,
  writeElement,
  writing,
} from "./accessor.ts";
import { BadValue, wrongType } from "./bad_value.ts";
import { bytesAt } from "./bytes_at.ts";
import type { Codec } from "./codec.ts";
import { checkType, TypeObject } from "./field_type.ts";
import { toJson } from "./json.ts";
import { u8 } from "./scalars.ts";
import type { FieldType, JsonValue } from "./types.ts";

/** Bytes in memory that may only be read. */
export interface ReadonlyBytesField extends Iterable<number, unknown> {
  /** The number of bytes. */
  readonly length: number;
  /**
   * A byte.
   *
   * @throws {RangeError} If there is no such byte.
   */
  get(index: number): number;
  /** Copies all bytes into `target`, from its index `offset` (default 0) on. */
  copyTo(target: Uint8Array, offset?: number): void;
  /** A copy of all bytes. */
  toObject(): Uint8Array<ArrayBuffer>;
  /** All bytes as an array of numbers. */
  toJSON(): JsonValue;
  /** All bytes, one after the other. */
  [Symbol.iterator](): IteratorObject<number, unknown>;
}

/** Bytes in memory. */
export interface BytesField extends ReadonlyBytesField {
  /**
   * Writes a byte.
   *
   * @throws {RangeError} If there is no such byte.
   */
  set(index: number, value: number): void;
  /**
   * Writes all bytes.
   *
   * @throws {RangeError} If there are not as many, or one is no byte.
   */
  assign(bytes: ArrayLike<number>): void;
}

/** The type of a field of bytes, made by `bytes()`. */
export interface BytesType
  extends FieldType<BytesField, ReadonlyBytesField, Uint8Array<ArrayBuffer>, ArrayLike<number>> {
  /** It is an object with bytes. */
  readonly scalar: false;
}

const element = checkType("u8", u8);

function isByte(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xff;
}

/** Bytes of the right number, each of which is one. */
function checkedBytes(values: unknown, length: number): Uint8Array {
  // A real one: an object that only inherits from its class may hold anything.
  const isBytes = ArrayBuffer.isView(values) && values instanceof Uint8Array;
  if (!isBytes && !Array.isArray(values)) {
    wrongType("a Uint8Array, or an array of numbers", values);
  }
  if (values.length !== length) {
    throw new BadValue(
      RangeError,
      `must be ${length} bytes: received ${values.length}`,
    );
  }
  if (isBytes) return values;
  const wrong = values.findIndex((value) => !isByte(value));
  if (wrong === -1) return Uint8Array.from(values);
  throw new BadValue(RangeError, "must be an integer from 0 to 255").within(`[${wrong}]`);
}

function bytesCodec(length: number): Codec<Uint8Array<ArrayBuffer>> {
  return {
    read: (view, at) => new Uint8Array(bytesAt(view, at, length)),
    write: (view, at, values) => bytesAt(view, at, length).set(checkedBytes(values, length)),
    check: (values) => void checkedBytes(values, length),
  };
}

class BytesAccessor extends Accessor {
  declare get: (index: number) => unknown;
  declare set: (index: number, value: unknown) => void;

  static {
    Object.defineProperties(BytesAccessor.prototype, {
      get: { value: readElement(element) },
      set: { value: writeElement(element) },
    });
  }

  get length(): number {
    return lengthOf(this);
  }

  copyTo(target: Uint8Array, offset = 0): void {
    if (!(target instanceof Uint8Array)) {
      throw new TypeError("target must be a Uint8Array");
    }
    checkRange(offset, this.length, target.length);
    // The built-in, not the target's own, which would get hold of memory that may only be read.
    reading(this, (view, base) => setBytes.call(target, bytesAt(view, base, this.length), offset));
  }

  toObject(): Uint8Array<ArrayBuffer> {
    return reading(this, bytesCodec(this.length).read);
  }

  toJSON(): JsonValue {
    return toJson(this.toObject());
  }

  assign(values: unknown): void {
    writing(this, (view, base) => bytesCodec(this.length).write(view, base, values));
  }

  [Symbol.iterator](): IteratorObject<unknown, unknown> {
    return walk(element, this);
  }
}
Object.freeze(BytesAccessor);

const { set: setBytes } = Uint8Array.prototype;

/**
 * Bytes as such, C's `uint8_t name[length]`. As a plain value they are a `Uint8Array`, in JSON an
 * array of numbers.
 *
 * @example
 * ```ts
 * import { bytes, struct } from "@isthmus/isthmus/struct";
 *
 * const Frame = struct("frame", { address: bytes(6) });
 * const frame = Frame.create({ address: [1, 2, 3, 4, 5, 6] });
 * frame.address.set(0, 255);
 * const copy = frame.address.toObject(); // a Uint8Array
 * ```
 *
 * @throws {RangeError} If `length` isn't an integer from 1.
 */
export function bytes(length: number): BytesType {
  const size = checkInteger("length", length, 1);
  const name = `u8[${size}]`;
  const type = new TypeObject<never, never, never, never, false>({
    name,
    size,
    align: 1,
    code: `u8*${size}`,
    c: { type: "uint8_t", suffix: `[${size}]` },
    codec: bytesCodec(size),
    make: (place) => new BytesAccessor(place, size),
  });
  return type as unknown as BytesType;
}
