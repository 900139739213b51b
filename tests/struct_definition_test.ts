import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  aligned,
  array,
  bits,
  bytes,
  cString,
  f64,
  type Fields,
  type FieldType,
  i32,
  padding,
  paddingBits,
  struct,
  u16,
  u32,
  u64,
  u8,
  union,
} from "../struct/mod.ts";

Deno.test("struct() refuses what are no fields", () => {
  for (const fields of [undefined, null, 5, "x", [u8], () => 0]) {
    assertThrows(
      () => struct("record", fields as never),
      TypeError,
      "fields of record must be an object",
    );
  }
  for (
    const type of [
      undefined,
      null,
      5,
      "u8",
      {},
      u8.atomic,
      struct,
      Object.create(u8),
      { ...u8 },
      new Proxy(u8, {}),
    ]
  ) {
    assertThrows(
      () => struct("record", { value: type } as never),
      TypeError,
      "record.value must be a type of field",
    );
  }
  assertThrows(() => struct("record", {}), RangeError, "record must have a field at least");
  assertThrows(
    () => struct("record", { _: paddingBits(u32, 0) }),
    RangeError,
    "record must have a field with a size",
  );
});

Deno.test("struct() refuses names that C can't have", () => {
  for (const name of ["", "a b", "1a", "a-b", "ä", "a;", "*/", "_Bool", "int", "default", "a\n"]) {
    assertThrows(() => struct(name, { a: u8 }), RangeError, "name ");
    assertThrows(
      () => struct("record", { [name]: u8 }),
      RangeError,
      "the name of a field of record ",
    );
  }
  for (const name of [undefined, 5, {}, null]) {
    assertThrows(() => struct(name as never, { a: u8 }), TypeError, "name must be a string");
  }
  assertThrows(
    () => struct("record", { 0: u8 }),
    RangeError,
    "the name of a field of record must be",
  );
});

Deno.test("struct() refuses names that every record has for itself", () => {
  for (
    const name of [
      "toObject",
      "toJSON",
      "assign",
      "copyFrom",
      "constructor",
      "hasOwnProperty",
      "valueOf",
      "toString",
    ]
  ) {
    assertThrows(
      () => struct("record", { a: u8, [name]: u8 }),
      RangeError,
      `record can't have a field ${name}, which every record has for itself`,
    );
  }
  // An own field, which no literal has, and a prototype, which a literal does have.
  assertThrows(
    () => struct("record", { ["__proto__"]: u8 } as Fields),
    RangeError,
    "can't have a field __proto__",
  );
  assertThrows(
    () => struct("record", { a: u8, __proto__: u8 } as never),
    TypeError,
    "without a prototype of its own",
  );
  assertEquals(
    struct("record", Object.assign(Object.create(null), { a: u8 }) as { a: typeof u8 }).size,
    1,
  );
});

Deno.test("fields may have names that arrays, promises and iterators have", () => {
  const Record = struct("record", {
    length: u8,
    then: u8,
    next: u8,
    get: u8,
    set: u8,
    at: u8,
    size: u8,
    name: u8,
  });
  const record = Record.create({
    length: 1,
    then: 2,
    next: 3,
    get: 4,
    set: 5,
    at: 6,
    size: 7,
    name: 8,
  });
  assertEquals([record.length, record.then, record.name, Record.name, Record.size], [
    1,
    2,
    8,
    "record",
    8,
  ]);
});

Deno.test("nothing that is assigned reaches a prototype", () => {
  const Record = struct("record", { a: u8, inner: struct("inner", { b: u8 }) });
  const record = Record.create();
  const evil = JSON.parse('{"__proto__": {"polluted": 1}}');
  assertThrows(() => record.assign(evil), TypeError, 'record has no field "__proto__"');
  assertThrows(
    () => record.assign({ inner: evil }),
    TypeError,
    'record.inner has no field "__proto__"',
  );
  for (const name of ["constructor", "toObject", "hasOwnProperty"]) {
    assertThrows(
      () => record.assign({ [name]: {} } as never),
      TypeError,
      `record has no field "${name}"`,
    );
  }
  assertEquals(({} as { polluted?: unknown }).polluted, undefined);
  assertStrictEquals(Object.getPrototypeOf(record.toObject()), Object.prototype);
  assertThrows(() => {
    Object.getPrototypeOf(record).toObject = () => 0;
  }, TypeError);
  assertThrows(() => {
    (u8 as { size: number }).size = 4;
  }, TypeError);
  assertThrows(() => {
    (Record as { layout: unknown }).layout = [];
  }, TypeError);
});

