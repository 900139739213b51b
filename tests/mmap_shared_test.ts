// Maps as a SharedArrayBuffer in the hands of others: WebAssembly, Workers, and another process.

import { assertEquals, assertStrictEquals } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { IPC_PRIVATE, mapFile, PosixSharedMemory, Segment, SharedMemory } from "../mod.ts";
import { freshName, lines, MapWorker, tempFile } from "./_files.ts";
import { until } from "./_objects.ts";

const PAGE = getpagesize();
const ignore = Deno.build.os !== "linux";

/** A WebAssembly module that adds 1 to the 32-bit integer at an address, in the memory that it imports. */
const ADD_ONE = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f], // type: (i32) -> i32
  ...[2, 11, 1, 1, 0x65, 3, 0x6d, 0x65, 0x6d, 2, 3, 1, 1], // import "e" "mem": shared memory, 1 to 1 pages
  ...[3, 2, 1, 0], // a function of that type
  ...[7, 7, 1, 3, 0x61, 0x64, 0x64, 0, 0], // export "add"
  ...[10, 12, 1, 10, 0, 0x20, 0, 0x41, 1, 0xfe, 0x1e, 2, 0, 0x0b], // i32.atomic.rmw.add(address, 1)
]);

Deno.test("a WebAssembly module has the mapping as its memory", { ignore }, async () => {
  using file = tempFile(PAGE);
  using shared = SharedMemory.from(mapFile(file.path, { access: "readwrite" }));
  assertStrictEquals(shared.wasm.buffer as unknown, shared.buffer);
  const { instance } = await WebAssembly.instantiate(ADD_ONE, { e: { mem: shared.wasm } });
  const add = instance.exports.add as (address: number) => number;
  assertEquals([add(16), add(16), add(16)], [0, 1, 2]);
  assertEquals(
    [shared.array(Int32Array)[4], new DataView(file.bytes().buffer).getInt32(16, true)],
    [
      3,
      3,
    ],
  );
  shared.close();
  assertEquals([add(16), add(16)], [0, 1]); // of zeros, without a fault
  assertEquals(new DataView(file.bytes().buffer).getInt32(16, true), 3);
});

Deno.test("Workers count in it, and lose no step", { ignore }, async () => {
  using file = tempFile(PAGE);
  using shared = SharedMemory.from(mapFile(file.path, { access: "readwrite" }));
  const cells = shared.array(Int32Array);
  using one = new MapWorker();
  using two = new MapWorker();
  const task = { use: "add", cells, rounds: 50_000 } as const;
  const both = Promise.all([one.ask(task), two.ask(task)]);
  for (let round = 0; round < 50_000; round++) Atomics.add(cells, 0, 1);
  await both;
  assertEquals(new DataView(file.bytes().buffer).getInt32(0, true), 150_000);
});

Deno.test("Atomics.wait() and notify() work on it across Workers", { ignore }, async () => {
  using segment = Segment.create(IPC_PRIVATE, PAGE, { removeOnDispose: true });
  using shared = SharedMemory.from(segment.attach());
  const cells = shared.array(Int32Array);
  using worker = new MapWorker();
  const woken = worker.ask({ use: "wait", cells });
  await until(() => Atomics.load(cells, 1) === 1, "the Worker's wait");
  await until(() => Atomics.notify(cells, 0) === 1, "its sleep");
  assertEquals(await woken, "ok 0");
});

Deno.test("another process sees the writes, and its own are seen", { ignore }, async () => {
  using unique = freshName();
  using posix = PosixSharedMemory.create(unique.name, PAGE);
  using shared = SharedMemory.from(posix.map());
  const cells = shared.array(Int32Array);
  Atomics.store(cells, 0, 41);
  const [line] = await lines(`
    using shared = SharedMemory.from(PosixSharedMemory.open("${unique.name}").map());
    const cells = shared.array(Int32Array);
    console.log(Atomics.add(cells, 0, 1));`);
  assertEquals([line, Atomics.load(cells, 0)], ["41", 42]);
});

Deno.test("a Worker that reads in a loop when the mapping ends reads zeros, and doesn't fault", {
  ignore,
}, async () => {
  const SIZE = 16 * PAGE;
  using file = tempFile(SIZE);
  using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
  for (let round = 0; round < 20; round++) {
    const shared = SharedMemory.from(
      round % 2 === 0 ? mapFile(file.path, { access: "readwrite" }) : segment.attach(),
    );
    const { bytes } = shared;
    bytes.fill(255);
    using worker = new MapWorker();
    const outcome = worker.ask({ use: "read", bytes });
    await until(() => bytes[8] !== 255, "the Worker's loop");
    shared.close();
    assertEquals((await outcome as { last: number }).last, 0);
    assertEquals([bytes[100], file.bytes()[100], segment.status().nattch], [0, 255, 0]);
  }
});
