// POSIX shared memory: sizes, removal, and a full /dev/shm.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { PosixSharedMemory } from "../mod.ts";
import {
  descriptorTargets,
  evaluate,
  freshName,
  lines,
  noCapabilities,
  noTmpfs,
  withoutCapabilities,
  withTmpfs,
} from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();
const linux = { ignore: Deno.build.os !== "linux" };

Deno.test("PosixSharedMemory.create() makes memory of zeros under a name, for this user alone", () => {
  using unique = freshName();
  using shared = PosixSharedMemory.create(unique.name, 2 * PAGE);
  using map = shared.map();
  assertEquals([shared.name, shared.created, shared.size, map.byteLength], [
    unique.name,
    true,
    2 * PAGE,
    2 * PAGE,
  ]);
  assert(map.bytes.every((byte) => byte === 0));
  if (Deno.build.os !== "linux") return;
  const { mode, size, blocks } = Deno.statSync(`/dev/shm${unique.name}`);
  assertEquals([(mode ?? 0) & 0o777, size], [0o600, 2 * PAGE]);
  assert(blocks !== null && blocks * 512 >= 2 * PAGE);
});

Deno.test("open() finds the memory by its name, with or without the slash", () => {
  using unique = freshName();
  using shared = PosixSharedMemory.create(unique.name.slice(1), PAGE, { reserve: false });
  using map = shared.map();
  map.writeText("the same");
  for (const name of [unique.name, unique.name.slice(1)]) {
    using opened = PosixSharedMemory.open(name);
    assertEquals([opened.name, opened.created, opened.size], [unique.name, false, PAGE]);
    using again = opened.map();
    again.bytes[0] = 84;
    assertEquals(map.readText(), "The same");
    again.bytes[0] = 116;
  }
});

Deno.test('open({ access: "read" }) maps for reading and copies, and no more', () => {
  using unique = freshName();
  using shared = PosixSharedMemory.create(unique.name, PAGE);
  using opened = PosixSharedMemory.open(unique.name, { access: "read" });
  assertEquals(opened.map({ access: "read" }).byteLength, PAGE);
  opened.map({ access: "copy" }).bytes[0] = 1;
  const error = assertThrows(() => opened.map()) as Error;
  assertSystemError(error, Deno.errors.PermissionDenied, "EACCES", "mmap");
  assertThrows(() => opened.resize(2 * PAGE), Error, "not open for writing");
  assertEquals([shared.size, shared.map().bytes[0]], [PAGE, 0]);
  assertThrows(
    () => PosixSharedMemory.open(unique.name, { access: "copy" as "read" }),
    TypeError,
    "access must be one of",
  );
});

Deno.test("create() and open() tell what exists and what doesn't, and what to do", () => {
  using unique = freshName();
  const missing = assertThrows(() => PosixSharedMemory.open(unique.name)) as Error;
  assertSystemError(missing, Deno.errors.NotFound, "ENOENT", "shm_open");
  assert(missing.message.includes("start the program that does"), missing.message);
  using shared = PosixSharedMemory.create(unique.name, 10);
  const error = assertThrows(() => PosixSharedMemory.create(unique.name, 20)) as Error;
  assertSystemError(error, Deno.errors.AlreadyExists, "EEXIST", "shm_open");
  assertEquals(
    error.message,
    `Cannot create shared memory "${unique.name}": it already exists (shm_open: EEXIST). ` +
      "Open it with PosixSharedMemory.open(), or remove it first.",
  );
  assertEquals(shared.size, 10);
});

Deno.test("openOrCreate() says which it did, and refuses another size", () => {
  using unique = freshName();
  using first = PosixSharedMemory.openOrCreate(unique.name, PAGE);
  using second = PosixSharedMemory.openOrCreate(unique.name, PAGE);
  assertEquals([first.created, second.created], [true, false]);
  const count = () => descriptorTargets().filter((target) => target.includes(unique.name)).length;
  const before = count();
  assertThrows(
    () => PosixSharedMemory.openOrCreate(unique.name, PAGE + 1),
    RangeError,
    `with ${PAGE + 1} bytes: it has ${PAGE}`,
  );
  assertEquals([count(), first.size], [before, PAGE]);
});

