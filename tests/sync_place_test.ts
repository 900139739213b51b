// Where locks and channels may lie.

import { assertEquals, assertThrows } from "@std/assert";
import {
  IPC_PRIVATE,
  mapAnonymous,
  mapFile,
  Memfd,
  PosixSharedMemory,
  Segment,
  SharedMemory,
} from "../mod.ts";
import { placeOf } from "../sync/place.ts";
import { test } from "./_sync.ts";

const AT_0 = { name: "thing", offset: 0, byteLength: 64 };

test("a place may be in any memory that may be written", () => {
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using attached = segment.attach();
  using anonymous = mapAnonymous(4096, { shared: true });
  using shared = SharedMemory.from(mapAnonymous(4096, { shared: true }));
  const name = `/isthmus-test-${crypto.randomUUID()}`;
  using object = PosixSharedMemory.create(name, 4096, { removeOnDispose: true });
  using mapped = object.map();
  using file = Memfd.create(4096);
  using memfd = file.map();
  const memories = [attached, anonymous, shared, mapped, memfd, new SharedArrayBuffer(4096)];
  for (const memory of memories) {
    for (const offset of [0, 8, 4096 - 64]) {
      const place = placeOf({ ...AT_0, memory, offset });
      Atomics.store(place.words, 15, 0x01020304);
      assertEquals([place.words.length, place.bytes.length, place.bytes[60]], [16, 64, 4]);
      const bytes = memory instanceof SharedArrayBuffer ? new Uint8Array(memory) : memory.bytes;
      assertEquals(bytes[offset + 60], 4);
      assertEquals(place.gone, false);
    }
    const rest = placeOf({ name: "thing", memory, offset: 1024 });
    assertEquals(rest.byteLength, 3072);
  }
});

test("a place is checked", () => {
  const memory = new SharedArrayBuffer(4096);
  for (const offset of [4, 1, 4092]) {
    assertThrows(() => placeOf({ ...AT_0, memory, offset }), RangeError);
  }
  assertThrows(
    () => placeOf({ ...AT_0, memory, offset: 4040 }),
    RangeError,
    "it takes 64 bytes there, and the memory has 4096",
  );
  using file = Memfd.create(4096);
  using readonly = file.map({ access: "read" });
  const untyped: unknown[] = [readonly, new ArrayBuffer(64), new Uint8Array(64), null, "memory"];
  for (const memory of untyped) {
    assertThrows(() => placeOf({ ...AT_0, memory }), TypeError, "memory must be");
  }
});

test("nothing shared lies in private memory, unless a SharedMemory shares it with Workers", () => {
  using file = Memfd.create(4096);
  using copy = file.map({ access: "copy" });
  using anonymous = mapAnonymous(4096);
  using protectedAgain = mapAnonymous(4096).protect("read").protect("readwrite");
  for (const memory of [copy, anonymous, protectedAgain]) {
    assertThrows(() => placeOf({ ...AT_0, memory }), TypeError, "is private to this process");
  }
  using shared = SharedMemory.from(mapAnonymous(4096));
  placeOf({ ...AT_0, memory: shared });
});

test("the address counts where a mapping starts at an odd place of its file", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, new Uint8Array(8192));
    using mapping = mapFile(path, { access: "readwrite", offset: 4097, length: 200 });
    assertThrows(() => placeOf({ ...AT_0, memory: mapping }), RangeError, "multiple of 8 plus 7");
    const place = placeOf({ ...AT_0, memory: mapping, offset: 7 });
    Atomics.store(place.words, 0, -1);
    assertEquals([mapping.bytes[6], mapping.bytes[7]], [0, 255]);
    assertEquals(place.address % 8n, 0n);
  } finally {
    Deno.removeSync(path);
  }
});

test("a place dies with its memory, and moves with it", () => {
  using memfd = Memfd.create(1 << 20);
  const mapping = memfd.map({ length: 4096 });
  const place = placeOf({ ...AT_0, memory: mapping });
  place.words[0] = 7;
  mapping.resize(1 << 20);
  assertEquals(place.words[0], 7);
  assertEquals(place.address, mapping.address);
  mapping.close();
  assertEquals(place.gone, true);
  assertThrows(() => place.words, Deno.errors.BadResource, "was unmapped");
  assertThrows(() => place.address, Deno.errors.BadResource);
  assertThrows(() => place.pin(), Deno.errors.BadResource);
  const again = () => placeOf({ ...AT_0, memory: mapping });
  assertThrows(again, Deno.errors.BadResource, "was unmapped");
});

test("memory that is pinned stays mapped, where it is", () => {
  using memfd = Memfd.create(8192);
  const mapping = memfd.map({ length: 4096 });
  const place = placeOf({ ...AT_0, memory: mapping });
  const { address } = place;
  const mapped = () => {
    const start = new RegExp(`^0*${address.toString(16)}-`, "m"); // where one starts, not ends
    return start.test(Deno.readTextFileSync("/proc/self/maps"));
  };
  place.pin();
  place.pin();
  assertThrows(() => mapping.resize(8192), Deno.errors.Busy);
  mapping.close();
  assertEquals([place.gone, mapped()], [true, true]);
  place.unpin();
  assertEquals(mapped(), true);
  place.unpin();
  assertEquals(mapped(), false);
});
