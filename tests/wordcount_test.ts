// wordcount.ts as a user runs it, beside wc; and its kernel, beside a plain way to count.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hashOf } from "../examples/_wordcount_assemble.ts";
import { Counter, type Kernel, loadKernel, WORKSPACE } from "../examples/_wordcount_counter.ts";
import { type Counts, join, NOTHING } from "../examples/_wordcount_counts.ts";
import { SOURCE_HASH } from "../examples/_wordcount_kernel.ts";
import { hasUtf8 } from "../examples/_wordcount_locale.ts";
import { countPiece, cut } from "../examples/_wordcount_pieces.ts";
import { countStream } from "../examples/_wordcount_stream.ts";
import { tempDirectory, tempFile } from "./_files.ts";
import { deno, type Output, path, run } from "./_process.ts";
import { random } from "./_random.ts";

const EXAMPLE = "examples/wordcount.ts";
const FLAGS = ["--allow-ffi", "--allow-read", "--allow-env=LC_ALL,LC_CTYPE,LANG"];

/** The locales to test, and whether they have UTF-8. */
const LOCALES = [["C.UTF-8", true], ["C", false]] as const;

const KERNELS = new Map<boolean, Kernel>(LOCALES.map(([, utf8]) => [utf8, loadKernel(utf8)]));

function kernelFor(utf8: boolean): Kernel {
  return KERNELS.get(utf8) ?? loadKernel(utf8);
}

const encoder = new TextEncoder();

/** Characters that are as old as anybody's Unicode: word characters, spaces, neutral ones. */
const CHARACTERS = [
  ..."éßяα中文、あ한ก€—\u0301😀𐍈\ufeff\u200b\ue000\u{10fffd}",
  ..."\u00a0\u2007\u202f\u2060\u2003\u3000\u1680",
  ..."\u0085\u2028\u2029\u0378\uffff\u{10ffff}",
];

/** What the buffers of the tests are made of. */
const PARTS: ((pick: (limit: number) => number) => ArrayLike<number>)[] = [
  () => encoder.encode("word"),
  (pick) => [0x21 + pick(94)],
  () => [0x20],
  () => [0x0A],
  (pick) => [0x09 + pick(5)],
  (pick) => [pick(0x20)],
  () => [0x7F],
  (pick) => [0x80 + pick(0x80)],
  (pick) => encoder.encode(CHARACTERS[pick(CHARACTERS.length)]),
  (pick) => {
    const whole = encoder.encode(CHARACTERS[pick(CHARACTERS.length)]);
    return whole.subarray(0, 1 + pick(whole.length)); // cut off
  },
  (pick) => [0xC0 + pick(2), 0x80 + pick(64)], // overlong
  (pick) => [0xE0, 0x80 + pick(32), 0x80 + pick(64)],
  (pick) => [0xF0, 0x80 + pick(16), 0x80 + pick(64), 0x80 + pick(64)],
  (pick) => [0xED, 0xA0 + pick(32), 0x80 + pick(64)], // a surrogate
  (pick) => [0xF4 + pick(4), 0x90 + pick(48), 0x80 + pick(64), 0x80 + pick(64)], // beyond 10FFFF
  (pick) => [0xF8 + pick(8), 0x80, 0x80, 0x80, 0x80],
  (pick) => encoder.encode(Array.from({ length: pick(400) }, () => "abcde \n\t"[pick(8)]).join("")),
  (pick) => new Uint8Array(pick(200)),
  (pick) => new Uint8Array(pick(200)).fill(0x61),
  (pick) => encoder.encode("я".repeat(pick(100))),
  (pick) => encoder.encode("\u3000あ".repeat(pick(40))),
];

