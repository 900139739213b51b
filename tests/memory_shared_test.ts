// Mapped memory as a real SharedArrayBuffer.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import {
  IPC_PRIVATE,
  mapAnonymous,
  mapFile,
  mapNewFile,
  Memfd,
  type Memory,
  PosixSharedMemory,
  Segment,
  SharedMemory,
} from "../mod.ts";
import { freshName, mapsWith, pattern, tempDirectory, tempFile } from "./_files.ts";

const PAGE = getpagesize();
const WASM_PAGE = 65536;
const ignore = Deno.build.os !== "linux";

/** Zeros, at least that. */
function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

Deno.test(
  "SharedMemory.from() makes a SharedArrayBuffer of a map, which it takes over",
  { ignore },
  () => {
    using file = tempFile(pattern(2 * PAGE));
    const map = mapFile(file.path, { access: "readwrite" });
    const { bytes } = map;
    using shared = SharedMemory.from(map);
    assert(shared.buffer instanceof SharedArrayBuffer);
    assertEquals([map.mapped, bytes.length, map.byteLength], [false, 0, 0]);
    assertEquals([shared.mapped, shared.byteOffset, shared.byteLength, shared.buffer.byteLength], [
      true,
      0,
      2 * PAGE,
      WASM_PAGE,
    ]);
    assertEquals(shared.bytes.slice(), new Uint8Array(pattern(2 * PAGE)));
    shared.bytes[5] = 200;
    Atomics.store(shared.array(Int32Array, { offset: 8, length: 1 }), 0, 7);
    assertEquals([file.bytes()[5], new DataView(file.bytes().buffer).getInt32(8, true)], [200, 7]);
    assertThrows(() => map.resize(1), Deno.errors.BadResource, "it was unmapped");
    map.close();
    assertEquals(shared.bytes[5], 200);
  },
);

Deno.test("a segment, a memfd, POSIX memory and anonymous memory are shared the same way", {
  ignore,
}, () => {
  using unique = freshName();
  using segment = Segment.create(IPC_PRIVATE, 5000, { removeOnDispose: true });
  using memfd = Memfd.create(5000);
  using posix = PosixSharedMemory.create(unique.name, 5000);
  const cases: [Memory, Memory | null][] = [
    [segment.attach(), segment.attach()],
    [memfd.map(), memfd.map()],
    [posix.map(), posix.map()],
    [mapAnonymous(5000, { shared: true }), null],
    [mapAnonymous(5000), null],
  ];
  for (const [memory, other] of cases) {
    memory.writeText("before");
    using shared = SharedMemory.from(memory);
    assertEquals(new TextDecoder().decode(shared.bytes.slice(0, 6)), "before");
    shared.bytes.set(new TextEncoder().encode("after\0"));
    if (other !== null) assertEquals(other.readText(), "after");
    other?.[Symbol.dispose]();
  }
  assertEquals(segment.status().nattch, 0);
});

Deno.test("close() ends the mapping, and the buffer reads zeros", { ignore }, () => {
  using file = tempFile(pattern(2 * PAGE));
  const shared = SharedMemory.from(mapFile(file.path, { access: "readwrite" }), { extra: 10 });
  const { bytes, buffer } = shared;
  const cells = shared.array(Int32Array);
  new Uint8Array(buffer, shared.extraOffset)[3] = 33;
  assertEquals(mapsWith(file.path).length, 1);
  shared.close();
  shared.close();
  shared[Symbol.dispose]();
  assertEquals([shared.mapped, mapsWith(file.path), bytes.length], [false, [], 2 * PAGE]);
  assert(isZero(bytes) && isZero(shared.bytes));
  bytes[0] = 1; // ordinary memory by now
  Atomics.add(cells, 1, 5);
  assertEquals([bytes[0], cells[1], file.bytes()], [1, 5, pattern(2 * PAGE)]);
  assertEquals(new Uint8Array(buffer, shared.extraOffset)[3], 33);
});

