import { checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { type AtomicType, atomicType } from "./atomic.ts";
import type { ScalarCodec } from "./codec.ts";
import { TypeObject } from "./field_type.ts";
import { boolCodec, floatCodec, integerCodec, type IntegerForm } from "./number_codecs.ts";
import { charCodec, textCodec } from "./text_codecs.ts";
import type { CType } from "./type_info.ts";
import type { ScalarType } from "./types.ts";

/** The type of an integer. */
export interface IntegerType<Value extends number | bigint = number | bigint, Input = Value>
  extends ScalarType<Value, Input> {
  /** The same in big-endian order, the highest byte first. */
  bigEndian(): IntegerType<Value, Input>;
  /**
   * The same as an object with atomic operations, which other processes see as one.
   *
   * @throws {TypeError} If it is big-endian.
   */
  atomic(): AtomicType<Value, Input>;
}

/**
 * The type of a 64-bit integer: a bigint, unless asked otherwise. Written to a property, one that
 * is out of range wraps, as in a `BigInt64Array`; `assign()`, `atomic()` and `asNumber()` refuse
 * it.
 */
export interface Integer64Type extends IntegerType<bigint, bigint | number | string> {
  /** The same in big-endian order, the highest byte first. */
  bigEndian(): Integer64Type;
  /**
   * The same as a number. A value beyond `Number.MAX_SAFE_INTEGER`, in memory or written, is a
   * `RangeError`.
   *
   * It is read and written in two halves. Another process may see one without the other, as with
   * any plain field; what several processes change needs `atomic()`, a lock, or a `seqlock()`.
   */
  asNumber(): IntegerType<number>;
}

/** The type of a floating-point number. */
export interface FloatType extends ScalarType<number, number | "NaN" | "Infinity" | "-Infinity"> {
  /** The same in big-endian order, the highest byte first. */
  bigEndian(): FloatType;
}

/** How integers lie in memory, by type; for bit fields. */
export let formOf: (type: unknown) => IntegerForm | undefined;

function order(little: boolean): { code: string; note?: string } {
  return little ? { code: "" } : { code: "be", note: "big-endian" };
}

class Integer extends TypeObject<never, never, never, never, true> {
  readonly #form: IntegerForm;

  static {
    formOf = (type) =>
      typeof type === "object" && type !== null && #form in type ? type.#form : undefined;
  }

  constructor(form: IntegerForm) {
    const { width, signed, little } = form;
    const { code, note } = order(little);
    const size = width / 8;
    const codec: ScalarCodec = integerCodec(form);
    const name = `${signed ? "i" : "u"}${width}${code}`;
    const c: CType = { type: `${signed ? "" : "u"}int${width}_t`, suffix: "", note };
    super({ name, size, align: size, code: name, c, codec, scalar: codec });
    this.#form = form;
  }

  bigEndian(): Integer {
    return new Integer({ ...this.#form, little: false });
  }

  asNumber(): Integer {
    if (this.#form.width !== 64) {
      throw new TypeError(`${this.name} is a number already: asNumber() is for 64 bits`);
    }
    return new Integer({ ...this.#form, asNumber: true });
  }

  atomic(): AtomicType<never> {
    if (!this.#form.little) {
      throw new TypeError(`Cannot make ${this.name} atomic: processors do it in their own order`);
    }
    return atomicType(this.#form);
  }
}

class Float extends TypeObject<number, number, number, number, true> implements FloatType {
  readonly #width: 32 | 64;

  constructor(width: 32 | 64, little: boolean) {
    const { code, note } = order(little);
    const codec: ScalarCodec = floatCodec(width, little);
    const size = width / 8;
    const name = `f${width}${code}`;
    const c = { type: width === 32 ? "float" : "double", suffix: "", note };
    super({ name, size, align: size, code: name, c, codec, scalar: codec });
    this.#width = width;
  }

  bigEndian(): Float {
    return new Float(this.#width, false);
  }
}

function integer<T>(width: IntegerForm["width"], signed: boolean): T {
  return new Integer({ width, signed, little: true, asNumber: false }) as unknown as T;
}

/** A signed 8-bit integer, C's `int8_t`. */
export const i8: IntegerType<number> = integer(8, true);
/** An unsigned 8-bit integer, C's `uint8_t`. */
export const u8: IntegerType<number> = integer(8, false);
/** A signed 16-bit integer, C's `int16_t`. */
export const i16: IntegerType<number> = integer(16, true);
/** An unsigned 16-bit integer, C's `uint16_t`. */
export const u16: IntegerType<number> = integer(16, false);
/** A signed 32-bit integer, C's `int32_t`. */
export const i32: IntegerType<number> = integer(32, true);
/** An unsigned 32-bit integer, C's `uint32_t`. */
export const u32: IntegerType<number> = integer(32, false);
/** A signed 64-bit integer, C's `int64_t`: a bigint, or with `i64.asNumber()` a number. */
export const i64: Integer64Type = integer(64, true);
/** An unsigned 64-bit integer, C's `uint64_t`: a bigint, or with `u64.asNumber()` a number. */
export const u64: Integer64Type = integer(64, false);
/** A 32-bit floating-point number, C's `float`. */
export const f32: FloatType = new Float(32, true);
/** A 64-bit floating-point number, C's `double`. */
export const f64: FloatType = new Float(64, true);

function scalar<V>(
  name: string,
  c: CType,
  size: number,
  codec: ScalarCodec<V>,
  code = name,
): ScalarType<V> {
  // A codec's own type says what it takes; to the rest of the library it is one of many.
  const general = codec as unknown as ScalarCodec;
  return new TypeObject<V, V, V, V, true>({
    name,
    code,
    size,
    align: 1,
    c,
    codec: general,
    scalar: general,
  });
}

/** A boolean, C's `bool`: one byte, 0 or 1. Any other byte reads as `true`. */
export const bool: ScalarType<boolean> = scalar("bool", { type: "bool", suffix: "" }, 1, boolCodec);

/**
 * One byte as a character, C's `char`: a string of one character, from U+0000 to U+00FF. For a byte
 * as a number there are `u8` and `i8`.
 */
export const char: ScalarType<string> = scalar("char", { type: "char", suffix: "" }, 1, charCodec);

/** Options of {@linkcode cString}. */
export interface CStringOptions {
  /**
   * Whether text may fill the field to its last byte, without a NUL (C's `strncpy`). Default:
   * `false`.
   */
  readonly padded?: boolean;
  /** Whether text that is too long is cut, instead of being an error. Default: `false`. */
  readonly truncate?: boolean;
  /**
   * Whether bytes that aren't UTF-8 are an error when read, instead of U+FFFD. Default: `false`.
   */
  readonly fatal?: boolean;
}

/**
 * Text in a field of fixed size, C's `char name[size]`: UTF-8, ended by a NUL, and the rest of the
 * field filled with NULs.
 *
 * Text that is too long is a `RangeError`, or with `truncate` is cut, never inside a character. So
 * is text that contains a NUL. A field that has no NUL can't be read (`Deno.errors.InvalidData`)
 * unless it is `padded`.
 *
 * @param size In bytes, with the NUL.
 *
 * @example
 * ```ts
 * import { cString, struct } from "@isthmus/isthmus/struct";
 *
 * const Entry = struct("entry", { name: cString(16), code: cString(4, { padded: true }) });
 * const entry = Entry.create({ name: "grüße", code: "ABCD" });
 * console.log(entry.name, entry.code); // grüße ABCD
 * ```
 *
 * @throws {RangeError} If `size` isn't an integer from 1.
 */
export function cString(size: number, options: CStringOptions = {}): ScalarType<string> {
  const bytes = checkInteger("size", size, 1, MAX_TEXT);
  const { padded = false, truncate = false, fatal = false } = checkOptions(options);
  for (const [name, value] of Object.entries({ padded, truncate, fatal })) {
    if (typeof value !== "boolean") {
      throw new TypeError(`${name} must be a boolean: received ${describe(value)}`);
    }
  }
  const code = `${padded ? "text" : "string"}[${bytes}]`;
  const codec = textCodec({ size: bytes, padded, truncate, fatal });
  return scalar(`char[${bytes}]`, { type: "char", suffix: `[${bytes}]` }, bytes, codec, code);
}

/** More than any field has, and less than what a string of JavaScript may have. */
const MAX_TEXT = 2 ** 28;