/** A buffer of some of the parts. */
function buffer(pick: (limit: number) => number): Uint8Array<ArrayBuffer> {
  const parts = Array.from({ length: 1 + pick(6) }, () => PARTS[pick(PARTS.length)]);
  const length = pick(80);
  return Uint8Array.from(
    Array.from({ length }, () => Array.from(parts[pick(parts.length)](pick))).flat(),
  );
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The character that starts at a byte, if there is a whole one. */
function characterAt(bytes: Uint8Array, start: number, utf8: boolean): string | null {
  const first = bytes[start];
  if (first < 0x80) return String.fromCharCode(first);
  if (!utf8 || first < 0xC0) return null;
  const length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  const character = decoder.decode(bytes.subarray(start, start + length));
  return character.includes("\ufffd") ? null : character; // it stands for what isn't valid
}

/** Counts byte by byte, as the rules say it. */
function plainly(bytes: Uint8Array, utf8: boolean): { lines: number; words: number } {
  let lines = 0;
  let words = 0;
  let inside = false;
  for (let i = 0; i < bytes.length; i++) {
    const character = characterAt(bytes, i, utf8);
    if (character === null) continue;
    i += encoder.encode(character).length - 1;
    if (character === "\n") lines++;
    if (/[\t-\r\p{Zs}\u2060]/u.test(character)) {
      inside = false;
    } else if (!/[\p{Cn}\p{Cs}\p{Cc}\p{Zl}\p{Zp}]/u.test(character)) {
      if (!inside) words++;
      inside = true;
    }
  }
  return { lines, words };
}

const WASM_PAGE = 65536;

/** A memory with room for some bytes, and a counter for them. */
class Bench {
  readonly bytes: Uint8Array;
  readonly counter: Counter;

  constructor(utf8: boolean, size = 2 * WASM_PAGE) {
    const pages = size / WASM_PAGE + Math.ceil(WORKSPACE / WASM_PAGE);
    const memory = new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages });
    this.bytes = new Uint8Array(memory.buffer, 0, size);
    this.counter = new Counter(kernelFor(utf8), memory, size);
  }

  /** Counts bytes that stand somewhere between others, in stretches that end at the cuts. */
  count(content: Uint8Array, cuts: readonly number[] = [], at = 0, around = 0): Counts {
    this.bytes.fill(around, 0, at + content.length + 256);
    this.bytes.set(content, at);
    const end = at + content.length;
    let counts = NOTHING;
    let start = at;
    for (const stop of [...cuts.map((cut) => at + cut), end]) {
      counts = join(counts, this.counter.count(start, stop, Math.min(end, stop + 3)));
      start = stop;
    }
    return counts;
  }
}

function numbers({ lines, words, bytes }: Counts): number[] {
  return [lines, words, bytes];
}

for (const [locale, utf8] of LOCALES) {
  Deno.test(`the kernel counts random bytes as a plain program does, in ${locale}`, () => {
    const pick = random(1);
    const bench = new Bench(utf8);
    for (let i = 0; i < 1000; i++) {
      const content = buffer(pick);
      const { lines, words } = plainly(content, utf8);
      const expected = [lines, words, content.length];
      const at = pick(200);
      const around = [0x00, 0x20, 0x61, 0xBF][pick(4)];
      assertEquals(numbers(bench.count(content, [], at, around)), expected, `${content}`);
      const cuts = Array.from({ length: pick(9) }, () => pick(content.length + 1))
        .sort((a, b) => a - b);
      assertEquals(
        numbers(bench.count(content, cuts, at, around)),
        expected,
        `${content}, cut at ${cuts}`,
      );
    }
  });

  Deno.test(`the kernel counts the same wherever bytes are cut, in ${locale}`, () => {
    const bench = new Bench(utf8);
    for (
      const text of [
        "",
        "one",
        " a\n\x01b\x01 \x01c",
        "Ein größeres Wort — zwei\u00a0Wörter\n",
        "\u3000吾輩は猫である。\u3000名前は\u2028まだ無い。",
        "😀 \u{10fffd}\u2060😀x",
        "\x00\x01\x02",
        "word ".repeat(40) + "é" + "x".repeat(150) + "\n",
      ]
    ) {
      const content = encoder.encode(text);
      const { lines, words } = plainly(content, utf8);
      for (let cut = 0; cut <= content.length; cut++) {
        for (const cuts of [[cut], [cut, Math.min(cut + 1, content.length)]]) {
          assertEquals(
            numbers(bench.count(content, cuts)),
            [lines, words, content.length],
            `${JSON.stringify(text)}, cut at ${cuts}`,
          );
        }
      }
    }
  });
}