Deno.test("openOrCreate() finishes what a creator that died began", linux, () => {
  using unique = freshName();
  Deno.writeFileSync(`/dev/shm${unique.name}`, new Uint8Array(0), { mode: 0o600 });
  assertEquals(PosixSharedMemory.open(unique.name).size, 0);
  using shared = PosixSharedMemory.openOrCreate(unique.name, 3 * PAGE);
  assertEquals([shared.size, shared.created], [3 * PAGE, false]);
  shared.map().bytes.fill(1);
});

Deno.test("openOrCreate() of a link is an error and not a wait for ever", linux, async () => {
  using unique = freshName();
  Deno.symlinkSync("/dev/shm/isthmus-missing", `/dev/shm${unique.name}`);
  const { code, stdout } = await evaluate(
    `await report(() => PosixSharedMemory.openOrCreate("${unique.name}", 100));`,
    { wrapper: ["timeout", "10"] },
  );
  assertEquals(code, 0, "it hung");
  assert(stdout.startsWith("FilesystemLoop ELOOP"), stdout);
});

Deno.test("two processes that open or create at once share one memory", async () => {
  using unique = freshName();
  const code = `
    using shared = PosixSharedMemory.openOrCreate("${unique.name}", 4096);
    Atomics.add(shared.map().array(Int32Array), 0, 1);
    console.log(shared.created);`;
  const made = await Promise.all(Array.from({ length: 4 }, () => lines(code)));
  assertEquals(made.flat().sort(), ["false", "false", "false", "true"]);
  assertEquals(PosixSharedMemory.open(unique.name).map().view.getInt32(0, true), 4);
});

Deno.test("create() checks its other arguments, and makes nothing", () => {
  using unique = freshName();
  for (const size of [0, -1, 1.5, NaN, 2 ** 53]) {
    assertThrows(() => PosixSharedMemory.create(unique.name, size), RangeError, "size must be an");
  }
  for (const mode of [-1, 0o1000, 0.5]) {
    assertThrows(
      () => PosixSharedMemory.create(unique.name, 1, { mode }),
      RangeError,
      "mode must be permission bits",
    );
  }
  assertThrows(() => PosixSharedMemory.open(unique.name), Deno.errors.NotFound);
});

Deno.test("remove() takes the name away, and who has the memory keeps it", () => {
  using unique = freshName();
  using shared = PosixSharedMemory.create(unique.name, PAGE);
  using map = shared.map();
  shared.remove();
  map.bytes[0] = 7;
  assertEquals([shared.map().bytes[0], map.isTruncated()], [7, false]);
  assertThrows(() => PosixSharedMemory.open(unique.name), Deno.errors.NotFound);
  for (const remove of [() => shared.remove(), () => PosixSharedMemory.remove(unique.name)]) {
    const error = assertThrows(remove) as Error;
    assertSystemError(error, Deno.errors.NotFound, "ENOENT", "shm_unlink");
  }
  using other = PosixSharedMemory.create(unique.name, PAGE);
  assertEquals(other.map().bytes[0], 0);
  assertThrows(() => shared.remove(), Deno.errors.NotFound);
  assertEquals(PosixSharedMemory.open(unique.name).size, PAGE);
});

