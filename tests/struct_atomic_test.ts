import { assertEquals, assertThrows } from "@std/assert";
import { mapAnonymous } from "../mod.ts";
import {
  array,
  i16,
  i32,
  i64,
  i8,
  struct,
  u16,
  u32,
  u64,
  u8,
  type WritableRecordMemory,
} from "../struct/mod.ts";

const Words = struct("words", {
  a: i8.atomic(),
  b: u8.atomic(),
  c: i16.atomic(),
  d: u16.atomic(),
  e: i32.atomic(),
  f: u32.atomic(),
  g: i64.atomic(),
  h: u64.atomic(),
  safe: u64.asNumber().atomic(),
});

Deno.test("atomic() fields have the operations of Atomics, in every width", () => {
  const words = Words.at(new SharedArrayBuffer(4096), { offset: 64 });
  for (const word of [words.a, words.b, words.c, words.d, words.e, words.f, words.safe]) {
    word.store(5);
    assertEquals([word.add(3), word.sub(2), word.and(4), word.or(3), word.xor(1)], [5, 8, 6, 4, 7]);
    assertEquals([word.load(), word.exchange(9), word.compareExchange(9, 10)], [6, 6, 9]);
    assertEquals([word.compareExchange(9, 11), word.load(), JSON.stringify(word)], [10, 10, "10"]);
  }
  for (const word of [words.g, words.h]) {
    word.store(5n);
    assertEquals([word.add(3n), word.sub(2n), word.and(4n), word.or(3n), word.xor(1n)], [
      5n,
      8n,
      6n,
      4n,
      7n,
    ]);
    assertEquals([word.load(), word.exchange(2n ** 60n), word.compareExchange(2n ** 60n, 10n)], [
      6n,
      6n,
      2n ** 60n,
    ]);
    assertEquals([word.compareExchange(9n, 11n), word.load()], [10n, 10n]);
  }
});

Deno.test("atomic() fields keep to their own bytes", () => {
  const bytes = new Uint8Array(Words.size);
  const words = Words.at(bytes);
  words.c.store(-1);
  words.f.store(0xffffffff);
  words.h.store(2n ** 64n - 1n);
  const expected = new Uint8Array(Words.size);
  for (const name of ["c", "f", "h"] as const) {
    const start = Words.offsetOf(name);
    expected.fill(0xff, start, start + { c: 2, f: 4, h: 8 }[name]);
  }
  assertEquals(bytes, expected);
});

Deno.test("atomic() additions wrap, other values must fit", () => {
  const words = Words.create();
  assertEquals([words.b.sub(1), words.b.load(), words.b.add(2), words.b.load()], [0, 255, 255, 1]);
  assertEquals([words.f.add(-1), words.f.load()], [0, 2 ** 32 - 1]);
  words.h.sub(1n);
  assertEquals(words.h.load(), 2n ** 64n - 1n);
  words.safe.store(2 ** 53 - 1);
  assertEquals(words.safe.add(1), 2 ** 53 - 1);
  assertThrows(
    () => words.safe.load(),
    RangeError,
    "words.safe holds 9007199254740992, which is no safe integer",
  );
  for (const wrong of [-1, 256, 1.5, NaN]) {
    for (
      const write of [
        () => words.b.store(wrong),
        () => words.b.exchange(wrong),
        () => words.b.compareExchange(wrong, 1),
        () => words.b.compareExchange(1, wrong),
      ]
    ) {
      assertThrows(write, RangeError, "words.b must be an integer from 0 to 255");
    }
  }
  for (const wrong of ["1", 1n, undefined, null] as unknown as number[]) {
    assertThrows(() => words.b.store(wrong), TypeError, "words.b must be a number");
    assertThrows(() => words.b.add(wrong), TypeError, "words.b must be a number");
  }
  assertThrows(() => words.h.add(1 as never), TypeError, "words.h must be a bigint");
  assertThrows(() => words.b.add(1.5), RangeError, "words.b must be an integer");
});

Deno.test("atomic() fields are values in toObject() and assign()", () => {
  const Record = struct("record", { counters: array(u32.atomic(), 3), total: i64.atomic() });
  const record = Record.create({ counters: [1, 2, 3], total: -5n });
  record.counters.get(1).add(10);
  for (const counter of record.counters) counter.add(1);
  assertEquals(record.toObject(), { counters: [2, 13, 4], total: -5n });
  assertThrows(
    () => record.assign({ counters: [1, 2, -1] }),
    RangeError,
    "record.counters[2] must be an integer",
  );
  assertEquals(record.counters.seek(2).load(), 4);
});

Deno.test("a place where an atomic field would be misaligned is refused", () => {
  const Packed = struct("loose", { first: u8, counter: u32.atomic(), rest: u8 }, { packed: true });
  const Outer = struct("outer", { head: u16, inner: Packed, list: array(Packed, 3) }, {
    packed: true,
  });
  using mapping = mapAnonymous(4096);
  for (const memory of [new ArrayBuffer(4096), mapping, new Uint8Array(new ArrayBuffer(4096), 8)]) {
    for (const offset of [0, 1, 2]) {
      assertThrows(
        () => Packed.at(memory, { offset }),
        RangeError,
        `Cannot place loose at offset ${offset}: its atomic field loose.counter would not be aligned to 4 bytes`,
      );
    }
    Packed.at(memory, { offset: 3 }).counter.add(1);
    assertThrows(
      () => Packed.arrayAt(memory, { offset: 3, length: 2 }),
      RangeError,
      "loose[2][1].counter",
    );
    // Its elements lie 6 bytes apart: wherever it is, one of them is misaligned.
    for (let offset = 0; offset < 8; offset++) {
      assertThrows(() => Outer.at(memory, { offset }), RangeError, "its atomic field outer.");
    }
  }
  assertThrows(
    () =>
      Packed.at(new Uint8Array(new ArrayBuffer(4096), 1) as WritableRecordMemory, { offset: 3 }),
    RangeError,
    "not be aligned",
  );
  Packed.at(new Uint8Array(new ArrayBuffer(4096), 1) as WritableRecordMemory, { offset: 2 }).counter
    .add(
      1,
    );
  assertThrows(() => u32.bigEndian().atomic(), TypeError, "Cannot make u32be atomic");
});

Deno.test("atomic() fields at the end of a buffer, and of one that grows, are within it", () => {
  const Counter = struct("counter", { value: u64.atomic() });
  const buffer = new ArrayBuffer(16, { maxByteLength: 64 });
  const last = Counter.at(buffer, { offset: 8 });
  last.value.add(1n);
  buffer.resize(64);
  last.value.add(1n);
  buffer.resize(16);
  assertEquals(last.value.load(), 2n);
  buffer.resize(15);
  assertThrows(() => last.value.load(), Deno.errors.BadResource, "Cannot read counter.value");
  assertThrows(() => last.value.add(1n), Deno.errors.BadResource, "Cannot write counter.value");
});
