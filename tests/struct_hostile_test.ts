// Programs that do to records what no program should: an error, and nothing else is touched.

import { assertEquals, assertThrows } from "@std/assert";
import { array, bytes, mapFile, struct, u32, u64 } from "../mod.ts";

// deno-lint-ignore no-explicit-any -- what untyped callers have
type Untyped = any;

Deno.test("a walk's object can't touch what is in front of its array", () => {
  const memory = new Uint8Array(64);
  const Row = struct("row", { raw: bytes(4), count: u32.atomic() });
  const walk: Untyped = Row.arrayAt(memory, { offset: 16, length: 2 })[Symbol.iterator]();
  for (
    const touch of [
      () => walk.value.raw.assign(new Uint8Array(4).fill(255)),
      () => walk.value.count.store(1),
      () => walk.value.assign({ raw: [1, 2, 3, 4] }),
    ]
  ) assertThrows(touch, Error, undefined, String(touch));
  assertEquals(memory, new Uint8Array(64));
});

Deno.test("the class of a record can't be made to hand out memory that may only be read", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, new Uint8Array(8));
    const One = struct("one", { a: u32 });
    const record: Untyped = One.at(new Uint8Array(8));
    let parent = record.constructor;
    for (; parent !== Function.prototype; parent = Object.getPrototypeOf(parent)) {
      const Class = parent;
      assertThrows(() => Object.setPrototypeOf(Class, class {}), TypeError);
    }
    using map = mapFile(path);
    assertEquals(One.at(map).a, 0);
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("what only looks like bytes, or like a bigint, is refused", () => {
  const Mixed = struct("mixed", { raw: bytes(2), big: u64 });
  const record: Untyped = Mixed.at(new Uint8Array(16));
  const forged = Object.create(Uint8Array.prototype, {
    length: { value: 2 },
    0: { value: 300 },
    1: { value: 1 },
  });
  assertThrows(() => record.raw.assign(forged), TypeError);
  for (const value of ["5", true, [7]]) {
    assertThrows(() => record.big = value, TypeError, "mixed.big");
  }
  assertEquals(record.toObject(), { raw: new Uint8Array(2), big: 0n });
});

Deno.test("an atomic that doesn't hold a safe integer is not changed by what can't tell it", () => {
  const memory = new BigUint64Array([2n ** 60n]);
  const record = struct("one", { count: u64.asNumber().atomic() }).at(memory);
  assertThrows(() => record.count.exchange(1), RangeError, "no safe integer");
  assertThrows(() => record.count.add(1), RangeError, "no safe integer");
  assertEquals(memory[0], 2n ** 60n);
});

Deno.test("an array of atomics whose memory is gone says so, and names the record", () => {
  const memory = new Uint8Array(16);
  const record = struct("counts", { all: array(u32.atomic(), 2) }).at(memory);
  memory.buffer.transfer();
  for (const touch of [() => record.all.get(0), () => record.all.seek(0)]) {
    assertThrows(touch, Deno.errors.BadResource, "counts.all");
  }
});
