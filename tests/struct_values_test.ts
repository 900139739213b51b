import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type AccessOf,
  array,
  bool,
  bytes,
  char,
  cString,
  f32,
  f64,
  type FieldType,
  i16,
  i32,
  i64,
  i8,
  padding,
  struct,
  u16,
  u32,
  u64,
  u8,
  union,
  type ValueOf,
} from "../struct/mod.ts";

/** A record with a field of a type, and the view of its bytes. */
function single<T extends FieldType>(type: T) {
  const bytes = new Uint8Array(type.size);
  const record = struct("record", { value: type }).at(bytes) as unknown as { value: unknown };
  return { record, view: new DataView(bytes.buffer), bytes };
}

Deno.test("scalars read and write what a DataView does", () => {
  const cases: [FieldType, keyof DataView & `get${string}`, (number | bigint)[], boolean][] = [
    [i8, "getInt8", [-128, 0, 127], true],
    [u8, "getUint8", [0, 255], true],
    [i16, "getInt16", [-32768, 32767], true],
    [u16, "getUint16", [0, 65535], true],
    [i32, "getInt32", [-(2 ** 31), 2 ** 31 - 1], true],
    [u32, "getUint32", [0, 2 ** 32 - 1], true],
    [i64, "getBigInt64", [-(2n ** 63n), 2n ** 63n - 1n], true],
    [u64, "getBigUint64", [0n, 2n ** 64n - 1n], true],
    [f32, "getFloat32", [1.5, -0, Infinity, NaN], true],
    [f64, "getFloat64", [Math.PI, -0, -Infinity, NaN, 5e-324], true],
    [i16.bigEndian(), "getInt16", [-2, 258], false],
    [u16.bigEndian(), "getUint16", [258], false],
    [i32.bigEndian(), "getInt32", [-2, 0x01020304], false],
    [u32.bigEndian(), "getUint32", [0xf1020304], false],
    [i64.bigEndian(), "getBigInt64", [-2n], false],
    [u64.bigEndian(), "getBigUint64", [0xf102030405060708n], false],
    [f32.bigEndian(), "getFloat32", [1.5], false],
    [f64.bigEndian(), "getFloat64", [Math.PI], false],
  ];
  for (const [type, get, values, little] of cases) {
    const { record, view } = single(type);
    for (const value of values) {
      record.value = value;
      assertStrictEquals(
        (view[get] as (offset: number, little: boolean) => unknown)(0, little),
        value,
        `${type.name} ${value}`,
      );
      assertStrictEquals(record.value, value, `${type.name} ${value}`);
    }
  }
});

Deno.test("64-bit integers are numbers on request, as long as they are safe", () => {
  for (const little of [true, false]) {
    const order = (type: typeof u64) => little ? type.asNumber() : type.asNumber().bigEndian();
    for (const type of [order(u64), order(i64)]) {
      const { record, view } = single(type);
      const signed = type.name.startsWith("i");
      const values = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
      for (const value of signed ? [...values, ...values.map((value) => -value)] : values) {
        record.value = value;
        const there = signed ? view.getBigInt64(0, little) : view.getBigUint64(0, little);
        assertEquals(there, BigInt(value));
        assertEquals(record.value, value + 0);
      }
      for (const unsafe of [2n ** 53n, 2n ** 63n, ...(signed ? [-(2n ** 53n)] : [])]) {
        view.setBigInt64(0, BigInt.asIntN(64, unsafe), little);
        assertThrows(() => record.value, RangeError, "no safe integer");
      }
      for (const wrong of [2 ** 53, -(2 ** 53), 1.5, NaN, ...(signed ? [] : [-1])]) {
        const before = view.getBigInt64(0);
        assertThrows(() => record.value = wrong, RangeError, "record.value must be an integer");
        assertEquals(view.getBigInt64(0), before);
      }
    }
  }
});

