// What only a record can have as a field: it has no address or no value of its own.

import { checkInteger, describe } from "../ffi/check.ts";
import type { BitsKind } from "./bit_fields.ts";
import { checkType, infoOf } from "./field_type.ts";
import type { IntegerForm } from "./number_codecs.ts";
import { bool, formOf, type Integer64Type, type IntegerType } from "./scalars.ts";
import type { TypeInfo } from "./type_info.ts";
import type { AlignedType, BitsType, FieldType, PaddingType, ScalarType } from "./types.ts";

/** A member that is no ordinary field, as the record sees it. */
export interface SpecialMember {
  /** The type of a bit field, or of an aligned field. */
  readonly type?: TypeInfo;
  readonly bits?: number;
  readonly signed?: boolean;
  readonly kind?: BitsKind;
  readonly alignMember?: number;
  /** Padding: of bytes, or of `bits`. */
  readonly padding?: number;
}

/** What the library knows of a special member, or `undefined` if the argument is none. */
export let specialMember: (member: unknown) => SpecialMember | undefined;

class MemberObject {
  readonly #special: SpecialMember;
  readonly name: string;

  static {
    specialMember = (member) =>
      typeof member === "object" && member !== null && #special in member
        ? member.#special
        : undefined;
  }

  constructor(name: string, special: SpecialMember, properties: object) {
    this.name = name;
    this.#special = special;
    Object.freeze(Object.assign(this, properties));
  }
}

/** What bit fields can be of. */
export type BitsBase = IntegerType<number> | Integer64Type | ScalarType<boolean>;

/** The value of a bit field of a type: a number, a bigint or a boolean. */
export type BitsValue<T> = T extends ScalarType<infer V, unknown> ? V : never;
/** What `assign()` takes for it. */
export type BitsInput<T> = T extends ScalarType<unknown, infer I> ? I : never;

/** The storage unit of a bit field, checked, and how many bits it takes. */
function checkedBits(
  type: unknown,
  width: number,
  least: number,
): SpecialMember & { readonly type: TypeInfo; readonly bits: number } {
  const info = infoOf(type);
  const form = formOf(type);
  if (info === undefined || (form === undefined && type !== bool)) {
    throw new TypeError(
      `type must be an integer, such as u32, or bool: received ${info?.name ?? describe(type)}`,
    );
  }
  if (form?.little === false) {
    throw new TypeError(`type must not be big-endian: bit fields have no such order in C`);
  }
  const most = form?.width ?? 1;
  const bits = checkInteger("width", width, least, most);
  return { type: info, bits, signed: form?.signed ?? false, kind: kindOf(form) };
}

function kindOf(form: IntegerForm | undefined): BitsKind {
  if (form === undefined) return "boolean";
  if (form.width !== 64) return "number";
  return form.asNumber ? "safe" : "bigint";
}

/**
 * A bit field, C's `uint32_t name : width`, where GCC and Clang have it (System V ABI,
 * little-endian): the next free bits, unless they would reach into another unit of the type's size.
 *
 * Writing it reads the bytes that it has bits in, and writes them back: two processes must not
 * write fields in the same byte at the same time.
 *
 * @param type An integer type, whose sign and width count, or `bool`. Of 64 bits the value is a
 * bigint, unless the type is `asNumber()`.
 * @param width How many bits, from 1 to as many as the type has.
 *
 * @example
 * ```ts
 * import { bits, bool, i8, struct, u32 } from "@isthmus/isthmus/struct";
 *
 * const Flags = struct("flags", { mode: bits(u32, 3), level: bits(i8, 5), on: bits(bool, 1) });
 * const flags = Flags.create({ mode: 5, level: -3, on: true });
 * ```
 *
 * @throws {TypeError} If `type` is none of these, or big-endian.
 * @throws {RangeError} If `width` is out of range.
 */
export function bits<T extends BitsBase>(
  type: T,
  width: number,
): BitsType<BitsValue<T>, BitsInput<T>> {
  const special = checkedBits(type, width, 1);
  return new MemberObject(`${special.type.name}:${special.bits}`, special, {
    width: special.bits,
    scalar: true,
  }) as unknown as BitsType<BitsValue<T>, BitsInput<T>>;
}

/**
 * Bits that nobody reads, C's unnamed bit field `uint32_t : width`. The width 0 ends the storage
 * unit: what follows starts at the next multiple of the type's size, even in a packed record.
 *
 * On aarch64 it counts for the alignment of the record, on x86_64 it doesn't: that is how their
 * ABIs differ.
 *
 * @throws {TypeError} If `type` is no integer type.
 * @throws {RangeError} If `width` is out of range.
 */
export function paddingBits(type: BitsBase, width: number): PaddingType {
  const special = { ...checkedBits(type, width, 0), padding: 0 };
  return new MemberObject(`${special.type.name}:${special.bits}`, special, {
    padding: true,
  }) as unknown as PaddingType;
}

/**
 * Bytes that nobody reads, C's `unsigned char name[size]`. Gaps that C makes by itself need no
 * field.
 *
 * @throws {RangeError} If `size` isn't an integer from 1.
 */
export function padding(size: number): PaddingType {
  const bytes = checkInteger("size", size, 1);
  return new MemberObject(`u8[${bytes}]`, { padding: bytes }, {
    padding: true,
  }) as unknown as PaddingType;
}

/**
 * A field that is aligned to more than its type, C's `__attribute__((aligned(64)))` on a member: so
 * that words which different processes write lie a cache line apart, for example. In a packed
 * record, what it is aligned to at all.
 *
 * @example
 * ```ts
 * import { aligned, struct, u64 } from "@isthmus/isthmus/struct";
 *
 * const Ends = struct("ends", { head: u64.atomic(), tail: aligned(u64.atomic(), 64) });
 * console.log(Ends.offsetOf("tail"), Ends.size); // 64 128
 * ```
 *
 * @throws {TypeError} If `type` is no type of field.
 * @throws {RangeError} If `align` isn't a power of two.
 */
export function aligned<T extends FieldType>(type: T, align: number): AlignedType<T> {
  const info = checkType("type", type);
  const alignMember = checkAlign(align);
  return new MemberObject(info.name, { type: info, alignMember }, {
    type,
    alignMember,
    scalar: type.scalar,
  }) as unknown as AlignedType<T>;
}

/** GCC's largest alignment of an object (`-Wattributes` beyond). */
const MAX_ALIGN = 2 ** 28;

/** Returns an alignment if it is one. */
export function checkAlign(align: unknown): number {
  const value = checkInteger("align", align, 1, MAX_ALIGN);
  if ((value & (value - 1)) === 0) return value;
  throw new RangeError(`align must be a power of two: received ${value}`);
}
