// POSIX semaphores with a name, in one process.

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { mapAnonymous, PosixSemaphore, SemaphoreGuard } from "../mod.ts";
import { errnoName } from "../ffi/errors.ts";
import { libc } from "../ffi/libc.ts";
import { platform } from "../ffi/platform.ts";
import {
  hasSemClockwait,
  semClockwait,
  semClose,
  semDestroy,
  semInit,
  semOpen,
  semPost,
  semTimedwait,
  semTrywait,
  semUnlink,
} from "../ffi/posix_sem.ts";
import { Region } from "../ffi/region.ts";
import { currentLanes } from "../sem/lanes.ts";
import { PosixPlace } from "../sem/posix_place.ts";
import { bestWaiting } from "../sem/posix_wait.ts";
import { assertSystemError, freshSemaphoreName, until } from "./_objects.ts";
import { path, run } from "./_process.ts";

// deno-lint-ignore no-explicit-any -- what untyped callers have
type Untyped = any;

/** A semaphore under a name of its own, which leaves nothing behind. */
function makeSemaphore(value: number): PosixSemaphore {
  using fresh = freshSemaphoreName();
  return PosixSemaphore.create(fresh.name, value);
}

Deno.test("create() makes a semaphore, open() finds it, and remove() takes its name", () => {
  using fresh = freshSemaphoreName();
  using made = PosixSemaphore.create(fresh.name, 3);
  using found = PosixSemaphore.open(fresh.name);
  assertEquals([made.name, found.name, made.created, found.created], [
    fresh.name,
    fresh.name,
    true,
    false,
  ]);
  found.acquireSync();
  assertEquals([made.value(), found.value()], [2, 2]);
  made.remove();
  const error = assertThrows(() => PosixSemaphore.open(fresh.name)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "sem_open");
  assertEquals(
    error.message,
    `Cannot open semaphore "${fresh.name}": no semaphore has this name (sem_open: ENOENT). ` +
      "Start the program that creates it first, or use PosixSemaphore.openOrCreate().",
  );
  // Who has it open keeps it, and the name is free for another.
  using other = PosixSemaphore.create(fresh.name, 7);
  made.release();
  assertEquals([found.value(), other.value()], [3, 7]);
});

Deno.test("create() refuses a name that is taken, and says what to do", () => {
  using fresh = freshSemaphoreName();
  using _made = PosixSemaphore.create(fresh.name, 1);
  const error = assertThrows(() => PosixSemaphore.create(fresh.name, 1)) as Error;
  assertSystemError(error, Deno.errors.AlreadyExists, "EEXIST", "sem_open");
  assert(error.message.includes("Open it with PosixSemaphore.open(), or remove it first"));
});

Deno.test("openOrCreate() says which it did, and leaves the value of what exists", () => {
  using fresh = freshSemaphoreName();
  using made = PosixSemaphore.openOrCreate(fresh.name, 2);
  using found = PosixSemaphore.openOrCreate(fresh.name, 9);
  assertEquals([made.created, found.created, found.value()], [true, false, 2]);
});

Deno.test("remove() of what has no such name is NotFound", () => {
  using fresh = freshSemaphoreName();
  const error = assertThrows(() => PosixSemaphore.remove(fresh.name));
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "sem_unlink");
  const made = PosixSemaphore.create(fresh.name, 1);
  made.remove();
  assertThrows(() => made.remove(), Deno.errors.NotFound);
  made.close();
});

Deno.test("names may lack their slash", () => {
  using fresh = freshSemaphoreName();
  using made = PosixSemaphore.create(fresh.name.slice(1), 1);
  assertEquals(made.name, fresh.name);
  PosixSemaphore.open(fresh.name).close();
});

Deno.test("names are checked, and errors say what is wrong", () => {
  const calls: ((name: string) => unknown)[] = [
    (name) => PosixSemaphore.create(name, 1),
    (name) => PosixSemaphore.open(name),
    (name) => PosixSemaphore.openOrCreate(name, 1),
    (name) => PosixSemaphore.remove(name),
  ];
  for (const call of calls) {
    for (const name of ["", "/", ".", "/.", "..", "/.."]) {
      assertThrows(() => call(name), RangeError, "name must name something");
    }
    for (const name of ["/a/b", "//a", "a/"]) {
      assertThrows(() => call(name), RangeError, "name must not have a slash but at its start");
    }
    assertThrows(() => call("/a\0b"), RangeError, "name must not contain NUL");
    assertThrows(() => call("ä".repeat(126)), RangeError, "name must not have more than 251 bytes");
    for (const name of [undefined, null, 5, {}] as Untyped[]) {
      assertThrows(() => call(name), TypeError, "name must be a string");
    }
  }
});

