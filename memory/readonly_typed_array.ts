import type { TypedArray, TypedArrayConstructor } from "./typed_array.ts";

const { set: setElements } = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array;

/** What a typed array's elements are: numbers, or bigints for the 64-bit integers. */
export type Element<T extends TypedArray> = T[number];

/** An index as `slice()` and `subarray()` take it: negative from the end, and never outside. */
function relativeIndex(index: number, length: number): number {
  const whole = Math.trunc(index) || 0;
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length);
}

/**
 * A typed array that can only be read. JavaScript has no such thing over
 * foreign memory, and a write to read-only memory kills the process, so this
 * class keeps the real one to itself.
 *
 * Once the memory is detached its length is 0.
 *
 * @typeParam T The typed array that it stands for.
 */
export class ReadonlyTypedArray<T extends TypedArray> {
  readonly #type: TypedArrayConstructor<T>;
  readonly #array: T;

  /** Wraps a typed array of this type. */
  constructor(type: TypedArrayConstructor<T>, array: T) {
    this.#type = type;
    this.#array = array;
    Object.freeze(this); // an element that is set is an error then, and not a property that is lost
  }

  /** The number of elements. */
  get length(): number {
    return this.#array.length;
  }

  /** The number of bytes. */
  get byteLength(): number {
    return this.#array.byteLength;
  }

  /** The element at `index`, counted from the end if negative; `undefined` if there is none. */
  at(index: number): Element<T> | undefined {
    // Not the built-in, which is many times slower, and throws on a detached array.
    const whole = Math.trunc(index) || 0;
    return this.#array[whole < 0 ? whole + this.#array.length : whole];
  }

  /** The index of the first element equal to `value`, or -1. */
  indexOf(value: Element<T>, fromIndex?: number): number {
    // Each class wants its own element type; T ties the two together.
    return (this.#array as Uint8Array).indexOf(value as number, fromIndex);
  }

  /** A copy of the elements from `start` up to `end`, an ordinary typed array. */
  slice(start?: number, end?: number): T {
    return this.#array.slice(start, end) as T;
  }

  /** The elements from `start` up to `end` on the same memory, read-only too. */
  subarray(start = 0, end: number = this.length): ReadonlyTypedArray<T> {
    const from = relativeIndex(start, this.length);
    const length = Math.max(0, relativeIndex(end, this.length) - from);
    const { buffer, byteOffset } = this.#array;
    // Not the built-in subarray, which hands the buffer to whatever Symbol.species names.
    const offset = byteOffset + from * this.#type.BYTES_PER_ELEMENT;
    return new ReadonlyTypedArray(
      this.#type,
      new this.#type(buffer as ArrayBuffer, offset, length),
    );
  }

  /**
   * Copies all elements into `target`, from its index `offset` (default 0) on.
   *
   * @throws {TypeError} If `target` isn't a typed array.
   * @throws {RangeError} If they don't fit.
   */
  copyTo(target: T, offset = 0): void {
    // The built-in, not the target's own: that would get hold of the array.
    setElements.call(target, this.#array as Uint8Array, offset);
  }

  /** Pairs of index and element, one after the other. */
  entries(): IterableIterator<[number, Element<T>]> {
    return this.#array.entries() as IterableIterator<[number, Element<T>]>;
  }

  /** The elements, one after the other. */
  [Symbol.iterator](): IterableIterator<Element<T>> {
    return (this.#array as Iterable<Element<T>>)[Symbol.iterator]() as IterableIterator<Element<T>>;
  }
}
