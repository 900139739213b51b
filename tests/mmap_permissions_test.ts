// Deno's permissions for files, and what stays open: nothing.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { FileLock, mapFile, mapNewFile, mapOrCreateFile, Memfd } from "../mod.ts";
import {
  descriptorTargets,
  evaluate,
  lines,
  openDescriptor,
  tempDirectory,
  tempFile,
} from "./_files.ts";

const FFI = "--allow-ffi";

Deno.test("--allow-ffi alone opens no file by its path", async () => {
  using directory = tempDirectory();
  const file = JSON.stringify(directory.file("file", 100));
  const made = JSON.stringify(`${directory.path}/made`);
  const output = await lines(
    `
    await report(() => mapFile(${file}));
    await report(() => mapFile(new URL("file://" + ${file})));
    await report(() => mapFile(${file}, { access: "copy" }));
    await report(() => mapFile(${file}, { access: "none" }));
    await report(() => mapFile(${file}, { access: "readwrite" }));
    await report(() => mapNewFile(${made}, 100));
    await report(() => mapOrCreateFile(${file}, 100));
    await report(() => FileLock.open(${file}));
    await report(() => FileLock.openOrCreate(${made}));`,
    { flags: [FFI] },
  );
  for (const line of output) {
    assert(line.startsWith(`NotCapable undefined undefined Cannot open ${directory.path}`), line);
    assert(line.includes(`Add to what you grant: --allow-read=${directory.path}`), line);
  }
  assertEquals(output.length, 9);
  for (const line of output.slice(4, 7)) assert(line.includes("--allow-write="), line);
  for (const line of output.slice(0, 4)) assert(!line.includes("--allow-write="), line);
  assertThrows(() => Deno.statSync(`${directory.path}/made`), Deno.errors.NotFound);
});

Deno.test("--allow-read for a path opens that one, and no other", async () => {
  using directory = tempDirectory();
  const allowed = directory.file("allowed", 100);
  const other = directory.file("other", 100);
  const output = await lines(
    `
    for (const path of ${JSON.stringify([allowed, other])}) {
      await report(() => mapFile(path).byteLength);
      await report(() => mapFile(path, { access: "copy" }).byteLength);
      await report(() => mapFile(path, { access: "readwrite" }));
      await report(() => mapFile(path, { access: "readwrite", size: 200 }));
      await report(() => FileLock.open(path).lockSync().held);
    }`,
    { flags: [FFI, `--allow-read=${allowed}`] },
  );
  assertEquals(output.map((line) => line.split(" ")[0]), [
    "done",
    "done",
    "NotCapable",
    "NotCapable",
    "done",
    ...Array(5).fill("NotCapable"),
  ]);
  assert(output[2].includes("Requires write access"), output[2]);
  assertEquals([Deno.statSync(allowed).size, Deno.statSync(other).size], [100, 100]);
});

Deno.test("a relative path takes no more permission than its own", async () => {
  using directory = tempDirectory();
  directory.file("data.bin", 100);
  const output = await lines(`await report(() => mapFile("data.bin").byteLength);`, {
    flags: [FFI, "--allow-read=data.bin"],
    cwd: directory.path,
  });
  assertEquals(output, ["done 100"]);
});

Deno.test("--deny-read and --deny-write keep their meaning, for a link what Deno gives them", async () => {
  using directory = tempDirectory();
  const file = directory.file("file", 100);
  const link = `${directory.path}/link`;
  Deno.symlinkSync(file, link);
  const code = `
    const open = (path, options) => Deno.openSync(path, options).close();
    for (const path of ${JSON.stringify([file, link])}) {
      await report(() => mapFile(path).close());
      await report(() => open(path, { read: true }));
      await report(() => mapFile(path, { access: "readwrite" }).close());
      await report(() => open(path, { read: true, write: true }));
    }`;
  for (
    const [deny, read, write] of [["read", "NotCapable", "NotCapable"], [
      "write",
      "done",
      "NotCapable",
    ]]
  ) {
    const flags = [FFI, "--allow-read", "--allow-write", `--deny-${deny}=${file}`];
    const kinds = (await lines(code, { flags })).map((line) => line.split(" ")[0]);
    assertEquals(kinds.slice(0, 4), [read, read, write, write]);
    assertEquals([kinds[4], kinds[6]], [kinds[5], kinds[7]]);
  }
});

