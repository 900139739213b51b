// shmget.ts, shmwrite.ts, shmread.ts and shmrmid.ts, as a user runs them.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { formatKey, ftok, Segment } from "../mod.ts";
import { compile, isInstalled, noCompiler } from "./_c.ts";
import { cleanup, notRootOnLinux } from "./_objects.ts";
import { deno, type Output, path, run } from "./_process.ts";

const NO_COMPILER = noCompiler("Stevens' tools in C");

type Tool = "shmget" | "shmwrite" | "shmread" | "shmrmid";

async function tool(name: Tool, ...args: string[]): Promise<Output> {
  await using process = deno(`examples/${name}.ts`, args);
  return await process.output();
}

async function assertSuccess(...output: Promise<Output>[]): Promise<void> {
  for (const { code, stderr } of await Promise.all(output)) assertEquals(code, 0, stderr);
}

/** A file, and so a key, for one test; the segment with this key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempFileSync({ prefix: "isthmus-pattern-" });
  readonly key = ftok(this.path, 0, { allowZero: true });
  readonly #cleanup = cleanup(this.key);

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, offset) => offset % 256);
}

Deno.test("shmget.ts, shmwrite.ts, shmread.ts and shmrmid.ts share a segment that outlives them", async () => {
  using place = new Place();
  const made = await tool("shmget", place.path, "1000");
  assertEquals(made.code, 0, made.stderr);
  const segment = Segment.open(place.key);
  const { size, mode, nattch } = segment.status();
  assertEquals({ size, mode, nattch }, { size: 1000, mode: 0o600, nattch: 0 });
  assertEquals(made.stdout, `created segment ${segment.id}, key ${formatKey(place.key)}\n`);

  const written = await tool("shmwrite", place.path);
  assertEquals(written.code, 0, written.stderr);
  assertEquals(written.stdout, `wrote 1000 bytes to segment ${segment.id}\n`);
  {
    using memory = segment.attach();
    assertEquals(memory.bytes.slice(), pattern(1000));
  }

  const read = await tool("shmread", place.path);
  assertEquals(read.code, 0, read.stderr);
  assertEquals(
    read.stdout,
    `1000 bytes in segment ${segment.id}, 0 differ from the pattern\n`,
  );

  const removed = await tool("shmrmid", place.path);
  assertEquals(removed.code, 0, removed.stderr);
  assertEquals(removed.stdout, `removed segment ${segment.id}\n`);
  assertEquals(Segment.list().some(({ key }) => key === place.key), false);
});

Deno.test("shmread.ts reports each byte that differs", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 600, { removeOnDispose: true });
  using memory = segment.attach();
  memory.bytes.set(pattern(600));
  memory.bytes[5] = 7;
  memory.bytes[599] = 0;
  const { code, stdout } = await tool("shmread", place.path);
  assertEquals(code, 1);
  assertEquals(
    stdout,
    "byte 5: expected 5, found 7\n" +
      "byte 599: expected 87, found 0\n" +
      `600 bytes in segment ${segment.id}, 2 differ from the pattern\n`,
  );
});

Deno.test({
  name: "shmread.ts needs no permission to write",
  // Without the capability CAP_IPC_OWNER modes count for root, too.
  ignore: notRootOnLinux("shmread.ts on a read-only segment") || !isInstalled("setpriv"),
  async fn() {
    using place = new Place();
    using segment = Segment.create(place.key, 1, { mode: 0o400, removeOnDispose: true });
    const start = (name: Tool) =>
      run("setpriv", [
        "--bounding-set=-ipc_owner",
        ...[Deno.execPath(), "run", "--no-prompt", "--allow-ffi", path(`examples/${name}.ts`)],
        place.path,
      ]);
    await assertSuccess(start("shmread"));
    assertStringIncludes((await start("shmwrite")).stderr, "PermissionDenied: Cannot attach");
    assertEquals(segment.status().nattch, 0);
  },
});

Deno.test("shmget.ts finds a segment of the same length", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 1000, { removeOnDispose: true });
  const { code, stdout } = await tool("shmget", place.path, "1000");
  assertEquals(code, 0);
  assertEquals(stdout, `found segment ${segment.id}, key ${formatKey(place.key)}\n`);
});

Deno.test("shmget.ts fails on a segment of another length, which stays as it is", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 1000, { removeOnDispose: true });
  for (const length of ["999", "1001"]) {
    const { code, stdout, stderr } = await tool("shmget", place.path, length);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, `it has 1000 bytes, not the ${length} asked for`);
  }
  assertEquals(segment.status().size, 1000);
});

Deno.test("shmget.ts -e creates a segment, and fails where there is one", async () => {
  using place = new Place();
  await assertSuccess(tool("shmget", "-e", place.path, "1000"));
  const { code, stdout, stderr } = await tool("shmget", "-e", place.path, "1000");
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "AlreadyExists: Cannot create segment");
});

Deno.test("shmwrite.ts, shmread.ts and shmrmid.ts fail where there is no segment", async () => {
  using place = new Place();
  for (const name of ["shmwrite", "shmread", "shmrmid"] as const) {
    const { code, stdout, stderr } = await tool(name, place.path);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, `NotFound: Cannot open segment with key ${formatKey(place.key)}`);
  }
});

Deno.test("Stevens' tools fail on a path without a file", async () => {
  using place = new Place();
  const missing = `${place.path}-missing`;
  const runs: [Tool, ...string[]][] = [
    ["shmget", missing, "1000"],
    ["shmwrite", missing],
    ["shmread", missing],
    ["shmrmid", missing],
  ];
  for (const [name, ...args] of runs) {
    const { code, stdout, stderr } = await tool(name, ...args);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, `NotFound: Cannot make a key from "${missing}"`);
  }
});

Deno.test("Stevens' tools explain themselves on --help", async () => {
  for (const name of ["shmget", "shmwrite", "shmread", "shmrmid"] as const) {
    const { code, stdout, stderr } = await tool(name, "--help");
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `Usage: deno run --allow-ffi examples/${name}.ts`);
  }
});

Deno.test("Stevens' tools refuse a command line that makes no sense, and make nothing", async () => {
  using place = new Place();
  const runs: [Tool, string[], string][] = [
    ["shmget", [], "<path> is missing"],
    ["shmget", [place.path], "<length> is missing"],
    ["shmget", [place.path, "1", "2"], "There is no argument 2"],
    ["shmget", [place.path, "0"], "<length> must be a whole number from 1"],
    ["shmget", [place.path, "1.5"], 'received "1.5"'],
    ["shmget", [place.path, "many"], 'received "many"'],
    ["shmget", [place.path, "9007199254740992"], 'received "9007199254740992"'],
    ["shmget", ["-x", place.path, "1"], "There is no option -x"],
    ["shmwrite", [], "<path> is missing"],
    ["shmread", [place.path, "1"], "There is no argument 1"],
    ["shmrmid", ["--force", place.path], "There is no option --force"],
  ];
  for (const [name, args, message] of runs) {
    const { code, stdout, stderr } = await tool(name, ...args);
    assertEquals([code, stdout], [2, ""], `${name} ${args.join(" ")}`);
    assertStringIncludes(stderr, message);
    assertStringIncludes(stderr, "Usage: ");
  }
  assertEquals(Segment.list().some(({ key }) => key === place.key), false);
});

Deno.test({
  name: "shmread.ts finds the pattern of a C program, and shmrmid.ts removes its segment",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("pattern_write");
    await assertSuccess(run(program.file, [place.path, "5000"]));
    const { code, stdout } = await tool("shmread", place.path);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "5000 bytes in segment ");
    await assertSuccess(tool("shmrmid", place.path));
    assertEquals(Segment.list().some(({ key }) => key === place.key), false);
  },
});

Deno.test({
  name: "a C program finds the pattern of shmwrite.ts",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("pattern_read");
    await assertSuccess(tool("shmget", place.path, "5000"));
    await assertSuccess(tool("shmwrite", place.path));
    const { code, stdout, stderr } = await run(program.file, [place.path]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "5000 bytes\n", stderr: "" });
  },
});
