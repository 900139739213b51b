// The lock of a file within one process: who gets it, who waits, and how waiting ends.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type FileGuard, FileLock, mapOrCreateFile } from "../mod.ts";
import { descriptorTargets, tempDirectory, tempFile } from "./_files.ts";
import { assertSystemError, until } from "./_objects.ts";

const linux = { ignore: Deno.build.os !== "linux" };

/** How many descriptors of a file this process has. */
function openOf(path: string): number {
  return descriptorTargets().filter((target) => target === path).length;
}

Deno.test("an exclusive lock keeps all others out, also those of the same FileLock", () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  using other = FileLock.open(new URL(`file://${file.path}`));
  const guard = lock.lockSync();
  assertEquals([guard.held, guard.shared], [true, false]);
  for (const one of [lock, other]) {
    for (const shared of [true, false]) assertEquals(one.tryLock({ shared }), undefined);
  }
  guard.release();
  assertEquals(guard.held, false);
  using _next = other.lockSync();
  assertEquals(lock.tryLock(), undefined);
});

Deno.test("shared locks go together, and keep exclusive ones out", () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  using other = FileLock.open(file.path);
  const guards = [
    lock.lockSync({ shared: true }),
    lock.tryLock({ shared: true }),
    other.lockSync({ shared: true }),
  ];
  assert(guards.every((guard) => guard?.shared === true));
  for (const guard of guards) {
    assertEquals([lock.tryLock(), other.tryLock()], [undefined, undefined]);
    guard?.release();
  }
  using alone = other.tryLock();
  assertEquals(alone?.held, true);
});

Deno.test("release() and leaving scope give back once, however often", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const first = await lock.lock();
  first.release();
  using second = await lock.lock();
  first.release();
  first[Symbol.dispose]();
  assertEquals([first.held, second.held, lock.tryLock()], [false, true, undefined]);
});

Deno.test("lock() waits until the lock is free, and those who wait get it in turn", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const order: number[] = [];
  const guard = lock.lockSync();
  const waiting = [1, 2, 3].map(async (number) => {
    using _guard = await lock.lock();
    order.push(number);
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(order, []);
  guard.release();
  await Promise.all(waiting);
  assertEquals(order, [1, 2, 3]);
});

Deno.test("two hundred pending awaits all get the lock, each alone", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const before = openOf(file.path);
  const guard = lock.lockSync();
  let inside = 0;
  let done = 0;
  const waiting = Array.from({ length: 200 }, async (_, index) => {
    using _guard = await lock.lock({ shared: index % 50 === 0, timeout: 50_000 });
    assertEquals(++inside, 1);
    await Promise.resolve();
    inside--;
    done++;
  });
  guard.release();
  await Promise.all(waiting);
  assertEquals([done, inside], [200, 0]);
  if (Deno.build.os === "linux") assert(openOf(file.path) <= before + 4);
});

Deno.test("readers who wait get the lock at the same time", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const guard = lock.lockSync();
  const readers = Array.from({ length: 20 }, () => lock.lock({ shared: true }));
  guard.release();
  const guards = await Promise.all(readers);
  assert(guards.every((reader) => reader.held && reader.shared));
  for (const reader of guards) reader.release();
  assertEquals(lock.tryLock()?.held, true);
});

Deno.test("whoever waits behind an exclusive wait is not served before it", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const reader = lock.lockSync({ shared: true });
  const order: string[] = [];
  const writer = lock.lock().then((guard) => (order.push("writer"), guard.release()));
  const late = lock.lock({ shared: true }).then((guard) => (order.push("reader"), guard.release()));
  reader.release();
  await Promise.all([writer, late]);
  assertEquals(order, ["writer", "reader"]);
});

Deno.test("an abort ends a wait at once, with its reason, and leaves nothing", linux, async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  using guard = lock.lockSync();
  const before = openOf(file.path);
  const reason = new Error("enough");
  await assertRejects(() => lock.lock({ signal: AbortSignal.abort(reason) }), Error, "enough");
  const abort = new AbortController();
  const waits = Array.from({ length: 200 }, () => lock.lock({ signal: abort.signal }));
  const settled = Promise.allSettled(waits);
  abort.abort(reason);
  for (const outcome of await settled) {
    assertStrictEquals((outcome as PromiseRejectedResult).reason, reason);
  }
  assert(openOf(file.path) <= before + 1);
  guard.release();
  using next = lock.tryLock(); // nobody took it for a wait that is over
  assertEquals(next?.held, true);
});

Deno.test("a timeout ends a wait, and the others go on", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const guard = lock.lockSync();
  const patient = lock.lock();
  for (const timeout of [0, 1, 20]) {
    const error = await assertRejects(() => lock.lock({ timeout })) as Error;
    assertSystemError(error, Deno.errors.TimedOut, "EAGAIN", "flock");
    assert(error.message.includes(`somebody else had it for all of ${timeout} ms`), error.message);
  }
  guard.release();
  (await patient).release();
});

Deno.test("an abort after the lock was taken changes nothing", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  const abort = new AbortController();
  const guard = lock.lockSync();
  const wait = lock.lock({ signal: abort.signal, timeout: 60_000 });
  guard.release();
  using taken = await wait;
  abort.abort();
  assertEquals([taken.held, lock.tryLock()], [true, undefined]);
});

