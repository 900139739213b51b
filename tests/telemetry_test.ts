// telemetry.ts, as a user runs it.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LockedTelemetry, Telemetry } from "../examples/_telemetry.ts";
import { formatKey, ftok, Segment, SemaphoreSet } from "../mod.ts";
import { isInstalled } from "./_c.ts";
import { cleanup, until } from "./_objects.ts";
import { deno, path, type Process, run } from "./_process.ts";

const ID = 0x72;
const PROGRAM = "examples/telemetry.ts";
const LINE = /^ *\d+\/s, \d+ ms old: "(.*)" at \(.*\) m, \(.*\) m\/s$/;

/** What a watcher says when nothing new comes, in the middle of a write (which is rare) or not. */
const SILENT = /no news from the publisher|died in the middle of a write/;

/** A directory, and so a key, for one test; what it leaves by that key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-telemetry-" });
  readonly key = ftok(this.path, ID);
  readonly #cleanup = cleanup(this.key);

  start(...args: string[]): Process {
    return deno(PROGRAM, [...args, "--path", this.path]);
  }

  /** A publisher whose first record is there. */
  async publisher(...args: string[]): Promise<Process> {
    const publisher = this.start("publish", ...args);
    await publisher.until("stderr", "publishing");
    return publisher;
  }

  watcher(...args: string[]): Process {
    return this.start("watch", "--interval", "0.01", ...args);
  }

  assertNothingLeft(): void {
    assertEquals(Segment.list().filter(({ key }) => key === this.key), []);
    assertEquals(SemaphoreSet.list().filter(({ key }) => key === this.key), []);
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

/** Ends a process as Ctrl-C does. */
async function interrupt(...processes: Process[]): Promise<void> {
  for (const process of processes) {
    process.kill("SIGINT");
    const { code, stderr } = await process.output();
    assertEquals(code, 130, stderr);
  }
}

/** Ends a process as nobody can prepare for. */
async function kill(process: Process): Promise<void> {
  process.kill("SIGKILL");
  assertEquals((await process.output()).signal, "SIGKILL");
}

/** The names in the lines that a watcher has shown; all its lines must be such. */
function names(stdout: string): string[] {
  return stdout.split("\n").slice(0, -1).map((line) => {
    const match = LINE.exec(line);
    assert(match !== null, line);
    return match[1];
  });
}

Deno.test("telemetry.ts shows what another process publishes", async () => {
  using place = new Place();
  await using publisher = await place.publisher("--name", "sonde 🛰️");
  const segment = Segment.open(place.key);
  assertEquals(segment.status().mode, 0o600);
  assertEquals(SemaphoreSet.openSync(place.key).status().mode, 0o600);
  await using watcher = place.watcher("--count", "5");
  const { code, stdout, stderr } = await watcher.output();
  assertEquals(code, 0, stderr);
  assertEquals(names(stdout), Array(5).fill("sonde 🛰️"));
  await interrupt(publisher);
  place.assertNothingLeft();
});

Deno.test("telemetry.ts publishes about 1000 whole records a second", async () => {
  using place = new Place();
  await using publisher = await place.publisher();
  {
    using memory = Segment.open(place.key).attach({ access: "read" });
    const telemetry = LockedTelemetry.at(memory);
    const [writes, start] = [telemetry.writes, performance.now()];
    let last = 0;
    await until(() => {
      const { name, timestamp, position, velocity } = telemetry.readSync();
      assertEquals(name, "probe");
      assert(timestamp >= last);
      last = timestamp;
      assert(Math.abs(Math.hypot(position.x, position.y) - 1) < 1e-9);
      assertEquals(velocity, { x: -position.y, y: position.x });
      return telemetry.writes - writes >= 500;
    }, "500 records are written");
    // However slow the machine is, there are not more than that; it may catch up 100 ms.
    const written = telemetry.writes - writes;
    const elapsed = performance.now() - start;
    assert(written <= elapsed + 150, `${written} in ${elapsed} ms`);
  }
  await interrupt(publisher);
});

Deno.test("telemetry.ts shows the same to any number of watchers", async () => {
  using place = new Place();
  await using publisher = await place.publisher();
  await using first = place.watcher("--count", "20");
  await using second = place.watcher("--count", "20");
  await using third = place.watcher();
  for (const watcher of [first, second]) {
    const { code, stdout, stderr } = await watcher.output();
    assertEquals([code, names(stdout).length], [0, 20], stderr);
  }
  await third.until("stdout", "/s, ");
  await interrupt(third, publisher);
  place.assertNothingLeft();
});

Deno.test("telemetry.ts watch waits for a publisher, and for the next when that has ended", async () => {
  using place = new Place();
  await using watcher = place.watcher();
  for (
    const [name, waiting] of [["one", /waiting for one\n/], [
      "two",
      /(waiting for one\n[^]*){2}/,
    ]] as const
  ) {
    await watcher.until("stderr", waiting);
    await using publisher = await place.publisher("--name", name);
    await watcher.until("stdout", `"${name}"`);
    await interrupt(publisher);
    place.assertNothingLeft();
  }
  await interrupt(watcher);
});

Deno.test("telemetry.ts publish takes over when a publisher was killed, and watchers go on", async () => {
  using place = new Place();
  await using watcher = place.watcher();
  await using first = await place.publisher("--name", "one");
  await watcher.until("stdout", '"one"');
  const { id } = Segment.open(place.key);
  await kill(first);
  await watcher.until("stderr", SILENT);
  await using second = await place.publisher("--name", "two");
  assertEquals(Segment.open(place.key).id, id);
  await watcher.until("stdout", '"two"');
  await interrupt(second, watcher);
  const { stderr } = await second.output();
  assert(stderr.startsWith("taking over from a publisher that was killed\n"), stderr);
  const ready = `publishing "two": segment ${id} with key ${formatKey(place.key)}\n`;
  assert(stderr.endsWith(ready), stderr);
  place.assertNothingLeft();
});

Deno.test("telemetry.ts repairs the record that a publisher died in the middle of writing", async () => {
  using place = new Place();
  await using first = await place.publisher("--name", "one");
  await kill(first);
  {
    // As it would be if it had been killed one moment before.
    using memory = Segment.open(place.key).attach();
    const sequence = memory.array(Uint32Array, { length: 1 });
    Atomics.or(sequence, 0, 1);
    Telemetry.at(memory, { offset: LockedTelemetry.struct.offsetOf("record") }).name = "torn";
  }
  await using watcher = place.watcher();
  await watcher.until("stderr", "the publisher died in the middle of a write, or was stopped\n");
  await using second = await place.publisher("--name", "two");
  await watcher.until("stdout", '"two"');
  await interrupt(watcher, second);
  assertEquals(new Set(names((await watcher.output()).stdout)), new Set(["two"]));
  assertStringIncludes(
    (await second.output()).stderr,
    "taking over from a publisher that was killed\n" +
      "that was in the middle of a write: its record is replaced\n",
  );
  place.assertNothingLeft();
});

Deno.test("telemetry.ts publish goes on when a watcher is killed, and another comes", async () => {
  using place = new Place();
  await using publisher = await place.publisher();
  for (let time = 0; time < 2; time++) {
    await using watcher = place.watcher();
    await watcher.until("stdout", "/s, ");
    await kill(watcher);
  }
  assertEquals(Segment.open(place.key).status().nattch, 1);
  await interrupt(publisher);
  place.assertNothingLeft();
});

Deno.test("telemetry.ts goes on where a publisher that was stopped goes on", async () => {
  using place = new Place();
  await using publisher = await place.publisher();
  await using watcher = place.watcher();
  publisher.kill("SIGSTOP");
  await watcher.until("stderr", SILENT);
  {
    using memory = Segment.open(place.key).attach({ access: "read" });
    const telemetry = LockedTelemetry.at(memory);
    const before = telemetry.writes;
    publisher.kill("SIGCONT");
    await until(() => telemetry.writes > before + 10, "the publisher goes on");
  }
  await interrupt(watcher, publisher);
  place.assertNothingLeft();
});

Deno.test("a second telemetry.ts publish says that there is one, and leaves it alone", async () => {
  using place = new Place();
  await using publisher = await place.publisher();
  await using second = place.start("publish", "--name", "two");
  const { code, stdout, stderr } = await second.output();
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    `Busy: another publisher has the key ${formatKey(place.key)}: end it, or give another --id\n`,
  );
  await using watcher = place.watcher("--count", "3");
  assertEquals(names((await watcher.output()).stdout), Array(3).fill("probe"));
  await using other = await place.publisher("--id", "0x7f");
  await interrupt(other, publisher);
  place.assertNothingLeft();
});

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`telemetry.ts leaves nothing behind on ${signal}`, async () => {
    using place = new Place();
    await using watcher = place.watcher("--interval", "1000");
    await using publisher = await place.publisher();
    await until(() => Segment.open(place.key).status().nattch === 2, "the watcher attaches");
    for (const process of [publisher, watcher]) {
      process.kill(signal);
      const { code, stderr } = await process.output();
      assertEquals(code, exitCode, stderr);
      place.assertNothingLeft();
    }
  });
}

