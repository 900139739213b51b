// The views that `map_fuzz.ts` takes of its maps, and uses after everything that it does to them.

import { type AnyMapping, Mapping, ReadonlyMapping, type SharedMemory } from "../../mod.ts";
import type { ReadonlyDataView, ReadonlyTypedArray } from "../../mod.ts";
import type { Random, Window } from "./map_fuzz_model.ts";

type Integers =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;
type AnyArray = Integers | Float32Array | Float64Array;

interface ArrayType<T extends AnyArray = AnyArray> {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

// TypeScript can't call a method of all of them at once, and each has its own element type.
const TYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
] as unknown as ArrayType[];

/** What a view is taken of. */
export interface Viewed {
  readonly window: Window;
  readonly map: AnyMapping;
  readonly state: "mapped" | "closed" | "shared" | "moved";
  readonly shared: SharedMemory | null;
  readonly moved: Uint8Array | null;
}

/** A view, and what it must show. */
export interface View {
  /** Whether it has ended, as far as can be told. */
  readonly dead: boolean;
  /** Uses it while its memory is there, and holds what it reads against the model. */
  use(random: Random): void;
  /** Uses it on memory that isn't the map's any more, but is there. */
  useAnywhere(random: Random): void;
  /** Uses it after its end. */
  useDead(): void;
}

function fail(problem: string): never {
  throw new Error(problem);
}

/** Checks that something throws a TypeError, which is what a detached buffer gives. */
function refuses(use: () => unknown): void {
  try {
    use();
  } catch (error) {
    if (error instanceof TypeError) return;
    throw error;
  }
  fail(`${use} worked on a dead view`);
}

/** A typed array at a place of a window. */
class ArrayView implements View {
  readonly #array: AnyArray;
  readonly #window: Window;
  readonly #start: number;
  readonly #writable: boolean;
  readonly #length: number;

  constructor(array: AnyArray, window: Window, start: number, writable: boolean) {
    this.#array = array;
    this.#window = window;
    this.#start = start;
    this.#writable = writable;
    this.#length = array.length;
  }

  get dead(): boolean {
    return this.#array.length !== this.#length;
  }

  use(random: Random): void {
    const array = this.#array;
    if (this.dead) fail(`a view of ${this.#length} elements has ${array.length}`);
    const size = array.BYTES_PER_ELEMENT;
    const limit = Math.min(this.#length, Math.floor((this.#window.live - this.#start) / size));
    if (limit <= 0) return;
    const index = random.below(limit);
    this.#check(index);
    if (!this.#writable) return;
    const value = random.below(100);
    // Each class wants its own kind of element.
    const numbers = array as Uint8Array;
    const element = (isBig(array) ? BigInt(value) : value) as number;
    switch (random.below(6)) {
      case 0:
        numbers[index] = element;
        return this.#note(index, 1);
      case 1: {
        const count = 1 + random.below(Math.min(20, limit - index));
        numbers.fill(element, index, index + count);
        return this.#note(index, count);
      }
      case 2:
        numbers.set([element], index);
        return this.#note(index, 1);
      case 3:
        numbers.copyWithin(index, 0, Math.min(10, limit - index));
        return this.#note(index, Math.min(10, limit - index));
      case 4:
        if (isFloat(array) || array instanceof Uint8ClampedArray) return;
        Atomics.add(numbers, index, element);
        this.#note(index, 1);
        if (Atomics.load(numbers, index) !== numbers[index]) fail("Atomics read another value");
        return;
      case 5:
        return void numbers.subarray(index, limit).slice(0, 3);
    }
  }

  /** Holds an element against the model. */
  #check(index: number): void {
    const array = this.#array;
    if (isFloat(array)) return void array[index]; // a NaN isn't always the same bytes
    const size = array.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array((array as Uint8Array).slice(index, index + 1).buffer);
    for (let byte = 0; byte < size; byte++) {
      const expected = this.#window.at(this.#start + index * size + byte);
      if (bytes[byte] !== expected) {
        fail(
          `${array.constructor.name}: byte ${byte} of ${index} is ${
            bytes[byte]
          } instead of ${expected}`,
        );
      }
    }
  }

  /** Notes in the model what was written. */
  #note(index: number, count: number): void {
    const size = this.#array.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array((this.#array as Uint8Array).slice(index, index + count).buffer);
    for (let byte = 0; byte < bytes.length; byte++) {
      this.#window.put(this.#start + index * size + byte, bytes[byte]);
    }
  }

