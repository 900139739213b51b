// examples/pipeline.ts, as people start it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { countWords, mostFrequent, pieces } from "../examples/_pipeline_words.ts";
import { Channel, mapFile } from "../mod.ts";
import { isInstalled } from "./_c.ts";
import { allEnded, childrenOf, childWith, interruptAll } from "./_family.ts";
import { until } from "./_objects.ts";
import { deno, path, Process, run } from "./_process.ts";
import { test } from "./_sync.ts";

const FLAGS = ["--allow-ffi", "--allow-run", "--allow-read"];

/** Starts the example. */
function pipeline(...args: string[]) {
  return deno("examples/pipeline.ts", args, FLAGS);
}

/** A text in a file, and its name. */
function textFile(text: string, suffix = ""): { file: string } & Disposable {
  const file = Deno.makeTempFileSync({ prefix: "isthmus-pipeline-", suffix });
  Deno.writeTextFileSync(file, text);
  return { file, [Symbol.dispose]: () => Deno.removeSync(file) };
}

/** The example with two workers, all of whom wait: the text never comes. */
async function stuck(): Promise<{ process: Process } & AsyncDisposable> {
  const directory = Deno.makeTempDirSync({ prefix: "isthmus-pipeline-" });
  const file = `${directory}/fifo`;
  await run("mkfifo", [file]);
  const process = pipeline(file);
  return {
    process,
    async [Symbol.asyncDispose]() {
      await process[Symbol.asyncDispose]();
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

/** Waits until the reader and two workers are there, and the writer. */
async function attached(process: Process): Promise<void> {
  const { args } = await childWith(process, "--writer");
  const fd = args.find((arg) => arg.startsWith("memfd:"))?.split(":")[2];
  using memory = mapFile(`/proc/${process.pid}/fd/${fd}`, { access: "readwrite" });
  const toWorkers = Channel.open(memory);
  const fromWorkers = Channel.open(memory, { offset: toWorkers.byteLength });
  await until(
    () => [toWorkers, fromWorkers].every((channel) => channel.stat().participants.length === 3),
    "all are attached",
  );
}

test("pipeline.ts counts the words of a text in several processes", async () => {
  const words = ["Über", "die", "Brücke", "don't", "naïve", "日本語", "1234", "the"];
  const times = (i: number) => 5000 * (i + 1);
  const lines: string[] = [];
  for (let round = 0; round < times(words.length - 1); round++) {
    lines.push(words.filter((_, i) => round < times(i)).join(round % 7 === 0 ? "\n" : ", "));
  }
  using text = textFile(lines.join("\n"));
  await using process = pipeline("--workers", "3", "--top", "8", text.file);
  const { code, stdout, stderr } = await process.output();
  const total = words.reduce((sum, _, i) => sum + times(i), 0);
  const table = words.map((word, i) => `${times(i)} ${word.toLowerCase()}`).toReversed();
  assertEquals(code, 0, stderr);
  assertEquals(stdout, `${total} words, 8 different ones\n${table.join("\n")}\n`);
  assertMatch(stderr, /^(read: \d+ messages, \d+\/s, \d+ % full \| counted: .* full\n)+$/);
  assert(!stderr.includes("\r") && !stderr.includes("\x1b"), stderr); // which are for terminals
});

test("pipeline.ts counts no words in an empty file", async () => {
  using text = textFile("");
  await using process = pipeline(text.file);
  const { code, stdout } = await process.output();
  assertEquals([code, stdout], [0, "0 words, 0 different ones\n"]);
});

test("pipeline.ts reads files with a comma in their names", async () => {
  using text = textFile("one two", ", and more");
  await using process = pipeline("--top", "0", text.file);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stdout], [0, "2 words, 2 different ones\n"], stderr);
});

test("pipeline.ts says what is wrong", async () => {
  const cases: [args: string[], code: number, message: RegExp][] = [
    [[], 2, /^Which file\?\n/],
    [["a", "b"], 2, /^There is no argument b\n/],
    [["--workers", "0", "a"], 2, /^--workers must be a whole number from 1 to 32/],
    [["/nowhere/at/all"], 1, /^NotFound: .*\n$/],
    [["toString"], 1, /^NotFound: .*\n$/],
    [["/"], 1, /\nreader: IsADirectory: .*\nError: the reader failed: process \d+ .* code 1\n$/],
  ];
  for (const [args, expected, message] of cases) {
    await using process = pipeline(...args);
    const { code, stderr } = await process.output();
    assertEquals(code, expected, stderr);
    assertMatch(stderr, message);
  }
});

test("pipeline.ts explains itself on --help, and needs no permission for that", async () => {
  await using process = deno("examples/pipeline.ts", ["--help"], []);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^Usage: deno run --allow-ffi --allow-run --allow-read examples\/pipeline\.ts/,
  );
});

