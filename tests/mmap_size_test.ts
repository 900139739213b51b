// Files that a map makes, or makes longer: with real blocks, or not at all.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { mapFile, mapNewFile, mapOrCreateFile } from "../mod.ts";
import { evaluate, lines, openDescriptor, pattern, tempDirectory, tempFile } from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();

/** How many bytes of a file have blocks on the disk. */
function allocated(path: string): number {
  return (Deno.statSync(path).blocks ?? 0) * 512;
}

Deno.test("size makes a file longer, with real blocks, and leaves what it holds", () => {
  using file = tempFile(pattern(100));
  using map = mapFile(file.path, { access: "readwrite", size: 2 ** 20 });
  assertEquals([map.byteLength, file.bytes().length], [2 ** 20, 2 ** 20]);
  assert(allocated(file.path) >= 2 ** 20);
  assertEquals(map.bytes.slice(0, 100), pattern(100));
  assert(map.bytes.subarray(100).every((byte) => byte === 0));
});

Deno.test("size leaves a longer file as it is", () => {
  using file = tempFile(pattern(100));
  for (const size of [0, 1, 100]) {
    for (const reserve of [true, false]) {
      using map = mapFile(file.path, { access: "readwrite", size, reserve });
      assertEquals([map.byteLength, file.bytes()], [100, pattern(100)]);
    }
  }
});

Deno.test("size reserves blocks for the holes that a file has", () => {
  using file = tempFile(0);
  Deno.truncateSync(file.path, 2 ** 20);
  assertEquals(allocated(file.path), 0);
  using _map = mapFile(file.path, { access: "readwrite", size: 2 ** 20 });
  assert(allocated(file.path) >= 2 ** 20);
});

Deno.test("reserve: false makes a file longer by a hole", () => {
  using file = tempFile(0);
  using map = mapFile(file.path, { access: "readwrite", size: 2 ** 30, reserve: false });
  map.bytes[2 ** 30 - 1] = 1;
  assertEquals(map.byteLength, 2 ** 30);
  assert(allocated(file.path) < 2 ** 20);
});

Deno.test("size goes with offset and length, and with a descriptor", () => {
  using file = tempFile(10);
  using descriptor = openDescriptor(file.path, "r+");
  const access = "readwrite";
  using map = mapFile(descriptor.fd, { access, size: 3 * PAGE, offset: PAGE + 1, length: 10 });
  map.bytes.fill(7);
  const bytes = file.bytes();
  assertEquals([bytes.length, bytes[PAGE], bytes[PAGE + 1], bytes[PAGE + 11]], [3 * PAGE, 0, 7, 0]);
});

Deno.test("size makes no file longer for a part that reaches beyond it", () => {
  using file = tempFile(pattern(10));
  for (const reserve of [true, false]) {
    assertThrows(
      () => mapFile(file.path, { access: "readwrite", size: 1000, offset: 1001, reserve }),
      RangeError,
    );
    assertEquals(file.bytes().length, 10);
  }
});

Deno.test("size on a descriptor that may not be written is an error, and changes nothing", () => {
  using file = tempFile(10);
  using descriptor = openDescriptor(file.path, "r");
  const error = assertThrows(() =>
    mapFile(descriptor.fd, { access: "readwrite", size: 100 })
  ) as Error;
  assertSystemError(error, Deno.errors.BadResource, "EBADF", "fallocate");
  assert(error.message.includes("it is not open for writing"), error.message);
  assertThrows(() => mapFile(descriptor.fd, { access: "readwrite", size: 100, reserve: false }));
  assertEquals(file.bytes().length, 10);
});

Deno.test("a size that no file system has is an error, and leaves no file", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/new`;
  for (const reserve of [true, false]) {
    assertThrows(
      () => mapNewFile(path, Number.MAX_SAFE_INTEGER, { reserve }),
      Error,
      `Cannot give ${path} ${Number.MAX_SAFE_INTEGER} bytes`,
    );
    assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
  }
});

Deno.test("mapNewFile() makes a file of zeros for this user alone, with real blocks", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/new`;
  using map = mapNewFile(path, 2 ** 20);
  assertEquals([map.created, map.byteLength], [true, 2 ** 20]);
  assert(map.bytes.every((byte) => byte === 0));
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  assert(allocated(path) >= 2 ** 20);
  map.writeText("kept");
  map.close();
  using again = mapFile(path);
  assertEquals(again.readText(), "kept");
});

