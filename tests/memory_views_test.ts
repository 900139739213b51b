import { assertEquals, assertThrows } from "@std/assert";
import { ReadonlyDataView } from "../memory/readonly_data_view.ts";
import { ReadonlyTypedArray } from "../memory/readonly_typed_array.ts";
import { typedArray, type TypedArrayConstructor } from "../memory/typed_array.ts";

Deno.test("typedArray() views a part of the buffer, not a copy", () => {
  const buffer = new Uint8Array(64);
  const array = typedArray(buffer, Float64Array, { offset: 8, length: 2 });
  array[1] = 1.5;
  assertEquals([array.length, array.byteOffset], [2, 8]);
  assertEquals(new DataView(buffer.buffer).getFloat64(16, true), 1.5);
});

Deno.test("typedArray() takes all that fits unless told", () => {
  const buffer = new Uint8Array(30);
  assertEquals(typedArray(buffer, Uint32Array, {}).length, 7);
  assertEquals(typedArray(buffer, BigInt64Array, { offset: 8 }).length, 2);
  assertEquals(typedArray(buffer, Uint8Array, { offset: 30 }).length, 0);
});

Deno.test("typedArray() refuses what is misaligned or reaches beyond the buffer", () => {
  const buffer = new Uint8Array(64);
  const cases: [TypedArrayConstructor, { offset?: number; length?: number }, string][] = [
    [Uint32Array, { offset: 2 }, "offset must be a multiple of 4 for a Uint32Array: received 2"],
    [
      Uint32Array,
      { length: 17 },
      "17 elements of 4 bytes at offset 0 reach beyond the memory's 64 bytes",
    ],
    [Uint8Array, { offset: 65 }, "reach beyond"],
    [Uint8Array, { offset: -1 }, "offset must be an integer from 0"],
    [Uint8Array, { offset: NaN }, "offset must be an integer from 0"],
    [Uint8Array, { length: 1.5 }, "length must be an integer from 0"],
    [Float64Array, { length: 2 ** 53 - 1 }, "reach beyond"],
  ];
  for (const [type, options, message] of cases) {
    assertThrows(() => typedArray(buffer, type, options), RangeError, message);
  }
});

Deno.test("typedArray() refuses what is no typed array's class", () => {
  for (
    const type of [
      Array,
      Object.getPrototypeOf(Uint8Array),
      DataView,
      undefined,
      () => 0,
      class extends Uint8Array {},
    ]
  ) {
    assertThrows(
      () => typedArray(new Uint8Array(8), type as typeof Uint8Array, {}),
      TypeError,
      "type must be one of JavaScript's typed arrays",
    );
  }
});

Deno.test("ReadonlyTypedArray reads like the array it stands for", () => {
  const array = new ReadonlyTypedArray(Uint16Array, Uint16Array.of(1, 2, 3, 2));
  assertEquals([array.length, array.byteLength, array.at(0), array.at(-2), array.at(4)], [
    4,
    8,
    1,
    3,
    undefined,
  ]);
  assertEquals([array.indexOf(2), array.indexOf(2, 2), array.indexOf(9)], [1, 3, -1]);
  assertEquals([...array], [1, 2, 3, 2]);
  assertEquals([...array.entries()], [[0, 1], [1, 2], [2, 3], [3, 2]]);
  for (const range of [[1, 3], [-2], [], [3, 1], [-9, 9], [1.7, NaN], [2, -1]]) {
    const expected = [1, 2, 3, 2].slice(...range);
    assertEquals([...array.subarray(...range)], expected);
    assertEquals([...array.slice(...range)], expected);
  }
  const target = new Uint16Array(6);
  array.copyTo(target, 1);
  assertEquals([...target], [0, 1, 2, 3, 2, 0]);
  assertThrows(() => array.copyTo(target, 3), RangeError);
});

Deno.test("ReadonlyTypedArray hands out copies, and nothing that could be written through", () => {
  const real = Uint8Array.of(1, 2, 3);
  const array = new ReadonlyTypedArray(Uint8Array, real);
  array.slice()[0] = 9;
  assertEquals(real[0], 1);
  let caught: unknown;
  const thief = { set: (array: Uint8Array) => caught = array };
  assertThrows(() => array.copyTo(thief as unknown as Uint8Array<ArrayBuffer>), TypeError);
  assertEquals(caught, undefined);
  const reachable = Reflect.ownKeys(array).concat(Reflect.ownKeys(ReadonlyTypedArray.prototype));
  assertEquals(
    reachable.filter((key) => ["buffer", "set", "fill", "array"].includes(String(key))),
    [],
  );
});

Deno.test("ReadonlyDataView has every getter of a DataView and no setter", () => {
  const names = (prototype: object, prefix: string) =>
    Object.getOwnPropertyNames(prototype).filter((name) => name.startsWith(prefix)).sort();
  assertEquals(names(ReadonlyDataView.prototype, "get"), names(DataView.prototype, "get"));
  assertEquals(names(ReadonlyDataView.prototype, "set"), []);
});

Deno.test("ReadonlyDataView reads what a DataView reads", () => {
  const view = new DataView(Uint8Array.from({ length: 16 }, (_, index) => 0xf8 + index).buffer);
  const readonly = new ReadonlyDataView(view);
  const getters = Object.getOwnPropertyNames(DataView.prototype).filter((name) =>
    name.startsWith("get")
  );
  for (const name of getters as (keyof ReadonlyDataView & keyof DataView)[]) {
    for (const littleEndian of [true, false]) {
      const read = (from: DataView | ReadonlyDataView) =>
        (from[name] as (offset: number, littleEndian: boolean) => unknown).call(
          from,
          3,
          littleEndian,
        );
      assertEquals(read(readonly), read(view), name);
    }
  }
  assertEquals(readonly.byteLength, 16);
  assertThrows(() => readonly.getUint32(13), RangeError);
});
