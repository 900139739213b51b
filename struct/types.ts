// What the compiler knows of fields: the types of their accessors and values.

/** What a type of field is to TypeScript. */
export interface TypesOf<Access, View, Value, Input> {
  /** What the property of a record gives. */
  readonly access: Access;
  /** The same where the memory may only be read. */
  readonly view: View;
  /** The plain value, as `toObject()` gives it. */
  readonly value: Value;
  /** What `assign()` takes for it. */
  readonly input: Input;
}

/**
 * A type of field, such as `f64` or `array(u32, 8)`: how many bytes it has, and what they mean.
 *
 * @typeParam Access What the property of a record gives.
 * @typeParam View The same where the memory may only be read.
 * @typeParam Value The plain value, as `toObject()` gives it.
 * @typeParam Input What `assign()` takes for it.
 */
export interface FieldType<Access = unknown, View = unknown, Value = unknown, Input = unknown> {
  /** What errors and tables call it. */
  readonly name: string;
  /** In bytes (`sizeof`). */
  readonly size: number;
  /** In bytes (`_Alignof`). */
  readonly align: number;
  /** Whether it is a property that can be set, and no object with properties of its own. */
  readonly scalar: boolean;
  /** For the compiler only, which infers types from it; it is never there. */
  readonly types?: TypesOf<Access, View, Value, Input>;
}

/** A type of field that is a property with a value: a number, a text and so on. */
export interface ScalarType<Value = unknown, Input = Value>
  extends FieldType<Value, Value, Value, Input> {
  /** It can be set. */
  readonly scalar: true;
}

/** A bit field, made by `bits()`. */
export interface BitsType<Value = unknown, Input = Value> {
  /** What errors and tables call it. */
  readonly name: string;
  /** How many bits it has. */
  readonly width: number;
  /** It can be set. */
  readonly scalar: true;
  /** For the compiler only; it is never there. */
  readonly types?: TypesOf<Value, Value, Value, Input>;
}

/** Bytes or bits that nobody reads, made by `padding()` and `paddingBits()`. */
export interface PaddingType {
  /** What errors and tables call it. */
  readonly name: string;
  /** It is no property of the record. */
  readonly padding: true;
}

/** A field with an alignment of its own, made by `aligned()`. */
export interface AlignedType<T extends FieldType = FieldType> {
  /** The field's type. */
  readonly type: T;
  /** What the field is aligned to, in bytes. */
  readonly alignMember: number;
  /** As the type has it. */
  readonly scalar: T["scalar"];
  /** For the compiler only; it is never there. */
  readonly types?: T["types"];
}

/** What a record can have as a field. */
export type Member = FieldType | BitsType | PaddingType | AlignedType;

/** The fields of a record, in their order. */
export type Fields = { readonly [name: string]: Member };

/** The types that a type of field carries. */
export type TypesIn<M> = M extends { readonly types?: infer T } ? NonNullable<T> : never;

/**
 * What the property of a record is, for a type of field. Of a record's type it is the record
 * itself, for functions that take one.
 *
 * @example
 * ```ts
 * import { type AccessOf, f64, struct } from "@isthmus/isthmus/struct";
 *
 * const Point = struct("point", { x: f64, y: f64 });
 *
 * function move(point: AccessOf<typeof Point>, by: number): void {
 *   point.x += by;
 *   point.y += by;
 * }
 * move(Point.create({ x: 1 }), 2);
 * ```
 */
export type AccessOf<M> = TypesIn<M> extends { readonly access: infer A } ? A : never;

/** The same where the memory may only be read. */
export type ViewOf<M> = TypesIn<M> extends { readonly view: infer V } ? V : never;

/**
 * The plain value of a type of field.
 *
 * @example
 * ```ts
 * import { f64, struct, u32, type ValueOf } from "@isthmus/isthmus/struct";
 *
 * const Sample = struct("sample", { count: u32, mean: f64 });
 * type Sample = ValueOf<typeof Sample>;
 * const sample: Sample = { count: 3, mean: 1.5 };
 * ```
 */
export type ValueOf<M> = TypesIn<M> extends { readonly value: infer V } ? V : never;

/** What `assign()` takes for a type of field. */
export type InputOf<M> = TypesIn<M> extends { readonly input: infer I } ? I : never;

/** What can be written as JSON. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [name: string]: JsonValue };