Deno.test("--allow-write makes and resizes files, and its end leaves the map as it is", async () => {
  using directory = tempDirectory();
  const path = JSON.stringify(`${directory.path}/made`);
  const output = await lines(
    `
    using map = mapNewFile(${path}, 100);
    await report(() => map.resize(200, { file: true }));
    Deno.permissions.revokeSync({ name: "write", path: ${JSON.stringify(directory.path)} });
    await report(() => map.resize(300, { file: true }));
    await report(() => map.resize(100));
    console.log(map.byteLength, Deno.statSync(${path}).size);
    Deno.permissions.revokeSync({ name: "read", path: ${JSON.stringify(directory.path)} });
    await report(() => map.isTruncated());
    await report(() => map.resize(50));
    await report(() => map.resize(200));
    map.bytes[49] = 1;
    await report(() => map.flushSync());
    console.log(map.byteLength);`,
    { flags: [FFI, `--allow-read=${directory.path}`, `--allow-write=${directory.path}`] },
  );
  assertEquals([output[0], output[2], output[3], output[4], output[5]], [
    "done undefined",
    "done undefined",
    "100 200",
    "done false",
    "done undefined",
  ]);
  assert(output[1].startsWith("NotCapable"), output[1]);
  assert(output[6].startsWith("NotCapable"), output[6]);
  assertEquals(output.slice(7), ["done undefined", "50"]);
});

Deno.test("memory without a path takes --allow-ffi alone", async () => {
  const output = await lines(
    `
    await report(() => mapAnonymous(100).byteLength);
    await report(() => Memfd.create(100).map().byteLength);
    const name = "/isthmus-test-" + crypto.randomUUID();
    using shared = PosixSharedMemory.create(name, 100, { removeOnDispose: true });
    await report(() => shared.map().byteLength);
    await report(() => PosixSharedMemory.open(name).size);
    await report(() => PosixSharedMemory.list());
    using sharedBuffer = SharedMemory.from(mapAnonymous(100));
    console.log(sharedBuffer.byteLength);`,
    { flags: [FFI] },
  );
  assertEquals(output.toSpliced(4, 1), ["done 100", "done 100", "done 100", "done 100", "100"]);
  assert(/^done \[.*isthmus-test-/.test(output[4]), output[4]);
});

Deno.test("without --allow-ffi the import is no error, and no file is made", async () => {
  using directory = tempDirectory();
  const path = `${directory.path}/made`;
  const { stdout } = await evaluate(
    `await report(() => mapNewFile(${JSON.stringify(path)}, 100));`,
    { flags: ["--allow-read", "--allow-write"] },
  );
  assert(/^NotCapable .*Requires ffi access/.test(stdout), stdout);
  assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
});

Deno.test("no descriptor stays open, however a map is made, used, or fails to be", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using directory = tempDirectory();
  const file = directory.file("file", 100);
  const open = () => descriptorTargets().filter((target) => target.startsWith(directory.path));
  using map = mapFile(file, { access: "readwrite", size: 8192 });
  using _read = mapFile(file);
  using made = mapNewFile(`${directory.path}/made`, 4096);
  using _found = mapOrCreateFile(`${directory.path}/made`, 8192);
  assertEquals(open(), []);
  map.resize(16384, { file: true });
  map.resize(100);
  made.isTruncated();
  map.flushSync();
  assertEquals(open(), []);
  const failures = [
    () => mapFile(file, { length: 2 ** 40 }),
    () => mapFile(directory.path),
    () => mapFile(file, { access: "readwrite", size: 2 ** 53 - 1 }),
    () => mapNewFile(file, 100),
    () => mapNewFile(`${directory.path}/more`, 100, { length: 200 }),
    () => mapOrCreateFile(file, 100, { offset: 2 ** 40 }),
    () => map.resize(2 ** 40),
    () => map.resize(2 ** 53 - 1, { file: true }),
  ];
  for (const fail of failures) assertThrows(fail);
  assertEquals(open(), []);
});

Deno.test("a descriptor of the user's stays open, and his", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(100);
  using descriptor = openDescriptor(file.path, "r+");
  const open = () => descriptorTargets().filter((target) => target === file.path).length;
  mapFile(descriptor.fd, { access: "readwrite", size: 200 }).close();
  assertThrows(() => mapFile(descriptor.fd, { length: 300 }), RangeError);
  assertEquals(open(), 1);
  assertEquals(mapFile(descriptor.fd).byteLength, 200);
});

Deno.test("what a map opens doesn't go down to child processes", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using file = tempFile(100);
  using _memfd = Memfd.create(100, { name: "isthmus-not-inherited" });
  using lock = FileLock.open(file.path);
  using _guard = lock.lockSync();
  const { stdout } = new Deno.Command("ls", { args: ["-l", "/proc/self/fd"] }).outputSync();
  const listing = new TextDecoder().decode(stdout);
  assert(!listing.includes(file.path) && !listing.includes("isthmus"), listing);
});
