// counter.ts, as a user runs it; and its workers, beside a C program and killed ones.

import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { IPC_PRIVATE, Segment, SemaphoreSet } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { until } from "./_objects.ts";
import { deno, type Output, Process } from "./_process.ts";

const EXAMPLE = "examples/counter.ts";
const FLAGS = ["--allow-ffi", "--allow-run"];

/** More than any test waits for. */
const ENDLESS = 100_000_000;

async function counter(...args: string[]): Promise<Output> {
  await using process = deno(EXAMPLE, args, FLAGS);
  return await process.output();
}

/** The segment and the set that counter.ts names on its standard error. */
function objects(stderr: string): { segmentId: number; setId: number } {
  const match = stderr.match(/segment (\d+) with semaphore set (\d+)/);
  if (match === null) throw new Error(`counter.ts names no objects: ${stderr}`);
  return { segmentId: Number(match[1]), setId: Number(match[2]) };
}

function assertNothingLeft(stderr: string): void {
  const { segmentId, setId } = objects(stderr);
  assertEquals(Segment.list().some(({ id }) => id === segmentId), false);
  assertEquals(SemaphoreSet.list().some(({ id }) => id === setId), false);
}

Deno.test("counter.ts counts exactly, and leaves nothing behind", async () => {
  for (
    const [args, total] of [
      [[], 40_000],
      [["--processes", "3", "--times", "1001"], 3003],
      [["--processes=1", "--times=1"], 1],
    ] as const
  ) {
    const { code, stdout, stderr } = await counter(...args);
    assertEquals([code, stdout], [0, `total ${total} of ${total}\n`], stderr);
    assertNothingLeft(stderr);
  }
});

Deno.test("counter.ts --no-guard loses updates, and tells how many", async () => {
  const { code, stdout, stderr } = await counter("--no-guard");
  assertEquals(code, 0, stderr);
  const [total, all, lost] = (stdout.match(/^total (\d+) of (\d+), (\d+) were lost\n$/) ?? [])
    .slice(1).map(Number);
  assertEquals(all, 40_000, stdout);
  assertEquals(total, all - lost);
  assertLess(0, lost);
  assertNothingLeft(stderr);
});