Deno.test("a window with an odd offset starts at byteOffset, and shows nothing else as its own", {
  ignore,
}, () => {
  const content = pattern(4 * PAGE);
  using file = tempFile(content);
  for (const [offset, length] of [[1, 1], [PAGE - 1, 2], [PAGE + 123, 2 * PAGE], [PAGE, PAGE]]) {
    using shared = SharedMemory.from(mapFile(file.path, { access: "copy", offset, length }));
    assertEquals([shared.byteOffset, shared.byteLength, shared.bytes.length], [
      offset % PAGE,
      length,
      length,
    ]);
    assertEquals(shared.bytes.slice(), new Uint8Array(content.slice(offset, offset + length)));
    const start = (4 - offset % 4) % 4;
    if (start > length) continue;
    assertEquals(shared.array(Uint32Array, { offset: start }).byteOffset, offset % PAGE + start);
    if (start === 0) continue;
    assertThrows(() => shared.array(Uint32Array), RangeError, "offset must be a multiple of 4");
  }
});

Deno.test(
  "the buffer's length is a multiple of 64 KiB, with the extra bytes behind",
  { ignore },
  () => {
    const sizes: [number, number, number, number][] = [
      // mapped, extra, extraOffset, buffer
      [1, 0, WASM_PAGE, WASM_PAGE],
      [WASM_PAGE, 0, WASM_PAGE, WASM_PAGE],
      [WASM_PAGE + 1, 0, 2 * WASM_PAGE, 2 * WASM_PAGE],
      [100, 1, WASM_PAGE, 2 * WASM_PAGE],
      [WASM_PAGE, WASM_PAGE, WASM_PAGE, 2 * WASM_PAGE],
      [3 * WASM_PAGE - 1, WASM_PAGE + 1, 3 * WASM_PAGE, 5 * WASM_PAGE],
    ];
    for (const [mapped, extra, extraOffset, length] of sizes) {
      using shared = SharedMemory.from(mapAnonymous(mapped), { extra });
      assertEquals([shared.extraOffset, shared.buffer.byteLength, shared.byteLength], [
        extraOffset,
        length,
        mapped,
      ]);
      const all = new Uint8Array(shared.buffer);
      assert(isZero(all));
      all.fill(7);
      assertEquals(shared.bytes[mapped - 1], 7);
    }
  },
);

Deno.test("what lies behind the mapping is no part of it", { ignore }, () => {
  using file = tempFile(2 * PAGE);
  {
    using shared = SharedMemory.from(mapFile(file.path, { access: "readwrite", length: PAGE }));
    new Uint8Array(shared.buffer).fill(9, PAGE);
    assert(isZero(shared.bytes));
  }
  assert(isZero(file.bytes()));
});

Deno.test("an empty map is shared too", { ignore }, () => {
  using file = tempFile(0);
  using shared = SharedMemory.from(mapFile(file.path, { access: "readwrite" }), { extra: 5 });
  assertEquals([shared.byteLength, shared.bytes.length, shared.mapped], [0, 0, true]);
  assertEquals([shared.extraOffset, shared.buffer.byteLength], [0, WASM_PAGE]);
  shared.close();
  assertEquals(shared.mapped, false);
});

Deno.test("what may only be read is refused, and stays as it is", { ignore }, () => {
  using file = tempFile(pattern(PAGE));
  using segment = Segment.create(IPC_PRIVATE, PAGE, { removeOnDispose: true });
  using readonly = mapFile(file.path);
  using attached = segment.attach({ access: "read" });
  using reserved = mapAnonymous(PAGE, { access: "none" });
  using protected_ = mapAnonymous(PAGE).protect("read");
  for (const memory of [readonly, attached, reserved, protected_]) {
    assertThrows(
      () => SharedMemory.from(memory as unknown as Memory),
      TypeError,
      "memory must be one that may be written",
    );
    assertEquals([memory.mapped, memory.byteLength], [true, PAGE]);
  }
  assertEquals(readonly.bytes.at(0), 1);
});

