import { describe } from "../ffi/check.ts";
import { BadValue } from "./bad_value.ts";
import { checkInside } from "./bytes_at.ts";
import { checkProperty } from "./checks.ts";
import type { ScalarCodec } from "./codec.ts";
import { NOWHERE } from "./number_codecs.ts";
import type { Make, Part, Place } from "./place.ts";
import type { TypeInfo } from "./type_info.ts";

type Property = PropertyDescriptor & ThisType<Accessor>;

/** What an element's methods are made of. */
type Element = Pick<TypeInfo, "size" | "scalar" | "make">;

/**
 * An array's walk: the iterator and each of its results are one object, so that a step allocates
 * nothing. The last result, which is done, still has the value of the one before.
 */
type Walk = IteratorObject<unknown, unknown>;

// Functions that get at an accessor's private fields, for the rest of this room. They are no static
// methods: who has a record has its class, and must not get hold of memory that may only be read.

/** The property of a scalar field, in a record that stands for itself. */
export let scalarProperty: (field: string, codec: ScalarCodec, offset: number) => Property;
/** The same in a record that is a part of another. */
export let nestedScalarProperty: (field: string, codec: ScalarCodec, offset: number) => Property;
/** Makes the accessors of a record's parts. */
export let makeParts: (accessor: Accessor, parts: readonly Part[]) => void;
/** The property of a field that has an accessor of its own, made with the record. */
export let partProperty: (parts: readonly Part[], slot: number) => Property;
/** The same, made when it is asked for. */
export let latePartProperty: (parts: readonly Part[], slot: number) => Property;

/** An element of an array of scalars, read. */
export let readElement: (
  element: Element,
  nowhere?: number,
) => (this: Accessor, index: number) => unknown;
/** An element of an array of scalars, written. */
export let writeElement: (
  element: Element,
  nowhere?: number,
) => (this: Accessor, index: number, value: unknown) => void;
/** An accessor of an element that stays there. */
export let elementAt: (element: Element) => (this: Accessor, index: number) => Accessor;
/** The array's one accessor that moves. */
export let seekElement: (element: Element) => (this: Accessor, index: number) => Accessor;
/** All elements: scalars, or one accessor that moves. */
export let walk: (element: Element, array: Accessor) => Walk;

/** Reads with an accessor's place; errors are explained. */
export let reading: <T>(accessor: Accessor, operation: (view: DataView, base: number) => T) => T;
/** Writes with an accessor's place; errors are explained. */
export let writing: <T>(accessor: Accessor, operation: (view: DataView, base: number) => T) => T;
/** The number of elements of an array's accessor. */
export let lengthOf: (accessor: Accessor) => number;
/** Where an accessor stands in the buffer, to read there; throws if the memory is gone. */
export let readableAt: (accessor: Accessor, size: number) => number;
/** The same to write there; throws if it may only be read. */
export let writableAt: (accessor: Accessor, size: number) => number;
/** The error for what went wrong with a field. */
export let explained: (
  accessor: Accessor,
  field: string,
  verb: "read" | "write",
  error: unknown,
) => unknown;

/** Whether a view's memory was detached, or shrank away under it. */
function isGone(view: DataView): boolean {
  try {
    return view.byteLength < 0;
  } catch {
    return true;
  }
}

/**
 * An object whose properties are memory: the base of records, arrays and all else that a field can
 * be. It finds a field with one addition, from where it stands; what is a part of a record goes
 * with that, so that a record moves by a single assignment.
 */
export abstract class Accessor {
  readonly #view: DataView;
  readonly #writable: DataView | undefined;
  readonly #name: string;
  readonly #length: number;
  /** Itself, or the record that it is a part of. */
  readonly #root: Accessor;
  /** Where the root stands. Only a root's own counts. */
  #base: number;
  /** Where it stands from there. */
  readonly #delta: number;
  // Its parts, a field for each of the first: the compiler knows that a write to memory doesn't
  // change them.
  #part0: Accessor | undefined;
  #part1: Accessor | undefined;
  #part2: Accessor | undefined;
  #part3: Accessor | undefined;
  #parts: (Accessor | undefined)[] | undefined;
  /** The element of an array that `seek()` moves. */
  #cursor: Accessor | undefined;

  constructor(place: Place, length = 0) {
    const { name, view, writable, base, root } = place;
    this.#name = name;
    this.#view = view;
    this.#writable = writable;
    this.#length = length;
    this.#root = root ?? this;
    this.#base = root === undefined ? base : 0;
    this.#delta = root === undefined ? 0 : base;
  }