Deno.test("a property refuses what its field can't hold, and writes nothing", () => {
  const cases: [FieldType, unknown[], unknown[]][] = [
    [i8, [-129, 128, 1.5, NaN, Infinity], ["1", 1n, null, undefined, true, {}, [], Symbol()]],
    [u8, [-1, 256, 0.5], ["1", 1n, undefined]],
    [i16, [-32769, 32768], [1n]],
    [u16, [-1, 65536], [undefined]],
    [i32, [-(2 ** 31) - 1, 2 ** 31], ["", 5n]],
    [u32, [-1, 2 ** 32, 2 ** 53], ["5", null]],
    [u32.bigEndian(), [-1, 2 ** 32], ["5"]],
    [i64, [], [5, undefined, null, {}, Symbol()]],
    [u64, [], [5, 1.5, null]],
    [u64.asNumber(), [-1, 2 ** 53], [5n, "5"]],
    [f32, [], ["1.5", 1n, undefined, null, "NaN"]],
    [f64, [], ["1.5", 1n, {}, Symbol()]],
    [bool, [], [0, 1, "true", undefined, null]],
    [char, ["", "ab", "Ā", "👋"], [5, undefined, null]],
    [cString(4), ["abcd", "a\0", "ääää"], [5, undefined, ["a"]]],
  ];
  for (const [type, outOfRange, wrong] of cases) {
    const { record, bytes } = single(type);
    bytes.fill(0x41);
    for (const value of outOfRange) {
      assertThrows(() => record.value = value, RangeError, "record.value must ");
    }
    for (const value of wrong) {
      assertThrows(() => record.value = value, TypeError, "record.value must be a ");
    }
    assertEquals(new Set(bytes), new Set([0x41]), type.name);
  }
});

Deno.test("a bigint wraps when it is written to a property, and is refused by assign()", () => {
  const Record = struct("record", { low: i64, high: u64 });
  const record = Record.create();
  record.low = 2n ** 63n;
  record.high = -1n;
  assertEquals(record.toObject(), { low: -(2n ** 63n), high: 2n ** 64n - 1n });
  for (const low of [2n ** 63n, -(2n ** 63n) - 1n]) {
    assertThrows(() => record.assign({ low }), RangeError, "record.low must be an integer from");
  }
  for (const high of [-1n, 2n ** 64n]) {
    assertThrows(() => record.assign({ high }), RangeError, "record.high must be an integer from");
  }
});

Deno.test("bool reads any byte, char is one", () => {
  const { record, bytes } = single(bool);
  bytes[0] = 2;
  assertEquals(record.value, true);
  record.value = true;
  assertEquals(bytes[0], 1);
  const letter = single(char);
  for (let byte = 0; byte < 256; byte++) {
    letter.record.value = String.fromCharCode(byte);
    assertEquals([letter.bytes[0], letter.record.value], [byte, String.fromCharCode(byte)]);
  }
});

const Point = struct("point", { x: f64, y: f64 });
const Packet = struct("packet", {
  pi: f64,
  count: u32,
  total: u64,
  small: u64.asNumber(),
  name: cString(16),
  letter: char,
  on: bool,
  gap: padding(3),
  origin: Point,
  trail: array(Point, 2),
  samples: array(i32, 3),
  raw: bytes(4),
});
type Packet = ValueOf<typeof Packet>;

const VALUES: Packet = {
  pi: 22 / 7,
  count: 3,
  total: 2n ** 60n,
  small: 2 ** 40,
  name: "grüße",
  letter: "/",
  on: true,
  origin: { x: 1, y: -1 },
  trail: [{ x: 2, y: 3 }, { x: 4, y: 5 }],
  samples: [-1, 0, 1],
  raw: Uint8Array.of(1, 2, 3, 255),
};

Deno.test("create(), assign() and toObject() convert all fields", () => {
  const packet = Packet.create(VALUES);
  assertEquals(packet.toObject(), VALUES);
  assertEquals(Packet.create().toObject().samples, [0, 0, 0]);
  packet.assign({ count: 4, origin: { y: 7 }, samples: Int32Array.of(7, 8, 9) });
  assertEquals(packet.toObject(), {
    ...VALUES,
    count: 4,
    origin: { x: 1, y: 7 },
    samples: [7, 8, 9],
  });
  packet.toObject().origin.x = 99;
  assertEquals(packet.origin.x, 1);
});