test("pipeline.ts reads no file that it may not read itself", async () => {
  using text = textFile("secret");
  await using process = deno("examples/pipeline.ts", [text.file], ["--allow-ffi", "--allow-run"]);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^NotCapable: Requires read access .*\n$/);
});

test({
  name: "pipeline.ts writes an error below the line that changes, in a terminal",
  ignore: !isInstalled("script"),
  async fn() {
    const command = [Deno.execPath(), "run", "--no-prompt", ...FLAGS, path("examples/pipeline.ts")];
    await using process = new Process("script", ["-qec", [...command, "/"].join(" "), "/dev/null"]);
    const { code, stdout } = await process.output();
    assertEquals(code, 1, stdout);
    const [live, error] = stdout.split("\r\n");
    assert(live.endsWith(" full\x1b[K"), stdout);
    assertMatch(error, /^reader: IsADirectory: /);
  },
});

for (const role of ["reader", "worker", "writer"]) {
  test(`pipeline.ts says that its ${role} was killed, and ends the others`, async () => {
    await using pipeline = await stuck();
    const { process } = pipeline;
    await attached(process);
    const { pid } = await childWith(process, `--${role}`);
    Deno.kill(pid, "SIGKILL");
    const { code, stdout, stderr } = await allEnded(process);
    assertEquals([code, stdout], [1, ""]);
    const name = role === "worker" ? "worker [12]" : `the ${role}`;
    assertMatch(
      stderr,
      new RegExp(`\nError: ${name} failed: process ${pid} was ended by SIGKILL\n$`),
    );
  });
}

test("pipeline.ts leaves nobody behind when it is killed, at once or later", async () => {
  for (const ready of [attached, (process: Process) => childWith(process, "--reader")]) {
    await using pipeline = await stuck();
    const { process } = pipeline;
    await ready(process);
    process.kill("SIGKILL");
    await allEnded(process);
  }
});

test("pipeline.ts ends all its processes on Ctrl-C", async () => {
  using text = textFile("some words ".repeat(3_000_000));
  await using process = pipeline("--workers", "1", text.file);
  await process.until("stderr", "messages");
  process.kill("SIGINT");
  const { code, stderr } = await allEnded(process);
  assertEquals(code, 130); // and the runner finds no process
  assertMatch(stderr, /^(read: .*\n)+$/);
});

test("pipeline.ts says nothing of children that Ctrl-C ended before it", async () => {
  await using pipeline = await stuck();
  const { process } = pipeline;
  await until(() => childrenOf(process).length === 4, "all are started");
  interruptAll(process);
  const { code, stderr } = await allEnded(process);
  assertEquals(code, 130);
  assertMatch(stderr, /^(read: .*\n)+$/);
});

test("a text is cut between words, and never within a character", async () => {
  const text = "ä ö\tü\nword ".repeat(20_000) + "日本語".repeat(40_000);
  const bytes = new TextEncoder().encode(text);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 9973) yield bytes.subarray(at, at + 9973);
    await Promise.resolve();
  }
  const cut: string[] = [];
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const piece of pieces(chunks())) {
    assert(piece.length <= 64 * 1024);
    cut.push(decoder.decode(piece));
  }
  assertEquals(cut.join(""), text);
  assert(cut.length > 5);
  assert(cut.slice(0, 3).every((piece) => /\s$/.test(piece)));
});

test("words are counted without regard to case", () => {
  const found = countWords(new TextEncoder().encode("The cat's hat: the CAT’S hat."));
  assertEquals(mostFrequent(new Map(found), 3), [["hat", 2], ["the", 2], ["cat's", 1]]);
});
