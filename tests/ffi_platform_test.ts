import { assertEquals, assertThrows } from "@std/assert";
import { selectPlatform } from "../ffi/platform.ts";
import { path, run } from "./_process.ts";

Deno.test("selectPlatform() finds libc by a name that holds the symbols of old and new versions", () => {
  assertEquals(selectPlatform({ os: "linux", arch: "x86_64", env: "gnu" }).library, "librt.so.1");
  assertEquals(selectPlatform({ os: "linux", arch: "aarch64", env: "musl" }).library, "libc.so");
  assertEquals(selectPlatform({ os: "darwin", arch: "aarch64" }).library, "libSystem.B.dylib");
});

Deno.test("selectPlatform() gives x86_64 and aarch64 Linux their own semid_ds", () => {
  const size = (arch: string) => selectPlatform({ os: "linux", arch }).layouts.semid_ds.size;
  assertEquals([size("x86_64"), size("aarch64")], [104, 88]);
});

Deno.test("selectPlatform() calls the fixed-arity semctl on macOS", () => {
  assertEquals(selectPlatform({ os: "darwin", arch: "aarch64" }).symbolNames.semctl, "__semctl");
});

Deno.test("selectPlatform() refuses other systems and says which it supports", () => {
  for (const build of [{ os: "windows", arch: "x86_64" }, { os: "linux", arch: "riscv64" }]) {
    assertThrows(
      () => selectPlatform(build),
      Deno.errors.NotSupported,
      `Cannot share memory on ${build.os} ${build.arch}: Isthmus runs on Linux and macOS`,
    );
  }
});

Deno.test("importing the module on an unsupported system is no error; using it is", async () => {
  const code = `
    Object.defineProperty(Deno, "build", { value: { ...Deno.build, os: "windows" } });
    const { Segment } = await import(${JSON.stringify(`file://${path("mod.ts")}`)});
    try {
      Segment.create(0, 1);
    } catch (error) {
      console.log(error.name);
    }`;
  const { stdout, stderr } = await run(Deno.execPath(), ["eval", code]);
  assertEquals(stdout.trim(), "NotSupported", stderr);
});
