// examples/pipeline.ts, as people start it.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { countWords, mostFrequent, pieces } from "../examples/_pipeline_words.ts";
import { deno } from "./_process.ts";
import { test } from "./_sync.ts";

const FLAGS = ["--allow-ffi", "--allow-run", "--allow-read"];

/** Starts the example. */
function pipeline(...args: string[]) {
  return deno("examples/pipeline.ts", args, FLAGS);
}

/** A text in a file, and its name. */
function textFile(text: string): { file: string } & Disposable {
  const file = Deno.makeTempFileSync({ prefix: "isthmus-pipeline-" });
  Deno.writeTextFileSync(file, text);
  return { file, [Symbol.dispose]: () => Deno.removeSync(file) };
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
  assertMatch(stderr, /read: \d+ messages, \d+\/s, \d+ % full \| counted: /);
});

test("pipeline.ts counts no words in an empty file", async () => {
  using text = textFile("");
  await using process = pipeline(text.file);
  const { code, stdout } = await process.output();
  assertEquals([code, stdout], [0, "0 words, 0 different ones\n"]);
});

test("pipeline.ts says what is wrong", async () => {
  const cases: [args: string[], code: number, message: RegExp][] = [
    [[], 2, /Which file\?/],
    [["a", "b"], 2, /no argument b/],
    [["--workers", "0", "a"], 2, /--workers must be a whole number from 1 to 32/],
    [["/nowhere/at/all"], 1, /NotFound/],
  ];
  for (const [args, expected, message] of cases) {
    await using process = pipeline(...args);
    const { code, stderr } = await process.output();
    assertEquals(code, expected, stderr);
    assertMatch(stderr, message);
  }
});

test("pipeline.ts ends all its processes on Ctrl-C", async () => {
  using text = textFile("some words ".repeat(3_000_000));
  await using process = pipeline("--workers", "1", text.file);
  await process.until("stderr", "messages");
  process.kill("SIGINT");
  const { code } = await process.output();
  assertEquals(code, 130); // and the runner finds no process and no segment
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
