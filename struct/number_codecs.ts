// Numbers, each kind in functions of its own: what the compiler inlines must name the DataView's
// method. `little` and the like are constants to it.
//
// Numbers are checked, at next to no cost: one that doesn't fit makes the offset one that doesn't
// exist, and the DataView throws. A branch that throws by itself costs as much as the access: the
// compiler then looks up the record again in every turn of a loop. A condition of two parts costs
// much more. And the less there is to inline, the more fields a function can access before its
// compiler has had enough: so there is nothing here that tells what was wrong.

import { BadValue } from "./bad_value.ts";
import {
  bigintCheck,
  boolCheck,
  type Check,
  floatCheck,
  numberCheck,
  safeCheck,
} from "./checks.ts";
import type { ScalarCodec } from "./codec.ts";

/** How an integer lies in memory, and what it is in JavaScript. */
export interface IntegerForm {
  /** In bits. */
  readonly width: 8 | 16 | 32 | 64;
  readonly signed: boolean;
  /** Whether the lowest byte comes first. */
  readonly little: boolean;
  /** Whether 64 bits are a number, not a bigint. */
  readonly asNumber: boolean;
}

/**
 * An offset that no view has, not even behind the few bytes that a field is long. It comes as a
 * parameter, `nowhere`: whether a constant of a module is there already, the code would ask each
 * time.
 */
export const NOWHERE = -64;

/** What reads and writes one kind of number. */
type Access<V> = Pick<ScalarCodec<V>, "get" | "set">;

type Numbers = (little: boolean, nowhere: number) => Access<number>;
type BigInts = (little: boolean, nowhere: number) => Access<bigint>;

const i8: Numbers = (_, nowhere) => ({
  get: (view, at) => view.getInt8(at),
  set: (view, at, value) => view.setInt8(value << 24 >> 24 === value ? at : nowhere, value),
});

const u8: Numbers = (_, nowhere) => ({
  get: (view, at) => view.getUint8(at),
  set: (view, at, value) => view.setUint8((value & 0xff) === value ? at : nowhere, value),
});

const i16: Numbers = (little, nowhere) => ({
  get: (view, at) => view.getInt16(at, little),
  set: (view, at, value) =>
    view.setInt16(value << 16 >> 16 === value ? at : nowhere, value, little),
});

const u16: Numbers = (little, nowhere) => ({
  get: (view, at) => view.getUint16(at, little),
  set: (view, at, value) =>
    view.setUint16((value & 0xffff) === value ? at : nowhere, value, little),
});

const i32: Numbers = (little, nowhere) => ({
  get: (view, at) => view.getInt32(at, little),
  set: (view, at, value) => view.setInt32((value | 0) === value ? at : nowhere, value, little),
});

const u32: Numbers = (little, nowhere) => ({
  get: (view, at) => view.getUint32(at, little),
  set: (view, at, value) => view.setUint32(value >>> 0 === value ? at : nowhere, value, little),
});

// These wrap, as they do in a BigUint64Array: whether a bigint fits, engines can't tell without
// calls, which take five times as long as the access.

const i64: BigInts = (little, nowhere) => ({
  get: (view, at) => view.getBigInt64(at, little),
  set: (view, at, value) =>
    view.setBigInt64(typeof value === "bigint" ? at : nowhere, value, little),
});

const u64: BigInts = (little, nowhere) => ({
  get: (view, at) => view.getBigUint64(at, little),
  set: (view, at, value) =>
    view.setBigUint64(typeof value === "bigint" ? at : nowhere, value, little),
});

const HIGH = 2 ** 32;

/** Refuses to give a 64-bit integer as a number that isn't it. */
export function unsafe(value: bigint): never {
  throw new BadValue(
    RangeError,
    `holds ${value}, which is no safe integer: describe it without asNumber(), and it is a bigint`,
  );
}

/**
 * 64 bits as a number, in two halves: by way of a bigint it would take several times as long. (A
 * DataView doesn't promise one access for 64 bits either: before code is optimised, it goes byte by
 * byte.)
 */
function safe64(little: boolean, signed: boolean, nowhere: number): Access<number> {
  const [low, high] = little ? [0, 4] : [4, 0];
  const least = signed ? Number.MIN_SAFE_INTEGER : 0;
  // What is surely safe; some more is safe too, and read() knows it.
  const get = signed
    ? (view: DataView, at: number) => {
      const upper = view.getInt32(at + high, little);
      return upper * HIGH +
        view.getUint32((upper << 11 >> 11 === upper ? at : nowhere) + low, little);
    }
    : (view: DataView, at: number) => {
      const upper = view.getUint32(at + high, little);
      return upper * HIGH +
        view.getUint32(((upper & 0x1fffff) === upper ? at : nowhere) + low, little);
    };
  return {
    get,
    set: (view, at, value) => {
      const where = Number.isSafeInteger(value) ? at : nowhere;
      const there = value >= least ? where : nowhere;
      view.setInt32(there + high, Math.floor(value / HIGH), little);
      view.setUint32(there + low, value, little);
    },
  };
}

/** The codec of 64 bits as a number. */
function safeCodec({ little, signed }: IntegerForm): ScalarCodec<number> {
  const exact = (signed ? i64 : u64)(little, NOWHERE).get;
  const read = (view: DataView, at: number) => {
    const value = exact(view, at);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : unsafe(value);
  };
  return { ...codec(safe64(little, signed, NOWHERE), safeCheck(signed)), read };
}

const f32: Numbers = (little, nowhere) => ({
  get: (view, at) => view.getFloat32(at, little),
  set: (view, at, value) =>
    view.setFloat32(typeof value === "number" ? at : nowhere, value, little),
});

const f64: Numbers = (little, nowhere) => ({
  get: (view, at) => view.getFloat64(at, little),
  set: (view, at, value) =>
    view.setFloat64(typeof value === "number" ? at : nowhere, value, little),
});

/** C's `bool` is one byte, of which a broken peer may have made more than 0 or 1. */
const boolByte = (nowhere: number): Access<boolean> => ({
  get: (view, at) => view.getUint8(at) !== 0,
  set: (view, at, value) => view.setUint8(typeof value === "boolean" ? at : nowhere, value ? 1 : 0),
});

function codec<V>({ get, set }: Access<V>, check: Check<V>): ScalarCodec<V> {
  return { read: get, get, set, check, write: (view, at, value) => set(view, at, check(value)) };
}

const NUMBERS = { 8: [u8, i8], 16: [u16, i16], 32: [u32, i32] } as const;

/** The codec of an integer. */
export function integerCodec(form: IntegerForm): ScalarCodec<number> | ScalarCodec<bigint> {
  const { width, signed, little, asNumber } = form;
  if (width !== 64) {
    return codec(NUMBERS[width][+signed](little, NOWHERE), numberCheck(width, signed));
  }
  return asNumber
    ? safeCodec(form)
    : codec((signed ? i64 : u64)(little, NOWHERE), bigintCheck(64, signed));
}

/** The codec of a floating-point number. */
export function floatCodec(width: 32 | 64, little: boolean): ScalarCodec<number> {
  return codec((width === 32 ? f32 : f64)(little, NOWHERE), floatCheck);
}

/** The codec of a boolean. */
export const boolCodec: ScalarCodec<boolean> = codec(boolByte(NOWHERE), boolCheck);
