// mmap_writer.ts, mmap_reader.ts and anonymous_parent_child.ts, as a user runs them.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Memfd } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { until } from "./_objects.ts";
import { deno, type Output, path, Process, run } from "./_process.ts";

const NO_COMPILER = noCompiler("mmap_writer.ts and mmap_reader.ts with C programs");
const SIZE = 2048;

/** A directory for one test, with room for the file. */
class Place implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "isthmus-mmap-" });
  readonly file = `${this.directory}/letters`;
  readonly readFlags = ["--allow-ffi", `--allow-read=${this.file}`];
  readonly writeFlags = [...this.readFlags, `--allow-write=${this.file}`];

  writer(...args: string[]): Process {
    return deno("examples/mmap_writer.ts", [this.file, ...args], this.writeFlags);
  }

  reader(...args: string[]): Process {
    return deno("examples/mmap_reader.ts", [this.file, ...args], this.readFlags);
  }

  /** Runs the writer to its end. */
  async write(...args: string[]): Promise<Output> {
    await using process = this.writer("--interval", "0", ...args);
    return await process.output();
  }

  /** Runs the reader to its end. */
  async read(...args: string[]): Promise<Output> {
    await using process = this.reader("--interval", "0", ...args);
    return await process.output();
  }

  /** The file as it must be with a text at its start. */
  assertHolds(text: string, size = SIZE): void {
    const expected = new Uint8Array(size);
    expected.set(new TextEncoder().encode(text));
    assertEquals(Deno.readFileSync(this.file), expected);
  }

  /** Waits until the file starts with as many letters, or more. */
  async letters(count: number): Promise<void> {
    const start = () => Deno.readTextFileSync(this.file).slice(0, count);
    await until(() => start() === "a".repeat(count), `there are ${count} letters`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Checks that a reader saw the text grow, letter by letter; returns how many there were at last. */
function assertGrew(stdout: string): number {
  const counts = stdout.split("\n").slice(0, -1).map((line) => {
    assert(/^read=a*$/.test(line), line);
    return line.length - "read=".length;
  });
  assertEquals(counts, counts.toSorted((a, b) => a - b));
  return counts.at(-1) ?? 0;
}

Deno.test("mmap_writer.ts creates the file, and mmap_reader.ts prints what is in it", async () => {
  using place = new Place();
  const written = await place.write("--count", "3");
  assertEquals([written.code, written.stdout], [0, ""]);
  assertStringIncludes(written.stderr, `creating ${place.file} with 2048 bytes\n`);
  place.assertHolds("aaa");
  const { code, stdout, stderr } = await place.read("--count", "2");
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "read=aaa\nread=aaa\n", stderr: "" });
  place.assertHolds("aaa");
});

Deno.test("mmap_reader.ts sees the letters of mmap_writer.ts as they come", async () => {
  using place = new Place();
  await using writer = place.writer("--interval", "0.02", "--count", "10");
  await writer.until("stderr", "appending");
  await using reader = place.reader("--interval", "0.001");
  await reader.until("stdout", `read=${"a".repeat(10)}\n`);
  assertEquals((await writer.output()).code, 0);
  reader.kill("SIGINT");
  assertEquals(assertGrew((await reader.output()).stdout), 10);
});

Deno.test("mmap_writer.ts says so before it makes a file longer, and goes on behind its text", async () => {
  using place = new Place();
  Deno.writeTextFileSync(place.file, "é🦕 ");
  const { code, stderr } = await place.write("--count", "2");
  assertEquals(code, 0, stderr);
  assertEquals(
    stderr,
    `${place.file} has 7 bytes: making it 2048 bytes long, with zeros\n` +
      `appending to the 7 bytes of text in ${place.file}\n`,
  );
  place.assertHolds("é🦕 aa");
  assertEquals((await place.read("--count", "1")).stdout, "read=é🦕 aa\n");
});

Deno.test("mmap_writer.ts takes an empty file, and one that is longer", async () => {
  for (const size of [0, 1, SIZE - 1, SIZE, SIZE + 1, 10_000]) {
    using place = new Place();
    Deno.writeFileSync(place.file, new Uint8Array(size));
    assertEquals((await place.write("--count", "1")).code, 0);
    place.assertHolds("a", Math.max(size, SIZE));
  }
});