Deno.test("the kernel puts each code point into its class", () => {
  const bench = new Bench(true, WASM_PAGE);
  const wrong: string[] = [];
  for (let codePoint = 0x80; codePoint < 0x110000; codePoint++) {
    const isSurrogate = codePoint >= 0xD800 && codePoint < 0xE000;
    if (isSurrogate) continue; // they have no UTF-8
    const character = String.fromCodePoint(codePoint);
    const { written } = encoder.encodeInto(character, bench.bytes);
    const { first } = bench.counter.count(0, written, written);
    const expected = /[\p{Zs}\u2060]/u.test(character)
      ? 1
      : /[\p{Cn}\p{Cc}\p{Zl}\p{Zp}]/u.test(character)
      ? 0
      : 2;
    if (first !== expected) wrong.push(codePoint.toString(16));
  }
  assertEquals(wrong, []);
});

Deno.test("the kernel was made from _wordcount.wat as it is", async () => {
  const source = await Deno.readFile(path("examples/_wordcount.wat"));
  assertEquals(await hashOf(source), SOURCE_HASH, "run examples/_wordcount_assemble.ts");
});

Deno.test({
  name: "pieces of a file, cut anywhere, have together what the file has",
  ignore: Deno.build.os !== "linux", // elsewhere files are read
  fn() {
    const pick = random(2);
    const content = Uint8Array.from(
      Array.from({ length: 100 }, () => Array.from(buffer(pick))).flat(),
    );
    using file = tempFile(content);
    const kernel = kernelFor(true);
    const { lines, words } = plainly(content, true);
    for (const size of [content.length, 65536, 4096, 4097, 999]) {
      const counts = cut(file.path, content.length, size)
        .map((piece) => countPiece(kernel, piece))
        .reduce(join, NOTHING);
      assertEquals(numbers(counts), [lines, words, content.length], `pieces of ${size} bytes`);
    }
  },
});

Deno.test("a stream counts the same however much comes at once", async () => {
  const pick = random(3);
  for (let i = 0; i < 100; i++) {
    const content = buffer(pick);
    let done = 0;
    const input = {
      read(bytes: Uint8Array): Promise<number | null> {
        const part = content.subarray(done, done + 1 + pick(i));
        bytes.set(part);
        done += part.length;
        return Promise.resolve(part.length === 0 ? null : part.length);
      },
    };
    let counts = NOTHING;
    for await (counts of countStream(kernelFor(true), input));
    const { lines, words } = plainly(content, true);
    assertEquals(numbers(counts), [lines, words, content.length], `${content}`);
  }
});

Deno.test("hasUtf8() knows the codeset of a locale", () => {
  for (const locale of ["C.UTF-8", "de_DE.utf8", "en_US.UTF8", "de_DE.UTF-8@euro"]) {
    assertEquals(hasUtf8(locale), true, locale);
  }
  for (const locale of ["C", "POSIX", "de_DE", "de_DE.ISO-8859-1", "de_DE@euro", "utf8"]) {
    assertEquals(hasUtf8(locale), false, locale);
  }
});

/** Runs wordcount.ts. */
async function wordcount(
  args: string[],
  env: Record<string, string> = { LC_ALL: "C.UTF-8" },
  flags: string[] = FLAGS,
): Promise<Output> {
  await using process = deno(EXAMPLE, args, flags, { env });
  return await process.output();
}

/** Runs wordcount.ts through a line for the shell that has it as `"$@"`. */
async function wordcountInShell(line: string, args: string[] = []): Promise<Output> {
  const command = [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    `--config=${path("deno.json")}`,
  ];
  const words = [...command, ...FLAGS, path(EXAMPLE), ...args];
  return await run("sh", ["-c", line, "sh", ...words], { env: { LC_ALL: "C.UTF-8" } });
}

Deno.test("wordcount.ts prints lines, words and bytes of each file, and all together", async () => {
  using directory = tempDirectory();
  const small = directory.file("small", encoder.encode("one two\nthree\n"));
  const empty = directory.file("empty", 0);
  const one = await wordcount([small]);
  assertEquals([one.code, one.stdout, one.stderr], [0, ` 2  3 14 ${small}\n`, ""]);
  const { code, stdout, stderr } = await wordcount([small, empty, small]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout,
    ` 2  3 14 ${small}\n 0  0  0 ${empty}\n 2  3 14 ${small}\n 4  6 28 total\n`,
  );
});

