import type { ReadonlyMemory } from "../memory/memory.ts";
import type { ReadonlyRecordArray, RecordArray } from "./array.ts";
import type { PlaceOptions, RecordMemory, WritableRecordMemory } from "./source.ts";
import type {
  AccessOf,
  Fields,
  FieldType,
  InputOf,
  JsonValue,
  PaddingType,
  ValueOf,
  ViewOf,
} from "./types.ts";

/** A record's plain values: an object with those of its fields. */
export type RecordValue<F extends Fields> = {
  -readonly [K in keyof F as F[K] extends PaddingType ? never : K]: ValueOf<F[K]>;
};

/** What `assign()` takes for a record: values of those fields that are to be written. */
export type RecordInput<F extends Fields> = {
  readonly [K in keyof F as F[K] extends PaddingType ? never : K]?: InputOf<F[K]>;
};

/** A union's plain values: its bytes as each of its fields, but for those that they can't be. */
export type UnionValue<F extends Fields> = Partial<RecordValue<F>>;

/** What every record has besides its fields, also where the memory may only be read. */
export interface ReadonlyRecordMethods<Value> {
  /**
   * A copy as a plain object. It is made field by field: see `seqlock()` for one that nobody
   * changes meanwhile.
   */
  toObject(): Value;
  /**
   * The record as JSON has it: bigints are numbers if that is exact, else decimal digits as text;
   * bytes are arrays of numbers; floats that JSON has no number for are `"NaN"`, `"Infinity"` or
   * `"-Infinity"`. `assign()` takes it back.
   */
  toJSON(): JsonValue;
}

/** What every record has besides its fields. */
export interface RecordMethods<Value, Input> extends ReadonlyRecordMethods<Value> {
  /**
   * Writes some fields, or all; of a union one. Every value is checked before the first is written;
   * arrays must be complete. A 64-bit integer may be a number or text too, a float `"NaN"` and the
   * like: as JSON has them.
   *
   * @throws {TypeError} If a value is of the wrong type, or there is no such field.
   * @throws {RangeError} If a value doesn't fit its field.
   */
  assign(values: Input): void;
  /**
   * Copies all bytes of another record of the same type.
   *
   * @throws {TypeError} If it is of another type.
   */
  copyFrom(source: ReadonlyRecordMethods<Value>): void;
}

/** A record in memory: its fields are properties. */
export type RecordOf<F extends Fields, V = RecordValue<F>> =
  & { -readonly [K in keyof F as F[K] extends { scalar: true } ? K : never]: AccessOf<F[K]> }
  & { readonly [K in keyof F as F[K] extends { scalar: false } ? K : never]: AccessOf<F[K]> }
  & RecordMethods<V, RecordInput<F>>;

/** A record in memory that may only be read. */
export type ReadonlyRecordOf<F extends Fields, V = RecordValue<F>> =
  & { readonly [K in keyof F as F[K] extends PaddingType ? never : K]: ViewOf<F[K]> }
  & ReadonlyRecordMethods<V>;

/** A row of a record's layout. */
export interface LayoutRow {
  /** The field's name; `undefined` for a gap, and for bits without a name. */
  readonly name?: string;
  /** What its type is called; `undefined` for padding in bytes. */
  readonly type?: string;
  /** The first byte, counted from the record's. */
  readonly offset: number;
  /** How many bytes it takes; a bit field those that it has bits in. */
  readonly size: number;
  /** Of a bit field: its first bit, counted from the lowest of the first byte. */
  readonly bitOffset?: number;
  /** Of a bit field: how many bits it has. */
  readonly bitWidth?: number;
  /** Whether it is padding, be it C's own or described. */
  readonly padding: boolean;
}

/** Where an array of records is, and how long. */
export interface ArrayPlaceOptions extends PlaceOptions {
  /** The number of records. Default: as many as fit behind `offset`. */
  readonly length?: number;
}

/**
 * The type of a record, made by `struct()` or `union()`: its layout, and the way to records of that
 * type in any memory. It is also a type of field, for records within records.
 *
 * @typeParam F The fields.
 * @typeParam V The plain value.
 */
