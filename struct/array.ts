import { checkInteger } from "../ffi/check.ts";
import {
  Accessor,
  elementAt,
  lengthOf,
  readElement,
  reading,
  seekElement,
  walk,
  writeElement,
  writing,
} from "./accessor.ts";
import { BadValue, within, wrongType } from "./bad_value.ts";
import type { Codec } from "./codec.ts";
import { checkType, TypeObject } from "./field_type.ts";
import { toJson } from "./json.ts";
import type { Place } from "./place.ts";
import type { AtomicRule, TypeInfo } from "./type_info.ts";
import type {
  AccessOf,
  FieldType,
  InputOf,
  JsonValue,
  ScalarType,
  ValueOf,
  ViewOf,
} from "./types.ts";

/** An array in memory that may only be read. */
export interface ReadonlyArrayField<View, Value> extends Iterable<View, unknown> {
  /** The number of elements. */
  readonly length: number;
  /**
   * An element: of numbers and the like the value; of records an object of its own, which stays on
   * that element.
   *
   * @throws {RangeError} If there is no such element.
   */
  get(index: number): View;
  /** A copy of all elements, as plain values. */
  toObject(): Value[];
  /** All elements, as JSON has them. */
  toJSON(): JsonValue;
  /**
   * All elements, one after the other. Records are all shown by **one object that moves** from
   * element to element, so that none is allocated: what it was on is kept by `get()`, or copied by
   * its `toObject()`.
   */
  [Symbol.iterator](): IteratorObject<View, unknown>;
}

/** An array of numbers and the like in memory. */
export interface ArrayField<Value, Input> extends ReadonlyArrayField<Value, Value> {
  /**
   * Writes an element, as the property of a record is written.
   *
   * @throws {RangeError} If there is no such element.
   */
  set(index: number, value: Value): void;
  /**
   * Writes all elements, each checked before the first is written.
   *
   * @throws {RangeError} If there are not as many values as elements, or one doesn't fit.
   */
  assign(values: ArrayLike<Input>): void;
}

/** An array of records, or other objects on memory, that may only be read. */
export interface ReadonlyRecordArray<View, Value> extends ReadonlyArrayField<View, Value> {
  /**
   * Moves the array's own object to an element, and returns it. It is the same object each time, so
   * that nothing is allocated.
   *
   * @throws {RangeError} If there is no such element.
   */
  seek(index: number): View;
}

/** An array of records, or of other objects on memory. */
export interface RecordArray<Access, Value, Input> extends ReadonlyRecordArray<Access, Value> {
  /**
   * Writes all elements, each checked before the first is written.
   *
   * @throws {RangeError} If there are not as many values as elements, or one doesn't fit.
   */
  assign(values: ArrayLike<Input>): void;
}

/** The type of an array, made by `array()`. */
export interface ArrayType<T extends FieldType = FieldType> extends
  FieldType<
    T extends ScalarType ? ArrayField<AccessOf<T>, InputOf<T>>
      : RecordArray<AccessOf<T>, ValueOf<T>, InputOf<T>>,
    T extends ScalarType ? ReadonlyArrayField<AccessOf<T>, ValueOf<T>>
      : ReadonlyRecordArray<ViewOf<T>, ValueOf<T>>,
    ValueOf<T>[],
    ArrayLike<InputOf<T>>
  > {
  /** The number of elements. */
  readonly length: number;
  /** It is an object with elements. */
  readonly scalar: false;
}

type ArrayClass = new (place: Place, length: number) => Accessor;

/**
 * The class of the arrays of a type of element; arrays of all lengths share it, and what the
 * compiler learnt of it.
 */
const classes = new WeakMap<TypeInfo, ArrayClass>();

function arrayClass(element: TypeInfo): ArrayClass {
  const known = classes.get(element);
  if (known !== undefined) return known;
  const { scalar } = element;

  class ArrayAccessor extends Accessor {
    get length(): number {
      return lengthOf(this);
    }

    toObject(): unknown {
      return reading(this, (view, base) => elementsCodec(element, this.length).read(view, base));
    }

    toJSON(): JsonValue {
      return toJson(this.toObject());
    }

    assign(values: unknown): void {
      const codec = elementsCodec(element, this.length);
      writing(this, (view, base) => {
        codec.check(values);
        codec.write(view, base, values);
      });
    }

    [Symbol.iterator](): IteratorObject<unknown, unknown> {
      return walk(element, this);
    }
  }
  Object.freeze(ArrayAccessor);

  const methods = scalar === undefined
    ? { get: elementAt(element), seek: seekElement(element) }
    : { get: readElement(element), set: writeElement(element) };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(ArrayAccessor.prototype, name, { value });
  }
  classes.set(element, ArrayAccessor);
  return ArrayAccessor;
}

