// POSIX semaphores in memory, in one process.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Attachment,
  IPC_PRIVATE,
  mapAnonymous,
  mapFile,
  Memfd,
  PosixSemaphore,
  Segment,
  SharedMemory,
} from "../mod.ts";
import { currentLanes } from "../sem/lanes.ts";
import { assertSystemError, until } from "./_objects.ts";
import { path, run } from "./_process.ts";

// deno-lint-ignore no-explicit-any -- what untyped callers have
type Untyped = any;

/** Attaches a segment that goes with its last attachment. */
function attach(size = 4096): Attachment {
  using segment = Segment.create(IPC_PRIVATE, size, { removeOnDispose: true });
  return segment.attach();
}

Deno.test("init() makes a semaphore in memory, and at() finds it", async () => {
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using memory = segment.attach();
  using again = segment.attach();
  const made = PosixSemaphore.init(memory, 2, { offset: 64 });
  const found = PosixSemaphore.at(again, { offset: 64 });
  assertEquals([made.name, made.created, found.created], [null, true, false]);
  {
    using _guard = found.lockSync();
    using _other = await made.lock();
    assertEquals([made.value(), found.tryAcquire()], [0, false]);
  }
  assertEquals(found.value(), 2);
  // It takes its 32 bytes, and no other.
  assert(memory.bytes.subarray(0, 64).every((byte) => byte === 0));
  assert(memory.bytes.subarray(96).every((byte) => byte === 0));
});

Deno.test("a semaphore may lie anywhere in any memory that may be written", () => {
  using memory = attach();
  using mapping = mapAnonymous(4096, { shared: true });
  using own = mapAnonymous(4096);
  for (const place of [memory, mapping, own]) {
    for (const offset of [0, 8, 4096 - 32]) {
      const semaphore = PosixSemaphore.init(place, 5, { offset });
      semaphore.acquireSync();
      assertEquals(PosixSemaphore.at(place, { offset }).value(), 4);
    }
  }
});

Deno.test("init() and at() check the offset", () => {
  using memory = attach();
  const calls = [
    (options: Untyped) => PosixSemaphore.init(memory, 1, options),
    (options: Untyped) => PosixSemaphore.at(memory, options),
  ];
  for (const call of calls) {
    for (const offset of [1, 4, 4060]) {
      assertThrows(() => call({ offset }), RangeError, "offset must be a multiple of 8: received");
    }
    for (const offset of [4096 - 24, 4096, 2 ** 40]) {
      assertThrows(() => call({ offset }), RangeError, "reach beyond the memory's 4096 bytes");
    }
    for (const offset of [-8, 0.5, NaN]) {
      assertThrows(() => call({ offset }), RangeError, "offset must be an integer");
    }
    assertThrows(() => call({ offset: "0" }), TypeError, "offset must be a number");
    assertThrows(() => call(64), TypeError, "options must be an object");
  }
  assert(memory.bytes.every((byte) => byte === 0));
});