Deno.test("the longest name works", () => {
  const name = `/${crypto.randomUUID().padEnd(251, "x")}`;
  using made = PosixSemaphore.create(name, 1, { removeOnDispose: true });
  assertEquals(made.name, name);
});

Deno.test("create() checks value, mode and options, and makes nothing", () => {
  using fresh = freshSemaphoreName();
  for (const value of [-1, 0.5, NaN, 2 ** 31]) {
    assertThrows(() => PosixSemaphore.create(fresh.name, value), RangeError, "value must be");
    assertThrows(() => PosixSemaphore.openOrCreate(fresh.name, value), RangeError, "value must be");
  }
  assertThrows(() => PosixSemaphore.create(fresh.name, "1" as Untyped), TypeError, "value must be");
  for (const mode of [-1, 0o1000, 0.5]) {
    assertThrows(() => PosixSemaphore.create(fresh.name, 1, { mode }), RangeError, "mode must be");
  }
  assertThrows(() => PosixSemaphore.create(fresh.name, 1, 0o600 as Untyped), TypeError, "options");
  assertThrows(() => PosixSemaphore.open(fresh.name), Deno.errors.NotFound);
});

Deno.test({
  name: "the mode is the file's, less the umask",
  ignore: Deno.build.os !== "linux",
  fn() {
    const umask = Deno.umask(0o027);
    try {
      for (const [mode, expected] of [[undefined, 0o600], [0o666, 0o640], [0o660, 0o640]]) {
        using fresh = freshSemaphoreName();
        using _made = PosixSemaphore.create(fresh.name, 1, { mode });
        const { mode: actual } = Deno.statSync(`/dev/shm/sem.${fresh.name.slice(1)}`);
        assertEquals((actual ?? 0) & 0o777, expected);
      }
    } finally {
      Deno.umask(umask);
    }
  },
});

Deno.test("removeOnDispose removes what this handle created, and nothing else", () => {
  using fresh = freshSemaphoreName();
  {
    using _made = PosixSemaphore.create(fresh.name, 1, { removeOnDispose: true });
    {
      using _found = PosixSemaphore.openOrCreate(fresh.name, 1, { removeOnDispose: true });
    }
    PosixSemaphore.open(fresh.name).close();
  }
  assertThrows(() => PosixSemaphore.open(fresh.name), Deno.errors.NotFound);
  {
    using made = PosixSemaphore.create(fresh.name, 1, { removeOnDispose: true });
    made.close();
  }
  assertThrows(() => PosixSemaphore.open(fresh.name), Deno.errors.NotFound);
  {
    using made = PosixSemaphore.create(fresh.name, 1, { removeOnDispose: true });
    made.remove();
    PosixSemaphore.create(fresh.name, 1).close(); // somebody else's now
  }
  PosixSemaphore.open(fresh.name).close();
  {
    using _made = PosixSemaphore.openOrCreate(fresh.name, 1);
    PosixSemaphore.remove(fresh.name); // gone already: no error at the end of the scope
  }
});

Deno.test({
  name: "list() tells the names of semaphores, and of nothing else",
  ignore: Deno.build.os !== "linux",
  fn() {
    using fresh = freshSemaphoreName();
    const memory = `/dev/shm/${fresh.name.slice(1)}-memory`;
    using _made = PosixSemaphore.create(fresh.name, 1);
    Deno.writeTextFileSync(memory, "");
    try {
      const names = PosixSemaphore.list();
      assert(names.includes(fresh.name));
      assert(!names.some((name) => name.includes(`${fresh.name}-memory`)));
      assertEquals(names, names.toSorted());
    } finally {
      Deno.removeSync(memory);
    }
  },
});