Deno.test("a getter of a record that is called on something else is JavaScript's own error", () => {
  const record = struct("record", {
    a: u8,
    raw: bytes(2),
    list: array(u8, 2),
    inner: struct("inner", { b: u8 }),
  }).create();
  const prototype = Object.getPrototypeOf(record);
  for (const name of ["a", "raw", "list", "inner"]) {
    assertThrows(() => prototype[name], TypeError);
    assertThrows(() => Reflect.get(prototype, name, {}), TypeError);
  }
  assertThrows(() => record.list.get.call({} as never, 0), TypeError);
  assertThrows(() => record.toObject.call({} as never), TypeError);
});

Deno.test("struct() checks its options", () => {
  const define = (options: object) => () => struct("record", { a: u8, b: u64 }, options);
  for (const align of [0, -1, 3, 1.5, 2 ** 29, NaN]) {
    assertThrows(define({ align }), RangeError, "align must be");
  }
  assertThrows(define({ align: "8" }), TypeError, "align must be a number");
  assertThrows(
    define({ align: 4 }),
    RangeError,
    "record: align can only be more than what its fields need, which is 8: received 4",
  );
  assertThrows(define({ packed: 1 }), TypeError, "packed must be a boolean");
  assertThrows(
    () => struct("record", { a: u8 }, true as never),
    TypeError,
    "options must be an object",
  );
  assertEquals([define({ align: 32 })().size, define({ packed: true, align: 4 })().size], [32, 12]);
  for (const align of [0, 3, "4"]) {
    assertThrows(() => aligned(u8, align as number), Error, "align must be");
  }
  assertThrows(() => aligned(bits(u8, 1) as never, 4), TypeError, "type must be a type of field");
  for (const size of [0, -1, 1.5]) assertThrows(() => padding(size), RangeError, "size must be");
  for (const size of [0, -1, 2 ** 53]) {
    assertThrows(() => bytes(size), RangeError, "length must be");
  }
});

Deno.test("offsetOf() knows the fields that have an offset", () => {
  const Record = struct("record", {
    a: u8,
    gap: padding(2),
    b: i32,
    c: bits(u32, 3),
    _: paddingBits(u8, 2),
  });
  assertEquals([Record.offsetOf("a"), Record.offsetOf("gap"), Record.offsetOf("b")], [0, 1, 4]);
  for (const name of ["c", "_", "d", "toString", undefined]) {
    assertThrows(() => Record.offsetOf(name as "a"), TypeError, "record");
  }
});

Deno.test("records nest as deep as one likes", () => {
  let type: FieldType = struct("level0", { value: u32 });
  const depth = 300;
  for (let level = 1; level <= depth; level++) {
    type = struct(`level${level}`, { inner: type, own: u8 });
  }
  const Outer = struct("outer", { inner: type });
  let object = Outer.create() as unknown as { inner: never; value: number };
  for (let level = 0; level <= depth; level++) object = object.inner;
  object.value = 7;
  assertEquals(object.value, 7);
  assert(Outer.toC().includes(`struct level${depth} inner;`));
  assertEquals(
    Outer.describe().split("\n").filter((line) => line.startsWith("struct ")).length,
    depth + 2,
  );
});

Deno.test("a record that holds others twice, many times over, costs no more than its description", () => {
  let type: FieldType = struct("level0", { value: u8 });
  for (let level = 1; level <= 40; level++) type = struct(`level${level}`, { a: type, b: type });
  assertEquals(type.size, 2 ** 40);
  const Top = struct("top", { type });
  assert(Top.toC().length < 40_000);
  assertEquals(Top.fingerprint(), struct("other", { type }).fingerprint());
  assertThrows(
    () => Top.at(new ArrayBuffer(8)),
    RangeError,
    `its ${2 ** 40} bytes reach beyond the memory's 8`,
  );
});

Deno.test("layout tells of fields, bits and gaps", () => {
  const Record = struct("record", {
    a: u8,
    b: u32,
    c: bits(u16, 5),
    pad: padding(1),
    e: cString(3),
  });
  assertEquals(
    Record.layout.map((
      { name, type, offset, size, padding },
    ) => [name, type, offset, size, padding]),
    [
      ["a", "u8", 0, 1, false],
      [undefined, undefined, 1, 3, true],
      ["b", "u32", 4, 4, false],
      ["c", "u16", 8, 1, false],
      ["pad", undefined, 9, 1, true],
      ["e", "char[3]", 10, 3, false],
      [undefined, undefined, 13, 3, true],
    ],
  );
  assertEquals([Record.layout[3].bitOffset, Record.layout[3].bitWidth], [0, 5]);
  assertEquals(Record.layout.reduce((sum, { size }) => sum + size, 0), Record.size);
  assertEquals(union("word", { a: u8, b: f64 }).layout.map(({ offset }) => offset), [0, 0]);
});