Deno.test("telemetry.ts shows no control characters of a name", async () => {
  using place = new Place();
  await using publisher = await place.publisher("--name", "\x1b[31mred\n");
  await using watcher = place.watcher("--count", "1");
  const { stdout } = await watcher.output();
  assertEquals(names(stdout), ["\\x1b[31mred\\n"]);
  await interrupt(publisher);
});

Deno.test({
  name: "telemetry.ts watch changes one line of a terminal",
  ignore: noTerminal("telemetry.ts on a terminal"),
  async fn() {
    using place = new Place();
    await using publisher = await place.publisher();
    const flags = `run --no-prompt --allow-ffi --config=${path("deno.json")}`;
    const watch = `${PROGRAM} watch --interval 0.01 --count 5 --path ${place.path}`;
    const command = `stty cols 40; cd ${path("")}; ${Deno.execPath()} ${flags} ${watch}`;
    const { code, stdout, stderr } = await run("script", ["-qec", command, "/dev/null"]);
    assertEquals(code, 0, stderr);
    assert(stdout.endsWith("\x1b[K\r\n"), stdout);
    const lines = stdout.split("\x1b[K").slice(0, -1).map((part) => part.split("\r").at(-1) ?? "");
    assertEquals(lines.length, 5);
    for (const line of lines) {
      assert(/^ *\d+\/s, \d+ ms old: /.test(line), line);
      assertEquals(line.length, 39); // one column is left free
    }
    await interrupt(publisher);
  },
});

