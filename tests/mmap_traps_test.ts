// The traps of mmap, each with an outcome of its own, none of them a fault.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { constants } from "node:fs";
import { getpagesize } from "../ffi/pages.ts";
import { mapFile, Memfd } from "../mod.ts";
import {
  lines,
  mapsWith,
  noCapabilities,
  openDescriptor,
  pattern,
  smapsField,
  tempDirectory,
  tempFile,
  withoutCapabilities,
} from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();

Deno.test("an empty file is an empty map, which all methods take", async () => {
  using file = tempFile(0);
  for (const access of ["read", "readwrite", "copy", "none"] as const) {
    using map = mapFile(file.path, { access });
    assertEquals([map.byteLength, map.mapped, map.residentPages()], [0, true, 0]);
    map.advise("willneed");
    map.lock();
    map.unlock();
  }
  using map = mapFile(file.path, { access: "readwrite", populate: true });
  assertEquals([map.bytes.length, map.view.byteLength, map.array(Float64Array).length], [0, 0, 0]);
  assertEquals([map.bytes[0], map.isTruncated()], [undefined, false]);
  assertThrows(() => map.view.getUint8(0), RangeError);
  assertThrows(() => map.readText(), Deno.errors.InvalidData, "no NUL within 0 bytes");
  assertThrows(() => map.writeText(""), RangeError, "more than the 0 bytes");
  map.discard("dontneed");
  map.flushSync();
  await map.flush();
  using readonly = map.protect("read");
  assertEquals([readonly.bytes.length, readonly.unsafeBytes.length, [...readonly.bytes]], [
    0,
    0,
    [],
  ]);
  readonly.close();
  readonly.close();
});

Deno.test("an empty map becomes a real one when it is resized", () => {
  using file = tempFile(0);
  using map = mapFile(file.path, { access: "readwrite" });
  map.resize(PAGE + 1, { file: true });
  map.bytes[PAGE] = 5;
  assertEquals([map.byteLength, file.bytes().length, file.bytes()[PAGE]], [PAGE + 1, PAGE + 1, 5]);
});

Deno.test("length 0 is an empty map, also at the very end of a file", () => {
  using file = tempFile(pattern(100));
  for (const options of [{ length: 0 }, { offset: 50, length: 0 }, { offset: 100 }]) {
    using map = mapFile(file.path, options);
    assertEquals([map.byteLength, map.bytes.at(0), map.isTruncated()], [0, undefined, false]);
  }
});

Deno.test("a map longer than the file is refused, with both sizes", () => {
  using file = tempFile(100);
  const cases: [{ offset?: number; length?: number }, string][] = [
    [{ length: 101 }, `Cannot map 101 bytes of ${file.path} from offset 0: it has 100 bytes`],
    [{ offset: 60, length: 41 }, "Cannot map 41 bytes of"],
    [{ offset: 60, length: 41 }, "it has 100 bytes, so 40 from there"],
    [{ offset: 101 }, `Cannot map ${file.path} from offset 101: it has 100 bytes`],
    [{ offset: 101, length: 0 }, "it has 100 bytes"],
    [{ offset: 1, length: Number.MAX_SAFE_INTEGER }, "it has 100 bytes"],
    [{ offset: Number.MAX_SAFE_INTEGER, length: Number.MAX_SAFE_INTEGER }, "it has 100 bytes"],
  ];
  for (const [options, message] of cases) {
    for (const access of ["read", "readwrite", "copy", "none"] as const) {
      assertThrows(() => mapFile(file.path, { ...options, access }), RangeError, message);
    }
  }
  assertEquals(mapsWith(file.path), []);
});

