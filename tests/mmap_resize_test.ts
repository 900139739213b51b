// Maps that become longer or shorter, with and without their file.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { isSystemError, mapAnonymous, mapFile, mapNewFile, Memfd } from "../mod.ts";
import { openDescriptor, pattern, reuseDescriptor, tempDirectory, tempFile } from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();

Deno.test("resize() ends the old views, and the new ones show the rest of the file", () => {
  const content = pattern(3 * PAGE);
  using file = tempFile(content);
  using map = mapFile(file.path, { access: "readwrite", length: 100 });
  const { bytes, view } = map;
  const cells = map.array(Int32Array);
  map.resize(3 * PAGE);
  assertEquals([bytes.length, cells.length, bytes[0], cells[3]], [0, 0, undefined, undefined]);
  bytes[0] = 99;
  assertThrows(() => view.setUint8(0, 99), TypeError);
  assertThrows(() => Atomics.store(cells, 0, 99), TypeError);
  assertThrows(() => bytes.fill(99), TypeError);
  assertEquals([map.byteLength, map.bytes.length, map.view.byteLength], Array(3).fill(3 * PAGE));
  assertEquals(map.bytes.slice(), content);
  map.resize(10);
  assertEquals([map.bytes.slice(), map.isTruncated()], [content.slice(0, 10), false]);
  assertEquals(file.bytes(), content);
});

Deno.test("resize() of a map for reading, and of a copy, which keeps what it wrote", () => {
  const content = pattern(3 * PAGE);
  using file = tempFile(content);
  using read = mapFile(file.path, { offset: 5, length: 10 });
  using copy = mapFile(file.path, { access: "copy", offset: 5, length: 10 });
  const { bytes } = read;
  copy.bytes[1] = 255;
  for (const map of [read, copy]) map.resize(2 * PAGE);
  assertEquals([bytes.length, bytes.at(0)], [0, undefined]);
  assertEquals(read.bytes.slice(), content.slice(5, 5 + 2 * PAGE));
  assertEquals([copy.bytes[0], copy.bytes[1], copy.bytes[2 * PAGE - 1]], [
    content[5],
    255,
    content[4 + 2 * PAGE],
  ]);
  assertThrows(() => copy.resize(PAGE, { file: true }), TypeError, "nothing reaches the file");
});

Deno.test("resize() works through a window that starts anywhere", () => {
  const content = pattern(5 * PAGE);
  using file = tempFile(content);
  for (const offset of [1, 4095, PAGE + 1, 2 * PAGE]) {
    using map = mapFile(file.path, { access: "readwrite", offset, length: 1 });
    for (const length of [2 * PAGE, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE - offset, 1]) {
      map.resize(length);
      assertEquals(map.bytes.slice(), content.slice(offset, offset + length), `${offset}`);
    }
  }
});

Deno.test("resize() with file: true makes the file longer, with real blocks, and shorter", () => {
  using file = tempFile(pattern(100));
  using map = mapFile(file.path, { access: "readwrite" });
  map.resize(2 ** 20, { file: true });
  map.bytes[2 ** 20 - 1] = 1;
  assertEquals([map.byteLength, file.bytes().length], [2 ** 20, 2 ** 20]);
  assert((Deno.statSync(file.path).blocks ?? 0) * 512 >= 2 ** 20);
  map.resize(50, { file: true });
  assertEquals([map.byteLength, file.bytes()], [50, pattern(50)]);
  assertEquals(map.isTruncated(), false);
});

Deno.test("resize() with file: true puts the file's end where the window ends", () => {
  using file = tempFile(pattern(3 * PAGE));
  using descriptor = openDescriptor(file.path, "r+");
  using map = mapFile(descriptor.fd, { access: "readwrite", offset: PAGE + 1, length: 10 });
  map.resize(20, { file: true });
  assertEquals(file.bytes(), pattern(PAGE + 21));
  map.resize(30, { file: true });
  assertEquals(file.bytes().length, PAGE + 31);
});

Deno.test("resize() beyond the end of the file is refused, and changes nothing", () => {
  using file = tempFile(pattern(100));
  using map = mapFile(file.path, { access: "readwrite", offset: 10 });
  const { bytes } = map;
  const error = assertThrows(() => map.resize(91), RangeError) as Error;
  assert(
    error.message.includes(`to 91 bytes: the file has 100 bytes, so 90 from offset 10`) &&
      error.message.includes("file: true") && error.message.includes("allowBeyondEnd"),
    error.message,
  );
  assertEquals([map.byteLength, bytes.length, bytes[0]], [90, 90, 11]);
  map.resize(2 * PAGE, { allowBeyondEnd: true });
  assertEquals([map.byteLength, map.bytes[89], map.isTruncated()], [2 * PAGE, 100, false]);
  Deno.truncateSync(file.path, 10 + 2 * PAGE);
  map.bytes[2 * PAGE - 1] = 1;
  assertEquals(file.bytes().at(-1), 1);
});

Deno.test("resize() checks its arguments", () => {
  using file = tempFile(100);
  using map = mapFile(file.path, { access: "readwrite" });
  const { bytes } = map;
  for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => map.resize(length), RangeError, "length must be an integer from 1");
  }
  assertThrows(() => map.resize("1" as unknown as number), TypeError, "length must be a number");
  assertThrows(() => map.resize(1, true as unknown as object), TypeError, "options must be");
  assertEquals([map.byteLength, bytes.length], [100, 100]);
});