/** Values that are as many as there are elements. */
function checkedElements(values: unknown, length: number): ArrayLike<unknown> {
  if (!Array.isArray(values) && !(ArrayBuffer.isView(values) && !(values instanceof DataView))) {
    wrongType("an array", values);
  }
  const list = values as unknown as ArrayLike<unknown>;
  if (list.length !== length) {
    throw new BadValue(
      RangeError,
      `must be an array of ${length} elements: received ${list.length} elements`,
    );
  }
  return list;
}

function elementsCodec({ codec, size }: TypeInfo, length: number): Codec<unknown[]> {
  return {
    read: (view, at) =>
      Array.from(
        { length },
        (_, index) => within(`[${index}]`, () => codec.read(view, at + index * size)),
      ),
    check: (values) => {
      const list = checkedElements(values, length);
      for (let i = 0; i < length; i++) within(`[${i}]`, () => codec.check(list[i]));
    },
    write: (view, at, values) => {
      const list = checkedElements(values, length);
      for (let i = 0; i < length; i++) {
        within(`[${i}]`, () => codec.write(view, at + i * size, list[i]));
      }
    },
  };
}

/** Rules of which no two say the same. */
export function distinctRules(rules: readonly AtomicRule[]): AtomicRule[] {
  const known = new Map<string, AtomicRule>();
  for (const rule of rules) {
    const key = `${rule.offset % rule.size} ${rule.size}`;
    if (!known.has(key)) known.set(key, rule);
  }
  return [...known.values()];
}

/**
 * The rules of all elements. A pattern of misalignment repeats after as many elements as the size
 * has bytes.
 */
function elementRules({ atomics, size }: TypeInfo, length: number): AtomicRule[] | undefined {
  const rules = atomics?.flatMap((rule) =>
    Array.from({ length: Math.min(length, rule.size) }, (_, index) => ({
      path: `[${index}]${rule.path}`,
      offset: index * size + rule.offset,
      size: rule.size,
    }))
  );
  return rules && distinctRules(rules);
}

/** What is known of an array. */
export function arrayInfo(element: TypeInfo, length: number): TypeInfo {
  const size = element.size * length;
  checkInteger(`the size of ${element.name}[${length}]`, size, 1);
  // An array of arrays has its own length first.
  const [base, ...rest] = element.name.split(/(?=\[)/);
  const Class = arrayClass(element);
  return {
    name: [base, `[${length}]`, ...rest].join(""),
    size,
    align: element.align,
    code: `${element.code}*${length}`,
    c: { ...element.c, suffix: `[${length}]${element.c.suffix}` },
    codec: elementsCodec(element, length),
    make: (place) => new Class(place, length),
    record: element.record,
    atomics: elementRules(element, length),
  };
}

class ArrayTypeObject extends TypeObject<never, never, never, never, false> {
  readonly length: number;

  constructor(element: TypeInfo, length: number) {
    super(arrayInfo(element, length));
    this.length = length;
    Object.freeze(this);
  }
}

/**
 * An array of a fixed number of elements of any type.
 *
 * @example
 * ```ts
 * import { array, f64, i32, struct } from "@isthmus/isthmus/struct";
 *
 * const Point = struct("point", { x: f64, y: f64 });
 * const Track = struct("track", { samples: array(i32, 8), trail: array(Point, 4) });
 * const track = Track.create();
 * track.samples.set(0, 5);
 * track.trail.get(3).x = 1.5;
 * let sum = 0;
 * for (const point of track.trail) sum += point.x;
 * ```
 *
 * @throws {TypeError} If `element` is no type of field.
 * @throws {RangeError} If `length` isn't an integer from 1, or there would be more bytes than safe
 * integers.
 */
export function array<T extends FieldType>(element: T, length: number): ArrayType<T> {
  const info = checkType("element", element);
  const count = checkInteger("length", length, 1, MAX_LENGTH);
  return new ArrayTypeObject(info, count) as unknown as ArrayType<T>;
}

/** No JavaScript array, such as `toObject()` gives, has more elements. */
const MAX_LENGTH = 2 ** 32 - 1;