Deno.test("toJSON() gives what JSON can have, and assign() takes it back", () => {
  const Record = struct("record", {
    big: u64,
    safe: u64,
    negative: i64,
    f: array(f64, 4),
    raw: bytes(2),
  });
  const record = Record.create({
    big: 2n ** 64n - 1n,
    safe: 5n,
    negative: -(2n ** 63n),
    f: [NaN, Infinity, -Infinity, 1.5],
    raw: [1, 2],
  });
  const json = JSON.stringify(record);
  assertEquals(JSON.parse(json), {
    big: "18446744073709551615",
    safe: 5,
    negative: "-9223372036854775808",
    f: ["NaN", "Infinity", "-Infinity", 1.5],
    raw: [1, 2],
  });
  const copy = Record.create(JSON.parse(json));
  assertEquals(copy.toObject(), record.toObject());
  const packet = Packet.create(VALUES);
  assertEquals(Packet.create(JSON.parse(JSON.stringify(packet))).toObject(), VALUES);
});

Deno.test("assign() checks every value before it writes the first", () => {
  const packet = Packet.create(VALUES);
  const cases: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ count: 9, total: -1n }, RangeError, "packet.total must be an integer from 0"],
    [
      { count: 9, origin: { x: 1, y: "1" } },
      TypeError,
      'packet.origin.y must be a number: received "1"',
    ],
    [
      { count: 9, trail: [{}] },
      RangeError,
      "packet.trail must be an array of 2 elements: received 1",
    ],
    [
      { count: 9, trail: [{}, { x: 0, z: 1 }] },
      TypeError,
      'packet.trail[1] has no field "z": point has x, y',
    ],
    [{ count: 9, trail: [{}, 5] }, TypeError, "packet.trail[1] must be an object of values"],
    [{ count: 9, samples: [1, 2, 1.5] }, RangeError, "packet.samples[2] must be an integer"],
    [
      { count: 9, samples: [1, , 3] },
      TypeError,
      "packet.samples[1] must be a number: received undefined",
    ],
    [{ count: 9, samples: { length: 3 } }, TypeError, "packet.samples must be an array"],
    [
      { count: 9, samples: new DataView(new ArrayBuffer(3)) },
      TypeError,
      "packet.samples must be an array",
    ],
    [
      { count: 9, raw: [1, 2, 3, 256] },
      RangeError,
      "packet.raw[3] must be an integer from 0 to 255",
    ],
    [{ count: 9, raw: new Uint8Array(5) }, RangeError, "packet.raw must be 4 bytes: received 5"],
    [{ count: 9, raw: "1234" }, TypeError, "packet.raw must be a Uint8Array"],
    [{ count: 9, total: "12x" }, TypeError, "packet.total must be a bigint"],
    [{ count: 9, total: "99999999999999999999" }, RangeError, "packet.total must be an integer"],
    [{ count: 9, gap: 1 }, TypeError, 'packet has no field "gap"'],
    [{ count: 9, nmae: "typo" }, TypeError, 'packet has no field "nmae"'],
    [{ count: 9, name: undefined }, TypeError, "packet.name must be a string"],
    [null, TypeError, "packet must be an object of values"],
    [[1], TypeError, "packet must be an object of values"],
    [5, TypeError, "packet must be an object of values"],
    [Packet.create(), TypeError, "copyFrom()"],
  ];
  for (const [values, error, message] of cases) {
    assertThrows(() => packet.assign(values as Packet), error, message);
    assertEquals(packet.toObject(), VALUES);
  }
});

Deno.test("copyFrom() copies all bytes of a record of the same type", () => {
  const bytes = new Uint8Array(2 * Packet.size);
  const [a, b] = [Packet.at(bytes), Packet.at(bytes, { offset: Packet.size })];
  a.assign(VALUES);
  b.copyFrom(a);
  assertEquals(b.toObject(), VALUES);
  assertEquals(bytes.slice(Packet.size), bytes.slice(0, Packet.size));
  const other = struct("packet", { pi: f64 }).create();
  for (const wrong of [other, VALUES, null, undefined, Point.create()]) {
    assertThrows(
      () => b.copyFrom(wrong as typeof a),
      TypeError,
      "source must be a record of the type packet",
    );
  }
});

