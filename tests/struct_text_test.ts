import { assertEquals, assertThrows } from "@std/assert";
import { array, cString, struct } from "../struct/mod.ts";

type Options = NonNullable<Parameters<typeof cString>[1]>;

function field(size: number, options: Options = {}) {
  const bytes = new Uint8Array(size + 2).fill(0x55);
  const record = struct("record", { name: cString(size, options) }).at(bytes, { offset: 1 });
  return { record, bytes: () => [...bytes.subarray(1, -1)], all: bytes };
}

Deno.test("cString() holds UTF-8 and its NUL, and fills the rest with NULs", () => {
  const { record, bytes, all } = field(8);
  record.name = "äß";
  assertEquals(bytes(), [0xc3, 0xa4, 0xc3, 0x9f, 0, 0, 0, 0]);
  record.name = "1234567";
  assertEquals([record.name, bytes()[7]], ["1234567", 0]);
  record.name = "";
  assertEquals([record.name, bytes()], ["", [0, 0, 0, 0, 0, 0, 0, 0]]);
  assertEquals([all[0], all.at(-1)], [0x55, 0x55]);
});

Deno.test("cString() refuses text that doesn't fit, with the numbers, and writes nothing", () => {
  const { record, bytes } = field(4);
  for (const text of ["four", "ääa", "日本", "👋"]) {
    const needed = new TextEncoder().encode(text).length;
    assertThrows(
      () => record.name = text,
      RangeError,
      `record.name must take at most 3 bytes of UTF-8 before its NUL: received text of ${needed} bytes`,
    );
  }
  assertEquals(bytes(), [0x55, 0x55, 0x55, 0x55]);
  assertThrows(
    () => field(4, { padded: true }).record.name = "fünf",
    RangeError,
    "at most 4 bytes of UTF-8: received text of 5",
  );
});

Deno.test("cString() with truncate cuts between characters, never inside one", () => {
  const text = "aä€👋z"; // 1, 2, 3, 4 and 1 bytes
  const kept = [
    "",
    "a",
    "a",
    "aä",
    "aä",
    "aä",
    "aä€",
    "aä€",
    "aä€",
    "aä€",
    "aä€👋",
    "aä€👋z",
    "aä€👋z",
  ];
  for (const [room, expected] of kept.entries()) {
    const terminated = field(room + 1, { truncate: true });
    terminated.record.name = text;
    assertEquals(terminated.record.name, expected, `${room} bytes and a NUL`);
    assertEquals(terminated.bytes().at(-1), 0);
    if (room === 0) continue;
    const padded = field(room, { truncate: true, padded: true });
    padded.record.name = text;
    assertEquals(padded.record.name, expected, `${room} bytes, padded`);
  }
});

Deno.test("a padded cString() may fill its field to the last byte", () => {
  const { record, bytes } = field(4, { padded: true });
  record.name = "four";
  assertEquals([record.name, bytes()], ["four", [0x66, 0x6f, 0x75, 0x72]]);
  record.name = "ab";
  assertEquals([record.name, bytes()], ["ab", [0x61, 0x62, 0, 0]]);
});

Deno.test("cString() refuses a NUL within text", () => {
  const { record } = field(8, { truncate: true });
  assertThrows(() => record.name = "a\0b", RangeError, "record.name must not contain NUL");
  assertThrows(() => record.assign({ name: "\0" }), RangeError, "record.name must not contain NUL");
});

Deno.test("cString() reads up to the first NUL, and without one only if it is padded", () => {
  const unterminated = field(4);
  assertThrows(
    () => unterminated.record.name,
    Deno.errors.InvalidData,
    "record.name has no NUL within its 4 bytes",
  );
  assertThrows(
    () => unterminated.record.toObject(),
    Deno.errors.InvalidData,
    "record.name has no NUL",
  );
  assertEquals(field(4, { padded: true }).record.name, "UUUU");
  unterminated.all.set([0x61, 0, 0x62], 1);
  assertEquals(unterminated.record.name, "a");
});

Deno.test("cString() reads what isn't UTF-8 as U+FFFD, or refuses it with fatal", () => {
  const wrong = [[0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xc0, 0x80]];
  for (const bytes of wrong) {
    const lenient = field(8);
    lenient.all.set([0x61, ...bytes, 0], 1);
    assertEquals(lenient.record.name.replaceAll("\ufffd", ""), "a");
    const strict = field(8, { fatal: true });
    strict.all.set([0x61, ...bytes, 0], 1);
    assertThrows(
      () => strict.record.name,
      Deno.errors.InvalidData,
      "record.name holds bytes that are not UTF-8",
    );
  }
});

Deno.test("cString() keeps a byte order mark, and replaces lone surrogates", () => {
  const { record } = field(8);
  record.name = "\ufeffa";
  assertEquals(record.name, "\ufeffa");
  record.name = "a\ud800";
  assertEquals(record.name, "a\ufffd");
});

Deno.test("cString() works on shared memory and in arrays", () => {
  const Names = struct("names", { list: array(cString(6), 3) });
  const names = Names.at(new SharedArrayBuffer(18));
  names.assign({ list: ["a", "bc", "日"] });
  names.list.set(0, "äö");
  assertEquals([names.list.get(0), [...names.list], names.toObject().list], [
    "äö",
    ["äö", "bc", "日"],
    ["äö", "bc", "日"],
  ]);
  assertThrows(
    () => names.list.set(1, "too long"),
    RangeError,
    "names.list[1] must take at most 5 bytes",
  );
});

Deno.test("cString() checks its arguments", () => {
  for (const size of [0, -1, 1.5, NaN, 2 ** 40]) {
    assertThrows(() => cString(size), RangeError, "size must be");
  }
  assertThrows(() => cString("4" as never), TypeError, "size must be a number");
  for (const name of ["padded", "truncate", "fatal"]) {
    assertThrows(() => cString(4, { [name]: 1 }), TypeError, `${name} must be a boolean`);
  }
  assertThrows(() => cString(4, true as never), TypeError, "options must be an object");
});
