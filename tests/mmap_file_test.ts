// Maps of files: what they show, and what each access lets one do.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { type MapAccess, mapFile, ReadonlyMapping, ReservedMapping } from "../mod.ts";
import { mapsWith, openDescriptor, pattern, tempDirectory, tempFile } from "./_files.ts";

const PAGE = getpagesize();

/** The rights of the mapping of a file, as the kernel shows them: "r--s". */
function rights(path: string): string[] {
  return mapsWith(path).map((line) => line.split(" ")[1]);
}

Deno.test("mapFile() shows the whole file, and by default only to read", () => {
  using file = tempFile(pattern(5000));
  using map = mapFile(file.path);
  assert(map instanceof ReadonlyMapping);
  assertEquals([map.byteLength, map.bytes.length, map.mapped], [5000, 5000, true]);
  assertEquals(map.bytes.slice(), pattern(5000));
  for (const name of ["writeText", "discard", "flush", "buffer"]) assert(!(name in map), name);
});

Deno.test("mapFile() takes a path, a relative path, a file: URL and a descriptor", () => {
  using directory = tempDirectory();
  const path = directory.file("a file with %20 and ü", pattern(100));
  const url = new URL(`file://${encodeURIComponent(path).replaceAll("%2F", "/")}`);
  using descriptor = openDescriptor(path, "r");
  const relative = `${"../".repeat(Deno.cwd().split("/").length)}${path.slice(1)}`;
  for (const source of [path, relative, url, descriptor.fd]) {
    using map = mapFile(source);
    assertEquals(map.bytes.slice(), pattern(100), String(source));
  }
});

Deno.test("a map shows at once what is written to the file, and what others map of it", () => {
  using file = tempFile(100);
  using one = mapFile(file.path, { access: "readwrite" });
  using two = mapFile(file.path);
  one.writeText("mapped");
  assertEquals([two.readText(), file.bytes()[0]], ["mapped", 109]);
  using descriptor = openDescriptor(file.path, "r+");
  using third = mapFile(descriptor.fd, { access: "readwrite" });
  third.bytes[99] = 5;
  using writer = Deno.openSync(file.path, { write: true });
  writer.writeSync(new TextEncoder().encode("written\0"));
  assertEquals([one.readText(), two.readText(), two.bytes.at(99)], ["written", "written", 5]);
});

Deno.test('access "readwrite" writes to the file', () => {
  using file = tempFile(10_000);
  {
    using map = mapFile(file.path, { access: "readwrite" });
    map.bytes.set(pattern(10_000));
    map.view.setFloat64(8, 1.5, true);
    map.array(Uint32Array, { offset: 16, length: 1 })[0] = 0xdeadbeef;
  }
  const view = new DataView(file.bytes().buffer);
  assertEquals([view.getFloat64(8, true), view.getUint32(16, true), view.getUint8(9999)], [
    1.5,
    0xdeadbeef,
    pattern(10_000)[9999],
  ]);
});

Deno.test('access "copy" keeps what it writes to itself, on a file that may only be read too', () => {
  using file = tempFile(pattern(2 * PAGE));
  using descriptor = openDescriptor(file.path, "r");
  for (const source of [file.path, descriptor.fd]) {
    using copy = mapFile(source, { access: "copy" });
    using shared = mapFile(file.path, { access: "readwrite" });
    copy.bytes.fill(0, 0, 10);
    assertEquals([copy.bytes[0], shared.bytes[0], file.bytes()[0]], [0, 1, 1]);
    // A page that was not written yet is still the file's.
    shared.bytes[PAGE] = 77;
    assertEquals([copy.bytes[PAGE], copy.bytes[5]], [77, 0]);
    shared.bytes[PAGE] = pattern(PAGE + 1)[PAGE];
  }
});

Deno.test('access "none" is address space, and protect() makes memory of it', () => {
  using file = tempFile(pattern(PAGE));
  using descriptor = openDescriptor(file.path, "r+");
  using reserved = mapFile(descriptor.fd, { access: "none" });
  assert(reserved instanceof ReservedMapping);
  assertEquals([rights(file.path), reserved.byteLength], [["---s"], PAGE]);
  for (const name of ["bytes", "view", "array", "readText", "unsafeBytes"]) {
    assert(!(name in reserved), name);
  }
  using map = reserved.protect("readwrite");
  map.bytes[0] = 9;
  assertEquals([rights(file.path), reserved.mapped, file.bytes()[0]], [["rw-s"], false, 9]);
});

Deno.test("each access, and execute, is the right that it names", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(PAGE);
  const cases: [MapAccess, boolean, string][] = [
    ["read", false, "r--s"],
    ["read", true, "r-xs"],
    ["readwrite", false, "rw-s"],
    ["readwrite", true, "rwxs"],
    ["copy", false, "rw-p"],
    ["copy", true, "rwxp"],
    ["none", false, "---s"],
    ["none", true, "--xs"],
  ];
  for (const [access, execute, expected] of cases) {
    using _map = mapFile(file.path, { access, execute });
    assertEquals(rights(file.path), [expected]);
  }
});

