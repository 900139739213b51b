// What others do to a file while it is mapped, and how that is an error and not a fault.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { mapFile, Memfd, PosixSharedMemory } from "../mod.ts";
import {
  evaluate,
  freshName,
  lines,
  openDescriptor,
  pattern,
  reuseDescriptor,
  tempDirectory,
  tempFile,
} from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();

Deno.test("isTruncated() tells that somebody made the file shorter than the map", () => {
  using file = tempFile(pattern(4 * PAGE));
  using write = mapFile(file.path, { access: "readwrite" });
  using read = mapFile(file.path);
  using copy = mapFile(file.path, { access: "copy" });
  using part = mapFile(file.path, { offset: PAGE + 1, length: 10 });
  const all = [write, read, copy, part];
  assertEquals(all.map((map) => map.isTruncated()), [false, false, false, false]);
  Deno.truncateSync(file.path, 2 * PAGE);
  assertEquals(all.map((map) => map.isTruncated()), [true, true, true, false]);
  // What is left can be used.
  assertEquals([write.bytes[2 * PAGE - 1], read.bytes.at(0)], [pattern(2 * PAGE).at(-1), 1]);
  Deno.truncateSync(file.path, PAGE + 10);
  assertEquals(part.isTruncated(), true);
  Deno.truncateSync(file.path, 4 * PAGE);
  assertEquals(all.map((map) => map.isTruncated()), [false, false, false, false]);
  write.bytes[4 * PAGE - 1] = 1;
});

Deno.test("isTruncated() tells it also of a file that has no name, or no descriptor, any more", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(pattern(4 * PAGE));
  using other = tempFile(pattern(PAGE));
  using descriptor = openDescriptor(file.path, "r+");
  using writer = Deno.openSync(file.path, { write: true });
  using byPath = mapFile(file.path, { access: "readwrite", offset: 100 });
  using byDescriptor = mapFile(descriptor.fd, { offset: 100 });
  descriptor[Symbol.dispose]();
  using _reused = reuseDescriptor(other.path, descriptor.fd);
  Deno.removeSync(file.path);
  Deno.renameSync(other.path, file.path);
  assertEquals([byPath.isTruncated(), byDescriptor.isTruncated()], [false, false]);
  writer.truncateSync(2 * PAGE);
  assertEquals([byPath.isTruncated(), byDescriptor.isTruncated()], [true, true]);
  assertThrows(() => byPath.flushSync(), Deno.errors.UnexpectedEof, "somebody truncated the file");
  byPath.resize(PAGE);
  assertEquals([byPath.isTruncated(), byPath.bytes[0]], [false, 101]);
  Deno.renameSync(file.path, other.path);
});

Deno.test("flush on a truncated file is an error that says what is left, and no fault", async () => {
  using file = tempFile(pattern(4 * PAGE));
  using map = mapFile(file.path, { access: "readwrite" });
  map.bytes[4 * PAGE - 1] = 9;
  Deno.truncateSync(file.path, 2 * PAGE);
  for (const part of [{}, { length: 10 }, { offset: 3 * PAGE }, { async: true }]) {
    const error = assertThrows(() => map.flushSync(part), Deno.errors.UnexpectedEof) as Error;
    assert(
      error.message.includes(`truncated the file to ${2 * PAGE} bytes, and ${4 * PAGE} are mapped`),
      error.message,
    );
    await assertRejects(
      () => map.flush(part),
      Deno.errors.UnexpectedEof,
      "Don't touch what is gone",
    );
  }
});

Deno.test("resize() on a truncated file makes the map as long as what is left, and no longer", () => {
  using file = tempFile(pattern(4 * PAGE));
  using map = mapFile(file.path, { access: "readwrite" });
  Deno.truncateSync(file.path, PAGE + 10);
  for (const length of [PAGE + 11, 4 * PAGE, 5 * PAGE]) {
    for (const options of [{}, { file: true }]) {
      const resize = () => map.resize(length, options);
      assertThrows(resize, Deno.errors.UnexpectedEof, `truncated the file to ${PAGE + 10} bytes`);
    }
  }
  assertEquals([map.byteLength, map.isTruncated()], [4 * PAGE, true]);
  map.resize(PAGE + 10);
  assertEquals([map.isTruncated(), map.bytes.slice()], [false, pattern(PAGE + 10)]);
  map.flushSync();
  map.resize(4 * PAGE, { file: true });
  map.bytes.fill(3);
  assertEquals(file.bytes(), new Uint8Array(4 * PAGE).fill(3));
});

