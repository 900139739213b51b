// bank.ts and bank.c, as a user runs them: whoever is killed, and when, the sum stays.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bankAt } from "../examples/_bank.ts";
import { PosixSharedMemory } from "../mod.ts";
import { CC, noCompiler } from "./_c.ts";
import { until } from "./_objects.ts";
import { deno, type Output, path, Process, run } from "./_process.ts";
import { type Random, withRandom } from "./_random.ts";
import { test } from "./_sync.ts";

const EXAMPLE = "examples/bank.ts";
const ignore = noCompiler("bank.c");

/** A bank of its own, that is removed when it leaves scope, and its programs. */
async function setUp({ c = false } = {}) {
  const name = `/isthmus-bank-${crypto.randomUUID()}`;
  const executable = c ? await compileBank() : undefined;
  const program = (kind: "ts" | "c", ...args: string[]): Process =>
    kind === "ts" || executable === undefined
      ? deno(EXAMPLE, ["--name", name, ...args])
      : new Process(executable, ["--name", name, ...args]);
  return {
    name,
    program,
    /** How many transfers there were; 0 if there is no bank yet. */
    get transfers(): number {
      try {
        using object = PosixSharedMemory.open(name);
        using memory = object.map();
        return bankAt(memory).transfers;
      } catch {
        return 0;
      }
    },
    async output(kind: "ts" | "c", ...args: string[]): Promise<Output> {
      await using process = program(kind, ...args);
      return await process.output();
    },
    [Symbol.dispose]() {
      if (executable !== undefined) Deno.removeSync(executable);
      try {
        PosixSharedMemory.remove(name);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}

/** As the first lines of bank.c say. */
async function compileBank(): Promise<string> {
  if (CC === null) throw new Error("there is no C compiler");
  const file = Deno.makeTempFileSync({ prefix: "isthmus-bank-" });
  const args = ["-O2", "-Wall", "-Wextra", "-Werror", path("examples/bank.c"), "-o", file];
  const { code, stderr } = await run(CC, [...args, "-lrt", "-lpthread"]);
  assertEquals(code, 0, stderr);
  return file;
}

test("bank.ts transfers, alone and with others, and keeps the sum", async () => {
  using bank = await setUp();
  const first = await bank.output("ts", "--transfers", "500");
  assertEquals([first.code, first.stdout, first.stderr], [0, "500 transfers, total 16000\n", ""]);
  const two = await Promise.all([1, 2].map(() => bank.output("ts", "--transfers", "2000")));
  for (const { code, stderr } of two) assertEquals([code, stderr], [0, ""]);
  const { stdout } = await bank.output("ts", "--check");
  assertEquals(stdout, "4500 transfers, total 16000\n");
  assertEquals((await bank.output("ts", "--remove")).code, 0);
  const none = await bank.output("ts", "--remove");
  assertEquals(none.code, 1);
  assertStringIncludes(none.stderr, "NotFound");
});

test("bank.ts explains itself, refuses nonsense, and stops on Ctrl-C", async () => {
  using bank = await setUp();
  assertStringIncludes((await bank.output("ts", "--help")).stdout, "--transfers");
  for (const args of [["--transfers", "-1"], ["--die-at", "8"], ["surplus"], ["--no"]]) {
    assertEquals((await bank.output("ts", ...args)).code, 2);
  }
  await using endless = bank.program("ts", "--transfers", "0");
  await until(() => bank.transfers > 0, "it transfers");
  endless.kill("SIGINT");
  const { code, stdout } = await endless.output();
  assertEquals(code, 0);
  assertMatch(stdout, /^\d+ transfers, total 16000\n$/);
});

test({
  name: "bank.c and bank.ts transfer at the same time, whoever opens the accounts",
  ignore,
  async fn() {
    for (const first of ["c", "ts"] as const) {
      using bank = await setUp({ c: true });
      const none = await bank.output(first, "--check");
      assertEquals(none.code, 1); // it only looks, and creates nothing
      const { stdout } = await bank.output(first, "--transfers", "1");
      assertEquals(stdout, "1 transfers, total 16000\n");
      const kinds = ["c", "ts", "c"] as const;
      const done = await Promise.all(
        kinds.map((kind) => bank.output(kind, "--transfers", "20000")),
      );
      for (const { code, stderr } of done) assertEquals([code, stderr], [0, ""]);
      assertEquals((await bank.output("c", "--check")).stdout, "60001 transfers, total 16000\n");
      assertEquals((await bank.output("ts", "--check")).stdout, "60001 transfers, total 16000\n");
    }
  },
});

test({
  name: "killed at each step of a transfer, the other program finishes or forgets it",
  ignore,
  async fn() {
    using bank = await setUp({ c: true });
    for (const [dies, repairs] of [["c", "ts"], ["ts", "c"]] as const) {
      for (let step = 1; step <= 6; step++) {
        const { signal, code, stderr } = await bank.output(dies, "--die-at", String(step));
        assertEquals(signal, "SIGKILL", `step ${step}: ${code} ${stderr}`);
        if (step % 2) { // and one that dies before it has repaired anything
          const second = await bank.output(dies, "--die-at", "7");
          assertEquals(second.signal, "SIGKILL");
        }
        const next = await bank.output(repairs, "--transfers", "10");
        assertEquals(next.code, 0, next.stderr);
        const finished = step >= 3 && step <= 5;
        assertStringIncludes(next.stderr, finished ? "finished its transfer" : "changed nothing");
        assertStringIncludes(next.stdout, "total 16000");
      }
    }
  },
});

test({
  name: "killed at random moments, again and again, the sum stays",
  ignore,
  fn: () => withRandom(killAtRandom),
});

async function killAtRandom(random: Random): Promise<void> {
  using bank = await setUp({ c: true });
  // Killed before the accounts are open, one would leave none.
  assertEquals((await bank.output("c", "--transfers", "1")).code, 0);
  const pause = (most: number) => new Promise((resolve) => setTimeout(resolve, random(most)));
  for (let round = 0; round < 12; round++) {
    const before = bank.transfers;
    await using ts = bank.program("ts", "--transfers", "0");
    await until(() => bank.transfers > before, "bank.ts transfers");
    await using c = bank.program("c", "--transfers", "0");
    await until(() => mapsOf(c.pid).includes(bank.name), "bank.c has the accounts");
    await pause(50);
    const [first, second] = round % 2 ? [c, ts] : [ts, c];
    first.kill("SIGKILL");
    await first.output();
    await pause(20);
    second.kill("SIGKILL");
    await second.output();
    const { code, stdout, stderr } = await bank.output(round % 3 ? "c" : "ts", "--check");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "total 16000");
    assert(parseInt(stdout) > before, stdout);
  }
}

/** What a process has mapped. */
function mapsOf(pid: number): string {
  return Deno.readTextFileSync(`/proc/${pid}/maps`);
}
