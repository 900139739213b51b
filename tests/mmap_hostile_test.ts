// Programs that do to mappings what no program should: every outcome but a crash will do, and memory
// of others stays as it is.

import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { mapAnonymous, mapFile, Memfd, Memory, Segment, SharedMemory } from "../mod.ts";

/** A file in a directory of its own, which is removed at the end of the scope. */
function temporaryFile(size: number): Disposable & { readonly path: string } {
  const directory = Deno.makeTempDirSync({ prefix: "isthmus-hostile-" });
  const path = `${directory}/file`;
  Deno.writeFileSync(path, new Uint8Array(size));
  return { path, [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }) };
}

Deno.test("an option whose getter closes the mapping doesn't unmap what is mapped there next", async () => {
  using file = temporaryFile(4096);
  const map = mapFile(file.path, { access: "readwrite" });
  let next: Memory | undefined;
  const options = {
    get async() {
      map.close();
      next ??= mapAnonymous(4096);
      return false;
    },
  };
  await assertRejects(() => map.flush(options), Deno.errors.BadResource);
  assertInstanceOf(next, Memory);
  next.bytes.fill(1); // SIGSEGV if the flush gave it back
  assertEquals(next.bytes[4095], 1);
  next[Symbol.dispose]();
});

Deno.test("memory can't be made of a forged region", () => {
  const forged = { address: 4096n, byteLength: 4096, closed: false, pageSize: 4096, name: "x" };
  const AnyMemory = Memory as unknown as new (region: unknown) => Memory;
  assertThrows(() => new AnyMemory(forged), TypeError, "Illegal constructor");
});

Deno.test("the memory of a SharedMemory can't be taken from it", () => {
  using shared = SharedMemory.from(mapAnonymous(4096));
  assertThrows(() => Object.assign(shared, { wasm: undefined }), TypeError);
});

Deno.test("an object isn't made shorter under a mapping of this program", () => {
  using memfd = Memfd.create(8192);
  const map = memfd.map();
  assertThrows(() => memfd.resize(4096), Deno.errors.Busy, "this thread has mapped 8192 of it");
  const other = memfd.map({ access: "read" });
  assertThrows(() => map.resize(4096, { file: true }), Deno.errors.Busy, "Close that mapping");
  other.close();
  map.resize(4096, { file: true });
  map.bytes[4095] = 1;
  // A SharedMemory is a mapping too, until it is closed.
  const shared = SharedMemory.from(map);
  assertThrows(() => memfd.resize(1), Deno.errors.Busy);
  shared.close();
  memfd.resize(1);
  assertEquals(memfd.size, 1);
});

Deno.test("a segment can't be laid over the page in which a mapping starts", () => {
  using file = temporaryFile(4096);
  using map = mapFile(file.path, { offset: 2048 });
  using segment = Segment.create(0, 1024, { removeOnDispose: true });
  const address = map.address - map.address % 4096n;
  assertThrows(() => segment.attach({ address, unsafeRemap: true }), RangeError, "in use");
  assertEquals(map.bytes.at(0), 0);
});

Deno.test("readText() doesn't hand out read-only memory through Symbol.species", () => {
  using file = temporaryFile(4096);
  using map = mapFile(file.path);
  const TypedArray = Object.getPrototypeOf(Uint8Array);
  const species = Object.getOwnPropertyDescriptor(TypedArray, Symbol.species);
  const seen: unknown[] = [];
  class Spy extends Uint8Array {
    constructor(first: ArrayBuffer, offset?: number, length?: number) {
      super(first, offset, length);
      seen.push(first);
    }
  }
  Object.defineProperty(TypedArray, Symbol.species, { configurable: true, get: () => Spy });
  try {
    assertEquals(map.readText(), "");
  } finally {
    if (species !== undefined) Object.defineProperty(TypedArray, Symbol.species, species);
  }
  assertEquals(seen.filter((argument) => argument instanceof ArrayBuffer), []);
});