Deno.test("allowBeyondEnd maps what the file has not yet, for who makes it longer", () => {
  using file = tempFile(pattern(100));
  using map = mapFile(file.path, {
    access: "readwrite",
    length: 3 * PAGE,
    allowBeyondEnd: true,
  });
  assertEquals([map.byteLength, map.bytes[99], map.isTruncated()], [3 * PAGE, 100, false]);
  Deno.truncateSync(file.path, 3 * PAGE);
  map.bytes[3 * PAGE - 1] = 7;
  assertEquals(file.bytes()[3 * PAGE - 1], 7);
  using behind = mapFile(file.path, { offset: 10 * PAGE, allowBeyondEnd: true });
  assertEquals(behind.byteLength, 0);
});

Deno.test("to populate beyond the end is an error, and no fault", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(100);
  const error = assertThrows(() =>
    mapFile(file.path, { length: 3 * PAGE, allowBeyondEnd: true, populate: true })
  ) as Error;
  assertSystemError(error, Error, "EFAULT", "madvise");
  assert(error.message.includes("the file is shorter than what was to be mapped"), error.message);
  assertEquals(mapsWith(file.path), []);
});

Deno.test("more access than the descriptor was opened with is EACCES, explained", () => {
  using file = tempFile(100);
  using readable = openDescriptor(file.path, "r");
  using writable = openDescriptor(file.path, "r+");
  using blind = openDescriptor(file.path, constants.O_WRONLY);
  const error = assertThrows(() => mapFile(readable.fd, { access: "readwrite" })) as Error;
  assertSystemError(error, Deno.errors.PermissionDenied, "EACCES", "mmap");
  assert(
    error.message.includes("it was opened for reading") &&
      error.message.includes('map it with access "read" or "copy"'),
    error.message,
  );
  for (const access of ["read", "readwrite", "copy"] as const) {
    const error = assertThrows(() => mapFile(blind.fd, { access })) as Error;
    assertSystemError(error, Deno.errors.PermissionDenied, "EACCES", "mmap");
    mapFile(writable.fd, { access }).close();
  }
});

Deno.test({
  name: "more access than the file's mode allows this user is EACCES, explained",
  ignore: noCapabilities("a user who may not write a file"),
  async fn() {
    using file = tempFile(100);
    Deno.chmodSync(file.path, 0o400);
    const path = JSON.stringify(file.path);
    const [read, write, copy] = await lines(
      `
      await report(() => mapFile(${path}).byteLength);
      await report(() => mapFile(${path}, { access: "readwrite" }));
      await report(() => mapFile(${path}, { access: "copy" }).byteLength);`,
      { wrapper: withoutCapabilities("dac_override", "dac_read_search") },
    );
    assertEquals([read, copy], ["done 100", "done 100"]);
    assert(write.startsWith("PermissionDenied EACCES open Cannot open"), write);
    assert(write.includes("this user may not open it so"), write);
  },
});

Deno.test("a directory can't be mapped, and says that it is one", () => {
  using directory = tempDirectory();
  using descriptor = openDescriptor(directory.path, "r");
  for (const source of [directory.path, descriptor.fd]) {
    for (const access of ["read", "readwrite", "copy", "none"] as const) {
      const error = assertThrows(() => mapFile(source, { access })) as Error;
      assert(error instanceof Deno.errors.IsADirectory, error.message);
      assert(error.message.includes("it is a directory"), error.message);
    }
  }
});

Deno.test("a pipe can't be mapped, and doesn't wait for its other end", () => {
  using directory = tempDirectory();
  const path = `${directory.path}/fifo`;
  const { success } = new Deno.Command("mkfifo", { args: [path] }).outputSync();
  assert(success);
  for (const options of [{}, { access: "readwrite", length: 100 }] as const) {
    const error = assertThrows(() => mapFile(path, options)) as Error;
    assertSystemError(error, Deno.errors.NotSupported, "ENODEV", "mmap");
    assert(error.message.includes("it is a pipe, which can't be mapped"), error.message);
  }
});