Deno.test("the address counts where a mapping starts at an odd place of its file", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.truncate(file, 8192);
    using mapping = mapFile(file, { access: "readwrite", offset: 4099 });
    const semaphore = PosixSemaphore.init(mapping, 3, { offset: 5 });
    assertEquals(semaphore.value(), 3);
    assertThrows(
      () => PosixSemaphore.init(mapping, 3, { offset: 8 }),
      RangeError,
      "offset must be a multiple of 8 plus 5",
    );
    assertEquals(new DataView((await Deno.readFile(file)).buffer).getInt32(4104, true), 3);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("init() checks the value", () => {
  using memory = attach();
  for (const value of [-1, 0.5, NaN, 2 ** 31]) {
    assertThrows(() => PosixSemaphore.init(memory, value), RangeError, "value must be an integer");
  }
  assert(memory.bytes.every((byte) => byte === 0));
});

Deno.test("memory that may only be read, and what is no memory, is refused", () => {
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using memory = segment.attach({ access: "read" });
  const calls = [
    (place: Untyped) => PosixSemaphore.init(place, 1),
    (place: Untyped) => PosixSemaphore.at(place),
  ];
  for (const call of calls) {
    assertThrows(() => call(memory), TypeError, "memory must be one that may be written");
    for (const place of [null, undefined, 5, new Uint8Array(64), segment]) {
      assertThrows(() => call(place), TypeError, "memory must be an attachment or a mapping");
    }
  }
});

Deno.test("at() of memory without a semaphore is an error, not a semaphore", () => {
  using memory = attach();
  for (const byte of [0, 1, 255]) {
    memory.bytes.fill(byte);
    const error = assertThrows(() => PosixSemaphore.at(memory, { offset: 8 })) as Error;
    assertSystemError(error, Deno.errors.BadResource, "EINVAL", "sem_getvalue");
    assert(error.message.includes("calls PosixSemaphore.init(), or sem_init()"), error.message);
  }
});

Deno.test("a semaphore ends with its memory, and says which that was", async () => {
  const memory = attach();
  const semaphore = PosixSemaphore.init(memory, 1, { offset: 64 });
  const guard = semaphore.lockSync();
  memory.detach();
  const calls: (() => unknown)[] = [
    () => semaphore.lockSync(),
    () => semaphore.tryAcquire(),
    () => semaphore.release(),
    () => semaphore.value(),
    () => semaphore.destroy(),
    () => guard.release(),
  ];
  const message = /^Cannot .* semaphore at offset 64 of (.*): \1 was unmapped/;
  for (const call of calls) {
    const error = assertThrows(call, Deno.errors.BadResource);
    assert(message.test(error.message), error.message);
  }
  const error = await assertRejects(() => semaphore.lock(), Deno.errors.BadResource);
  assert(message.test(error.message), error.message);
  assertThrows(() => PosixSemaphore.init(memory, 1), Deno.errors.BadResource, "was unmapped");
  semaphore.close();
});

Deno.test("memory whose buffer was transferred away is an error", () => {
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  const memory = segment.attach();
  const semaphore = PosixSemaphore.init(memory, 1);
  structuredClone(memory.bytes.buffer, { transfer: [memory.bytes.buffer] });
  assertThrows(() => semaphore.lockSync(), Deno.errors.BadResource, "was transferred away");
});

Deno.test("a semaphore moves with its mapping, and ends where that ends before it", async () => {
  using memfd = Memfd.create(1 << 20);
  using mapping = memfd.map({ length: 8192 });
  const semaphore = PosixSemaphore.init(mapping, 1, { offset: 4096 });
  const addresses = new Set([mapping.address]);
  for (const length of [1 << 20, 8192, 1 << 19]) {
    using _guard = semaphore.lockSync();
    using _wall = mapAnonymous(1 << 20); // so that the mapping may have to move
    mapping.resize(length);
    addresses.add(mapping.address);
    assertEquals(semaphore.value(), 0);
  }
  assertEquals(await semaphore.lock().then((guard) => guard.release()), undefined);
  mapping.resize(4096 + 16);
  assertThrows(() => semaphore.lockSync(), Deno.errors.BadResource, "now ends before it");
  mapping.resize(8192);
  assertEquals(semaphore.value(), 1);
});

Deno.test("memory that was protected, or shared as a SharedArrayBuffer, is gone for the handle", () => {
  const mapping = mapAnonymous(65536, { shared: true });
  const semaphore = PosixSemaphore.init(mapping, 1);
  using readonly = mapping.protect("read");
  assertThrows(() => semaphore.release(), Deno.errors.BadResource, "was unmapped");
  using writable = readonly.protect("readwrite");
  using again = PosixSemaphore.at(writable);
  assertEquals(again.value(), 1);
  using shared = SharedMemory.from(writable);
  assertThrows(() => again.tryAcquire(), Deno.errors.BadResource, "was unmapped");
  assert(shared.mapped);
});

Deno.test("while something waits, the memory can't be resized", async () => {
  using memfd = Memfd.create(8192);
  using mapping = memfd.map();
  const semaphore = PosixSemaphore.init(mapping, 0);
  const wait = semaphore.lock();
  assertThrows(() => mapping.resize(4096), Deno.errors.Busy, "under way");
  semaphore.release();
  (await wait).release();
  await until(() => currentLanes().length === 0, "no thread is in the kernel");
  mapping.resize(4096);
  assertEquals(semaphore.value(), 1);
});

Deno.test("close() ends the handle alone; guards give back afterwards", () => {
  using memory = attach();
  const semaphore = PosixSemaphore.init(memory, 1);
  const guard = semaphore.lockSync();
  semaphore.close();
  assertThrows(() => semaphore.value(), Deno.errors.BadResource, "its handle was closed");
  guard.release();
  assertEquals(PosixSemaphore.at(memory).value(), 1);
});

Deno.test("destroy() ends a semaphore that nobody waits for, and the handle", async () => {
  using memory = attach();
  const semaphore = PosixSemaphore.init(memory, 0);
  using other = PosixSemaphore.at(memory);
  const abort = new AbortController();
  const wait = other.lock({ signal: abort.signal });
  assertSystemError(
    assertThrows(() => semaphore.destroy()),
    Deno.errors.Busy,
    "EBUSY",
    "sem_destroy",
  );
  abort.abort();
  await assertRejects(() => wait, DOMException);
  await until(() => currentLanes().length === 0, "no thread is in the kernel");
  semaphore.destroy();
  assertEquals(semaphore.closed, true);
  assertThrows(() => semaphore.destroy(), Deno.errors.BadResource, "its handle was closed");
  PosixSemaphore.init(memory, 1).lockSync().release(); // the bytes may be used again
});

Deno.test("a semaphore in memory has no name to remove", () => {
  using memory = attach();
  assertThrows(() => PosixSemaphore.init(memory, 0).remove(), TypeError, "destroy() it");
});

Deno.test("garbage over a semaphore is an error, or a value, but neither a crash nor a hang", async () => {
  // In a process of its own, which the C library would end.
  const code = `
    import { IPC_PRIVATE, PosixSemaphore, Segment } from ${
    JSON.stringify(new URL("../mod.ts", import.meta.url).href)
  };
    using segment = Segment.create(IPC_PRIVATE, 8192, { removeOnDispose: true });
    using memory = segment.attach();
    const calls = [
      (semaphore) => semaphore.tryAcquire(),
      (semaphore) => semaphore.value(),
      (semaphore) => semaphore.acquireSync({ timeout: 2 }),
      (semaphore) => semaphore.release(),
    ];
    // Each is garbage once: a thread may be in the C library for 20 ms after such a wait has ended.
    const asynchronous = [...calls, (semaphore) => semaphore.acquire({ timeout: 2 })];
    const names = new Set();
    for (let round = 0; round < 200; round++) {
      const offset = round < 100 ? 0 : 64 * (round - 100);
      using semaphore = PosixSemaphore.init(memory, 0, { offset });
      const bytes = memory.array(Uint8Array, { offset, length: 32 });
      const mark = bytes.slice(8, 12);
      crypto.getRandomValues(bytes);
      if (round % 2 === 0) bytes.set(mark, 8); // nonsense in the rest
      if (round % 4 === 0) bytes.fill(0, 0, 4); // the value 0, so that it waits
      for (const call of round < 100 ? calls : asynchronous) {
        try {
          await call(semaphore);
        } catch (error) {
          names.add(error.name);
        }
      }
    }
    console.log([...names].sort().join());`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    const config = `--config=${path("deno.json")}`;
    const args = ["run", "--no-check", config, "--allow-ffi", file];
    const { code: exitCode, stdout, stderr } = await run(Deno.execPath(), args);
    assertEquals([exitCode, stderr], [0, ""]);
    // A synchronous wait right after an asynchronous one is Busy.
    assert(["BadResource,TimedOut\n", "BadResource,Busy,TimedOut\n"].includes(stdout), stdout);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a page that isn't there is an error, not a fault", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.truncate(file, 4096);
    using mapping = mapFile(file, { access: "readwrite", length: 8192, allowBeyondEnd: true });
    for (
      const call of [
        () => PosixSemaphore.init(mapping, 1, { offset: 4096 }),
        () => PosixSemaphore.at(mapping, { offset: 4096 }),
      ]
    ) {
      const error = assertThrows(call) as Error;
      assert(error instanceof Deno.errors.BadResource, String(error));
      assert(error.message.includes("the file is shorter than what is mapped of it"));
    }
  } finally {
    await Deno.remove(file);
  }
});