Deno.test("wordcount.ts goes on behind what can't be counted, and fails in the end", async () => {
  using directory = tempDirectory();
  const small = directory.file("small", encoder.encode("one\n"));
  const { code, stdout, stderr } = await wordcount([
    directory.path,
    `${directory.path}/it isn't there`,
    "",
    small,
  ]);
  assertEquals(code, 1);
  assertEquals(
    stdout,
    `      0       0       0 ${directory.path}\n` +
      `      1       1       4 ${small}\n` +
      "      1       1       4 total\n",
  );
  assertEquals(
    stderr,
    `wc: ${directory.path}: Is a directory\n` +
      `wc: "${directory.path}/it isn't there": No such file or directory\n` +
      "wc: invalid zero-length file name\n",
  );
});

Deno.test("wordcount.ts counts its standard input, a file or a pipe, with a name or without", async () => {
  using file = tempFile(encoder.encode("one two\nthree\n"));
  for (
    const [line, args, expected] of [
      [`"$@" < '${file.path}'`, [], " 2  3 14\n"],
      [`"$@" < '${file.path}'`, ["-"], " 2  3 14 -\n"],
      [`cat '${file.path}' | "$@"`, [], "      2       3      14\n"],
      [
        `cat '${file.path}' | "$@"`,
        ["-", file.path],
        `      2       3      14 -\n      2       3      14 ${file.path}\n` +
        "      4       6      28 total\n",
      ],
    ] as const
  ) {
    const { code, stdout, stderr } = await wordcountInShell(line, [...args]);
    assertEquals([code, stdout, stderr], [0, expected, ""], line);
  }
});

Deno.test("wordcount.ts takes bytes for UTF-8 as the locale says, or as it is told", async () => {
  using file = tempFile(encoder.encode("ein\u00a0Wort ä\n"));
  const UTF8 = ["1", "3"];
  const BYTES = ["1", "1"];
  const unset = { LC_ALL: "", LC_CTYPE: "", LANG: "" };
  for (
    const [env, expected] of [
      [unset, BYTES],
      [{ ...unset, LANG: "C.UTF-8" }, UTF8],
      [{ ...unset, LC_CTYPE: "C", LANG: "C.UTF-8" }, BYTES],
      [{ LC_ALL: "de_DE.utf8", LC_CTYPE: "C", LANG: "C" }, UTF8],
    ] as const
  ) {
    const { stdout } = await wordcount([file.path], env);
    assertEquals(stdout.trim().split(/\s+/).slice(0, 2), expected, JSON.stringify(env));
  }
  const withoutEnv = ["--allow-ffi", "--allow-read"];
  const C = { LC_ALL: "C" };
  assertStringIncludes((await wordcount([file.path], C, withoutEnv)).stdout, " 1  3");
  assertStringIncludes((await wordcount(["--locale=utf8", file.path], C)).stdout, " 1  3");
  assertStringIncludes((await wordcount(["--locale", "c", file.path])).stdout, " 1  1");
});

/** A text of many pieces, whose words go on from one into the next. */
function longText(): Uint8Array<ArrayBuffer> {
  const LENGTH = 12_500_000;
  const text = encoder.encode("einige Wörter, größere und kleinere,\u3000und 😀\n");
  const bytes = new Uint8Array(LENGTH);
  for (let i = 0; i < LENGTH; i += text.length) bytes.set(text.subarray(0, LENGTH - i), i);
  bytes.fill(0x78, 2 ** 22 - 1000, 2 ** 22 + 1000); // a word that goes on into the second piece
  return bytes;
}

Deno.test("wordcount.ts counts the same with any number of Workers", async () => {
  using directory = tempDirectory();
  const long = directory.file("long", longText());
  const small = directory.file("small", encoder.encode("one two\n"));
  const expected = await wordcount([small, long, small, long, "--workers=0"]);
  assertEquals([expected.code, expected.stderr], [0, ""]);
  for (const workers of ["1", "2", "5"]) {
    const output = await wordcount(["--workers", workers, small, long, small, long]);
    assertEquals(output, expected, `${workers} Workers`);
  }
  // They may not read their code: the main thread counts.
  const flags = ["--allow-ffi", `--allow-read=${directory.path}`, FLAGS[2]];
  const alone = await wordcount(["--workers=2", small, long, small, long], undefined, flags);
  assertEquals(alone, expected);
});