Deno.test("mmap_writer.ts leaves what is behind the first 2048 bytes as it is", async () => {
  using place = new Place();
  const bytes = new Uint8Array(5000).fill(0xff, SIZE);
  Deno.writeFileSync(place.file, bytes);
  assertEquals((await place.write("--count", "2")).code, 0);
  bytes.set([0x61, 0x61]);
  assertEquals(Deno.readFileSync(place.file), bytes);
});

Deno.test("mmap_writer.ts stops when the file is full, and doesn't start on a full one", async () => {
  using place = new Place();
  const full = "a".repeat(SIZE - 1);
  Deno.writeTextFileSync(place.file, full.slice(10));
  for (let time = 0; time < 2; time++) {
    const { code, stderr } = await place.write();
    assertEquals(code, 1);
    assertStringIncludes(stderr, `Error: ${place.file} is full: `);
    place.assertHolds(full);
  }
  assertEquals((await place.read("--count", "1")).stdout, `read=${full}\n`);
});

Deno.test("mmap_writer.ts refuses a file that holds other things, and leaves it as it is", async () => {
  using place = new Place();
  const files = [
    new Uint8Array(SIZE).fill(0x61), // no NUL
    new Uint8Array(3000).fill(0x61),
    Uint8Array.of(0x61, 0, 0x61), // something behind it, in a file that would be made longer
    new Uint8Array(SIZE).fill(1, SIZE - 1),
  ];
  for (const bytes of files) {
    Deno.writeFileSync(place.file, bytes);
    const { code, stdout, stderr } = await place.write("--count", "1");
    assertEquals([code, stdout], [1, ""]);
    assertEquals(
      stderr,
      `InvalidData: ${place.file} holds something else than a text and zeros in its first 2048 bytes. ` +
        "It stays as it is: give another file\n",
    );
    assertEquals(Deno.readFileSync(place.file), bytes);
  }
});

Deno.test("mmap_reader.ts says that mmap_writer.ts must be started first", async () => {
  using place = new Place();
  const missing = await place.read();
  assertEquals([missing.code, missing.stdout], [1, ""]);
  assertEquals(
    missing.stderr,
    `NotFound: ${place.file} doesn't exist. Start mmap_writer.ts first, with the same file\n`,
  );
  for (const size of [0, 1, SIZE - 1]) {
    Deno.writeFileSync(place.file, new Uint8Array(size));
    const { code, stdout, stderr } = await place.read();
    assertEquals([code, stdout], [1, ""]);
    assertEquals(
      stderr,
      `NotFound: ${place.file} is shorter than 2048 bytes. Start mmap_writer.ts first, with the same file\n`,
    );
    assertEquals(Deno.statSync(place.file).size, size);
  }
});

Deno.test("mmap_reader.ts says so when what it finds is no text", async () => {
  using place = new Place();
  Deno.writeFileSync(place.file, new Uint8Array(SIZE).fill(0x61));
  const { code, stdout, stderr } = await place.read();
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "InvalidData: Cannot read text at offset 0: there is no NUL");
});