Deno.test("nested records and arrays are objects on the same memory", () => {
  const packet = Packet.create(VALUES);
  const { origin } = packet;
  assertStrictEquals(packet.origin, origin);
  origin.x = 5;
  packet.origin.y += 2;
  packet.trail.get(1).x = 6;
  assertEquals(packet.toObject().origin, { x: 5, y: 1 });
  assertEquals(packet.toObject().trail[1], { x: 6, y: 5 });
  assertThrows(
    () => (packet as { origin: unknown }).origin = { x: 1, y: 2 },
    TypeError,
    "Cannot set packet.origin",
  );
});

Deno.test("a record of more parts than are made at once makes them when they are asked for", () => {
  let type: FieldType = Point;
  for (let level = 0; level < 12; level++) {
    type = struct(`level${level}`, { a: type, b: type } as never);
  }
  const Top = struct("top", { value: type });
  interface Level {
    a: Level & AccessOf<typeof Point>;
    b: Level & AccessOf<typeof Point>;
  }
  const top = Top.create() as unknown as { value: Level };
  assertEquals(Top.size, 16 * 2 ** 12);
  top.value.b.a.b.b.b.b.b.b.b.b.b.b.y = 5;
  assertStrictEquals(top.value.b.a, top.value.b.a);
  const view = new DataView(new ArrayBuffer(Top.size));
  Top.at(view).copyFrom(top as never);
  assertEquals(view.getFloat64(16 * 0b101111111111 + 8, true), 5);
});

Deno.test("union() shows the same bytes as each of its fields", () => {
  const Word = union("word", { number: f32, bits: u32, bytes: bytes(4), text: cString(4) });
  const word = Word.create({ number: 1 });
  assertEquals(word.bits, 0x3f800000);
  assertEquals(word.toObject(), {
    number: 1,
    bits: 0x3f800000,
    bytes: Uint8Array.of(0, 0, 0x80, 0x3f),
    text: "",
  });
  word.bits = 0x41414141; // which is no text that ends
  assertEquals(Object.keys(word.toObject()), ["number", "bits", "bytes"]);
  assertThrows(() => word.text, Deno.errors.InvalidData, "word.text has no NUL");
  const assign = (values: object) => () => word.assign(values);
  assertThrows(
    assign({ number: 1, bits: 2 }),
    TypeError,
    "word is a union, and takes one of its fields at a time: received 2",
  );
  assertThrows(assign({}), TypeError, "received 0");
});

Deno.test("unions and structs nest, and a struct's union takes one field", () => {
  const Value = union("value", { integer: i64, number: f64 });
  const Entry = struct("entry", { kind: u8, value: Value });
  const entry = Entry.create({ kind: 1, value: { number: 1.5 } });
  assertEquals([Entry.size, entry.value.number, entry.value.integer], [
    16,
    1.5,
    0x3ff8000000000000n,
  ]);
});

Deno.test("console.log() shows a record's values", () => {
  assertEquals(Deno.inspect(Point.create({ x: 1 })), "point { x: 1, y: 0 }");
  assertEquals(Deno.inspect({ at: Point.create() }), "{ at: point { x: 0, y: 0 } }");
});

Deno.test("the types of values are inferred", () => {
  const packet = Packet.create();
  const pi: number = packet.pi;
  const total: bigint = packet.total;
  const name: string = packet.name;
  const x: number = packet.trail.get(0).x;
  const read: Packet = packet.toObject();
  assert([pi, total, name, x, read].length === 5);
  // @ts-expect-error: a number is no bigint
  assertThrows(() => packet.total = 5, TypeError);
  // @ts-expect-error: an object on memory isn't set
  assertThrows(() => packet.origin = Point.create(), TypeError);
  // @ts-expect-error: padding is no field
  assertEquals(packet.gap, undefined);
  // @ts-expect-error: nor is this
  assertEquals(packet.nothing, undefined);
});
