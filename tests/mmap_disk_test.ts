// Disks that are full, or that can't do what they are asked for: errors, and no bus errors.

import { assert, assertEquals } from "@std/assert";
import { evaluate, lines, mapsWith, noTmpfs, tempFile, withMounted, withTmpfs } from "./_files.ts";

const DISK = "/mnt";

Deno.test({
  name: "a full disk is ENOSPC and not a bus error, and leaves nothing behind",
  ignore: noTmpfs("a full disk"),
  async fn() {
    const output = await lines(
      `
      const size = 2 ** 20;
      await report(() => mapNewFile("/mnt/new", 2 * size));
      await report(() => mapOrCreateFile("/mnt/new", 2 * size));
      console.log([...Deno.readDirSync("/mnt")].length);
      Deno.writeTextFileSync("/mnt/file", "content");
      await report(() => mapFile("/mnt/file", { access: "readwrite", size: 2 * size }));
      console.log(Deno.readTextFileSync("/mnt/file"));
      // What fits is mapped, and every byte can be touched.
      const map = mapFile("/mnt/file", { access: "readwrite", size: size / 2 });
      map.bytes.fill(7);
      await report(() => map.resize(2 * size, { file: true }));
      console.log(map.byteLength, Deno.statSync("/mnt/file").size, map.bytes[size / 2 - 1]);
      // A hole has no blocks: what touches it asks first.
      const hole = mapNewFile("/mnt/hole", 2 * size, { reserve: false });
      await report(() => hole.advise("populateWrite"));
      console.log(hole.byteLength);`,
      { wrapper: withTmpfs(DISK, "1m") },
    );
    for (const line of [output[0], output[1], output[3], output[5]]) {
      assert(line.startsWith("Error ENOSPC fallocate Cannot give /mnt/"), line);
      assert(line.includes("there is no room for them where it lies"), line);
    }
    assertEquals([output[2], output[4], output[6]], ["0", "content", "524288 524288 7"]);
    assert(output[7].startsWith("Error EFAULT madvise"), output[7]);
    assert(output[7].includes("its disk is full"), output[7]);
    assertEquals([output[8], mapsWith("/mnt/")], ["2097152", []]);
  },
});

Deno.test({
  name: "a file system that can't reserve blocks says to do without",
  ignore: noTmpfs("a file system without blocks"),
  async fn() {
    const output = await lines(
      `
      await report(() => mapNewFile("/mnt/new", 100));
      console.log([...Deno.readDirSync("/mnt")].length);
      using map = mapNewFile("/mnt/new", 100, { reserve: false });
      map.bytes.fill(7);
      await report(() => map.resize(200, { file: true }));
      console.log(map.byteLength, map.bytes[99], Deno.statSync("/mnt/new").size);`,
      { wrapper: withMounted(DISK, "ramfs", "mode=0755") },
    );
    for (const line of [output[0], output[2]]) {
      assert(line.startsWith("NotSupported EOPNOTSUPP fallocate Cannot give /mnt/new"), line);
      assert(line.includes("Set reserve: false to do without"), line);
    }
    assertEquals([output[1], output[3]], ["0", "100 7 100"]);
  },
});

Deno.test({
  name: "code can't be mapped where nothing may be executed; a file made for it stays",
  ignore: noTmpfs("a file system without execution"),
  async fn() {
    const output = await lines(
      `
      await report(() => mapNewFile("/mnt/new", 100, { execute: true }));
      console.log([...Deno.readDirSync("/mnt")].length);
      await report(() => mapOrCreateFile("/mnt/new", 100).protect("read", { execute: true }));`,
      { wrapper: withMounted(DISK, "tmpfs", "noexec") },
    );
    assert(/^PermissionDenied EPERM mmap .*nothing may be executed/.test(output[0]), output[0]);
    assert(output[2].startsWith("PermissionDenied EACCES mprotect"), output[2]);
    assertEquals(output[1], "1");
  },
});

Deno.test({
  name: "to touch a hole on a full disk is the bus error that size prevents",
  ignore: noTmpfs("a full disk"),
  async fn() {
    const { signal } = await evaluate(
      `mapNewFile("/mnt/hole", 2 ** 21, { reserve: false }).bytes.fill(1);`,
      { wrapper: withTmpfs(DISK, "1m") },
    );
    assertEquals(signal, "SIGBUS");
  },
});

Deno.test("the limit on the size of files is an error, and doesn't end the process", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  using file = tempFile(10);
  const path = JSON.stringify(file.path);
  const MEBIBYTE = 2 ** 20;
  const output = await lines(
    `
    const path = ${path};
    const more = { access: "readwrite", size: ${65 * MEBIBYTE} };
    await report(() => mapFile(path, more));
    await report(() => mapFile(path, { ...more, reserve: false }));
    using map = mapFile(path, { access: "readwrite", size: 50_000 });
    await report(() => map.resize(${65 * MEBIBYTE}, { file: true }));
    console.log(map.byteLength, Deno.statSync(path).size);`,
    { wrapper: ["prlimit", `--fsize=${64 * MEBIBYTE}`] }, // Deno's own caches are smaller
  );
  for (const line of output.slice(0, 3)) {
    assert(/^\S+ EFBIG \S+ Cannot give .*RLIMIT_FSIZE/.test(line), line);
  }
  assertEquals(output[3], "50000 50000");
});