Deno.test("SharedMemory.from() checks its arguments", { ignore }, () => {
  using map = mapAnonymous(PAGE);
  for (const memory of [null, undefined, {}, new Uint8Array(1), new SharedArrayBuffer(1)]) {
    assertThrows(
      () => SharedMemory.from(memory as unknown as Memory),
      TypeError,
      "memory must be an attachment or a mapping",
    );
  }
  for (const extra of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => SharedMemory.from(map, { extra }), RangeError, "extra must be an integer");
  }
  assertThrows(() => SharedMemory.from(map, 5 as unknown as object), TypeError, "options must be");
  assertEquals([map.mapped, map.bytes.length], [true, PAGE]);
  map.close();
  assertThrows(() => SharedMemory.from(map), Deno.errors.BadResource, "it was unmapped");
  const moved = mapAnonymous(PAGE);
  moved.bytes.buffer.transfer();
  assertThrows(() => SharedMemory.from(moved), Deno.errors.BadResource, "transferred away");
});

Deno.test("array() of a SharedMemory checks the part", { ignore }, () => {
  using shared = SharedMemory.from(mapAnonymous(100));
  assertEquals(shared.array(Float64Array).length, 12);
  assertThrows(() => shared.array(Uint8Array, { offset: 101 }), RangeError, "reach beyond");
  assertThrows(() => shared.array(Uint8Array, { length: 101 }), RangeError, "reach beyond");
  assertThrows(() => shared.array(DataView as never), TypeError, "type must be one of");
});

Deno.test("4 GiB can be shared, more is refused and stays mapped", { ignore }, () => {
  const FOUR = 2 ** 32;
  const cases: [number, number][] = [[FOUR + 1, 0], [FOUR, 1], [2 ** 40, 0], [1, FOUR]];
  for (const [length, extra] of cases) {
    using map = mapAnonymous(length, { noReserve: true });
    map.bytes[0] = 7;
    const { bytes } = map;
    assertThrows(() => SharedMemory.from(map, { extra }), RangeError, "more than the 4 GiB");
    assertEquals([map.mapped, bytes[0], map.byteLength], [true, 7, length]);
  }
  using shared = SharedMemory.from(mapAnonymous(FOUR, { noReserve: true }));
  shared.bytes[FOUR - 1] = 1;
  assertEquals([shared.buffer.byteLength, shared.bytes[FOUR - 1]], [FOUR, 1]);
});

Deno.test("memory that a flush is writing is Busy", { ignore }, async () => {
  using directory = tempDirectory();
  using map = mapNewFile(`${directory.path}/file`, 2 ** 24);
  map.bytes.fill(1);
  const { bytes } = map;
  const flushed = map.flush();
  assertThrows(() => SharedMemory.from(map), Deno.errors.Busy, "Await it first");
  assertEquals([map.mapped, bytes[0]], [true, 1]);
  await flushed;
  using shared = SharedMemory.from(map);
  assertEquals(shared.bytes[0], 1);
});

Deno.test(
  "what was advised or locked in parts is shared whole, or is left as it was",
  { ignore },
  () => {
    using map = mapAnonymous(16 * PAGE);
    map.bytes.fill(3);
    map.lock({ offset: 4 * PAGE, length: PAGE });
    map.advise("dontdump", { offset: 8 * PAGE, length: PAGE });
    try {
      using shared = SharedMemory.from(map);
      assert(shared.bytes.every((byte) => byte === 3));
    } catch (error) {
      // Linux before 6.17 moves only what it keeps as one.
      assert((error as Error).message.includes("advised or locked differently"), String(error));
      assert(map.mapped && map.bytes.every((byte) => byte === 3));
    }
  },
);

Deno.test("forgotten ones are given back, however many", { ignore }, () => {
  using file = tempFile(pattern(PAGE));
  for (let round = 0; round < 3000; round++) {
    const shared = SharedMemory.from(mapFile(file.path, { access: "readwrite" }));
    if (shared.bytes[0] !== 1) throw new Error(`round ${round} shows ${shared.bytes[0]}`);
    if (round % 2 === 0) shared.close();
  }
  assertEquals(file.bytes(), pattern(PAGE));
});