  useAnywhere(random: Random): void {
    if (this.#length === 0) return;
    const index = random.below(this.#length);
    const array = this.#array as Uint8Array;
    const value = array[index];
    if (value === undefined) fail("a view of a SharedArrayBuffer has ended");
    array[index] = value;
  }

  useDead(): void {
    const array = this.#array as Uint8Array;
    if (array.length !== 0 || array[0] !== undefined || array.byteLength !== 0) {
      fail(`a dead view has ${array.length} elements`);
    }
    const one = (isBig(this.#array) ? 1n : 1) as number;
    array[0] = one;
    if (this.#length === 0) return; // an empty buffer of its own isn't always detached
    refuses(() => array.fill(one));
    refuses(() => array.set([one]));
    refuses(() => array.copyWithin(0, 1));
    refuses(() => Atomics.load(array, 0));
    refuses(() => Atomics.store(array, 0, one));
    refuses(() => new Uint8Array(array.buffer));
    refuses(() => array[Symbol.iterator]().next());
  }
}

function isBig(array: AnyArray): boolean {
  return array instanceof BigInt64Array || array instanceof BigUint64Array;
}

function isFloat(array: AnyArray): array is Float32Array | Float64Array {
  return array instanceof Float32Array || array instanceof Float64Array;
}

/** A `DataView` on a whole window. */
class WholeView implements View {
  readonly #view: DataView | ReadonlyDataView;
  readonly #window: Window;
  readonly #length: number;

  constructor(view: DataView | ReadonlyDataView, window: Window) {
    this.#view = view;
    this.#window = window;
    this.#length = view.byteLength;
  }

  get dead(): boolean {
    try {
      return this.#view.byteLength !== this.#length;
    } catch {
      return true;
    }
  }

  use(random: Random): void {
    const { live } = this.#window;
    if (this.#view.byteLength !== this.#length) {
      fail(`a DataView has ${this.#view.byteLength} bytes`);
    }
    if (live < 4) return;
    const index = random.below(live - 3);
    const read = this.#view.getUint32(index, true);
    let expected = 0;
    for (let byte = 3; byte >= 0; byte--) {
      expected = (expected << 8 | this.#window.at(index + byte)) >>> 0;
    }
    if (read !== expected) fail(`a DataView reads ${read} instead of ${expected}`);
    if (!(this.#view instanceof DataView)) return;
    const value = random.below(2 ** 32);
    this.#view.setUint32(index, value, true);
    for (let byte = 0; byte < 4; byte++) {
      this.#window.put(index + byte, value >>> 8 * byte & 255);
    }
  }

  useAnywhere(): void {}

  useDead(): void {
    if (this.#length === 0) return;
    const view = this.#view;
    refuses(() => view.getUint8(0));
    refuses(() => view.byteLength);
    if (view instanceof DataView) refuses(() => view.setUint8(0, 1));
  }
}

/** A typed array for reading, on a whole window. */
class ReadonlyView implements View {
  readonly #array: ReadonlyTypedArray<Uint8Array<ArrayBuffer>>;
  readonly #window: Window;
  readonly #length: number;

  constructor(array: ReadonlyTypedArray<Uint8Array<ArrayBuffer>>, window: Window) {
    this.#array = array;
    this.#window = window;
    this.#length = array.length;
  }

  get dead(): boolean {
    return this.#array.length !== this.#length;
  }

  use(random: Random): void {
    if (this.dead) fail(`a view for reading has ${this.#array.length} elements`);
    const { live } = this.#window;
    if (live === 0) return;
    const index = random.below(live);
    if (this.#array.at(index) !== this.#window.at(index)) fail(`byte ${index} is wrong`);
    const [byte] = this.#array.subarray(index, live).slice(0, 1);
    if (byte !== this.#window.at(index)) fail(`byte ${index} of a part is wrong`);
  }

  useAnywhere(): void {}

  useDead(): void {
    if (this.#array.length !== 0 || this.#array.at(0) !== undefined) fail("a dead view reads");
    if (this.#length > 0) refuses(() => this.#array.subarray(0));
  }
}

/** Takes a view of any kind; `null` if there is none to take. */
export function makeView(
  { map, window, state, shared, moved }: Viewed,
  random: Random,
): View | null {
  if (state === "closed") return null;
  const whole = state === "shared" ? shared?.bytes : state === "moved" ? moved : null;
  if (whole !== null && whole !== undefined) return arrayView(whole, window, random, true);
  if (map instanceof Mapping) {
    if (random.oneIn(4)) return new WholeView(map.view, window);
    return arrayView(map.bytes, window, random, true);
  }
  if (!(map instanceof ReadonlyMapping)) return null;
  switch (random.below(3)) {
    case 0:
      return new WholeView(map.view, window);
    case 1:
      return new ReadonlyView(map.bytes, window);
    default:
      return arrayView(map.unsafeBytes, window, random, false);
  }
}

/** A typed array of any class on a part of some bytes. */
function arrayView(
  bytes: Uint8Array<ArrayBufferLike>,
  window: Window,
  random: Random,
  writable: boolean,
): View {
  const type = random.pick(TYPES);
  const size = type.BYTES_PER_ELEMENT;
  const misaligned = bytes.byteOffset % size;
  const start = (misaligned === 0 ? 0 : size - misaligned) + size * random.below(600);
  if (random.oneIn(3) || start + size > bytes.length) {
    return new ArrayView(bytes, window, 0, writable);
  }
  const length = 1 + random.below(Math.floor((bytes.length - start) / size));
  const array = new type(bytes.buffer as ArrayBuffer, bytes.byteOffset + start, length);
  return new ArrayView(array, window, start, writable);
}