for (const name of ["mmap_writer", "mmap_reader"] as const) {
  const start = (place: Place, ...args: string[]) =>
    name === "mmap_writer" ? place.writer(...args) : place.reader(...args);
  /** Starts it on a file that is ready, and waits until it has begun. */
  const started = async (place: Place, interval: string, text = "") => {
    Deno.writeTextFileSync(place.file, text.padEnd(SIZE, "\0"));
    const process = start(place, "--interval", interval);
    if (name === "mmap_writer") await process.until("stderr", "appending");
    else await process.until("stdout", "read=");
    return process;
  };

  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.test(`${name}.ts ends with ${exitCode} on ${signal}`, async () => {
      using place = new Place();
      for (const interval of ["0", "1000"]) {
        await using process = await started(place, interval);
        process.kill(signal);
        const { code, stderr } = await process.output();
        assertEquals(code, exitCode, stderr);
        if (name === "mmap_reader") assertEquals(stderr, "");
        assertEquals(Deno.statSync(place.file).size, SIZE);
      }
    });
  }

  Deno.test(`${name}.ts ends with an error when the file is truncated`, async () => {
    using place = new Place();
    await using process = await started(place, "0.02");
    Deno.truncateSync(place.file, 1);
    const { code, stderr } = await process.output();
    assertEquals(code, 1);
    assertStringIncludes(
      stderr,
      `UnexpectedEof: somebody made ${place.file} shorter than 2048 bytes\n`,
    );
  });

  Deno.test(`${name}.ts goes on when the file is deleted`, async () => {
    using place = new Place();
    await using process = await started(place, "0.001", "a".repeat(SIZE - 100));
    Deno.removeSync(place.file);
    if (name === "mmap_writer") {
      const { code, stderr } = await process.output(); // the same bytes get full
      assertEquals(code, 1);
      assertStringIncludes(stderr, "is full");
    } else {
      await process.until("stdout", /(read=a+\n){20}/);
      process.kill("SIGINT");
      assertEquals((await process.output()).code, 130);
    }
  });

  Deno.test(`${name}.ts says which flags are missing`, async () => {
    using place = new Place();
    Deno.writeFileSync(place.file, new Uint8Array(SIZE));
    const all = name === "mmap_writer" ? place.writeFlags : place.readFlags;
    for (const missing of all) {
      const flags = all.filter((flag) => flag !== missing);
      await using process = deno(`examples/${name}.ts`, [place.file, "--count", "1"], flags);
      const { code, stdout, stderr } = await process.output();
      assertEquals([code, stdout], [1, ""]);
      assertEquals(stderr.trimEnd().split("\n").length, 1);
      assertStringIncludes(stderr, "NotCapable: ");
      if (missing === "--allow-ffi") assertStringIncludes(stderr, missing);
      else assertStringIncludes(stderr, `Add to what you grant: ${all.slice(1).join(" ")}\n`);
    }
    place.assertHolds("");
  });

  Deno.test(`${name}.ts needs no more than its header says, for a relative path too`, async () => {
    using place = new Place();
    Deno.writeFileSync(place.file, new Uint8Array(SIZE));
    const flags = ["--allow-ffi", "--allow-read=letters"];
    if (name === "mmap_writer") flags.push("--allow-write=letters");
    await using process = deno(`examples/${name}.ts`, ["letters", "--count", "1"], flags, {
      cwd: place.directory,
    });
    const { code, stderr } = await process.output();
    assertEquals(code, 0, stderr);
  });

  Deno.test(`${name}.ts says why it can't map what is no file`, async () => {
    using place = new Place();
    Deno.mkdirSync(place.file);
    await using process = start(place);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "IsADirectory: Cannot ");
  });

  Deno.test(`${name}.ts explains itself on --help, and needs no permission for that`, async () => {
    await using process = deno(`examples/${name}.ts`, ["--help"], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "Usage: deno run --allow-ffi --allow-read=<file> ");
    assertStringIncludes(stdout, `examples/${name}.ts [options] <file>`);
  });

  Deno.test(`${name}.ts refuses a command line that makes no sense`, async () => {
    using place = new Place();
    for (
      const [args, message] of [
        [[], "<file> is missing"],
        [[place.file, "more"], "There is no argument more"],
        [[place.file, "--count", "0"], "--count must be a whole number from 1"],
        [[place.file, "--count", "1.5"], 'received "1.5"'],
        [[place.file, "--interval", "soon"], "--interval must be a number of seconds from 0"],
        [[place.file, "--interval=-1"], 'received "-1"'],
        [[place.file, "--size", "1"], "There is no option --size"],
      ] as const
    ) {
      await using process = deno(`examples/${name}.ts`, [...args], place.writeFlags);
      const { code, stdout, stderr } = await process.output();
      assertEquals([code, stdout], [2, ""]);
      assertStringIncludes(stderr, message);
    }
    assertEquals([...Deno.readDirSync(place.directory)], []);
  });
}

Deno.test("mmap_reader.ts goes on when the writer is killed, and the next writer where that was", async () => {
  using place = new Place();
  await using first = place.writer("--interval", "0.005");
  await first.until("stderr", "appending");
  await using reader = place.reader("--interval", "0.001");
  await place.letters(5);
  first.kill("SIGKILL");
  assertEquals((await first.output()).signal, "SIGKILL");
  const killedAt = Deno.readFileSync(place.file).indexOf(0);
  place.assertHolds("a".repeat(killedAt));
  await reader.until("stdout", `read=${"a".repeat(killedAt)}\n`);

  const { code, stderr } = await place.write("--count", "3");
  assertEquals(code, 0, stderr);
  assertEquals(stderr, `appending to the ${killedAt} bytes of text in ${place.file}\n`);
  place.assertHolds("a".repeat(killedAt + 3));
  await reader.until("stdout", `read=${"a".repeat(killedAt + 3)}\n`);
  reader.kill("SIGINT");
  assertEquals(assertGrew((await reader.output()).stdout), killedAt + 3);
});

