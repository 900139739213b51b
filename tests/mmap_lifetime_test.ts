// The end of maps: views die before their memory does, and nothing that is done with them then is a fault.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { type AnyMapping, mapAnonymous, mapFile, type Mapping, Memfd } from "../mod.ts";
import { mapsWith, pattern, tempFile } from "./_files.ts";

const PAGE = getpagesize();

/** Uses views that are dead, in all ways; none has an effect, or is a fault. */
function useDead(map: Mapping, use: () => void): void {
  const { bytes, view } = map;
  const floats = map.array(Float64Array);
  const cells = map.array(BigInt64Array);
  const part = bytes.subarray(10, 20);
  const iterator = bytes[Symbol.iterator]();
  const { buffer } = bytes;
  use();
  assertEquals(
    [bytes.length, floats.length, part.length, buffer.byteLength, bytes[0], part[5], floats[1]],
    [0, 0, 0, 0, undefined, undefined, undefined],
  );
  bytes[0] = 1;
  part[0] = 1;
  assertThrows(() => view.getUint8(0), TypeError);
  assertThrows(() => view.setUint8(0, 1), TypeError);
  assertThrows(() => Atomics.load(bytes, 0), TypeError);
  assertThrows(() => Atomics.compareExchange(cells, 0, 0n, 1n), TypeError);
  assertThrows(() => new Uint8Array(buffer), TypeError);
  assertThrows(() => iterator.next(), TypeError);
  assertThrows(() => bytes.fill(1), TypeError);
  assertThrows(() => bytes.set([1]), TypeError);
  assertThrows(() => part.copyWithin(0, 1), TypeError);
  assertThrows(() => buffer.slice(0), TypeError);
  assertThrows(() => new Uint8Array(bytes), TypeError);
}

Deno.test("after close() every view is empty, and using one is no fault", () => {
  using file = tempFile(pattern(PAGE));
  for (const access of ["readwrite", "copy"] as const) {
    const map = mapFile(file.path, { access });
    useDead(map, () => map.close());
    assertEquals([map.byteLength, map.mapped, map.bytes.length], [0, false, 0]);
  }
  assertEquals([file.bytes(), mapsWith(file.path)], [pattern(PAGE), []]);
});

Deno.test("protect() ends the views too, and so does leaving scope", () => {
  using memfd = Memfd.create(PAGE);
  const map = memfd.map();
  useDead(map, () => map.protect("read").close());
  const scoped = mapAnonymous(PAGE);
  useDead(scoped, () => {
    using _ends = scoped;
  });
});

Deno.test("views of a map for reading are empty after close(), too", () => {
  using file = tempFile(pattern(PAGE));
  const map = mapFile(file.path);
  const { bytes, view, unsafeBytes } = map;
  const part = map.array(Uint16Array, { offset: 2, length: 3 }).subarray(1);
  map.close();
  assertEquals([bytes.length, bytes.at(0), part.length, part.at(-1), unsafeBytes.length], [
    0,
    undefined,
    0,
    undefined,
    0,
  ]);
  assertThrows(() => view.getUint8(0), TypeError);
  assertEquals(unsafeBytes[0], undefined);
});

Deno.test("after close() each method says that the memory was unmapped", () => {
  using file = tempFile(PAGE);
  const map = mapFile(file.path, { access: "readwrite" });
  const readonly = mapFile(file.path);
  const reserved = mapFile(file.path, { access: "none" });
  for (const each of [map, readonly, reserved] as AnyMapping[]) {
    each.close();
    each.close();
    assertEquals([each.mapped, each.byteLength], [false, 0]);
  }
  const pages = (each: AnyMapping) => [
    () => each.advise("normal"),
    () => each.lock(),
    () => each.unlock(),
    () => each.residentPages(),
    () => each.protect("read"),
  ];
  const uses: (() => unknown)[] = [
    ...pages(map),
    ...pages(readonly),
    ...pages(reserved),
    () => map.flushSync(),
    () => map.isTruncated(),
    () => map.discard("dontneed"),
    () => map.readText(),
    () => map.writeText("x"),
    () => map.view,
    () => map.array(Uint8Array),
    () => map.resize(1),
    () => readonly.isTruncated(),
    () => readonly.readText(),
    () => readonly.view,
    () => readonly.resize(1),
  ];
  for (const use of uses) {
    assertThrows(use, Deno.errors.BadResource, "it was unmapped", use.toString());
  }
});

Deno.test("close() and leaving scope unmap once: a map at the same address lives on", () => {
  const first = mapAnonymous(PAGE);
  first.close();
  const others = Array.from({ length: 20 }, () => mapAnonymous(PAGE));
  first.close();
  first[Symbol.dispose]();
  for (const other of others) {
    other.bytes.fill(1);
    other.close();
  }
});

Deno.test("views that outlive their maps survive collections and new maps at their address", () => {
  using file = tempFile(pattern(PAGE));
  const dead: Uint8Array[] = [];
  for (let round = 0; round < 3000; round++) {
    using map = mapFile(file.path, { access: "readwrite", offset: round });
    dead.push(map.bytes);
  }
  assert(dead.every((bytes) => bytes.length === 0 && bytes[0] === undefined));
  assertEquals([mapsWith(file.path), file.bytes()], [[], pattern(PAGE)]);
});

