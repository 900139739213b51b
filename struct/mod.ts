/**
 * Records as C lays them out, in any memory: described once, with offsets, TypeScript types and
 * properties made from that.
 *
 * @example
 * ```ts
 * import { mapAnonymous } from "@isthmus/isthmus";
 * import { array, cString, f64, struct, u32 } from "@isthmus/isthmus/struct";
 *
 * const Point = struct("point", { x: f64, y: f64 });
 * const Packet = struct("packet", {
 *   count: u32,
 *   name: cString(16),
 *   origin: Point,
 *   trail: array(Point, 4),
 * });
 *
 * using memory = mapAnonymous(4096);
 * const packet = Packet.at(memory, { offset: 64 });
 * packet.count += 1;
 * packet.origin.x = 1.5;
 * console.log(packet.toObject(), Packet.toC());
 * ```
 *
 * @module
 */

export type { WaitOptions, WaitSyncOptions } from "../ffi/wait.ts";
export * from "../memory/mod.ts";
export {
  array,
  type ArrayField,
  type ArrayType,
  type ReadonlyArrayField,
  type ReadonlyRecordArray,
  type RecordArray,
} from "./array.ts";
export type { AtomicField, AtomicType, ReadonlyAtomicField } from "./atomic.ts";
export { bytes, type BytesField, type BytesType, type ReadonlyBytesField } from "./bytes.ts";
export {
  aligned,
  bits,
  type BitsBase,
  type BitsInput,
  type BitsValue,
  padding,
  paddingBits,
} from "./members.ts";
export type { RecordOptions } from "./record_layout.ts";
export type {
  ArrayPlaceOptions,
  LayoutRow,
  ReadonlyRecordMethods,
  ReadonlyRecordOf,
  RecordInput,
  RecordMethods,
  RecordOf,
  RecordType,
  RecordValue,
  UnionValue,
} from "./record_type.ts";
export {
  bool,
  char,
  cString,
  type CStringOptions,
  f32,
  f64,
  type FloatType,
  i16,
  i32,
  i64,
  i8,
  type Integer64Type,
  type IntegerType,
  u16,
  u32,
  u64,
  u8,
} from "./scalars.ts";
export { seqlock, type SeqlockFields, type SeqlockType } from "./seqlock.ts";
export { ReadonlySeqlock } from "./seqlock_reader.ts";
export { Seqlock } from "./seqlock_writer.ts";
export type { PlaceOptions, RecordMemory, WritableRecordMemory } from "./source.ts";
export { struct, toC, union } from "./struct.ts";
export type {
  AccessOf,
  AlignedType,
  BitsType,
  Fields,
  FieldType,
  InputOf,
  JsonValue,
  Member,
  PaddingType,
  ScalarType,
  TypesIn,
  TypesOf,
  ValueOf,
  ViewOf,
} from "./types.ts";
