import { assertEquals, assertThrows } from "@std/assert";
import { readText, writeText } from "../memory/text.ts";

Deno.test("writeText() and readText() carry text with its NUL", () => {
  const bytes = new Uint8Array(32).fill(0xff);
  assertEquals(writeText(bytes, "grüße 👋"), 13);
  assertEquals(bytes[12], 0);
  assertEquals(readText(bytes), "grüße 👋");
});

Deno.test("writeText() fills a field to its last byte, and not beyond", () => {
  const bytes = new Uint8Array(8).fill(0xff);
  writeText(bytes, "abc", { offset: 2, length: 4 });
  assertEquals([...bytes], [0xff, 0xff, 0x61, 0x62, 0x63, 0, 0xff, 0xff]);
  writeText(bytes, "1234567");
  assertEquals(readText(bytes), "1234567");
});

Deno.test("writeText() writes nothing if text and NUL don't fit", () => {
  const bytes = new Uint8Array(4).fill(7);
  assertThrows(
    () => writeText(bytes, "four"),
    RangeError,
    "text takes 4 bytes and a NUL, more than the 4 bytes",
  );
  assertThrows(() => writeText(bytes, "äö"), RangeError);
  assertThrows(() => writeText(bytes, "a", { offset: 3 }), RangeError);
  assertThrows(() => writeText(bytes, "", { offset: 4 }), RangeError);
  assertEquals([...bytes], [7, 7, 7, 7]);
});

Deno.test("writeText() refuses a NUL in the text, and what is no text", () => {
  const bytes = new Uint8Array(8);
  assertThrows(() => writeText(bytes, "a\0b"), RangeError, "NUL");
  assertThrows(
    () => writeText(bytes, 5 as unknown as string),
    TypeError,
    "text must be a string: received 5",
  );
});

Deno.test("readText() refuses text without a NUL, and says where", () => {
  const bytes = new Uint8Array(8).fill(0x61);
  assertThrows(
    () => readText(bytes),
    Deno.errors.InvalidData,
    "Cannot read text at offset 0: there is no NUL within 8 bytes",
  );
  bytes[7] = 0;
  assertThrows(
    () => readText(bytes, { offset: 2, length: 5 }),
    Deno.errors.InvalidData,
    "within 5 bytes",
  );
  assertEquals(readText(bytes, { offset: 5 }), "aa");
});

Deno.test("readText() shows bytes that aren't UTF-8, or refuses them if fatal is set", () => {
  const bytes = Uint8Array.of(0x61, 0xff, 0);
  assertEquals(readText(bytes), "a\ufffd");
  assertThrows(() => readText(bytes, { fatal: true }), Deno.errors.InvalidData, "not UTF-8");
});

Deno.test("readText() keeps a byte order mark, as C does", () => {
  assertEquals(readText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0)), "\ufeffa");
});

Deno.test("readText() and writeText() check offset and length", () => {
  const bytes = new Uint8Array(8);
  for (
    const options of [{ offset: -1 }, { offset: 9 }, { offset: 4, length: 5 }, { length: 1.5 }, {
      offset: NaN,
    }]
  ) {
    assertThrows(() => readText(bytes, options), RangeError);
    assertThrows(() => writeText(bytes, "", options), RangeError);
  }
});