for (const workers of ["1", "2"]) {
  Deno.test({
    name: `wordcount.ts with --workers ${workers} ends on Ctrl-C while it reads`,
    ignore: Deno.build.os === "windows",
    async fn() {
      using file = tempFile(longText());
      await using process = deno(EXAMPLE, ["--workers", workers, file.path, "-"], FLAGS);
      await process.until("stdout", "\n");
      process.kill("SIGINT");
      const { code, stdout, stderr } = await process.output();
      assertEquals([code, stderr], [130, ""]);
      assertMatch(stdout, /^ +\d+ +\d+ 12500000 .*\n$/);
    },
  });
}

Deno.test("wordcount.ts says which permissions it needs", async () => {
  using file = tempFile(encoder.encode("one\n"));
  for (
    const [flags, missing] of [
      [[], "--allow-read"],
      [["--allow-ffi"], "--allow-read"],
      [["--allow-read"], "--allow-ffi"],
    ] as const
  ) {
    for (const workers of ["0", "2"]) {
      const args = ["--workers", workers, file.path];
      const { code, stdout, stderr } = await wordcount(args, {}, [...flags]);
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(stderr, `run again with the ${missing} flag`);
      assertStringIncludes(stderr, `\`deno run --allow-ffi --allow-read ${EXAMPLE}\``);
    }
  }
});

Deno.test("wordcount.ts explains itself on --help", async () => {
  const { code, stdout, stderr } = await wordcount(["--help"], {}, []);
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Usage: deno run --allow-ffi --allow-read ${EXAMPLE} [options]`);
});

Deno.test("wordcount.ts refuses a command line that makes no sense", async () => {
  for (
    const [args, message] of [
      [["--locale", "latin1"], '--locale must be utf8 or c: received "latin1"'],
      [["--workers", "-1"], "There is no option -1"],
      [["--workers=1000"], "--workers must be a whole number from 0 to 256"],
      [["--lines"], "There is no option --lines"],
    ] as const
  ) {
    const { code, stdout, stderr } = await wordcount([...args]);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, message);
  }
});

/** Whether `wc` has the rules that we follow: GNU's, from before neutral characters made words. */
async function hasWc(): Promise<boolean> {
  try {
    const probe = "wc --version | grep -q coreutils && printf '\\001é\\001' | wc -mw";
    const { stdout } = await run("sh", ["-c", probe], { env: { LC_ALL: "C.UTF-8" } });
    const neutral = await run("sh", ["-c", "printf '\\001' | wc -w"]);
    return stdout.trim().split(/\s+/).join() === "1,3" && neutral.stdout.trim() === "0";
  } catch {
    return false;
  }
}

const WC = await hasWc();
if (!WC) console.log("skipped, there is no wc of GNU's with the rules of 9.1: the same numbers");

/** Runs `wc`, which is to call itself so. */
async function wc(files: string[], env: Record<string, string>): Promise<Output> {
  return await run("sh", ["-c", 'exec wc "$@"', "sh", ...files], { env });
}

for (const [locale] of LOCALES) {
  Deno.test({
    name: `wordcount.ts prints what wc prints, in ${locale}`,
    ignore: !WC,
    async fn() {
      const pick = random(4);
      using directory = tempDirectory();
      const files = Array.from({ length: 500 }, (_, i) => directory.file(`${i}`, buffer(pick)));
      files.push(directory.file("long", longText()));
      files.push(directory.file("a\nname", 3), directory.path, "no such: file", "");
      const env = { LC_ALL: locale };
      assertEquals(await wordcount(files, env), await wc(files, env));
      assertEquals(await wordcount(files.slice(0, 1), env), await wc(files.slice(0, 1), env));
    },
  });
}

Deno.test({
  name: "wordcount.ts reads what has no size, as wc does",
  ignore: !WC || Deno.build.os !== "linux",
  async fn() {
    const files = ["/proc/filesystems", "/proc/version", "/dev/null"]; // they stay as they are
    const env = { LC_ALL: "C.UTF-8" };
    const output = await wordcount(files, env, ["--allow-all"]);
    assertEquals(output, await wc(files, env));
  },
});