/** Says once why a test is skipped that needs a terminal; for `ignore`. */
function noTerminal(tests: string): boolean {
  // util-linux's; the one of macOS takes its command otherwise.
  const missing = Deno.build.os !== "linux" || !isInstalled("script");
  if (missing) console.log(`skipped, there is no script(1) that makes a terminal: ${tests}`);
  return missing;
}

Deno.test("telemetry.ts explains itself on --help, and needs no permission for that", async () => {
  await using process = deno(PROGRAM, ["--help"], []);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Usage: deno run --allow-ffi ${PROGRAM} publish [options]`);
});

Deno.test("telemetry.ts refuses a command line that makes no sense", async () => {
  using place = new Place();
  for (
    const [args, message] of [
      [[], "Say publish or watch"],
      [["listen"], "Say publish or watch"],
      [["watch", "more"], "There is no argument more"],
      [["watch", "--size", "1"], "There is no option --size"],
      [["watch", "--name", "me"], "--name is for publish"],
      [["watch", "--count", "0"], "--count must be a whole number from 1"],
      [["watch", "--interval", "soon"], "--interval must be a number of seconds"],
      [["watch", "--id", "256"], "--id must be a whole number from 1 to 255"],
      [["publish", "--count", "1"], "--count is for watch"],
      [["publish", "--interval", "1"], "--interval is for watch"],
      [["publish", "--name", "x".repeat(32)], "telemetry.name must take at most 31 bytes"],
    ] as const
  ) {
    await using process = place.start(...args);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, message);
  }
  place.assertNothingLeft();
});

Deno.test("telemetry.ts says what is wrong with a segment of another program", async () => {
  using place = new Place();
  using _segment = Segment.create(place.key, LockedTelemetry.size - 1, { removeOnDispose: true });
  for (const role of ["publish", "watch"]) {
    await using process = place.start(role);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
    assertStringIncludes(stderr, `it has ${LockedTelemetry.size - 1} bytes`);
  }
  assertEquals(SemaphoreSet.list().filter(({ key }) => key === place.key), []);
});

Deno.test("telemetry.ts says which permission is missing", async () => {
  for (const role of ["publish", "watch"]) {
    await using process = deno(PROGRAM, [role], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
    assertStringIncludes(stderr, "--allow-ffi");
  }
});