Deno.test("leaving scope removes the memory only if that was asked for, and only its own", () => {
  using unique = freshName();
  {
    using _kept = PosixSharedMemory.create(unique.name, 1);
  }
  {
    using _opened = PosixSharedMemory.openOrCreate(unique.name, 1, { removeOnDispose: true });
  }
  PosixSharedMemory.open(unique.name).remove();
  {
    using _made = PosixSharedMemory.openOrCreate(unique.name, 1, { removeOnDispose: true });
  }
  assertThrows(() => PosixSharedMemory.open(unique.name), Deno.errors.NotFound);
  {
    using first = PosixSharedMemory.create(unique.name, 1, { removeOnDispose: true });
    PosixSharedMemory.remove(unique.name); // as another program could
    const _second = PosixSharedMemory.create(unique.name, 2);
    assertEquals(first.size, 1);
  }
  assertEquals(PosixSharedMemory.open(unique.name).size, 2);
  {
    using removed = PosixSharedMemory.openOrCreate(unique.name, 2);
    removed.remove();
  }
  {
    using closed = PosixSharedMemory.create(unique.name, 1, { removeOnDispose: true });
    closed.close();
  }
  assertThrows(() => PosixSharedMemory.open(unique.name), Deno.errors.NotFound);
});

Deno.test({
  name: "a full /dev/shm is ENOSPC and not a bus error, and leaves no object",
  ignore: noTmpfs("a full /dev/shm"),
  async fn() {
    const output = await lines(
      `
      const size = 2 ** 20;
      await report(() => PosixSharedMemory.create("/big", 2 * size));
      await report(() => PosixSharedMemory.openOrCreate("/big", 2 * size));
      console.log(PosixSharedMemory.list().length);
      using shared = PosixSharedMemory.create("/fits", size / 2);
      using map = shared.map();
      map.bytes.fill(7);
      await report(() => shared.resize(2 * size));
      await report(() => map.resize(2 * size, { file: true }));
      console.log(shared.size, map.byteLength, map.bytes[0]);
      using hole = PosixSharedMemory.create("/hole", 2 * size, { reserve: false });
      await report(() => hole.map().advise("populateWrite"));
      // The system may have begun: it takes nothing more.
      await report(() => PosixSharedMemory.create("/last", 4096));`,
      { wrapper: withTmpfs("/dev/shm", "1m") },
    );
    for (const line of [output[0], output[1], output[3], output[4], output[7]]) {
      assert(line.startsWith("Error ENOSPC fallocate Cannot give shared memory"), line);
      assert(line.includes("there is no room for them"), line);
    }
    assertEquals([output[2], output[5]], ["0", "524288 524288 7"]);
    assert(output[6].startsWith("Error EFAULT madvise"), output[6]);
  },
});

Deno.test({
  name: "memory whose mode doesn't let this user in is EACCES, explained",
  ignore: noCapabilities("another user's POSIX shared memory"),
  async fn() {
    using unique = freshName();
    using shared = PosixSharedMemory.create(unique.name, PAGE, { mode: 0o400 });
    shared.map().writeText("for reading");
    const output = await lines(
      `
      const name = "${unique.name}";
      await report(() => PosixSharedMemory.open(name, { access: "read" }).map({ access: "read" }).readText());
      await report(() => PosixSharedMemory.open(name));
      await report(() => PosixSharedMemory.openOrCreate(name, 4096));`,
      { wrapper: withoutCapabilities("dac_override", "dac_read_search") },
    );
    assertEquals(output[0], "done for reading");
    for (const line of output.slice(1)) {
      assert(line.startsWith("PermissionDenied EACCES shm_open Cannot open shared memory"), line);
      assert(line.includes('Ask for access: "read" if that is enough'), line);
    }
  },
});

Deno.test("close() gives up the descriptor, and every use says so", () => {
  using unique = freshName();
  const shared = PosixSharedMemory.create(unique.name, PAGE);
  using map = shared.map();
  shared.close();
  shared.close();
  for (const use of [() => shared.map(), () => shared.size, () => shared.resize(1)]) {
    assertThrows(use, Deno.errors.BadResource, "it was closed here");
  }
  map.bytes[0] = 1;
  shared.remove();
  assertThrows(() => PosixSharedMemory.open(unique.name), Deno.errors.NotFound);
});