Deno.test("nothing takes another permission than --allow-ffi, not even list()", async () => {
  using fresh = freshSemaphoreName();
  const code = `
    import { PosixSemaphore } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
    using semaphore = PosixSemaphore.create("${fresh.name}", 1, { removeOnDispose: true });
    semaphore.lockSync().release();
    console.log(PosixSemaphore.list().includes("${fresh.name}"));`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    const config = `--config=${path("deno.json")}`;
    const args = ["run", "--no-prompt", "--no-check", config, "--allow-ffi", file];
    const { stdout, stderr } = await run(Deno.execPath(), args);
    assertEquals([stdout, stderr], ["true\n", ""]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("acquire and release take and give units, in each of their forms", async () => {
  using semaphore = makeSemaphore(3);
  semaphore.acquireSync();
  await semaphore.acquire();
  assertEquals([semaphore.tryAcquire(), semaphore.tryAcquire()], [true, false]);
  assertEquals(semaphore.value(), 0);
  for (let count = 0; count < 5; count++) semaphore.release();
  assertEquals(semaphore.value(), 5);
  semaphore.acquireSync({ timeout: 100 });
  await semaphore.acquire({ timeout: 100 });
  assertEquals(semaphore.value(), 3);
});

Deno.test("release() beyond the largest value is a clear error, and changes nothing", () => {
  const SEM_VALUE_MAX = 2147483647;
  using semaphore = makeSemaphore(SEM_VALUE_MAX);
  const error = assertThrows(() => semaphore.release()) as Error;
  assertSystemError(error, Error, "EOVERFLOW", "sem_post");
  assert(
    error.message.includes("its value would exceed 2147483647 (SEM_VALUE_MAX)"),
    error.message,
  );
  assertEquals(semaphore.value(), SEM_VALUE_MAX);
});

Deno.test("a guard holds the unit until its scope ends, also by an error, and gives it back once", async () => {
  using mutex = makeSemaphore(1);
  {
    using guard = mutex.lockSync();
    assertInstanceOf(guard, SemaphoreGuard);
    assertEquals([guard.held, mutex.value(), mutex.tryLock()], [true, 0, undefined]);
  }
  {
    using _guard = await mutex.lock();
    assertEquals(mutex.value(), 0);
  }
  assertThrows(
    () => {
      using _guard = mutex.tryLock();
      throw new Error("oops");
    },
    Error,
    "oops",
  );
  assertEquals(mutex.value(), 1);
  const guard = mutex.lockSync();
  guard.release();
  guard.release();
  guard[Symbol.dispose]();
  assertEquals([guard.held, mutex.value()], [false, 1]);
});

Deno.test("locks wait as long as asked, throw TimedOut, and take nothing", async () => {
  using mutex = makeSemaphore(0);
  for (const timeout of [0, 1, 30]) {
    const error = assertThrows(() => mutex.lockSync({ timeout })) as Error;
    assertSystemError(error, Deno.errors.TimedOut, "ETIMEDOUT", bestWaiting().syscall);
    assert(error.message.includes(`could not be done within ${timeout} ms`), error.message);
  }
  const start = performance.now();
  assertThrows(() => mutex.lockSync({ timeout: 1100 }), Deno.errors.TimedOut);
  assert(performance.now() - start >= 1100);
  for (const timeout of [0, 1, 30]) {
    await assertRejects(() => mutex.acquire({ timeout }), Deno.errors.TimedOut, `${timeout} ms`);
  }
  // What the thread that is still in the kernel takes is given back.
  mutex.release();
  await until(() => currentLanes().length === 0, "no thread is in the kernel");
  assertEquals(mutex.value(), 1);
});

Deno.test("locks check their options", async () => {
  using mutex = makeSemaphore(1);
  for (const timeout of [-1, 0.5, NaN, Infinity, 2 ** 31]) {
    assertThrows(() => mutex.lockSync({ timeout }), RangeError, "timeout must be an integer");
    await assertRejects(() => mutex.lock({ timeout }), RangeError, "timeout must be an integer");
  }
  for (const options of [null, 100, "x"] as Untyped[]) {
    assertThrows(() => mutex.lockSync(options), TypeError, "options must be an object");
    await assertRejects(() => mutex.lock(options), TypeError, "options must be an object");
  }
  await assertRejects(
    () => mutex.lock({ signal: 1 as Untyped }),
    TypeError,
    "signal must be an AbortSignal",
  );
  assertEquals(mutex.value(), 1);
});

Deno.test("a closed handle can't be used, and says so; closing again does nothing", async () => {
  using fresh = freshSemaphoreName();
  const semaphore = PosixSemaphore.create(fresh.name, 1);
  semaphore.close();
  semaphore.close();
  assertEquals(semaphore.closed, true);
  const calls: (() => unknown)[] = [
    () => semaphore.lockSync(),
    () => semaphore.tryLock(),
    () => semaphore.acquireSync(),
    () => semaphore.tryAcquire(),
    () => semaphore.release(),
    () => semaphore.value(),
  ];
  const message = `semaphore "${fresh.name}": its handle was closed`;
  for (const call of calls) assertThrows(call, Deno.errors.BadResource, message);
  await assertRejects(() => semaphore.lock(), Deno.errors.BadResource, message);
  await assertRejects(() => semaphore.acquire(), Deno.errors.BadResource, message);
  semaphore.remove(); // the name needs no handle
});

Deno.test("to close one handle leaves the others of the same name as they are", async () => {
  using fresh = freshSemaphoreName();
  using first = PosixSemaphore.create(fresh.name, 1);
  const handles = Array.from({ length: 20 }, () => PosixSemaphore.open(fresh.name));
  for (const handle of handles) {
    using _guard = await handle.lock();
    assertEquals(first.value(), 0);
  }
  for (const handle of handles) {
    handle.close();
    using _guard = first.lockSync();
  }
  assertEquals(first.value(), 1);
});

Deno.test("a guard gives its unit back after its handle was closed", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 2);
  const handle = PosixSemaphore.open(fresh.name);
  const guards = [handle.lockSync(), await handle.lock()];
  handle.close();
  assertEquals(mutex.value(), 0);
  for (const guard of guards) guard.release();
  assertEquals(mutex.value(), 2);
});

Deno.test({
  name: "handles that were closed leave no memory mapped",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using fresh = freshSemaphoreName();
    const mapped = () => Deno.readTextFileSync("/proc/self/maps").includes(fresh.name.slice(1));
    PosixSemaphore.create(fresh.name, 2).close(); // glibc maps what it makes under another name
    const semaphore = PosixSemaphore.open(fresh.name);
    const again = PosixSemaphore.open(fresh.name);
    assert(mapped());
    semaphore.close();
    assert(mapped());
    const guard = await again.lock();
    again.close();
    assert(mapped());
    guard.release();
    assert(!mapped());
  },
});