Deno.test("resize() finds the file by its path, and takes no other for it", () => {
  using directory = tempDirectory();
  const path = directory.file("file", pattern(PAGE));
  using map = mapFile(path, { access: "readwrite" });
  Deno.renameSync(path, `${path}.old`);
  assertThrows(() => map.resize(2 * PAGE, { file: true }), Deno.errors.NotFound);
  directory.file("file", 10 * PAGE);
  const error = assertThrows(() => map.resize(2 * PAGE, { file: true })) as Error;
  assert(error instanceof Deno.errors.NotFound, error.message);
  assert(error.message.includes("is another one now"), error.message);
  assertThrows(() => map.resize(2 * PAGE), Deno.errors.NotFound);
  // To become shorter it needs no file.
  map.resize(100);
  assertEquals([map.bytes.slice(), map.isTruncated()], [pattern(100), false]);
  map.resize(50);
  assertEquals([Deno.statSync(path).size, Deno.statSync(`${path}.old`).size], [10 * PAGE, PAGE]);
});

Deno.test("resize() after the user's descriptor was closed, or means another file by now", () => {
  using file = tempFile(pattern(2 * PAGE));
  using other = tempFile(10 * PAGE);
  const descriptor = openDescriptor(file.path, "r+");
  using map = mapFile(descriptor.fd, { access: "readwrite", length: PAGE });
  descriptor[Symbol.dispose]();
  const error = assertThrows(() => map.resize(2 * PAGE)) as Error;
  assertSystemError(error, Deno.errors.BadResource, "EBADF", "fstat");
  using _reused = reuseDescriptor(other.path, descriptor.fd);
  assertThrows(() => map.resize(2 * PAGE, { file: true }), Deno.errors.NotFound, "another one now");
  assertThrows(() => map.resize(2 * PAGE), Deno.errors.NotFound, "another one now");
  map.resize(10);
  assertEquals([map.bytes.slice(), Deno.statSync(other.path).size], [pattern(10), 10 * PAGE]);
});

Deno.test("resize() of anonymous memory keeps what it holds, and grows by zeros", () => {
  using map = mapAnonymous(PAGE);
  map.bytes.set(pattern(PAGE));
  map.resize(100 * PAGE);
  assertEquals(map.bytes.slice(0, PAGE), pattern(PAGE));
  assert(map.bytes.subarray(PAGE).every((byte) => byte === 0));
  map.resize(10);
  assertEquals(map.bytes.slice(), pattern(10));
  assertThrows(() => map.resize(20, { file: true }), TypeError, "file must not be set");
});

Deno.test("resize() of shared anonymous memory goes no further than it was made", () => {
  using map = mapAnonymous(2 * PAGE, { shared: true });
  map.bytes[2 * PAGE - 1] = 1;
  map.resize(10);
  map.resize(2 * PAGE);
  assertEquals(map.bytes[2 * PAGE - 1], 1);
  const { bytes } = map;
  const error = assertThrows(() => map.resize(2 * PAGE + 1), Deno.errors.NotSupported) as Error;
  assert(error.message.includes("Use a Memfd"), error.message);
  assertEquals([map.byteLength, bytes.length], [2 * PAGE, 2 * PAGE]);
});

Deno.test("resize() to more than there are addresses is an error, and the memory lives on", () => {
  using map = mapAnonymous(PAGE, { noReserve: true });
  map.bytes[0] = 7;
  const error = assertThrows(() => map.resize(2 ** 52)) as Error;
  assert(isSystemError(error) && ["ENOMEM", "EINVAL"].includes(error.code), error.message);
  assertEquals([map.byteLength, map.bytes[0], map.mapped], [PAGE, 7, true]);
});

Deno.test("resize() with a file that can't change its size leaves the map as it was", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using memfd = Memfd.create(4 * PAGE);
  memfd.seal("shrink", "grow");
  using map = memfd.map();
  map.bytes[3 * PAGE] = 7;
  for (const length of [PAGE, 5 * PAGE]) {
    const error = assertThrows(() => map.resize(length, { file: true })) as Error;
    assert(error instanceof Deno.errors.PermissionDenied, error.message);
    assert(error.message.includes("it is sealed against that"), error.message);
    assertEquals([map.byteLength, map.bytes[3 * PAGE], memfd.size], [4 * PAGE, 7, 4 * PAGE]);
  }
});

Deno.test("resize() while a flush is under way is Busy, and works after it", async () => {
  using directory = tempDirectory();
  using map = mapNewFile(`${directory.path}/file`, 2 ** 24);
  map.bytes.fill(1);
  const { bytes } = map;
  const flushed = map.flush();
  for (const options of [{}, { file: true }]) {
    const error = assertThrows(() => map.resize(100, options)) as Error;
    assert(error instanceof Deno.errors.Busy, error.message);
    assert(error.message.includes("Await it first"), error.message);
  }
  assertEquals([map.byteLength, bytes.length, bytes[5]], [2 ** 24, 2 ** 24, 1]);
  await flushed;
  map.resize(100, { file: true });
  assertEquals([map.byteLength, bytes.length], [100, 0]);
});

Deno.test("resize() of a map that was closed, or whose buffer was transferred away", async () => {
  using file = tempFile(2 * PAGE);
  const closed = mapFile(file.path, { access: "readwrite" });
  closed.close();
  for (const options of [{}, { file: true }]) {
    assertThrows(() => closed.resize(10, options), Deno.errors.BadResource, "it was unmapped");
  }
  await assertRejects(() => closed.flush(), Deno.errors.BadResource, "it was unmapped");
  const moved = mapFile(file.path, { access: "readwrite", length: PAGE });
  const buffer = moved.bytes.buffer.transfer();
  assertThrows(() => moved.resize(2 * PAGE), Deno.errors.BadResource, "transferred away");
  assertThrows(
    () => moved.resize(2 * PAGE, { file: true }),
    Deno.errors.BadResource,
    "transferred away",
  );
  new Uint8Array(buffer)[PAGE - 1] = 1;
  assertEquals(file.bytes()[PAGE - 1], 1);
});