Deno.test("mmap_writer.ts goes on when a reader is killed", async () => {
  using place = new Place();
  await using writer = place.writer("--interval", "0.005", "--count", "100");
  await writer.until("stderr", "appending");
  {
    await using reader = place.reader("--interval", "0.001");
    await reader.until("stdout", "read=a");
    reader.kill("SIGKILL");
    await reader.output();
  }
  assertEquals((await writer.output()).code, 0);
  place.assertHolds("a".repeat(100));
});

Deno.test("mmap_reader.ts may be started several times at once, and so may mmap_writer.ts", async () => {
  using place = new Place();
  Deno.writeFileSync(place.file, new Uint8Array(SIZE));
  const args = ["--interval", "0.001", "--count", "50"];
  await using reader = place.reader("--interval", "0.001");
  await using another = place.reader("--interval", "0.001");
  await using writer = place.writer(...args);
  await using rival = place.writer(...args);
  for (const process of [writer, rival]) assertEquals((await process.output()).code, 0);
  // Two that find the same end at the same time write one letter together; nothing else goes wrong.
  const count = Deno.readFileSync(place.file).indexOf(0);
  assert(count >= 50 && count <= 100, `${count}`);
  place.assertHolds("a".repeat(count));
  for (const process of [reader, another]) {
    await process.until("stdout", `read=${"a".repeat(count)}\n`);
    process.kill("SIGINT");
    assertEquals((await process.output()).code, 130);
  }
});

Deno.test({
  name: "a C program reads what mmap_writer.ts writes",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("mmap_reader");
    await using writer = place.writer("--interval", "0.02", "--count", "10");
    await writer.until("stderr", "appending");
    await using reader = new Process(program.file, [place.file, "1000000", "1"]);
    await reader.until("stdout", `read=${"a".repeat(10)}\n`);
    assertEquals((await writer.output()).code, 0);
    reader.kill("SIGTERM");
    assertEquals(assertGrew((await reader.output()).stdout), 10);
  },
});

Deno.test({
  name: "mmap_reader.ts reads what a C program writes",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("mmap_writer");
    await using writer = new Process(program.file, [place.file, "10", "20"]);
    await until(() => exists(place.file), "the C program makes the file");
    await using reader = place.reader("--interval", "0.001");
    await reader.until("stdout", `read=${"a".repeat(10)}\n`);
    assertEquals((await writer.output()).code, 0);
    reader.kill("SIGINT");
    assertEquals(assertGrew((await reader.output()).stdout), 10);
  },
});

Deno.test({
  name: "mmap_writer.ts goes on where a C program was killed, and a C program where it was",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("mmap_writer");
    {
      await using writer = new Process(program.file, [place.file, "1000000", "2"]);
      await until(() => exists(place.file), "the C program makes the file");
      await place.letters(3);
      writer.kill("SIGKILL");
      await writer.output();
    }
    const killedAt = Deno.readFileSync(place.file).indexOf(0);
    assertEquals((await place.write("--count", "2")).code, 0);
    place.assertHolds("a".repeat(killedAt + 2));
    assertEquals((await run(program.file, [place.file, "4", "0"])).code, 0);
    place.assertHolds("a".repeat(killedAt + 6));
  },
});

function exists(file: string): boolean {
  try {
    return Deno.statSync(file).size === SIZE;
  } catch {
    return false;
  }
}

// anonymous_parent_child.ts

const FAMILY = "examples/anonymous_parent_child.ts";
const FAMILY_FLAGS = ["--allow-ffi", "--allow-run"];

Deno.test("anonymous_parent_child.ts prints in the child what the parent wrote", async () => {
  await using process = deno(FAMILY, [], FAMILY_FLAGS);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stdout, stderr], [0, "read father val=1234567890\n", ""]);
});

