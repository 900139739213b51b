import { Accessor, explained, readableAt, writableAt } from "./accessor.ts";
import { BadValue, wrongType } from "./bad_value.ts";
import { checkInside } from "./bytes_at.ts";
import { bigintCheck, numberCheck, safeCheck } from "./checks.ts";
import type { Codec } from "./codec.ts";
import { TypeObject } from "./field_type.ts";
import { toJson } from "./json.ts";
import type { IntegerForm } from "./number_codecs.ts";
import type { Place } from "./place.ts";
import type { FieldType, JsonValue } from "./types.ts";

/** An atomic integer where the memory may only be read. */
export interface ReadonlyAtomicField<Value> {
  /** The value now. */
  load(): Value;
  /** The value, as JSON has it. */
  toJSON(): JsonValue;
}

/**
 * An atomic integer in memory (`__atomic_load_n()` and its like in C, all sequentially consistent):
 * what one process does to it, others see as a whole, and in one order.
 *
 * The operations that change it return the value before, as `Atomics` do. `add()` and `sub()` wrap.
 */
export interface AtomicField<Value> extends ReadonlyAtomicField<Value> {
  /** Writes a value. */
  store(value: Value): void;
  /** Adds. */
  add(value: Value): Value;
  /** Subtracts. */
  sub(value: Value): Value;
  /** Bitwise and. */
  and(value: Value): Value;
  /** Bitwise or. */
  or(value: Value): Value;
  /** Bitwise exclusive or. */
  xor(value: Value): Value;
  /** Writes a value, and returns the one before. */
  exchange(value: Value): Value;
  /** Writes `replacement` if the value is `expected`; it was if that is returned. */
  compareExchange(expected: Value, replacement: Value): Value;
}

/** The type of an atomic integer, made by `u32.atomic()` and its like. */
export interface AtomicType<Value = number | bigint, Input = Value>
  extends FieldType<AtomicField<Value>, ReadonlyAtomicField<Value>, Value, Input> {
  /** It is an object with operations. */
  readonly scalar: false;
}

// Atomics has one signature for numbers and one for bigints; which it is, the array's class
// decides.
type Cells = Int32Array<ArrayBufferLike>;
type Cell = number;

interface CellsConstructor {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Cells;
}

function cellsConstructor({ width, signed }: IntegerForm): CellsConstructor {
  const of = (one: unknown, other: unknown) => (signed ? one : other) as CellsConstructor;
  switch (width) {
    case 8:
      return of(Int8Array, Uint8Array);
    case 16:
      return of(Int16Array, Uint16Array);
    case 32:
      return of(Int32Array, Uint32Array);
    case 64:
      return of(BigInt64Array, BigUint64Array);
  }
}

/** How the values of one form get into cells and out. */
interface Conversion {
  readonly Cells: CellsConstructor;
  readonly size: number;
  /** A value that the field can have, as a cell. */
  exact(value: unknown): Cell;
  /** A value that may wrap, as a cell. */
  operand(value: unknown): Cell;
  fromCell(cell: Cell): unknown;
  /** Whether `fromCell` refuses some cells. */
  readonly maySurprise?: boolean;
}

function conversion(form: IntegerForm): Conversion {
  const { width, signed, asNumber } = form;
  const basis = { Cells: cellsConstructor(form), size: width / 8 };
  if (width !== 64) {
    const exact = numberCheck(width, signed);
    return { ...basis, exact, operand: safeCheck(true), fromCell: (cell) => cell };
  }
  const cell = (value: bigint) => value as unknown as Cell;
  if (!asNumber) {
    const exact = bigintCheck(64, signed);
    const operand = (value: unknown) => {
      if (typeof value !== "bigint") wrongType("a bigint", value);
      return cell(value);
    };
    return { ...basis, exact: (value) => cell(exact(value)), operand, fromCell: (cell) => cell };
  }
  const exact = safeCheck(signed);
  const operand = safeCheck(true);
  return {
    ...basis,
    exact: (value) => cell(BigInt(exact(value))),
    operand: (value) => cell(BigInt(operand(value))),
    maySurprise: true,
    fromCell: (cell) => {
      const value = Number(cell);
      if (Number.isSafeInteger(value)) return value;
      throw new BadValue(RangeError, `holds ${cell}, which is no safe integer`);
    },
  };
}

