import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { fnv1a64 } from "../struct/fingerprint.ts";
import {
  aligned,
  array,
  bits,
  bytes,
  char,
  cString,
  f64,
  i32,
  type Member,
  padding,
  paddingBits,
  seqlock,
  struct,
  toC,
  u32,
  u64,
  u8,
  union,
} from "../struct/mod.ts";

const Point = struct("point", { x: f64, y: f64 });
const Word = union("word", { integer: u32, bytes: bytes(4) });
const Packet = struct("packet", {
  count: u32,
  mode: bits(u32, 3),
  _rest: paddingBits(u32, 4),
  total: u64.bigEndian(),
  name: cString(5),
  gap: padding(1),
  sequence: u32.atomic(),
  trail: array(Point, 2),
  word: Word,
  far: aligned(u8, 32),
}, { align: 64 });

Deno.test("describe() prints the layout as a table, and that of the records within", () => {
  assertEquals(
    Packet.describe(),
    `struct packet: 128 bytes, aligned to 64, fingerprint ${hex(Packet.fingerprint())}
offset    size  type             name
     0       4  u32              count
   4:0  3 bits  u32:3            mode
   4:3  4 bits  u32:4            (padding)
     5       3                   (padding)
     8       8  u64be            total
    16       5  char[5]          name
    21       1                   (padding gap)
    22       2                   (padding)
    24       4  u32 atomic       sequence
    28       4                   (padding)
    32      32  struct point[2]  trail
    64       4  union word       word
    68      28                   (padding)
    96       1  u8 aligned 32    far
    97      31                   (padding)

union word: 4 bytes, aligned to 4, fingerprint ${hex(Word.fingerprint())}
offset  size  type   name
     0     4  u32    integer
     0     4  u8[4]  bytes

struct point: 16 bytes, aligned to 8, fingerprint ${hex(Point.fingerprint())}
offset  size  type  name
     0     8  f64   x
     8     8  f64   y
`,
  );
});

Deno.test("describe() shows the values of a record beside its layout", () => {
  const Line = struct("line", { text: cString(4), count: u32, slash: char }, { packed: true });
  assertEquals(
    Line.describe(Line.create({ text: "PI", count: 22, slash: "/" })),
    `struct line: 9 bytes, aligned to 1, packed, fingerprint ${hex(Line.fingerprint())}
offset  size  type     name   value
     0     4  char[4]  text   "PI"
     4     4  u32      count  22
     8     1  char     slash  "/"
`,
  );
});

function hex(fingerprint: bigint): string {
  return fingerprint.toString(16).padStart(16, "0");
}

Deno.test("toC() declares the record, and those that it consists of, each once", () => {
  assertEquals(
    toC(Packet, Point),
    `#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct point {
  double x;
  double y;
};
_Static_assert(sizeof(struct point) == 16, "size of point");
_Static_assert(_Alignof(struct point) == 8, "alignment of point");
_Static_assert(offsetof(struct point, x) == 0, "offset of point.x");
_Static_assert(offsetof(struct point, y) == 8, "offset of point.y");
#define POINT_FINGERPRINT UINT64_C(0x${hex(Point.fingerprint())})

union word {
  uint32_t integer;
  uint8_t bytes[4];
};
_Static_assert(sizeof(union word) == 4, "size of word");
_Static_assert(_Alignof(union word) == 4, "alignment of word");
_Static_assert(offsetof(union word, integer) == 0, "offset of word.integer");
_Static_assert(offsetof(union word, bytes) == 0, "offset of word.bytes");
#define WORD_FINGERPRINT UINT64_C(0x${hex(Word.fingerprint())})

struct __attribute__((aligned(64))) packet {
  uint32_t count;
  uint32_t mode : 3;
  uint32_t : 4;
  uint64_t total; /* big-endian */
  char name[5];
  unsigned char gap[1];
  uint32_t sequence; /* atomic */
  struct point trail[2];
  union word word;
  uint8_t far __attribute__((aligned(32)));
};
_Static_assert(sizeof(struct packet) == 128, "size of packet");
_Static_assert(_Alignof(struct packet) == 64, "alignment of packet");
_Static_assert(offsetof(struct packet, count) == 0, "offset of packet.count");
_Static_assert(offsetof(struct packet, total) == 8, "offset of packet.total");
_Static_assert(offsetof(struct packet, name) == 16, "offset of packet.name");
_Static_assert(offsetof(struct packet, gap) == 21, "offset of packet.gap");
_Static_assert(offsetof(struct packet, sequence) == 24, "offset of packet.sequence");
_Static_assert(offsetof(struct packet, trail) == 32, "offset of packet.trail");
_Static_assert(offsetof(struct packet, word) == 64, "offset of packet.word");
_Static_assert(offsetof(struct packet, far) == 96, "offset of packet.far");
#define PACKET_FINGERPRINT UINT64_C(0x${hex(Packet.fingerprint())})
`,
  );
  assertEquals(Packet.toC(), toC(Packet));
});

