import type { Field } from "./types.ts";

// Every platform that Deno supports is little-endian.
const LITTLE_ENDIAN = true;

/** Reads a 64-bit field whose value may exceed the safe integers. */
export function getBigInt(view: DataView, [offset]: Field): bigint {
  return view.getBigUint64(offset, LITTLE_ENDIAN);
}

/** Reads a field as a number; a 64-bit one must hold a safe integer. */
export function getNumber(view: DataView, [offset, type]: Field): number {
  switch (type) {
    case "u8":
      return view.getUint8(offset);
    case "i16":
      return view.getInt16(offset, LITTLE_ENDIAN);
    case "u16":
      return view.getUint16(offset, LITTLE_ENDIAN);
    case "i32":
      return view.getInt32(offset, LITTLE_ENDIAN);
    case "u32":
      return view.getUint32(offset, LITTLE_ENDIAN);
    case "i64":
      return Number(view.getBigInt64(offset, LITTLE_ENDIAN));
    case "u64":
      return Number(view.getBigUint64(offset, LITTLE_ENDIAN));
  }
}

/** Writes a number, already checked to be in range, into a field. */
export function setNumber(view: DataView, [offset, type]: Field, value: number): void {
  switch (type) {
    case "u8":
      return view.setUint8(offset, value);
    case "i16":
    case "u16":
      return view.setUint16(offset, value, LITTLE_ENDIAN);
    case "i32":
    case "u32":
      return view.setUint32(offset, value, LITTLE_ENDIAN);
    case "i64":
    case "u64":
      return view.setBigInt64(offset, BigInt(value), LITTLE_ENDIAN);
  }
}
