import { checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { arrayInfo } from "./array.ts";
import { describeRecord } from "./describe.ts";
import { TypeObject } from "./field_type.ts";
import { checkName } from "./names.ts";
import { recordInfo } from "./record.ts";
import { type Abi, layOutRecord, type RecordOptions } from "./record_layout.ts";
import type {
  ArrayPlaceOptions,
  LayoutRow,
  ReadonlyRecordMethods,
  RecordMethods,
  RecordType,
  UnionValue,
} from "./record_type.ts";
import {
  checkedOffset,
  countFitting,
  placeIn,
  type PlaceOptions,
  type RecordMemory,
} from "./source.ts";
import { recordsToC } from "./to_c.ts";
import type { RecordInfo, TypeInfo } from "./type_info.ts";
import type { Fields, FieldType } from "./types.ts";

/** What is known of a record's type; of any other it is `undefined`. */
export let recordOf: (type: unknown) => RecordInfo | undefined;

class RecordTypeObject extends TypeObject<never, never, never, never, false> {
  readonly #info: TypeInfo;
  readonly #record: RecordInfo;
  readonly layout: readonly LayoutRow[];

  static {
    recordOf = (type) =>
      typeof type === "object" && type !== null && #record in type ? type.#record : undefined;
  }

  constructor(info: TypeInfo, record: RecordInfo) {
    super(info);
    this.#info = info;
    this.#record = record;
    this.layout = Object.freeze(record.rows.map((row) =>
      Object.freeze({
        name: row.name,
        type: row.type?.name,
        offset: row.offset,
        size: row.size,
        bitOffset: row.position === undefined ? undefined : row.position % 8,
        bitWidth: row.bits,
        padding: row.padding,
      })
    ));
    Object.freeze(this);
  }

  get kind(): "struct" | "union" {
    return this.#record.kind;
  }

  at(memory: RecordMemory, options: PlaceOptions = {}): unknown {
    return this.#info.make?.(placeIn(memory, this.#info, checkedOffset(options)));
  }

  arrayAt(memory: RecordMemory, options: ArrayPlaceOptions = {}): unknown {
    const { length = Math.max(1, countFitting(memory, this.#info, checkedOffset(options))) } =
      checkOptions(options);
    const type = arrayInfo(this.#info, checkInteger("length", length, 1));
    const place = placeIn(memory, type, checkedOffset(options));
    return type.make?.({ ...place, name: this.name });
  }

  create(values?: object): unknown {
    const record = this.at(new ArrayBuffer(this.size)) as RecordMethods<unknown, unknown>;
    if (values !== undefined) record.assign(values);
    return record;
  }

  offsetOf(field: string): number {
    const row = this.#record.rows.find(({ name }) => name === field);
    if (field === undefined || row === undefined) {
      throw new TypeError(`${this.name} has no field ${describe(field)}`);
    }
    if (row.bits === undefined) return row.offset;
    throw new TypeError(`${this.name}.${field} is a bit field, which has no offset in bytes`);
  }

  describe(record?: ReadonlyRecordMethods<Record<string, unknown>>): string {
    return describeRecord(this.#record, record?.toObject());
  }

  toC(): string {
    return recordsToC([this.#record]);
  }

  fingerprint(): bigint {
    return this.#record.fingerprint;
  }
}

/**
 * Defines a record; the ABI's rule is an argument for tests, which want those of other processors
 * too.
 */
export function defineRecord<F extends Fields>(
  kind: "struct" | "union",
  name: string,
  fields: F,
  options: RecordOptions,
  abi?: Abi,
): RecordType<F> {
  const tag = checkName("name", name);
  const layout = layOutRecord(kind, tag, fields, checkOptions(options), abi);
  return new RecordTypeObject(recordInfo(layout), layout.record) as unknown as RecordType<F>;
}

/**
 * Describes a record as C lays it out: its fields in their order, each naturally aligned unless the
 * record is packed.
 *
 * From the description come the offsets, the size, the TypeScript types and the properties. A
 * property costs what a `DataView` costs, and refuses a value that its field can't hold; only a
 * bigint wraps, as in a `DataView`. `assign()` refuses that too. The fields are ordinary memory:
 * what several processes write at the same time needs a lock, `atomic()` or a `seqlock()`.
 *
 * @param name What C calls it, and errors.
 * @param fields Their names, which must be such as C can have, and their types.
 *
 * @example
 * ```ts
 * import { array, bits, cString, f64, struct, u32, u64 } from "@isthmus/isthmus/struct";
 *
 * const Point = struct("point", { x: f64, y: f64 });
 * const Packet = struct("packet", {
 *   pi: f64,
 *   total: u64,
 *   name: cString(16),
 *   origin: Point,
 *   trail: array(Point, 4),
 *   mode: bits(u32, 3),
 * });
 * const packet = Packet.at(new ArrayBuffer(4096), { offset: 64 }); // or a segment, a mapping ...
 * packet.pi = 22 / 7;
 * packet.origin.x += 1;
 * packet.trail.get(2).y = 1.5;
 * console.log(Packet.describe(), Packet.toC());
 * ```
 *
 * @throws {TypeError} If a field's type is none.
 * @throws {RangeError} If a name or an option is out of range.
 */
export function struct<const F extends Fields>(
  name: string,
  fields: F,
  options: RecordOptions = {},
): RecordType<F> {
  return defineRecord("struct", name, fields, options);
}

/**
 * Describes a union as C lays it out: all fields start at its first byte.
 *
 * `toObject()` shows the bytes as each of the fields, without those that they can't be (text
 * without its NUL, for example); `assign()` takes one field.
 *
 * @example
 * ```ts
 * import { f32, u32, union } from "@isthmus/isthmus/struct";
 *
 * const Word = union("word", { number: f32, bits: u32 });
 * const word = Word.create({ number: 1 });
 * console.log(word.bits.toString(16)); // 3f800000
 * ```
 *
 * @throws {TypeError} If a field's type is none.
 * @throws {RangeError} If a name or an option is out of range.
 */
export function union<const F extends Fields>(
  name: string,
  fields: F,
  options: RecordOptions = {},
): RecordType<F, UnionValue<F>> {
  return defineRecord<F>("union", name, fields, options) as unknown as RecordType<F, UnionValue<F>>;
}

/**
 * The declarations of some records in C, in one text: each record that they consist of is there
 * once.
 *
 * @throws {TypeError} If a type is no record's.
 * @throws {RangeError} If two records have the same name.
 */
export function toC(...types: (FieldType & Pick<RecordType, "kind">)[]): string {
  return recordsToC(types.map((type) => {
    const record = recordOf(type);
    if (record !== undefined) return record;
    throw new TypeError(`types must be those of records: received ${describe(type)}`);
  }));
}