Deno.test("anonymous_parent_child.ts explains itself on --help, and needs no permission for that", async () => {
  await using process = deno(FAMILY, ["--help"], []);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Usage: deno run --allow-ffi --allow-run ${FAMILY}`);
});

Deno.test("anonymous_parent_child.ts refuses a command line that makes no sense", async () => {
  for (
    const [args, message] of [
      [["text"], "There is no argument text"],
      [["--text=one"], "There is no option --text=one"],
    ] as const
  ) {
    await using process = deno(FAMILY, [...args], FAMILY_FLAGS);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, message);
  }
});

Deno.test("anonymous_parent_child.ts says which permission is missing", async () => {
  for (const missing of FAMILY_FLAGS) {
    await using process = deno(FAMILY, [], FAMILY_FLAGS.filter((flag) => flag !== missing));
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
    assertStringIncludes(stderr, missing);
  }
});

Deno.test("anonymous_parent_child.ts says so in a child that has not inherited the memory", async () => {
  using memfd = Memfd.create(SIZE); // which no child inherits
  await using process = deno(FAMILY, ["--child", memfd.handle]);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, `Cannot open ${memfd.handle}: this process doesn't have it`);
});

Deno.test({
  name: "anonymous_parent_child.ts prints what a parent in C wrote",
  ignore: NO_COMPILER || Deno.build.os !== "linux",
  async fn() {
    using program = await compile("anonymous_parent");
    const command = [Deno.execPath(), "run", "--no-prompt", `--config=${path("deno.json")}`];
    const { code, stdout, stderr } = await run(program.file, [
      "from C",
      ...command,
      "--allow-ffi",
      path(FAMILY),
      "--child",
    ]);
    assertEquals([code, stdout], [0, "read father val=from C\n"], stderr);
  },
});

Deno.test({
  name: "a child in C prints what a parent like anonymous_parent_child.ts wrote",
  ignore: NO_COMPILER || Deno.build.os !== "linux",
  async fn() {
    using program = await compile("anonymous_child");
    using memfd = Memfd.create(SIZE);
    using memory = memfd.map();
    memory.writeText("1234567890");
    memfd.inherit();
    const { code, stdout, stderr } = await run(program.file, [`${memfd.descriptor}`]);
    assertEquals([code, stdout], [0, "read father val=1234567890\n"], stderr);
  },
});

/**
 * A parent whose child has mapped the memory and can't end: it prints into a pipe that is full, and
 * that nobody reads.
 */
async function stuck(): Promise<{ parent: Process; childPid: number } & AsyncDisposable> {
  const fifo = Deno.makeTempFileSync({ prefix: "isthmus-fifo-" });
  const fill = "dd if=/dev/zero of=/dev/fd/3 bs=4096 oflag=nonblock 2>/dev/null";
  const script = `rm "$0" && mkfifo "$0" && exec 3<>"$0" && rm "$0"; ${fill}; exec "$@" >&3`;
  const command = [Deno.execPath(), "run", "--no-prompt", ...FAMILY_FLAGS, path(FAMILY)];
  const parent = new Process("sh", ["-c", script, fifo, ...command]);
  let childPid = 0;
  const dispose = async () => {
    try {
      if (childPid !== 0) Deno.kill(childPid, "SIGKILL");
    } catch {
      // It has ended.
    }
    await parent[Symbol.asyncDispose]();
  };
  try {
    await until(() => (childPid = childOf(parent.pid)) !== 0, "the parent starts its child");
    await until(() => proc(`${childPid}/maps`).includes("/memfd:"), "the child maps the memory");
    return { parent, childPid, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The child that a parent has started, or 0. */
function childOf(pid: number): number {
  const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)];
  const pids = tasks.flatMap(({ name }) => proc(`${pid}/task/${name}/children`).split(" "));
  return Number(pids.find((child) => proc(`${child}/cmdline`).includes("--child")) ?? 0);
}

/** A file of the system's about a process, or nothing once that has ended. */
function proc(file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${file}`);
  } catch {
    return "";
  }
}

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `anonymous_parent_child.ts ends its child on ${signal}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using family = await stuck();
      family.parent.kill(signal);
      const { code, stderr } = await family.parent.output();
      assertEquals(code, exitCode, stderr);
      assertEquals(proc(`${family.childPid}/cmdline`), "");
    },
  });
}

Deno.test({
  name: "anonymous_parent_child.ts tells how its child failed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using family = await stuck();
    Deno.kill(family.childPid, "SIGKILL");
    const { code, stderr } = await family.parent.output();
    assertEquals(code, 1);
    assertStringIncludes(
      stderr,
      `the child failed: process ${family.childPid} was ended by SIGKILL`,
    );
  },
});