Deno.test("offset takes any byte, and the length is the rest of the file", () => {
  const content = pattern(3 * PAGE + 5);
  using file = tempFile(content);
  for (const offset of [0, 1, 7, 8, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 3 * PAGE + 4]) {
    using read = mapFile(file.path, { offset });
    assertEquals(read.bytes.slice(), content.slice(offset), `offset ${offset}`);
    using write = mapFile(file.path, { access: "readwrite", offset });
    write.bytes[0] = 255;
    assertEquals([file.bytes()[offset], read.bytes.at(0)], [255, 255]);
    write.bytes[0] = content[offset];
  }
});

Deno.test("offset and length show just that part, and views count from its start", () => {
  const content = pattern(3 * PAGE);
  using file = tempFile(content);
  for (const [offset, length] of [[0, 1], [PAGE - 3, 6], [123, 2 * PAGE], [PAGE, PAGE]]) {
    using map = mapFile(file.path, { access: "readwrite", offset, length });
    assertEquals(map.bytes.length, length);
    assertEquals(map.bytes.slice(), content.slice(offset, offset + length));
    assertEquals([map.view.getUint8(length - 1), map.view.byteLength], [
      content[offset + length - 1],
      length,
    ]);
    assertThrows(() => map.view.getUint8(length), RangeError);
    assertEquals(Number(map.address % BigInt(PAGE)), offset % PAGE);
  }
  assertEquals(file.bytes(), content);
});

Deno.test("Atomics and typed arrays are aligned to the memory, whatever the offset", () => {
  using file = tempFile(PAGE);
  for (let offset = 0; offset < 16; offset++) {
    using map = mapFile(file.path, { access: "readwrite", offset });
    const start = (8 - offset % 8) % 8;
    const cells = map.array(BigInt64Array, { offset: start, length: 2 });
    assertEquals((map.address + BigInt(start)) % 8n, 0n);
    assertEquals([Atomics.add(cells, 0, 5n), Atomics.sub(cells, 0, 5n)], [0n, 5n]);
    if (start === 0) continue;
    assertThrows(() => map.array(BigInt64Array), RangeError, "offset must be a multiple of 8");
  }
});

Deno.test("populate maps every page at once", { ignore: Deno.build.os !== "linux" }, () => {
  using file = tempFile(16 * PAGE);
  for (const access of ["read", "readwrite", "copy"] as const) {
    using map = mapFile(file.path, { access, populate: true, offset: 5 });
    assertEquals(map.residentPages(), 16);
  }
  using _none = mapFile(file.path, { access: "none", populate: true }); // nothing to do, and no error
});

Deno.test("noReserve maps a copy of more than there is memory", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(0);
  const size = 2 ** 42;
  Deno.truncateSync(file.path, size);
  using map = mapFile(file.path, { access: "copy", noReserve: true });
  map.bytes[size - 1] = 1;
  assertEquals([map.byteLength, map.bytes[size - 1], map.bytes[0]], [size, 1, 0]);
});

Deno.test("a map outlives the file's name and its descriptor", () => {
  using file = tempFile(pattern(PAGE));
  using descriptor = openDescriptor(file.path, "r+");
  using byDescriptor = mapFile(descriptor.fd, { access: "readwrite" });
  using byPath = mapFile(file.path);
  descriptor[Symbol.dispose]();
  Deno.renameSync(file.path, `${file.path}.moved`);
  Deno.removeSync(`${file.path}.moved`);
  byDescriptor.bytes[0] = 99;
  assertEquals([byPath.bytes.at(0), byPath.bytes.at(1)], [99, 2]);
  assertEquals([byPath.isTruncated(), byDescriptor.isTruncated()], [false, false]);
});

Deno.test("mapFile() checks its arguments", () => {
  using file = tempFile(100);
  const map = (source: unknown, options?: unknown) => () =>
    mapFile(source as string, options as { access: "read" });
  for (const source of [null, undefined, {}, 5n, true]) {
    assertThrows(
      map(source),
      TypeError,
      "path must be a string, a URL or a descriptor (of openSync() in node:fs): received",
    );
  }
  assertThrows(map(""), TypeError, "path must not be empty");
  assertThrows(map(new URL("https://localhost/x")), TypeError, "path must be a file: URL");
  for (const descriptor of [-1, 1.5, NaN, 2 ** 31]) {
    assertThrows(map(descriptor), RangeError, "descriptor must be an integer from 0");
  }
  for (const offset of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(map(file.path, { offset }), RangeError, "offset must be an integer from 0");
    assertThrows(
      map(file.path, { length: offset }),
      RangeError,
      "length must be an integer from 0",
    );
    assertThrows(
      map(file.path, { access: "readwrite", size: offset }),
      RangeError,
      "size must be an integer from 0",
    );
  }
  assertThrows(map(file.path, { offset: "1" }), TypeError, "offset must be a number");
  assertThrows(map(file.path, "read"), TypeError, "options must be an object");
  assertThrows(
    map(file.path, { access: "write" }),
    TypeError,
    'access must be one of "read", "readwrite", "copy", "none": received "write"',
  );
  for (const flag of ["populate", "execute", "noReserve", "allowBeyondEnd"]) {
    assertThrows(map(file.path, { [flag]: 1 }), TypeError, `${flag} must be a boolean: received 1`);
  }
  for (const access of ["read", "copy", "none"]) {
    assertThrows(map(file.path, { access, size: 1 }), TypeError, "size needs access");
  }
  assertEquals(mapsWith(file.path), []);
});
