// POSIX semaphores among processes: C programs, other Deno processes, other users.

import { assert, assertEquals } from "@std/assert";
import { IPC_PRIVATE, mapFile, PosixSemaphore, Segment } from "../mod.ts";
import { SEM_WAITERS, semSharedMark } from "../ffi/posix_sem.ts";
import { compile, isInstalled, noCompiler } from "./_c.ts";
import { freshSemaphoreName, notRootOnLinux, until } from "./_objects.ts";
import { deno, path, Process, run } from "./_process.ts";

const ignore = noCompiler("C programs that share POSIX semaphores");

/** Where older C libraries keep semaphores. */
const FLAGS = ["-pthread"];

/** Runs programs to their ends at the same time, each to the exit code 0. */
async function together(processes: Process[]): Promise<void> {
  await using stack = new AsyncDisposableStack();
  for (const process of processes) stack.use(process);
  for (const output of await Promise.all(processes.map((process) => process.output()))) {
    assertEquals([output.code, output.stderr], [0, ""]);
  }
}

Deno.test({
  name: "what a sem_t holds is what we look for, with each C library that is here",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    using program = await compile("sem_posix", FLAGS);
    const { stdout } = await run(program.file, ["bytes"]);
    const [shared, own] = stdout.trim().split("\n").map((line) => line.split(" ").map(Number));
    assertEquals(shared, [5, 0, semSharedMark()]);
    assert(own[2] !== semSharedMark());
    if (!isInstalled("musl-gcc")) return console.log("skipped, musl-gcc is not installed");
    const file = await Deno.makeTempFile();
    try {
      const args = ["-static", "-o", file, path("tests/c/sem_posix.c")];
      assertEquals((await run("musl-gcc", args)).stderr, "");
      assertEquals((await run(file, ["bytes"])).stdout, "5 0 0\n5 0 128\n");
    } finally {
      await Deno.remove(file);
    }
  },
});

Deno.test({
  name: "open() finds what a C program created, and both see what the other does",
  ignore,
  async fn() {
    using fresh = freshSemaphoreName();
    using program = await compile("sem_posix", FLAGS);
    await using creator = new Process(program.file, ["create", fresh.name, "5"]);
    await creator.until("stdout", "created");
    using semaphore = PosixSemaphore.open(fresh.name);
    assertEquals([semaphore.value(), semaphore.created], [5, false]);
    semaphore.acquireSync();
    await semaphore.acquire();
    await creator.write("\n");
    assertEquals((await creator.output()).stdout, "created\n3\n");
  },
});

/** A segment, counted in by C and Deno processes under the semaphore that `make` makes for it. */
async function countTogether(
  make: (segment: Segment, c: string) => Promise<{ where: string; semaphore: PosixSemaphore }>,
): Promise<void> {
  const TIMES = 2000;
  using program = await compile("sem_posix", FLAGS);
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using memory = segment.attach();
  const { where, semaphore } = await make(segment, program.file);
  using _semaphore = semaphore;
  const args = [where, String(segment.id), String(TIMES)];
  const times = [10 * TIMES, 10 * TIMES, TIMES, TIMES];
  await together([
    new Process(program.file, ["count", ...args.with(2, String(times[0]))]),
    deno("tests/peers/sem_posix_counter.ts", [...args.with(2, String(times[1])), "sync"]),
    deno("tests/peers/sem_posix_counter.ts", [...args.with(2, String(times[2])), "async"]),
    deno("tests/peers/sem_posix_counter.ts", [...args.with(2, String(times[3])), "async"]),
  ]);
  assertEquals(memory.view.getInt32(0, true), times.reduce((sum, more) => sum + more));
  assertEquals(semaphore.value(), 1);
}

Deno.test({
  name: "C and Deno processes count together without loss, under a name",
  ignore,
  async fn() {
    using fresh = freshSemaphoreName();
    await countTogether(() =>
      Promise.resolve({
        where: fresh.name,
        semaphore: PosixSemaphore.create(fresh.name, 1),
      })
    );
  },
});

Deno.test({
  name: "C and Deno processes count together without loss, under one in a segment that Deno made",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    await countTogether((segment) => {
      const semaphore = PosixSemaphore.init(segment.attach(), 1, { offset: 64 });
      return Promise.resolve({ where: "64", semaphore });
    });
  },
});

Deno.test({
  name: "C and Deno processes count together without loss, under one in a segment that C made",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    await countTogether(async (segment, c) => {
      const { code, stderr } = await run(c, ["init", String(segment.id), "128", "1"]);
      assertEquals([code, stderr], [0, ""]);
      const semaphore = PosixSemaphore.at(segment.attach(), { offset: 128 });
      return { where: "128", semaphore };
    });
  },
});

