// C programs that map the same memory, in both directions.

import { assertEquals } from "@std/assert";
import { mapFile, mapNewFile, PosixSharedMemory, SharedMemory } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { freshName, tempDirectory, tempFile } from "./_files.ts";
import { run } from "./_process.ts";

const ignore = noCompiler("C programs with memory maps");
const SIZE = 10_000;

/** What `tests/c/map_peer.c` writes. */
function cPattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * 7 + 3);
}

/** Compiles the peer for one use after the other; it says what it found. */
async function peer(): Promise<
  Disposable & { ask(...args: (string | number)[]): Promise<string> }
> {
  const program = await compile("map_peer", ["-lrt"]);
  return {
    async ask(...args) {
      const { code, stdout, stderr } = await run(program.file, args.map(String));
      assertEquals([code, stderr], [0, ""]);
      return stdout.trim();
    },
    [Symbol.dispose]: () => program[Symbol.dispose](),
  };
}

Deno.test(
  "a file that C wrote through its map is read here, and the other way round",
  { ignore },
  async () => {
    using c = await peer();
    using directory = tempDirectory();
    const path = `${directory.path}/file`;
    assertEquals(await c.ask("file", path, "create", SIZE), `${SIZE} bytes`);
    using read = mapFile(path);
    assertEquals(read.bytes.slice(), cPattern(SIZE) as Uint8Array<ArrayBuffer>);
    using map = mapFile(path, { access: "readwrite" });
    map.bytes[777] = 1;
    assertEquals(await c.ask("file", path, "read"), "byte 777 is 1");
    map.bytes.fill(0);
    assertEquals(await c.ask("file", path, "write"), `${SIZE} bytes`);
    assertEquals([map.bytes[777], read.bytes.at(777)], [(777 * 7 + 3) % 256, (777 * 7 + 3) % 256]);
  },
);

Deno.test("a file that was made here is mapped by C", { ignore }, async () => {
  using c = await peer();
  using directory = tempDirectory();
  const path = `${directory.path}/file`;
  using map = mapNewFile(path, SIZE);
  map.bytes.set(cPattern(SIZE));
  assertEquals(await c.ask("file", path, "read"), `${SIZE} bytes`);
  map.resize(2 * SIZE, { file: true });
  assertEquals(await c.ask("file", path, "read"), `byte ${SIZE} is 0`);
});

Deno.test("a copy is nothing that C sees", { ignore }, async () => {
  using c = await peer();
  using file = tempFile(cPattern(SIZE));
  using copy = mapFile(file.path, { access: "copy" });
  copy.bytes.fill(0);
  assertEquals(await c.ask("file", file.path, "read"), `${SIZE} bytes`);
});

Deno.test(
  "POSIX shared memory that C made is opened here, and the other way round",
  { ignore },
  async () => {
    using c = await peer();
    using byC = freshName();
    assertEquals(await c.ask("posix", byC.name, "create", SIZE), `${SIZE} bytes`);
    using opened = PosixSharedMemory.open(byC.name);
    using theirs = opened.map();
    assertEquals([opened.size, theirs.bytes.slice()], [
      SIZE,
      cPattern(SIZE) as Uint8Array<ArrayBuffer>,
    ]);
    theirs.bytes[5] = 0;
    assertEquals(await c.ask("posix", byC.name, "read"), "byte 5 is 0");

    using unique = freshName();
    using shared = PosixSharedMemory.create(unique.name, SIZE);
    using ours = shared.map();
    assertEquals(await c.ask("posix", unique.name, "read"), "byte 0 is 0");
    assertEquals(await c.ask("posix", unique.name, "write"), `${SIZE} bytes`);
    assertEquals(ours.bytes.slice(), cPattern(SIZE) as Uint8Array<ArrayBuffer>);
  },
);

Deno.test("C and Atomics count in the same integer, and lose no step", { ignore }, async () => {
  using c = await peer();
  using unique = freshName();
  using shared = PosixSharedMemory.create(unique.name, 4096);
  using map = shared.map();
  const ROUNDS = 300_000;
  const counted = c.ask("posix", unique.name, "add", ROUNDS);
  const cells = map.array(Int32Array);
  for (let round = 0; round < ROUNDS; round++) Atomics.add(cells, 0, 1);
  await counted;
  assertEquals(cells[0], 2 * ROUNDS);
  using buffer = SharedMemory.from(shared.map());
  const again = c.ask("posix", unique.name, "add", ROUNDS);
  const shareds = buffer.array(Int32Array);
  for (let round = 0; round < ROUNDS; round++) Atomics.add(shareds, 0, 1);
  await again;
  assertEquals([cells[0], shareds[0]], [4 * ROUNDS, 4 * ROUNDS]);
});
