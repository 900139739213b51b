// Writing what was changed to the file, and what ends that early.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { mapAnonymous, mapFile, mapNewFile, Memfd } from "../mod.ts";
import { evaluate, mapsWith, pattern, smapsField, tempDirectory, tempFile } from "./_files.ts";
import { until } from "./_objects.ts";

const PAGE = getpagesize();

Deno.test("flush() and flushSync() write what was changed, all of it or a part", async () => {
  using file = tempFile(10 * PAGE);
  using map = mapFile(file.path, { access: "readwrite", offset: 3 });
  map.bytes.set(pattern(map.byteLength));
  map.flushSync();
  await map.flush();
  for (const part of [{ offset: 5 }, { length: 7 }, { offset: PAGE - 3, length: 2 * PAGE }]) {
    for (const async of [true, false]) {
      map.flushSync({ ...part, async });
      await map.flush({ ...part, async });
    }
  }
  map.flushSync({ offset: map.byteLength, length: 0 });
  assertEquals(file.bytes().slice(3), pattern(10 * PAGE - 3));
});

Deno.test("flushSync() leaves no dirty page behind", { ignore: Deno.build.os !== "linux" }, () => {
  using file = tempFile(4 * PAGE);
  using map = mapFile(file.path, { access: "readwrite" });
  const dirty = () =>
    smapsField(map.address, "Shared_Dirty") + smapsField(map.address, "Private_Dirty");
  map.bytes.fill(1);
  assert(dirty() > 0);
  map.flushSync({ offset: PAGE, length: PAGE });
  assert(dirty() < 4 * PAGE / 1024); // the system may write its neighbours too
  map.flushSync();
  assertEquals(dirty(), 0);
});

Deno.test("flush() of memory without a file has nothing to do, and is no error", async () => {
  using memfd = Memfd.create(PAGE);
  for (const map of [mapAnonymous(PAGE), mapAnonymous(PAGE, { shared: true }), memfd.map()]) {
    map.bytes[0] = 1;
    map.flushSync();
    await map.flush({ async: true });
    map.close();
  }
});

Deno.test("flush() of a copy says that its writes reach no file", async () => {
  using file = tempFile(PAGE);
  using map = mapFile(file.path, { access: "copy" });
  assertThrows(() => map.flushSync(), Deno.errors.NotSupported, "its writes stay in this process");
  await assertRejects(() => map.flush(), Deno.errors.NotSupported, 'Map it with "readwrite"');
});

Deno.test("flush() checks its arguments", async () => {
  using file = tempFile(100);
  using map = mapFile(file.path, { access: "readwrite" });
  const bad: [object, typeof RangeError, string][] = [
    [{ offset: 101 }, RangeError, "reach beyond the memory's 100 bytes"],
    [{ length: 101 }, RangeError, "reach beyond"],
    [{ offset: 50, length: 51 }, RangeError, "reach beyond"],
    [{ offset: -1 }, RangeError, "offset must be an integer"],
    [{ length: 0.5 }, RangeError, "length must be an integer"],
  ];
  for (const [options, errorClass, message] of bad) {
    assertThrows(() => map.flushSync(options), errorClass, message);
    await assertRejects(() => map.flush(options), errorClass, message);
  }
  assertThrows(() => map.flushSync(5 as unknown as object), TypeError, "options must be an object");
  await assertRejects(() => map.flush({ timeout: -1 }), RangeError, "timeout must be");
  await assertRejects(
    () => map.flush({ signal: {} as AbortSignal }),
    TypeError,
    "signal must be an AbortSignal",
  );
});

Deno.test("flush() takes a signal, and its reason ends the wait for it", async () => {
  using directory = tempDirectory();
  using map = mapNewFile(`${directory.path}/file`, 2 ** 24);
  const reason = new Error("enough");
  await assertRejects(() => map.flush({ signal: AbortSignal.abort(reason) }), Error, "enough");
  map.bytes.fill(1);
  const abort = new AbortController();
  const flushed = map.flush({ signal: abort.signal });
  abort.abort(reason);
  await assertRejects(() => flushed, Error, "enough");
  // The writing goes on, and keeps the memory where it is until it ends.
  await settled(() => map.resize(100));
});

Deno.test("flush() takes a timeout, after which the writing goes on", async () => {
  using directory = tempDirectory();
  using map = mapNewFile(`${directory.path}/file`, 2 ** 24);
  for (let round = 0;; round++) {
    map.bytes.fill(round);
    const outcome = await map.flush({ timeout: 0 }).then(() => null, (error) => error);
    if (outcome === null && round < 100) continue; // the disk was faster than the timer
    if (outcome !== null) {
      assert(outcome instanceof Deno.errors.TimedOut, outcome);
      assert(outcome.message.includes("The writing goes on"), outcome.message);
    }
    break;
  }
  await settled(() => map.resize(100));
});

/** Does something as soon as no flush is in its way. */
async function settled(action: () => void): Promise<void> {
  await until(() => {
    try {
      action();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.Busy) return false;
      throw error;
    }
  }, "the end of the flush");
}

Deno.test("many flushes at once all end", async () => {
  using file = tempFile(64 * PAGE);
  using map = mapFile(file.path, { access: "readwrite" });
  map.bytes.fill(7);
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => map.flush({ offset: (index % 64) * PAGE })),
  );
  assertEquals(file.bytes()[64 * PAGE - 1], 7);
});

Deno.test("close() in the middle of a flush ends the views at once, and the memory after it", async () => {
  using directory = tempDirectory();
  const path = `${directory.path}/file`;
  const map = mapNewFile(path, 2 ** 24);
  map.bytes.fill(9);
  const { bytes } = map;
  const flushed = map.flush();
  map.close();
  map.close();
  assertEquals([bytes.length, bytes[0], map.mapped, map.byteLength], [0, undefined, false, 0]);
  assertThrows(() => map.flushSync(), Deno.errors.BadResource, "it was unmapped");
  await flushed;
  assertEquals([mapsWith(path), Deno.readFileSync(path).at(-1)], [[], 9]);
});

Deno.test("protect() and a SharedMemory wait for no flush: they are Busy", async () => {
  using directory = tempDirectory();
  using map = mapNewFile(`${directory.path}/file`, 2 ** 24);
  map.bytes.fill(1);
  const flushed = map.flush();
  assertThrows(() => map.protect("read"), Deno.errors.Busy, "Await it first");
  assertEquals(map.bytes[0], 1);
  await flushed;
  using readonly = map.protect("read");
  assertEquals(readonly.bytes.at(0), 1);
});

Deno.test("a process may end in the middle of a flush", async () => {
  using directory = tempDirectory();
  const path = `${directory.path}/file`;
  const { code, stdout } = await evaluate(`
    const map = mapNewFile(${JSON.stringify(path)}, 2 ** 24);
    map.bytes.fill(1);
    void map.flush();
    void map.flush().catch(() => {});
    map.close();
    console.log("ends");`);
  assertEquals([code, stdout, Deno.statSync(path).size], [0, "ends\n", 2 ** 24]);
});