Deno.test("of many processes that open or create one at once, one creates it", async () => {
  using fresh = freshSemaphoreName();
  const code = `
    import { PosixSemaphore } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
    using semaphore = PosixSemaphore.openOrCreate("${fresh.name}", 1);
    using _guard = semaphore.lockSync({ timeout: 10_000 });
    console.log(semaphore.created ? "created" : "opened");`;
  await using stack = new AsyncDisposableStack();
  const racers = Array.from(
    { length: 5 },
    () => stack.use(new Process(Deno.execPath(), ["eval", code])),
  );
  const outputs = await Promise.all(racers.map((racer) => racer.output()));
  assertEquals(outputs.map(({ stderr }) => stderr).join(""), "");
  const words = outputs.map(({ stdout }) => stdout.trim()).sort();
  assertEquals(words, ["created", ...Array(4).fill("opened")]);
  using semaphore = PosixSemaphore.open(fresh.name);
  assertEquals(semaphore.value(), 1);
});

Deno.test("a holder that is killed leaves the unit taken; whoever knows may give it", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 1);
  await using holder = deno("tests/peers/sem_posix_holder.ts", [fresh.name]);
  await holder.until("stdout", "holding");
  holder.kill("SIGKILL");
  await holder.output();
  assertEquals(mutex.tryLock(), undefined);
  mutex.release();
  mutex.lockSync().release();
});

Deno.test("a process that waits synchronously is woken by what another gives", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 0);
  await using holder = deno("tests/peers/sem_posix_holder.ts", [fresh.name]);
  if (Deno.build.os === "linux") {
    using mapping = mapFile(`/dev/shm/sem.${fresh.name.slice(1)}`);
    await until(() => mapping.array(Int32Array).at(SEM_WAITERS) === 1, "it waits in the kernel");
  } else await new Promise((resolve) => setTimeout(resolve, 200));
  mutex.release();
  await holder.until("stdout", "holding");
});

/** Runs code as the user nobody, with a copy of Deno and of the library that he may read. */
async function runAsNobody(code: string): Promise<string[]> {
  const directory = await Deno.makeTempDir({ prefix: "isthmus-nobody-" });
  try {
    const { publish: { include } } = JSON.parse(await Deno.readTextFile(path("deno.json")));
    for (const room of include) await run("cp", ["-r", path(room), directory]);
    const executable = `${directory}/deno`;
    await Deno.copyFile(Deno.execPath(), executable);
    await Deno.chmod(executable, 0o755);
    await Deno.writeTextFile(
      `${directory}/main.js`,
      `import { PosixSemaphore } from "${directory}/mod.ts";
      const report = (call) => {
        try {
          call();
          console.log("done");
        } catch (error) {
          console.log(error.name, error.code, error.syscall, error.message);
        }
      };${code}`,
    );
    await run("chmod", ["-R", "a+rX", directory]);
    const ids = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    const flags = ["run", "--no-prompt", "--no-check", "--no-config", "--allow-ffi"];
    const { stdout, stderr } = await run(
      "setpriv",
      [...ids, executable, ...flags, `${directory}/main.js`],
      { cwd: directory, env: { DENO_DIR: `${directory}/cache`, HOME: directory } },
    );
    assertEquals(stderr, "");
    return stdout.trim().split("\n");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test({
  name: "another user's semaphore: permission denied, and the mode decides",
  ignore: notRootOnLinux("another user's POSIX semaphores"),
  async fn() {
    using fresh = freshSemaphoreName();
    using mine = PosixSemaphore.create(fresh.name, 1);
    const umask = Deno.umask(0);
    const openName = `${fresh.name}-open`;
    using open = PosixSemaphore.create(openName, 1, { mode: 0o666, removeOnDispose: true });
    Deno.umask(umask);
    const lines = await runAsNobody(`
      report(() => PosixSemaphore.open("${fresh.name}"));
      report(() => PosixSemaphore.openOrCreate("${fresh.name}", 1));
      report(() => PosixSemaphore.create("${fresh.name}", 1));
      report(() => PosixSemaphore.remove("${fresh.name}"));
      report(() => PosixSemaphore.open("${openName}").acquireSync());
      report(() => PosixSemaphore.remove("${openName}"));
    `);
    const start = (line: string) => line.split(" ").slice(0, 3).join(" ");
    assertEquals(lines.map(start), [
      "PermissionDenied EACCES sem_open",
      "PermissionDenied EACCES sem_open",
      "AlreadyExists EEXIST sem_open",
      "PermissionDenied EACCES sem_unlink",
      "done",
      "PermissionDenied EACCES sem_unlink",
    ]);
    assert(lines[0].includes("its mode does not let this user read and write it"), lines[0]);
    assert(lines[3].includes("only its owner or root may do that"), lines[3]);
    assertEquals([mine.value(), open.value()], [1, 0]);
  },
});
