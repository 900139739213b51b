// Runs the tests, and checks that they leave nothing behind: no System V object, no POSIX
// shared memory, no process, no temporary file. Prints the totals last. Arguments go to
// `deno test`.
// Run it with `deno run --allow-all tools/test.ts [argument ...]`.

import { MessageQueue, Segment, SemaphoreSet } from "../mod.ts";

/** Marks every process that descends from this run, in its environment. */
const MARK = `ISTHMUS_TEST_RUN=${crypto.randomUUID()}`;

const root = new URL("../", import.meta.url);

/** Directories with code whose documentation has examples to run. */
const DOCUMENTED = [
  "mod.ts",
  "ffi",
  "memory",
  "sysv",
  "shm",
  "mmap",
  "sem",
  "msg",
  "struct",
  "sync",
  "ring",
];

/** Where the tests make their files and directories. */
const temporary = Deno.makeTempDirSync({ prefix: "isthmus-test-run-" });
Deno.chmodSync(temporary, 0o1777); // as the system's own: some tests run as another user

/** What stays in the system after the processes that made it. */
function kernelObjects(): Set<string> {
  const names: string[] = [];
  if (Deno.build.os === "linux") {
    names.push(...Segment.list().map(({ id }) => `segment ${id}`));
    names.push(...SemaphoreSet.list().map(({ id }) => `semaphore set ${id}`));
    names.push(...MessageQueue.list().map(({ id }) => `message queue ${id}`));
    names.push(...Array.from(Deno.readDirSync("/dev/shm"), ({ name }) => `/dev/shm/${name}`));
  }
  return new Set(names);
}

/** The processes of this run that still live (Linux). */
function processes(): string[] {
  if (Deno.build.os !== "linux") return [];
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!Deno.readTextFileSync(`/proc/${name}/environ`).split("\0").includes(MARK)) continue;
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      found.push(`process ${name}: ${command}`);
    } catch {
      // It ended while we looked, or is another user's.
    }
  }
  return found;
}

/** The files and directories of this run that nobody has removed. */
function temporaryFiles(): string[] {
  return Array.from(Deno.readDirSync(temporary), ({ name }) => `${temporary}/${name}`);
}

/** Runs `deno test`, shows its output, and returns its exit code and its totals. */
async function runTests(args: string[]): Promise<{ code: number; totals: number[] }> {
  const [name, value] = MARK.split("=");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-prompt", ...args],
    cwd: root,
    env: { [name]: value, NO_COLOR: "1", TMPDIR: temporary },
    stdout: "piped",
  }).spawn();
  const hangs = () => {
    console.error(`\nnothing was printed for ${SILENCE / 1000} s: the last test hangs`);
    child.kill("SIGKILL");
  };
  let watchdog = setTimeout(hangs, SILENCE);
  let tail = ""; // the last line may come in pieces
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    await Deno.stdout.write(new TextEncoder().encode(text));
    tail = (tail + text).slice(-TAIL);
    clearTimeout(watchdog);
    watchdog = setTimeout(hangs, SILENCE);
  }
  clearTimeout(watchdog);
  return { code: (await child.status).code, totals: parseTotals(tail) };
}

/**
 * How long nothing may be printed, in milliseconds: then a test hangs, the last one whose name was.
 */
const SILENCE = 300_000;

/** More characters than Deno's last lines have. */
const TAIL = 1000;

/** What is left; a process that was killed may take a moment to end. */
async function leftovers(before: Set<string>): Promise<string[]> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const left = [...kernelObjects().difference(before), ...processes(), ...temporaryFiles()];
    if (left.length === 0 || performance.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The counts in Deno's last line: "ok | 12 passed | 0 failed | 1 ignored (2s)". */
function parseTotals(text: string): number[] {
  const lines = [...text.matchAll(/ \| (\d+) passed.* \| (\d+) failed(?:.* \| (\d+) ignored)?/g)];
  return lines.at(-1)?.slice(1).map((count) => Number(count ?? 0)) ?? [0, 0, 0];
}

const before = kernelObjects();
const { code, totals: [passed, failed, ignored] } = await runTests([
  "--allow-all",
  "--doc",
  ...DOCUMENTED,
  "tests",
  ...Deno.args,
]);
const left = await leftovers(before);
for (const thing of left) console.error(`left behind: ${thing}`);
Deno.removeSync(temporary, { recursive: true });
if (code !== 0 || passed === 0 || left.length > 0) Deno.exitCode = 1;
console.log(`\n${passed} passed, ${failed + left.length} failed, ${ignored} skipped`);