  /** An accessor with a place of its own. */
  #element(make: Make, step: string, offset: number): Accessor {
    return this.#make(make, {
      name: this.#name + step,
      view: this.#view,
      writable: this.#writable,
      base: this.#root.#base + this.#delta + offset,
      root: undefined, // an own property: an inherited one would be asked for it
    });
  }

  /** An accessor that goes with this one. */
  #part({ step, make, offset }: Part): Accessor {
    return this.#make(make, {
      name: this.#name + step,
      view: this.#view,
      writable: this.#writable,
      base: this.#delta + offset,
      root: this.#root,
    });
  }

  /** Makes an accessor; what goes wrong is told of the memory, if that is gone. */
  #make(make: Make, place: Place): Accessor {
    try {
      return make(place);
    } catch (error) {
      throw this.#explain("", "read", error);
    }
  }

  /** The error for what went wrong with a field. */
  #explain(field: string, verb: "read" | "write", error: unknown): unknown {
    const subject = this.#name + field;
    if (error instanceof BadValue) return error.toError(subject);
    if (isGone(this.#view)) {
      return new Deno.errors.BadResource(
        `Cannot ${verb} ${subject}: its memory was detached (unmapped, resized, or its buffer transferred away). ` +
          `Make the record again, on the memory that there is now`,
      );
    }
    if (verb === "write" && this.#writable === undefined) {
      return new TypeError(`Cannot write ${subject}: its memory may only be read`);
    }
    return error;
  }

  #checkIndex(index: unknown): void {
    if (Number.isInteger(index) && index as number >= 0 && index as number < this.#length) return;
    const Class = typeof index === "number" ? RangeError : TypeError;
    throw new Class(
      `index of ${this.#name} must be an integer from 0 to ${this.#length - 1}: received ${
        describe(index)
      }`,
    );
  }

  static {
    /** Reads again what couldn't be read: to tell why. */
    const readAgain = (codec: ScalarCodec, field: string, offset: number) => (from: Accessor) => {
      try {
        return codec.read(from.#view, from.#root.#base + from.#delta + offset);
      } catch (error) {
        throw explained(from, field, "read", error);
      }
    };
    /** Writes again what couldn't be written: to tell why. */
    const writeAgain =
      (codec: ScalarCodec, field: string, offset: number) => (to: Accessor, value: unknown) => {
        try {
          const at = to.#root.#base + to.#delta + offset;
          checkProperty(codec.check, value);
          // What may only be read has no view here.
          codec.set(to.#writable as DataView, at, value);
        } catch (error) {
          throw explained(to, field, "write", error);
        }
      };

    // Little to inline, see number_codecs.ts: what went wrong is looked for afterwards.
    scalarProperty = (field, codec, offset) => {
      const { get: getFast, set: setFast } = codec;
      const [getAgain, setAgain] = [
        readAgain(codec, field, offset),
        writeAgain(codec, field, offset),
      ];
      return {
        get() {
          try {
            return getFast(this.#view, this.#base + offset);
          } catch {
            return getAgain(this);
          }
        },
        set(value) {
          try {
            setFast(this.#writable as DataView, this.#base + offset, value);
          } catch {
            setAgain(this, value);
          }
        },
        enumerable: true,
      };
    };

    nestedScalarProperty = (field, codec, offset) => {
      const { get: getFast, set: setFast } = codec;
      const [getAgain, setAgain] = [
        readAgain(codec, field, offset),
        writeAgain(codec, field, offset),
      ];
      return {
        get() {
          try {
            return getFast(this.#view, this.#root.#base + this.#delta + offset);
          } catch {
            return getAgain(this);
          }
        },
        set(value) {
          try {
            setFast(this.#writable as DataView, this.#root.#base + this.#delta + offset, value);
          } catch {
            setAgain(this, value);
          }
        },
        enumerable: true,
      };
    };

    const setPart = (parts: readonly Part[], slot: number) =>
      function (this: Accessor) {
        const field = this.#name + parts[slot].step;
        throw new TypeError(
          `Cannot set ${field}, which is an object on memory: write its fields, or all with assign()`,
        );
      };
    // Without a branch: with one, the compiler looks up the part again in every turn of a loop.
    const getters = [
      function (this: Accessor) {
        return this.#part0;
      },
      function (this: Accessor) {
        return this.#part1;
      },
      function (this: Accessor) {
        return this.#part2;
      },
      function (this: Accessor) {
        return this.#part3;
      },
    ];
    const getPart = (slot: number) =>
      function (this: Accessor) {
        return (this.#parts as Accessor[])[slot];
      };
    partProperty = (parts, slot) => ({
      get: getters[slot] ?? getPart(slot),
      set: setPart(parts, slot),
      enumerable: true,
    });
    latePartProperty = (parts, slot) => ({
      get() {
        const made = this.#parts ??= new Array<undefined>(parts.length).fill(undefined);
        return made[slot] ??= this.#part(parts[slot]);
      },
      set: setPart(parts, slot),
      enumerable: true,
    });
    makeParts = (accessor, parts) => {
      if (parts.length === 0) return;
      const made = parts.map((part) => accessor.#part(part));
      accessor.#parts = made;
      [accessor.#part0, accessor.#part1, accessor.#part2, accessor.#part3] = made;
    };

    // An index that there is none of becomes an offset that there is none of.
    readElement = ({ size, scalar }, nowhere = NOWHERE) => {
      const codec = scalar as ScalarCodec;
      const { get: getFast } = codec;
      const again = (array: Accessor, index: number) => {
        array.#checkIndex(index);
        return readAgain(codec, `[${index}]`, index * size)(array);
      };
      return function (this: Accessor, index: number) {
        try {
          const at = this.#root.#base + this.#delta + index * size;
          const checked = index >>> 0 === index ? at : nowhere;
          return getFast(this.#view, index < this.#length ? checked : nowhere);
        } catch {
          return again(this, index);
        }
      };
    };

    writeElement = ({ size, scalar }, nowhere = NOWHERE) => {
      const codec = scalar as ScalarCodec;
      const { set: setFast } = codec;
      const again = (array: Accessor, index: number, value: unknown) => {
        array.#checkIndex(index);
        writeAgain(codec, `[${index}]`, index * size)(array, value);
      };
      return function (this: Accessor, index: number, value: unknown) {
        try {
          const at = this.#root.#base + this.#delta + index * size;
          const checked = index >>> 0 === index ? at : nowhere;
          setFast(this.#writable as DataView, index < this.#length ? checked : nowhere, value);
        } catch {
          again(this, index, value);
        }
      };
    };

    elementAt = ({ size, make }) =>
      function (this: Accessor, index: number) {
        this.#checkIndex(index);
        return this.#element(make as Make, `[${index}]`, index * size);
      };

    seekElement = ({ size, make }) =>
      function (this: Accessor, index: number) {
        const cursor = this.#cursor ??= this.#element(make as Make, "[]", 0);
        this.#checkIndex(index);
        cursor.#base = this.#root.#base + this.#delta + index * size;
        return cursor;
      };

    class AccessorWalk {
      readonly #size: number;
      readonly #end: number;
      readonly value: Accessor;
      done = false;

      constructor(array: Accessor, { size, make }: Element) {
        this.#size = size;
        this.#end = array.#root.#base + array.#delta + array.#length * size;
        this.value = array.#element(make as Make, "[]", -size);
      }

      next() {
        // Where the walk is, only the accessor knows: it is the one thing that a step writes.
        const accessor = this.value;
        const at = accessor.#base + this.#size;
        if (at < this.#end) accessor.#base = at;
        else this.done = true;
        return this;
      }
    }

    class ScalarWalk {
      readonly #array: Accessor;
      readonly #read: ScalarCodec["read"];
      readonly #size: number;
      readonly #end: number;
      #next: number;
      value: unknown;
      done = false;

      constructor(array: Accessor, { size, scalar }: Element) {
        const start = array.#root.#base + array.#delta;
        this.#array = array;
        this.#read = (scalar as ScalarCodec).read;
        this.#size = size;
        this.#next = start;
        this.#end = start + array.#length * size;
      }

      next() {
        const at = this.#next;
        if (at >= this.#end) {
          this.done = true;
          return this;
        }
        this.#next = at + this.#size;
        const read = this.#read;
        try {
          this.value = read(this.#array.#view, at);
        } catch (error) {
          throw explained(this.#array, "[]", "read", error);
        }
        return this;
      }
    }

    // Not by `extends`: its super() is a call that keeps the compiler from dissolving the object in
    // its loop.
    for (const { prototype } of [AccessorWalk, ScalarWalk]) {
      Object.setPrototypeOf(prototype, Iterator.prototype);
    }

    walk = (element, array) =>
      // What they have of an iterator they inherit, which TypeScript can't see.
      (element.scalar === undefined
        ? new AccessorWalk(array, element)
        : new ScalarWalk(array, element)) as unknown as Walk;

    const position = (accessor: Accessor) => accessor.#root.#base + accessor.#delta;
    reading = (accessor, operation) => {
      try {
        return operation(accessor.#view, position(accessor));
      } catch (error) {
        throw accessor.#explain("", "read", error);
      }
    };
    writing = (accessor, operation) => {
      try {
        // Asked before anything else, so that a wrong value isn't blamed instead.
        if (accessor.#writable === undefined || isGone(accessor.#view)) throw undefined;
        return operation(accessor.#writable, position(accessor));
      } catch (error) {
        throw accessor.#explain("", "write", error);
      }
    };
    const insideOf = (view: DataView, at: number, size: number) => {
      checkInside(view, at, size);
      return view.byteOffset + at;
    };
    readableAt = (accessor, size) => insideOf(accessor.#view, position(accessor), size);
    writableAt = (accessor, size) =>
      insideOf(accessor.#writable as DataView, position(accessor), size);
    lengthOf = (accessor) => accessor.#length;
    // A getter may be called on anything, such as the prototype itself: that is JavaScript's own
    // error.
    explained = (accessor, field, verb, error) =>
      #view in accessor ? accessor.#explain(field, verb, error) : error;
  }
}
Object.freeze(Accessor);