Deno.test("a buffer that was transferred away keeps its memory, and close() says why", () => {
  using file = tempFile(pattern(PAGE));
  const transfers: ((buffer: ArrayBuffer) => ArrayBuffer)[] = [
    (buffer) => structuredClone(buffer, { transfer: [buffer] }),
    (buffer) => buffer.transfer(),
    (buffer) => buffer.transferToFixedLength(),
  ];
  for (const transfer of transfers) {
    const map = mapFile(file.path, { access: "readwrite" });
    const moved = new Uint8Array(transfer(map.bytes.buffer));
    const uses = [
      () => map.close(),
      () => map[Symbol.dispose](),
      () => map.protect("read"),
      () => map.resize(1),
      () => map.view,
      () => map.readText(),
    ];
    for (const use of uses) assertThrows(use, Deno.errors.BadResource, "transferred away");
    assertEquals([map.mapped, moved.length, moved[5]], [true, PAGE, 6]);
    moved[5] = 99;
    assertEquals(file.bytes()[5], 99);
    moved[5] = 6;
    map.flushSync();
    assertEquals([map.isTruncated(), map.residentPages()], [false, 1]);
  }
  assertEquals(mapsWith(file.path).length, transfers.length);
});

Deno.test("a buffer with a transfer of its own is detached all the same", () => {
  using file = tempFile(PAGE);
  for (const fake of [{ transfer: () => {} }, { detached: true }, { detached: false }]) {
    const map = mapFile(file.path, { access: "readwrite" });
    const { bytes } = map;
    for (const [name, value] of Object.entries(fake)) {
      Object.defineProperty(bytes.buffer, name, { value });
    }
    map.resize(100);
    assertEquals([bytes.length, bytes[0], map.bytes.length], [0, undefined, 100]);
    map.close();
  }
  assertEquals(mapsWith(file.path), []);
});

Deno.test("nothing of the writable class gets hold of a map for reading", () => {
  using file = tempFile(PAGE);
  using map = mapFile(file.path, { access: "readwrite" });
  using readonly = mapFile(file.path);
  using reserved = mapFile(file.path, { access: "none" });
  const memory = Object.getPrototypeOf(Object.getPrototypeOf(map));
  const bytes = Object.getOwnPropertyDescriptor(memory, "bytes");
  for (const other of [readonly, reserved] as unknown as Mapping[]) {
    assertThrows(() => bytes?.get?.call(other), TypeError);
    assertThrows(() => map.writeText.call(other, "x"), TypeError);
    assertThrows(() => map.flushSync.call(other), TypeError);
    assertThrows(() => map.discard.call(other, "dontneed"), TypeError);
    assertThrows(() => map.resize.call(other, 1), TypeError);
  }
  // An option that changes its mind between two looks.
  let looks = 0;
  const options = {
    get access() {
      return looks++ === 0 ? "read" as const : "readwrite" as const;
    },
  };
  using fickle = mapFile(file.path, options);
  assert(!("writeText" in fickle));
});

Deno.test("protect() takes rights away and gives them back, on the same memory", () => {
  using map = mapAnonymous(PAGE);
  map.writeText("kept");
  const { address } = map;
  using readonly = map.protect("read");
  assertEquals([map.mapped, readonly.address, readonly.readText()], [false, address, "kept"]);
  assertThrows(() => map.protect("read"), Deno.errors.BadResource, "it was unmapped");
  using reserved = readonly.protect("none");
  assert(!("bytes" in reserved));
  using again = reserved.protect("readwrite");
  again.bytes[0] = 75;
  assertEquals([again.readText(), again.address, readonly.mapped], ["Kept", address, false]);
  using same = again.protect("readwrite");
  assertEquals([again.mapped, same.readText()], [false, "Kept"]);
});

Deno.test("protect() sets execute, if the system allows that", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using map = mapAnonymous(PAGE);
  const rights = () => mapsWith(`${map.address.toString(16)}-`).map((line) => line.split(" ")[1]);
  using executable = map.protect("read", { execute: true });
  assertEquals(rights(), ["r-xp"]);
  using _plain = executable.protect("readwrite", { execute: false });
  assertThrows(() => mapAnonymous(1).protect("write" as "read"), TypeError, "access must be one");
});

Deno.test("protect() gives no more than the file was opened for, and the map lives on", () => {
  using file = tempFile(pattern(PAGE));
  using map = mapFile(file.path);
  const error = assertThrows(() => map.protect("readwrite")) as Error;
  assert(error instanceof Deno.errors.PermissionDenied, error.message);
  assert(error.message.includes("its file was not opened for that"), error.message);
  assertEquals([map.mapped, map.bytes.at(0)], [true, 1]);
  using copy = mapFile(file.path, { access: "copy" }).protect("read").protect("readwrite");
  copy.bytes[0] = 9;
  assertEquals(file.bytes()[0], 1);
});