Deno.test("toC() refuses two records of one name, and what is no record's type", () => {
  const other = struct("point", { x: i32 });
  assertThrows(
    () => toC(Packet, other),
    RangeError,
    "Cannot declare point in C: two records have that name",
  );
  assertThrows(() => toC(u8 as never), TypeError, "types must be those of records");
  assertEquals(toC(Point, Point), toC(Point));
});

Deno.test("fnv1a64() is FNV-1a with 64 bits", () => {
  // From the reference implementation's test vectors.
  assertEquals(fnv1a64(""), 0xcbf29ce484222325n);
  assertEquals(fnv1a64("a"), 0xaf63dc4c8601ec8cn);
  assertEquals(fnv1a64("foobar"), 0x85944171f73967e8n);
});

Deno.test("fingerprint() is the hash of the documented text", () => {
  const point = hex(Point.fingerprint());
  assertEquals(Point.fingerprint(), fnv1a64("struct 16 8\n0 f64 x\n8 f64 y\n"));
  const Record = struct("record", {
    a: u8,
    b: u32.bigEndian(),
    bits: bits(u32, 3),
    more: bits(u32, 7),
    text: cString(4),
    full: cString(4, { padded: true }),
    raw: bytes(2),
    list: array(array(i32, 3), 2),
    at: Point,
    points: array(Point, 2),
  });
  assertEquals(
    Record.fingerprint(),
    fnv1a64(
      "struct 96 8\n0 u8 a\n4 u32be b\n8:0 u32:3 bits\n8:3 u32:7 more\n10 string[4] text\n14 text[4] full\n" +
        `18 u8*2 raw\n20 i32*3*2 list\n48 {${point}} at\n64 {${point}}*2 points\n`,
    ),
  );
});

Deno.test("fingerprint() tells layouts apart, and nothing else", () => {
  const of = (fields: Record<string, Member>, packed = false) =>
    struct("a", fields, { packed }).fingerprint();
  const basis = of({ a: u32, b: u64 });
  for (
    const same of [
      struct("other", { a: u32, b: u64 }).fingerprint(),
      of({ a: u32.atomic(), b: u64.asNumber() }),
      of({ a: u32, gap: padding(4), b: u64 }),
      of({ a: u32, gap: padding(4), b: u64.atomic() }),
    ]
  ) assertEquals(same, basis);
  const different = [
    of({ a: u32, c: u64 }),
    of({ b: u32, a: u64 }),
    of({ a: i32, b: u64 }),
    of({ a: u32.bigEndian(), b: u64 }),
    of({ a: u32, b: u64 }, true),
    of({ a: u32, b: f64 }),
    of({ a: u32, b: cString(8) }),
    of({ a: u32, b: cString(8, { padded: true }) }),
    of({ a: bits(u32, 32), b: u64 }),
    union("a", { a: u32, b: u64 }).fingerprint(),
    struct("a", { a: u32, b: u64 }, { align: 16 }).fingerprint(),
  ];
  assertEquals(new Set([basis, ...different]).size, different.length + 1);
  assertNotEquals(Point.fingerprint(), 0n);
});

Deno.test("seqlock() declares its words in C, with the protocol", () => {
  const text = seqlock(Point).toC();
  for (
    const line of [
      "struct point_seqlock {",
      "  uint32_t sequence; /* atomic */",
      "  struct point record;",
      "_Static_assert(offsetof(struct point_seqlock, record) == 8",
    ]
  ) {
    assertEquals(text.includes(line), true, line);
  }
  assertEquals(text.includes("__atomic_thread_fence"), true);
});
