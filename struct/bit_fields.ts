// Bit fields in the order of little-endian System V: the first from the lowest bit on. What is
// written are the bytes that the field has bits in, and no others: C's memory model gives the
// neighbours to whoever writes them. The other bits of those bytes are read and written back.

import { bigintCheck, boolCheck, type Check, numberCheck, safeCheck } from "./checks.ts";
import type { ScalarCodec } from "./codec.ts";
import { NOWHERE, unsafe } from "./number_codecs.ts";

/** What a bit field's value is. */
export type BitsKind = "number" | "bigint" | "safe" | "boolean";

/** A bit field in its record. */
export interface BitField {
  /** Its first bit, counted from the record's first. */
  readonly position: number;
  /** How many bits it has. */
  readonly width: number;
  readonly signed: boolean;
  readonly kind: BitsKind;
  /** How many bytes the record has. */
  readonly recordSize: number;
}

/** Some of a field's bits, which lie in one unit that a `DataView` can access. */
interface Piece {
  /** The unit's first byte, counted from the field's. */
  readonly at: number;
  /** The unit's size in bits. */
  readonly unit: 8 | 16 | 32;
  /** The first bit in the unit. */
  readonly shift: number;
  /** How many bits there are in the unit. */
  readonly width: number;
}

/** Cuts a field into pieces, the lowest bits first. */
function cut(shift: number, width: number): Piece[] {
  const pieces: Piece[] = [];
  let bytes = Math.ceil((shift + width) / 8);
  for (let at = 0; bytes > 0;) {
    const size = bytes >= 4 ? 4 : bytes >= 2 ? 2 : 1;
    const from = at === 0 ? shift : 0;
    const length = Math.min(size * 8 - from, width);
    pieces.push({ at, unit: size * 8 as Piece["unit"], shift: from, width: length });
    width -= length;
    bytes -= size;
    at += size;
  }
  return pieces;
}

type Bits = Pick<ScalarCodec<number>, "read" | "set">;

/** The bits of one piece, as an integer with or without sign. */
function pieceBits({ at: start, unit, shift, width }: Piece, signed: boolean): Bits {
  const left = 32 - shift - width;
  const right = 32 - width;
  const mask = -1 >>> right << shift;
  const extract = signed
    ? (word: number) => word << left >> right
    : (word: number) => word << left >>> right;
  const insert = (word: number, value: number) => word & ~mask | value << shift & mask;
  switch (unit) {
    case 8:
      return {
        read: (view, at) => extract(view.getUint8(at + start)),
        set: (view, at, value) =>
          view.setUint8(at + start, insert(view.getUint8(at + start), value)),
      };
    case 16:
      return {
        read: (view, at) => extract(view.getUint16(at + start, true)),
        set: (view, at, value) =>
          view.setUint16(at + start, insert(view.getUint16(at + start, true), value), true),
      };
    case 32:
      return {
        read: (view, at) => extract(view.getInt32(at + start, true)),
        set: (view, at, value) =>
          view.setInt32(at + start, insert(view.getInt32(at + start, true), value), true),
      };
  }
}

/**
 * The piece that a field of up to 32 bits can be read from in one go: a wider one than those that
 * are written, as long as the record has it.
 */
function readablePiece(position: number, width: number, recordSize: number): Piece | undefined {
  for (const unit of [8, 16, 32] as const) {
    const shift = position % unit;
    const first = (position - shift) / 8;
    if (shift + width > unit || first + unit / 8 > recordSize) continue;
    return { at: first - Math.floor(position / 8), unit, shift, width };
  }
}

/** The bits of a field of up to 32, as a number. */
function numberBits({ position, width, signed, recordSize }: BitField): Bits {
  const [first, second] = cut(position % 8, width);
  if (second === undefined) return pieceBits(first, signed);
  const readable = readablePiece(position, width, recordSize);
  const low = pieceBits(first, false);
  const high = pieceBits(second, signed);
  const wide = first.width;
  const read: Bits["read"] = signed
    ? (view, at) => low.read(view, at) | high.read(view, at) << wide
    : (view, at) => (low.read(view, at) | high.read(view, at) << wide) >>> 0;
  return {
    read: readable === undefined ? read : pieceBits(readable, signed).read,
    set: (view, at, value) => {
      low.set(view, at, value);
      high.set(view, at, value >> wide);
    },
  };
}