export interface RecordType<F extends Fields = Fields, V = RecordValue<F>>
  extends FieldType<RecordOf<F, V>, ReadonlyRecordOf<F, V>, V, RecordInput<F>> {
  /** It is an object with fields. */
  readonly scalar: false;
  /** What C calls it. */
  readonly kind: "struct" | "union";
  /** All rows of the layout in their order, gaps included. */
  readonly layout: readonly LayoutRow[];

  /**
   * The record at a place in a memory. What reads and writes it doesn't check the place again: it
   * fits, once and for all.
   *
   * A record ends with the views of its memory: once that was unmapped or resized, or its buffer
   * transferred away, every access is an error that says so (`Deno.errors.BadResource`), and the
   * record has to be made again. Only a `SharedMemory` that was closed reads zeros, as all who have
   * its buffer do.
   *
   * @throws {RangeError} If it doesn't fit, or an atomic field would be misaligned.
   * @throws {TypeError} If `memory` is none.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  at(memory: ReadonlyMemory, options?: PlaceOptions): ReadonlyRecordOf<F, V>;
  /** The record at a place in a memory that may be written. */
  at(memory: WritableRecordMemory, options?: PlaceOptions): RecordOf<F, V>;
  /** The record at a place in a memory of which is not known whether it may be written. */
  at(memory: RecordMemory, options?: PlaceOptions): ReadonlyRecordOf<F, V>;

  /**
   * An array of records in a memory, one behind the other.
   *
   * @example One object walks over all
   * ```ts
   * import { f64, struct, u32 } from "@isthmus/isthmus/struct";
   *
   * const Sample = struct("sample", { value: f64, count: u32 });
   * const samples = Sample.arrayAt(new ArrayBuffer(16 * 1000));
   * let total = 0;
   * for (const sample of samples) total += sample.count;
   * ```
   *
   * @throws {RangeError} If they don't fit, or an atomic field would be misaligned.
   * @throws {TypeError} If `memory` is none.
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  arrayAt(
    memory: ReadonlyMemory,
    options?: ArrayPlaceOptions,
  ): ReadonlyRecordArray<ReadonlyRecordOf<F, V>, V>;
  /** An array of records in a memory that may be written. */
  arrayAt(
    memory: WritableRecordMemory,
    options?: ArrayPlaceOptions,
  ): RecordArray<RecordOf<F, V>, V, RecordInput<F>>;
  /** An array of records in a memory of which is not known whether it may be written. */
  arrayAt(
    memory: RecordMemory,
    options?: ArrayPlaceOptions,
  ): ReadonlyRecordArray<ReadonlyRecordOf<F, V>, V>;

  /** A record in memory of its own, zeros but for the values given. */
  create(values?: RecordInput<F>): RecordOf<F, V>;

  /**
   * Where a field starts, in bytes (`offsetof`).
   *
   * @throws {TypeError} If there is no such field, or it is a bit field, which has no address.
   */
  offsetOf(field: keyof F & string): number;

  /**
   * The layout as a table, with that of the records it consists of; with a record also its values.
   */
  describe(record?: ReadonlyRecordMethods<V>): string;

  /**
   * The declaration in C, with assertions that hold the compiler to this layout. Several at once:
   * `toC()`.
   */
  toC(): string;

  /**
   * A hash of the layout, 64 bits, for headers: programs that agree on it find the same values in
   * the same bytes.
   *
   * It is FNV-1a of a text: `struct <size> <align>`, and for each field, in their order, `<offset>
   * <type> <name>`, each line ended by a newline. A type is called `u32`, `f64be`, `string[16]`
   * (`text[16]` if padded), `u8*6` (an array of 6), `{<fingerprint>}` (a record); a bit field is
   * `<offset>:<bit> u32:3 <name>`. Padding, the record's own name, and what concerns one side only
   * (`atomic()`, `asNumber()`, `truncate`, `fatal`) don't count.
   */
  fingerprint(): bigint;
}
