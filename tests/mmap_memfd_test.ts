// Memory with a descriptor: its size and its seals.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { Memfd, ReadonlyMapping, type Seal } from "../mod.ts";
import { descriptorTargets, mapsWith } from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();
const ignore = Deno.build.os !== "linux";

/** How many descriptors of such memory this process has. */
function openMemfds(): number {
  return descriptorTargets().filter((target) => target.startsWith("/memfd:isthmus")).length;
}

Deno.test("Memfd.create() makes memory of zeros, which its maps share", { ignore }, () => {
  using memfd = Memfd.create(2 * PAGE + 5);
  using one = memfd.map();
  using two = memfd.map({ access: "read", offset: PAGE + 1 });
  using copy = memfd.map({ access: "copy", length: 10 });
  assertEquals([memfd.size, one.byteLength, one.created, two.byteLength], [
    2 * PAGE + 5,
    2 * PAGE + 5,
    false,
    PAGE + 4,
  ]);
  assert(one.bytes.every((byte) => byte === 0));
  one.bytes[PAGE + 1] = 7;
  copy.bytes[0] = 9;
  assertEquals([two.bytes.at(0), one.bytes[0], copy.bytes[0]], [7, 0, 9]);
  assert(two instanceof ReadonlyMapping);
});

Deno.test("a memfd's name is what /proc shows", { ignore }, () => {
  using memfd = Memfd.create(PAGE, { name: "isthmus-grüße" });
  using _map = memfd.map();
  assert(descriptorTargets().includes("/memfd:isthmus-grüße (deleted)"));
  assertEquals(mapsWith("/memfd:isthmus-grüße").length, 1);
  Memfd.create(1, { name: "" }).close();
  Memfd.create(1, { name: "x".repeat(249) }).close();
});

Deno.test("close() gives up the descriptor; maps live on without it", { ignore }, () => {
  const count = openMemfds();
  const memfd = Memfd.create(PAGE);
  using map = memfd.map();
  memfd.close();
  memfd.close();
  memfd[Symbol.dispose]();
  map.bytes.fill(7);
  assertEquals([map.bytes[PAGE - 1], map.isTruncated(), openMemfds()], [
    7,
    false,
    count,
  ]);
  const uses = [
    () => memfd.map(),
    () => memfd.size,
    () => memfd.descriptor,
    () => memfd.resize(1),
    () => memfd.seal("shrink"),
    () => memfd.seals(),
    () => memfd.inherit(),
    () => map.resize(2 * PAGE),
  ];
  for (const use of uses) {
    assertThrows(use, Deno.errors.BadResource, "it was closed here", use.toString());
  }
  map.resize(10);
});

Deno.test(
  "resize() makes a memfd longer and shorter, with memory at once or not",
  { ignore },
  () => {
    using memfd = Memfd.create(PAGE);
    using map = memfd.map();
    memfd.resize(3 * PAGE);
    memfd.resize(5 * PAGE, { reserve: false });
    assertEquals([memfd.size, map.byteLength], [5 * PAGE, PAGE]);
    map.resize(5 * PAGE);
    map.bytes.fill(7);
    map.resize(PAGE);
    memfd.resize(2 * PAGE);
    assertEquals([memfd.size, map.isTruncated(), map.bytes[0]], [2 * PAGE, false, 7]);
    map.close();
    memfd.resize(0);
    assertEquals(memfd.map().byteLength, 0);
    for (const size of [-1, 0.5, NaN, 2 ** 53]) {
      assertThrows(() => memfd.resize(size), RangeError, "size must be an integer from 0");
    }
    assertEquals(memfd.size, 0);
  },
);

Deno.test("Memfd.create() checks its arguments, and leaves nothing open", { ignore }, () => {
  const count = openMemfds();
  for (const size of [0, -1, 1.5, NaN, 2 ** 53]) {
    assertThrows(() => Memfd.create(size), RangeError, "size must be an integer from 1");
  }
  assertThrows(() => Memfd.create("1" as unknown as number), TypeError, "size must be a number");
  for (const name of ["a\0b", "x".repeat(250), "ü".repeat(125)]) {
    assertThrows(() => Memfd.create(1, { name }), RangeError, "name must have at most 249 bytes");
  }
  assertThrows(
    () => Memfd.create(1, { name: 5 as unknown as string }),
    TypeError,
    "name must be a string",
  );
  assertEquals(openMemfds(), count);
});

Deno.test("seals forbid what they say, to everybody and for ever", { ignore }, () => {
  using memfd = Memfd.create(PAGE);
  using map = memfd.map({ length: 1 });
  assertEquals(memfd.seals(), new Set<Seal>());
  memfd.seal("shrink");
  assertThrows(() => memfd.resize(1), Deno.errors.PermissionDenied, "it is sealed against that");
  memfd.resize(2 * PAGE);
  memfd.seal("grow");
  for (const reserve of [true, false]) {
    assertThrows(() => memfd.resize(3 * PAGE, { reserve }), Deno.errors.PermissionDenied, "sealed");
  }
  assertEquals([memfd.size, memfd.seals()], [2 * PAGE, new Set<Seal>(["shrink", "grow"])]);
  map.bytes[0] = 1;
  // The same memory, opened once more, is sealed as well.
  using again = Memfd.open(memfd.handle);
  assertThrows(() => again.resize(1), Deno.errors.PermissionDenied);
  again.seal("seal");
  const error = assertThrows(() => memfd.seal("futureWrite")) as Error;
  assertSystemError(error, Deno.errors.PermissionDenied, "EPERM", "fcntl");
  assertEquals(memfd.seals(), new Set<Seal>(["seal", "shrink", "grow"]));
});

Deno.test(
  'the seal "write" waits for no map, and "futureWrite" leaves those there are',
  { ignore },
  () => {
    using memfd = Memfd.create(PAGE);
    using map = memfd.map();
    const error = assertThrows(() => memfd.seal("write")) as Error;
    assertSystemError(error, Deno.errors.Busy, "EBUSY", "fcntl");
    assert(error.message.includes("it is mapped somewhere for shared writing"), error.message);
    memfd.seal("futureWrite");
    map.bytes[0] = 7;
    assertEquals(memfd.map({ access: "read" }).bytes.at(0), 7);
    assertThrows(() => memfd.map(), Deno.errors.PermissionDenied, "it is sealed against writing");
    assertThrows(
      () => memfd.map({ access: "read" }).protect("readwrite"),
      Deno.errors.PermissionDenied,
    );
    map.close();
    memfd.seal("write");
    using copy = memfd.map({ access: "copy" });
    copy.bytes[0] = 8;
    assertEquals([memfd.map({ access: "read" }).bytes.at(0), memfd.seals()], [
      7,
      new Set<Seal>(["write", "futureWrite"]),
    ]);
  },
);

Deno.test("seal() knows its words", { ignore }, () => {
  using memfd = Memfd.create(1);
  for (const word of ["read", "toString", "__proto__", 1, null]) {
    assertThrows(() => memfd.seal("shrink", word as Seal), TypeError, 'seal must be one of "seal"');
  }
  assertEquals(memfd.seals(), new Set<Seal>());
  memfd.seal();
});