/** The bits of a field of any width, as a bigint. */
function bigintBits(
  shift: number,
  width: number,
  signed: boolean,
): Pick<ScalarCodec<bigint>, "read" | "set"> {
  let from = 0;
  const pieces = cut(shift, width).map((piece) => {
    const { read, set } = pieceBits(piece, false);
    const first = BigInt(from);
    from += piece.width;
    return { read, set, first };
  });
  return {
    read: (view, at) => {
      let value = 0n;
      for (const { read, first } of pieces) value |= BigInt(read(view, at)) << first;
      return signed ? BigInt.asIntN(width, value) : value;
    },
    set: (view, at, value) => {
      for (const { set, first } of pieces) set(view, at, Number(BigInt.asIntN(32, value >> first)));
    },
  };
}

/**
 * The functions that move bits, wrapped in those that look at values: `fits` is quick, `check`
 * tells.
 */
function codec<V>(
  { read, set }: Pick<ScalarCodec<V>, "read" | "set">,
  check: Check<V>,
  fits: (value: V) => boolean,
  nowhere = NOWHERE, // see number_codecs.ts
): ScalarCodec<V> {
  return {
    read,
    get: read,
    set: (view, at, value) => set(view, fits(value) ? at : nowhere, value),
    check,
    write: (view, at, value) => set(view, at, check(value)),
  };
}

/** A bit field's value as a number. */
function numberCodec(field: BitField): ScalarCodec<number> {
  const { width, signed } = field;
  const left = 32 - width;
  const fits = signed
    ? (value: number) => value << left >> left === value
    : (value: number) => value << left >>> left === value;
  return codec(numberBits(field), numberCheck(width, signed), fits);
}

/** A bit field's value as a bigint. */
function bigintCodec({ position, width, signed }: BitField): ScalarCodec<bigint> {
  const fits = signed
    ? (value: bigint) => BigInt.asIntN(width, value) === value
    : (value: bigint) => BigInt.asUintN(width, value) === value;
  return codec(bigintBits(position % 8, width, signed), bigintCheck(width, signed), fits);
}

/** A bit field's value as a number, if it is a safe integer. */
function safeCodec({ position, width, signed }: BitField): ScalarCodec<number> {
  const { read, set } = bigintBits(position % 8, width, signed);
  const check = width > 53 ? safeCheck(signed) : numberCheck(width, signed);
  const bits: Pick<ScalarCodec<number>, "read" | "set"> = {
    read: (view, at) => {
      const value = read(view, at);
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : unsafe(value);
    },
    set: (view, at, value) => set(view, at, BigInt(check(value))),
  };
  return codec(bits, check, () => true);
}

/** A bit as a boolean. */
function boolCodec(field: BitField): ScalarCodec<boolean> {
  const { read, set } = numberBits(field);
  const bits: Pick<ScalarCodec<boolean>, "read" | "set"> = {
    read: (view, at) => read(view, at) !== 0,
    set: (view, at, value) => set(view, at, value ? 1 : 0),
  };
  return codec(bits, boolCheck, (value) => typeof value === "boolean");
}

function codecOf(
  field: BitField,
): ScalarCodec<number> | ScalarCodec<bigint> | ScalarCodec<boolean> {
  switch (field.kind) {
    case "boolean":
      return boolCodec(field);
    case "number":
      return numberCodec(field);
    case "bigint":
      return bigintCodec(field);
    case "safe":
      return field.width <= 32 ? numberCodec(field) : safeCodec(field);
  }
}

/** The codec of a bit field, and the byte of the record that its offsets count from. */
export function bitCodec(field: BitField): { offset: number; codec: ScalarCodec } {
  // To the rest of the library it is one of many: its own type says what it takes.
  const codec = codecOf(field) as unknown as ScalarCodec;
  return { offset: Math.floor(field.position / 8), codec };
}