Deno.test("a semaphore with a name can't be destroyed", () => {
  using semaphore = makeSemaphore(1);
  assertThrows(() => semaphore.destroy(), TypeError, "which has a name: remove() it");
});

Deno.test({
  name: "what is no semaphore under its name is an error, not a crash",
  ignore: Deno.build.os !== "linux",
  fn() {
    using fresh = freshSemaphoreName();
    const file = `/dev/shm/sem.${fresh.name.slice(1)}`;
    Deno.writeFileSync(file, new Uint8Array(0));
    const error = assertThrows(() => PosixSemaphore.open(fresh.name)) as Error;
    assertSystemError(error, Deno.errors.BadResource, "EFAULT", "sem_open");
    assert(error.message.includes("its file is too short to hold one"), error.message);
    for (const bytes of [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(4)]) {
      Deno.writeFileSync(file, bytes);
      const error = assertThrows(() => PosixSemaphore.openOrCreate(fresh.name, 1)) as Error;
      assertSystemError(error, Deno.errors.BadResource, "EINVAL", "sem_open");
      assert(error.message.includes("it is none of this C library's"), error.message);
    }
    assert(!Deno.readTextFileSync("/proc/self/maps").includes(fresh.name.slice(1)));
  },
});

Deno.test("a semaphore that is a number, as on macOS, isn't looked into", () => {
  const region = new Region({ address: 5n, byteLength: 0, name: "none", unmap: () => {} });
  const place = new PosixPlace("semaphore", region, 0, "", null);
  assertEquals([place.locate(), place.othersWait()], [5n, false]);
  place.close();
  assertEquals(place.locate(), -platform().errno.EBADF);
});

Deno.test("every C function reports the error of the call itself", () => {
  using fresh = freshSemaphoreName();
  using memory = mapAnonymous(4096);
  const [empty, full] = [memory.address, memory.address + 64n];
  assertEquals([semInit(empty, 1, 0), semInit(full, 1, 2147483647)], [0, 0]);
  const past = new BigInt64Array([1n, 0n]);
  const { CLOCK_MONOTONIC, O_CREAT, O_EXCL } = platform().constants;
  const sem = semOpen(fresh.name, O_CREAT | O_EXCL, 0o600, 1);
  assert(typeof sem === "bigint");
  const calls: [call: () => bigint | number, code: string][] = [
    [() => semOpen(`${fresh.name}-none`, 0, 0, 0), "ENOENT"],
    [() => semOpen(fresh.name, O_CREAT | O_EXCL, 0o600, 1), "EEXIST"],
    [() => semUnlink(`${fresh.name}-none`), "ENOENT"],
    [() => semTrywait(empty), "EAGAIN"],
    [() => semPost(full), "EOVERFLOW"],
    [() => semTimedwait(empty, past), "ETIMEDOUT"],
    ...hasSemClockwait()
      ? [[() => semClockwait(empty, CLOCK_MONOTONIC, past), "ETIMEDOUT"] as [() => number, string]]
      : [],
  ];
  for (const [call, code] of calls) {
    for (let repeat = 0; repeat < 5000; repeat++) {
      libc().errno[0] = 77; // whatever stood there before
      assertEquals(errnoName(-Number(call())), code);
    }
  }
  assertEquals([semClose(sem), semDestroy(empty), semDestroy(full)], [0, 0, 0]);
});