Deno.test("resize() on a file that is empty by now, and one that was truncated before the window", () => {
  using file = tempFile(pattern(4 * PAGE));
  using map = mapFile(file.path, { access: "readwrite", offset: 2 * PAGE });
  Deno.truncateSync(file.path, 0);
  assertThrows(() => map.resize(1), Deno.errors.UnexpectedEof, "truncated the file to 0 bytes");
  map.resize(1, { allowBeyondEnd: true });
  assertEquals([map.byteLength, map.isTruncated()], [1, false]);
  map.resize(PAGE, { file: true });
  map.bytes.fill(1);
  assertEquals(file.bytes().length, 3 * PAGE);
});

Deno.test("what is asked about pages of a truncated file is an answer or an error, and no fault", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(pattern(4 * PAGE));
  using map = mapFile(file.path, { access: "readwrite" });
  Deno.truncateSync(file.path, 100);
  assert(map.residentPages() <= 4);
  for (const advice of ["normal", "sequential", "random", "willneed", "dontdump"] as const) {
    map.advise(advice);
  }
  for (const advice of ["populateRead", "populateWrite"] as const) {
    const error = assertThrows(() => map.advise(advice)) as Error;
    assertSystemError(error, Error, "EFAULT", "madvise");
    assert(error.message.includes("the file is shorter than the mapping"), error.message);
  }
  assertThrows(() => map.lock());
  map.unlock();
  map.discard("dontneed");
  map.protect("none").protect("read").protect("readwrite").close();
});

Deno.test("memory that is sealed against shrinking can't be truncated under its readers", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using memfd = Memfd.create(2 * PAGE);
  memfd.seal("shrink");
  using map = memfd.map({ length: PAGE });
  assertThrows(() => memfd.resize(PAGE), Deno.errors.PermissionDenied, "it is sealed against that");
  assertThrows(() => Deno.truncateSync(`/proc/self/fd/${memfd.descriptor}`, 0));
  map.bytes.fill(1);
  assertEquals([map.isTruncated(), memfd.size], [false, 2 * PAGE]);
  memfd.resize(3 * PAGE);
});

Deno.test("POSIX shared memory that another process makes shorter is truncated, too", async () => {
  using unique = freshName();
  using shared = PosixSharedMemory.create(unique.name, 2 * PAGE);
  using map = shared.map();
  map.bytes.set(pattern(2 * PAGE));
  await lines(`PosixSharedMemory.open("${unique.name}").resize(10);`);
  assertEquals([map.isTruncated(), shared.size, map.bytes[9]], [true, 10, 10]);
  assertThrows(() => map.flushSync(), Deno.errors.UnexpectedEof);
  map.resize(10);
  shared.close();
  assertEquals([map.isTruncated(), map.bytes.slice()], [false, pattern(10)]);
});

Deno.test("a descriptor that isn't open, or was closed, is an error that says so", () => {
  using file = tempFile(100);
  const descriptor = openDescriptor(file.path, "r+");
  descriptor[Symbol.dispose]();
  const HIGHEST = 2 ** 31 - 1;
  for (const fd of [descriptor.fd, HIGHEST]) {
    for (const options of [{}, { access: "readwrite", size: 1 }, { length: 0 }] as const) {
      const error = assertThrows(() => mapFile(fd, options)) as Error;
      assertSystemError(error, Deno.errors.BadResource, "EBADF", "fstat");
      assert(error.message.includes("it is not open"), error.message);
    }
  }
});

Deno.test("a descriptor of a pipe, or of a thing without memory, is an error that says so", async () => {
  const { code, stdout } = await evaluate(`
    await report(() => mapFile(0, { length: 10 }));
    await report(() => mapFile(1));
    await report(() => mapFile(0, { access: "readwrite", size: 10 }));`);
  const [input, output, sized] = stdout.trim().split("\n");
  assertEquals(code, 0);
  for (const line of [input, output]) {
    assert(
      /^NotSupported ENODEV mmap Cannot map descriptor \d: it is a (pipe|socket)/.test(line),
      line,
    );
  }
  assert(/^(NotSupported|Error|BadResource) \w+ \w+ Cannot /.test(sized), sized);
});

Deno.test("a touch of what was truncated is the fault that isTruncated() warns of", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  using directory = tempDirectory();
  const file = directory.file("file", 2 * PAGE);
  const { signal, stdout } = await evaluate(`
    const map = mapFile(${JSON.stringify(file)}, { access: "readwrite" });
    Deno.truncateSync(${JSON.stringify(file)}, 1);
    console.log(map.isTruncated(), map.bytes[${PAGE - 1}]);
    map.bytes[${PAGE}] = 1;`);
  assertEquals([signal, stdout], ["SIGBUS", "true 0\n"]);
});