Deno.test("mapNewFile() takes a URL, a mode, and a part to map", () => {
  using directory = tempDirectory();
  const url = new URL(`file://${directory.path}/new`);
  using map = mapNewFile(url, 3 * PAGE, { mode: 0o640, offset: 10, length: 20, reserve: false });
  const { mode, size } = Deno.statSync(url);
  assertEquals([(mode ?? 0) & 0o777 & ~Deno.umask(), size, map.byteLength], [
    0o640 & ~Deno.umask(),
    3 * PAGE,
    20,
  ]);
});

Deno.test("mapNewFile() refuses a file that exists, and leaves it alone", () => {
  using file = tempFile(pattern(10));
  const error = assertThrows(() => mapNewFile(file.path, 100)) as Error;
  assertSystemError(error, Deno.errors.AlreadyExists, "EEXIST", "open");
  assertEquals(file.bytes(), pattern(10));
});

Deno.test("mapNewFile() that fails leaves no file", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/new`;
  assertThrows(() => mapNewFile(path, 100, { length: 101 }), RangeError, "it has 100 bytes");
  assertEquals([...Deno.readDirSync(directory.path)], []);
  const error = assertThrows(() => mapNewFile(`${path}/deeper`, 100)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "open");
});

Deno.test("mapNewFile() and mapOrCreateFile() check their arguments, and make nothing", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/new`;
  for (const make of [mapNewFile, mapOrCreateFile]) {
    for (const size of [0, -1, 1.5, NaN, 2 ** 53]) {
      assertThrows(() => make(path, size), RangeError, "size must be an integer from 1");
    }
    assertThrows(() => make(path, "1" as unknown as number), TypeError, "size must be a number");
    assertThrows(() => make(path, 1, { mode: 0o1777 }), RangeError, "mode must be permission bits");
    assertThrows(
      () => make(path, 1, 0o600 as unknown as object),
      TypeError,
      "options must be an object",
    );
    assertThrows(
      () => make(3 as unknown as string, 1),
      TypeError,
      "path must be a string, a URL or a descriptor",
    );
    assertThrows(() => make("", 1), TypeError, "path must not be empty");
  }
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

Deno.test("mapOrCreateFile() says whether it made the file, and makes a short one longer", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/state`;
  using first = mapOrCreateFile(path, 100, { mode: 0o600 });
  first.writeText("first");
  using second = mapOrCreateFile(path, 50);
  using third = mapOrCreateFile(path, 200);
  assertEquals([first.created, second.created, third.created], [true, false, false]);
  assertEquals([second.byteLength, third.byteLength, third.readText()], [100, 200, "first"]);
});

Deno.test("mapOrCreateFile() of a link to nothing is an error, not a wait for ever", async () => {
  using directory = tempDirectory();
  const link = `${directory.path}/link`;
  Deno.symlinkSync(`${directory.path}/missing`, link);
  const { stdout, code } = await evaluate(
    `await report(() => mapOrCreateFile(${JSON.stringify(link)}, 100));`,
    { wrapper: ["timeout", "10"] },
  );
  assertEquals(code, 0, "it hung");
  assert(/^(NotFound|AlreadyExists) .*Cannot open/.test(stdout), stdout);
});

Deno.test("processes that map or create at once have one file, which one of them made", async () => {
  using directory = tempDirectory();
  const path = JSON.stringify(`${directory.path}/state`);
  const code = `
    using map = mapOrCreateFile(${path}, 4096);
    Atomics.add(map.array(Int32Array), 0, 1);
    console.log(map.created);`;
  const made = await Promise.all(Array.from({ length: 4 }, () => lines(code)));
  assertEquals(made.flat().sort(), ["false", "false", "false", "true"]);
  using map = mapFile(`${directory.path}/state`);
  assertEquals([map.view.getInt32(0, true), map.byteLength], [4, 4096]);
});