Deno.test("counter.ts explains itself on --help", async () => {
  const { code, stdout, stderr } = await counter("--help");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Usage: deno run --allow-ffi --allow-run ${EXAMPLE} [options]`);
});

Deno.test("counter.ts refuses a command line that makes no sense", async () => {
  for (
    const [args, message] of [
      [["--processes", "0"], "--processes must be a whole number from 1 to 100"],
      [["--processes", "1.5"], 'received "1.5"'],
      [["--times", "-1"], "There is no option -1"],
      [["--times=-1"], 'received "-1"'],
      [["--times", "1000000000"], "--times must be a whole number from 1 to 536870911"],
      [["--guard"], "There is no option --guard"],
      [["4"], "There is no argument 4"],
    ] as const
  ) {
    const { code, stdout, stderr } = await counter(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, message);
  }
});

Deno.test("counter.ts fails without --allow-run, and leaves nothing behind", async () => {
  await using process = deno(EXAMPLE);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "--allow-run");
  assertNothingLeft(stderr);
});

/** A segment and a set for workers that the test starts itself, with the gate for some of them. */
class Parent implements Disposable {
  readonly segment = Segment.create(IPC_PRIVATE, 4, { removeOnDispose: true });
  readonly set: SemaphoreSet;

  constructor(workers: number) {
    this.set = SemaphoreSet.create(IPC_PRIVATE, [1, workers], { removeOnDispose: true });
  }

  /** Starts a worker of counter.ts. */
  worker(times: number): Process {
    const { segment, set } = this;
    return deno(EXAMPLE, ["--worker", `${segment.id}`, `${set.id}`, `${times}`, "1"]);
  }

  /** What the workers have counted. */
  total(): number {
    using memory = this.segment.attach({ access: "read" });
    return memory.array(Int32Array).at(0) ?? NaN;
  }

  [Symbol.dispose](): void {
    this.segment[Symbol.dispose]();
    this.set[Symbol.dispose]();
  }
}

async function assertSuccess(...processes: Process[]): Promise<void> {
  for (const process of processes) {
    const { code, stderr } = await process.output();
    assertEquals(code, 0, stderr);
  }
}

Deno.test({
  name: "counter.ts and a C program count together, exactly",
  ignore: noCompiler("the counter with a C program"),
  async fn() {
    const TIMES = 5000;
    using program = await compile("counter");
    using parent = new Parent(3);
    const { segment, set } = parent;
    await using c = new Process(program.file, [`${segment.id}`, `${set.id}`, `${TIMES}`]);
    await using one = parent.worker(TIMES);
    await using other = parent.worker(TIMES);
    await assertSuccess(c, one, other);
    assertEquals(parent.total(), 3 * TIMES);
    assertEquals(set.values(), [1, 0]);
  },
});

const ignore = Deno.build.os !== "linux"; // only there is /proc

/** Whether a process is stopped. */
function isStopped(pid: number): boolean {
  return Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].startsWith("T");
}

/** Stops the only worker at a moment when it holds the guard. */
async function stopHolding(worker: Process, set: SemaphoreSet): Promise<void> {
  for (;;) {
    worker.kill("SIGSTOP");
    await until(() => isStopped(worker.pid), "the worker stops");
    // Nobody else takes the guard yet.
    if (set.value(0) === 0) return;
    worker.kill("SIGCONT");
    await until(() => !isStopped(worker.pid), "the worker goes on");
  }
}

Deno.test({
  name: "a worker of counter.ts that is killed while it holds the guard does not block the others",
  ignore,
  async fn() {
    const TIMES = 1000;
    using parent = new Parent(1);
    const { set } = parent;
    await using victim = parent.worker(ENDLESS);
    await until(() => parent.total() > 0, "the victim counts");
    await stopHolding(victim, set);
    await using one = parent.worker(TIMES);
    await using other = parent.worker(TIMES);
    await until(() => set.waiting(0) === 2, "both others wait for the guard");
    const before = parent.total();

    victim.kill("SIGKILL");
    await assertSuccess(one, other);
    assertEquals((await victim.output()).signal, "SIGKILL");
    assertEquals(parent.total(), before + 2 * TIMES);
    assertEquals(set.value(0), 1);
  },
});

/** The processes that a process started and that still live. */
function children(pid: number): number[] {
  return Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name))
    .filter((candidate) => candidate > 0 && parentOf(candidate) === pid);
}

function parentOf(pid: number): number | null {
  try {
    // "17 (deno) S 5 ...": the name may contain anything, so the last bracket counts.
    return Number(Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[1]);
  } catch {
    return null; // it has ended
  }
}

/** The segment and the set of a counter.ts that runs. */
async function opened(process: Process): Promise<{ segment: Segment; set: SemaphoreSet }> {
  const { segmentId, setId } = objects(await process.until("stderr", /semaphore set \d+\n/));
  return { segment: Segment.fromId(segmentId), set: SemaphoreSet.fromId(setId) };
}

for (const moment of ["before it counts", "while it waits for the guard"]) {
  Deno.test({
    name: `counter.ts goes on without a process that is killed ${moment}, and fails in the end`,
    ignore,
    async fn() {
      const TIMES = 50_000;
      await using process = deno(EXAMPLE, ["--processes", "3", "--times", `${TIMES}`], FLAGS);
      const { set } = await opened(process);
      const guard = set.at(0).lockSync(); // nobody gets far
      await until(() => children(process.pid).length === 3, "all are started");
      if (moment !== "before it counts") {
        await until(() => set.waiting(0) === 3, "all wait for the guard");
      }
      const [victim] = children(process.pid);
      Deno.kill(victim, "SIGKILL");
      guard.release();

      const { code, stdout, stderr } = await process.output();
      assertEquals(code, 1, stdout);
      assertStringIncludes(stderr, `process ${victim} was ended by SIGKILL`);
      const [total, all] = (stdout.match(/^total (\d+) of (\d+)/) ?? []).slice(1).map(Number);
      assertEquals(all, 3 * TIMES);
      assert(total >= 2 * TIMES && total < all, stdout);
      assertNothingLeft(stderr);
    },
  });
}

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `counter.ts ends its processes on ${signal}, and leaves nothing behind`,
    ignore,
    async fn() {
      await using process = deno(EXAMPLE, ["--times", `${ENDLESS}`], FLAGS);
      const { segment } = await opened(process);
      {
        using memory = segment.attach({ access: "read" });
        const counts = memory.array(Int32Array);
        await until(() => counts.at(0) !== 0, "they count");
      }
      await until(() => children(process.pid).length === 4, "all are started");
      const workers = children(process.pid);
      process.kill(signal);
      const { code, stdout, stderr } = await process.output();
      assertEquals([code, stdout], [exitCode, ""]);
      assertEquals(workers.filter((pid) => parentOf(pid) !== null), []);
      assertNothingLeft(stderr);
    },
  });
}
