import { assert, assertEquals } from "@std/assert";
import { path, run } from "./_process.ts";

/** Runs the layer check on a project of these files. */
async function check(files: Record<string, string>): Promise<{ code: number; stderr: string }> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [file, text] of Object.entries(files)) {
      await Deno.mkdir(`${directory}/${file.split("/").slice(0, -1).join("/")}`, {
        recursive: true,
      });
      await Deno.writeTextFile(`${directory}/${file}`, text);
    }
    const args = [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-run",
      path("tools/check_layers.ts"),
      directory,
    ];
    return await run(Deno.execPath(), args);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const LOWER = { "ffi/a.ts": "export type A = 1; export const a: A = 1;\n" };

Deno.test("check_layers.ts accepts imports from lower floors and from the own room", async () => {
  const { code, stderr } = await check({
    ...LOWER,
    "shm/b.ts": 'export { a } from "../ffi/a.ts";\n',
    "shm/c.ts": 'export { a } from "./b.ts";\n',
    "tests/d.ts": 'import { a } from "../shm/c.ts";\nconsole.log(a);\n',
  });
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("check_layers.ts fails on an import from the same or a higher floor, of types too", async () => {
  const cases: Record<string, string>[] = [
    { "shm/b.ts": 'export * from "../sem/c.ts";\n', "sem/c.ts": "export const c = 1;\n" },
    { "ffi/b.ts": 'export type { C } from "../shm/c.ts";\n', "shm/c.ts": "export type C = 1;\n" },
    { "bench/b.ts": 'import "../tests/c.ts";\n', "tests/c.ts": "export {};\n" },
  ];
  for (const files of cases) {
    const { code, stderr } = await check(files);
    assertEquals(code, 1);
    assert(stderr.includes("which stands on no floor below"), stderr);
  }
});

Deno.test("check_layers.ts fails on what library code may not do", async () => {
  const cases: [Record<string, string>, string][] = [
    [
      { "shm/b.ts": 'import { x } from "node:fs";\nconsole.log(x);\n' },
      "library code imports its own files",
    ],
    [{ "shm/b.ts": 'Deno.dlopen("x", {});\n' }, "shm/b.ts:1 uses Deno.dlopen"],
    [{ "ffi/b.ts": "console.log(Deno.build.os);\n" }, "ffi/b.ts:1 uses Deno.build"],
    [{ "stray/b.ts": "export {};\n" }, "stands in a room that is on no floor"],
  ];
  for (const [files, message] of cases) {
    const { code, stderr } = await check({ ...LOWER, ...files });
    assertEquals(code, 1);
    assert(stderr.includes(message), stderr);
  }
});