class AtomicAccessor extends Accessor {
  readonly #conversion: Conversion;
  readonly #cells: Cells;

  constructor(place: Place, conversion: Conversion) {
    super(place);
    const { buffer, byteOffset, byteLength } = place.view;
    const { Cells, size } = conversion;
    this.#conversion = conversion;
    // To where the memory of the accessor ends: if a buffer shrinks behind that, nothing is lost.
    this.#cells = new Cells(buffer, 0, Math.floor((byteOffset + byteLength) / size));
  }

  load(): unknown {
    const { size, fromCell } = this.#conversion;
    try {
      return fromCell(Atomics.load(this.#cells, readableAt(this, size) / size));
    } catch (error) {
      throw explained(this, "", "read", error);
    }
  }

  #change(
    operation: (cells: Cells, index: number, value: Cell) => Cell,
    value: Cell,
  ): unknown {
    const { size, fromCell, maySurprise } = this.#conversion;
    // What can't be told as a number is refused before anything is changed.
    if (maySurprise) this.load();
    return fromCell(operation(this.#cells, writableAt(this, size) / size, value));
  }

  #exactly(operation: typeof Atomics.store, value: unknown): unknown {
    try {
      return this.#change(operation, this.#conversion.exact(value));
    } catch (error) {
      throw explained(this, "", "write", error);
    }
  }

  #wrapping(operation: typeof Atomics.add, value: unknown): unknown {
    try {
      return this.#change(operation, this.#conversion.operand(value));
    } catch (error) {
      throw explained(this, "", "write", error);
    }
  }

  store(value: unknown): void {
    this.#exactly(Atomics.store, value);
  }

  exchange(value: unknown): unknown {
    return this.#exactly(Atomics.exchange, value);
  }

  add(value: unknown): unknown {
    return this.#wrapping(Atomics.add, value);
  }

  sub(value: unknown): unknown {
    return this.#wrapping(Atomics.sub, value);
  }

  and(value: unknown): unknown {
    return this.#wrapping(Atomics.and, value);
  }

  or(value: unknown): unknown {
    return this.#wrapping(Atomics.or, value);
  }

  xor(value: unknown): unknown {
    return this.#wrapping(Atomics.xor, value);
  }

  compareExchange(expected: unknown, replacement: unknown): unknown {
    const { size, exact, fromCell } = this.#conversion;
    try {
      const index = writableAt(this, size) / size;
      return fromCell(
        Atomics.compareExchange(this.#cells, index, exact(expected), exact(replacement)),
      );
    } catch (error) {
      throw explained(this, "", "write", error);
    }
  }

  toJSON(): unknown {
    return toJson(this.load());
  }
}
Object.freeze(AtomicAccessor);

function atomicCodec({ Cells, size, exact, fromCell }: Conversion): Codec {
  const cell = (view: DataView, at: number) => {
    checkInside(view, at, size);
    return new Cells(view.buffer, view.byteOffset + at, 1);
  };
  return {
    read: (view, at) => fromCell(Atomics.load(cell(view, at), 0)),
    write: (view, at, value) => void Atomics.store(cell(view, at), 0, exact(value)),
    check: (value) => void exact(value),
  };
}

/** The atomic type of an integer. */
export function atomicType<T>(form: IntegerForm): T {
  const { width, signed } = form;
  const of = conversion(form);
  const { size } = of;
  const code = `${signed ? "i" : "u"}${width}`;
  const c = { type: `${signed ? "" : "u"}int${width}_t`, suffix: "", note: "atomic" };
  const type = new TypeObject<never, never, never, never, false>({
    name: `${code} atomic`,
    size,
    align: size,
    code,
    c,
    codec: atomicCodec(of),
    make: (place) => new AtomicAccessor(place, of),
    atomics: [{ path: "", offset: 0, size }],
  });
  return type as unknown as T;
}