Deno.test("a socket can't be mapped, by its path or its descriptor", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using directory = tempDirectory();
  const path = `${directory.path}/socket`;
  const before = new Set(sockets());
  using _listener = Deno.listen({ transport: "unix", path });
  const error = assertThrows(() => mapFile(path)) as Error;
  assertSystemError(error, Error, "ENXIO", "open");
  assert(error.message.includes("it is a pipe or a socket"), error.message);
  const [fd] = sockets().filter((fd) => !before.has(fd));
  const byDescriptor = assertThrows(() => mapFile(fd, { length: 10 })) as Error;
  assertSystemError(byDescriptor, Deno.errors.NotSupported, "ENODEV", "mmap");
  assert(byDescriptor.message.includes("it is a socket"), byDescriptor.message);
});

/** The descriptors of this process that are sockets. */
function sockets(): number[] {
  return Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => Number(name))
    .filter((fd) => {
      try {
        return Deno.readLinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
      } catch {
        return false;
      }
    });
}

Deno.test("a device must be told its length, and one without memory says so", {
  ignore: Deno.build.os !== "linux",
}, () => {
  assertThrows(
    () => mapFile("/dev/zero"),
    TypeError,
    "length must be given: /dev/zero is a device",
  );
  using zeros = mapFile("/dev/zero", { access: "copy", length: 100 });
  zeros.bytes[99] = 1;
  assertEquals([zeros.bytes[0], zeros.bytes[99], zeros.isTruncated()], [0, 1, false]);
  const error = assertThrows(() => mapFile("/dev/null", { length: 100 })) as Error;
  assertSystemError(error, Error, "ENODEV", "mmap");
});

Deno.test("a file that is missing, or hidden behind a loop of links, says so", () => {
  using directory = tempDirectory();
  const missing = assertThrows(() => mapFile(`${directory.path}/missing`)) as Error;
  assertSystemError(missing, Deno.errors.NotFound, "ENOENT", "open");
  Deno.symlinkSync("loop", `${directory.path}/loop`);
  const loop = assertThrows(() => mapFile(`${directory.path}/loop`)) as Error;
  assertSystemError(loop, Deno.errors.FilesystemLoop, "ELOOP", "open");
  const file = directory.file("file", 1);
  const through = assertThrows(() => mapFile(`${file}/x`)) as Error;
  assertSystemError(through, Deno.errors.NotADirectory, "ENOTDIR", "open");
});

Deno.test("a file sealed against writing maps for reading, and says why not for writing", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using memfd = Memfd.create(PAGE);
  memfd.seal("futureWrite");
  const error = assertThrows(() => memfd.map()) as Error;
  assertSystemError(error, Deno.errors.PermissionDenied, "EPERM", "mmap");
  assert(error.message.includes("it is sealed against writing"), error.message);
  using copy = memfd.map({ access: "copy" });
  copy.bytes[0] = 1;
  assertEquals(memfd.map({ access: "read" }).bytes.at(0), 0);
});

Deno.test("a sparse file of 64 GiB maps whole, and takes no memory to speak of", {
  ignore: Deno.build.os !== "linux",
}, () => {
  const size = 64 * 2 ** 30;
  using file = tempFile(0);
  Deno.truncateSync(file.path, size);
  using map = mapFile(file.path, { access: "readwrite" });
  assertEquals([map.byteLength, map.bytes.length, map.view.byteLength], [size, size, size]);
  for (const place of [0, 5 * 2 ** 30 + 3, size - 8]) {
    map.view.setFloat64(place, place, true);
    assertEquals([map.view.getFloat64(place, true), map.bytes[place]], [
      place,
      map.bytes.at(place),
    ]);
  }
  using far = mapFile(file.path, { offset: size - 8 });
  assertEquals(far.view.getFloat64(0, true), size - 8);
  // What the system reads ahead around each touch is some MiB.
  const megabytes = smapsField(map.address, "Rss") / 1024;
  assert(megabytes < 256, `${megabytes} MiB are resident`);
  const { blocks } = Deno.statSync(file.path);
  assert(blocks !== null && blocks * 512 < 2 ** 28, `${blocks} blocks on the disk`);
});