Deno.test("close() ends the waits with an error, and guards go on", linux, async () => {
  using file = tempFile(0);
  const lock = FileLock.open(file.path);
  const guard = lock.lockSync();
  const waits = [lock.lock(), lock.lock({ shared: true }), lock.lock({ timeout: 60_000 })];
  const settled = Promise.allSettled(waits);
  lock.close();
  lock.close();
  for (const outcome of await settled) {
    const { reason } = outcome as PromiseRejectedResult;
    assert(reason instanceof Deno.errors.BadResource, String(reason));
    assert(reason.message.includes("the lock was closed"), reason.message);
  }
  assertThrows(() => lock.tryLock(), Deno.errors.BadResource, "the lock was closed");
  assertThrows(() => lock.lockSync({ timeout: 1 }), Deno.errors.BadResource);
  await assertRejects(() => lock.lock(), Deno.errors.BadResource);
  using other = FileLock.open(file.path);
  assertEquals([guard.held, other.tryLock(), openOf(file.path)], [true, undefined, 2]);
  guard.release();
  assertEquals([other.tryLock()?.held, openOf(file.path)], [true, 1]);
});

Deno.test("lockSync() that would wait for its own thread is Busy", () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  using other = FileLock.open(file.path);
  const cases: [boolean, boolean][] = [[false, false], [false, true], [true, false]];
  for (const [held, wanted] of cases) {
    using _guard = lock.lockSync({ shared: held });
    for (const timeout of [undefined, 1000]) {
      const error = assertThrows(() => other.lockSync({ shared: wanted, timeout })) as Error;
      assertSystemError(error, Deno.errors.Busy, "EDEADLK", "flock");
      assert(error.message.includes("would wait for itself"), error.message);
    }
    assertThrows(() => other.lockSync({ shared: wanted, timeout: 0 }), Deno.errors.TimedOut);
  }
  using reader = lock.lockSync({ shared: true });
  assertEquals([other.lockSync({ shared: true }).held, reader.held], [true, true]);
});

Deno.test("a lock is that of the file, under whatever name", () => {
  using directory = tempDirectory();
  const path = directory.file("file", 1);
  Deno.symlinkSync(path, `${directory.path}/symbolic`);
  Deno.linkSync(path, `${directory.path}/hard`);
  using lock = FileLock.open(path);
  using symbolic = FileLock.open(`${directory.path}/symbolic`);
  using hard = FileLock.open(`${directory.path}/hard`);
  using guard = lock.lockSync();
  assertEquals([symbolic.tryLock(), hard.tryLock()], [undefined, undefined]);
  assertThrows(() => hard.lockSync(), Deno.errors.Busy);
  guard.release();
  using directoryLock = FileLock.open(directory.path);
  assertEquals(directoryLock.tryLock()?.held, true);
});

Deno.test("a file that another one took the place of is not locked by mistake", async () => {
  using directory = tempDirectory();
  const path = directory.file("file", 1);
  using lock = FileLock.open(path);
  using guard = lock.lockSync({ shared: true });
  Deno.renameSync(path, `${path}.old`);
  assertThrows(() => lock.tryLock({ shared: true }), Deno.errors.NotFound);
  directory.file("file", 1);
  const message = "it is another file now. Open the lock anew";
  assertThrows(() => lock.tryLock(), Deno.errors.NotFound, message);
  await assertRejects(() => lock.lock(), Deno.errors.NotFound, message);
  assertThrows(() => lock.lockSync(), Deno.errors.NotFound, message);
  using anew = FileLock.open(path);
  assertEquals([anew.tryLock()?.held, guard.held], [true, true]);
});

Deno.test("open() takes a file that exists, openOrCreate() makes it, for this user alone", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/lock`;
  const error = assertThrows(() => FileLock.open(path)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "open");
  FileLock.openOrCreate(path).close();
  const { size, mode } = Deno.statSync(path);
  assertEquals([size, (mode ?? 0) & 0o777], [0, 0o600]);
  Deno.writeTextFileSync(path, "kept");
  using lock = FileLock.openOrCreate(path, { mode: 0o644 });
  assertEquals([lock.tryLock()?.held, Deno.readTextFileSync(path)], [true, "kept"]);
  assertThrows(() => FileLock.openOrCreate(path, { mode: 0o1000 }), RangeError, "mode must be");
});

Deno.test("a file can be made, mapped and resized under its lock", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/state`;
  using lock = FileLock.openOrCreate(path);
  using _guard = lock.lockSync();
  using map = mapOrCreateFile(path, 100);
  map.resize(200, { file: true });
  assertEquals([map.created, map.byteLength, Deno.statSync(path).size], [false, 200, 200]);
});

Deno.test("FileLock checks its arguments, and takes nothing", async () => {
  using file = tempFile(0);
  using lock = FileLock.open(file.path);
  for (const path of ["", 5, null, new URL("https://localhost/")]) {
    assertThrows(() => FileLock.open(path as string), TypeError, "path must");
  }
  const bad: [unknown, string][] = [
    [5, "options must be an object"],
    [{ timeout: -1 }, "timeout must be an integer"],
    [{ timeout: 0.5 }, "timeout must be an integer"],
    [{ timeout: 2 ** 31 }, "timeout must be an integer"],
    [{ timeout: "1" }, "timeout must be a number"],
    [{ signal: {} }, "signal must be an AbortSignal"],
  ];
  for (const [options, message] of bad) {
    await assertRejects(() => lock.lock(options as object), Error, message);
    if (!message.includes("signal")) {
      assertThrows(() => lock.lockSync(options as object), Error, message);
    }
  }
  assertEquals(lock.tryLock()?.held, true);
});

Deno.test("guards and locks leave no descriptor open", linux, async () => {
  using file = tempFile(0);
  const guards: FileGuard[] = [];
  {
    using lock = FileLock.open(file.path);
    for (let round = 0; round < 50; round++) guards.push(await lock.lock({ shared: true }));
    assertEquals(openOf(file.path), 50);
  }
  assertEquals(openOf(file.path), 50);
  for (const guard of guards) guard.release();
  await until(() => openOf(file.path) === 0, "the end of all descriptors");
});
