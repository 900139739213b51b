// Mutexes among processes: C programs and other Deno processes, and what is left when one is
// killed.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Attachment, Mutex } from "../mod.ts";
import { newMutex } from "../ffi/pthread.ts";
import { compile, noCompiler } from "./_c.ts";
import { until } from "./_objects.ts";
import { deno, LIMIT, Process, run } from "./_process.ts";
import { sharedSegment, test, untilContended } from "./_sync.ts";
import { url } from "./_workers.ts";

const ignore = noCompiler("mutexes shared with C programs");
const PEER = "tests/peers/sync_mutex.ts";
const OFFSET = 64;
const EBUSY = 16;
const EOWNERDEAD = 130;
const ENOTRECOVERABLE = 131;

/** A segment with a mutex at {@linkcode OFFSET}, unless C is to make it. */
interface Fixture extends Disposable {
  readonly memory: Attachment;
  readonly mutex: Mutex;
  /** Waits until somebody sleeps on the mutex. */
  contended(): Promise<void>;
  /** A Deno process that does something with the mutex. */
  peer(...what: string[]): Process;
  /** A C program that carries out commands. */
  c(program: { file: string }, ...commands: string[]): Process;
}

function setUp({ size = 4096, create = true } = {}): Fixture {
  const shared = sharedSegment(size, (memory) => {
    if (create) Mutex.create(memory, { offset: OFFSET });
  });
  const { memory } = shared;
  const where = [shared.id, String(OFFSET)];
  return {
    memory,
    get mutex() {
      return Mutex.open(memory, { offset: OFFSET });
    },
    contended: () => untilContended(memory.array(Int32Array), OFFSET / 4),
    peer: (...what) => deno(PEER, [...where, ...what]),
    c: (program, ...commands) => new Process(program.file, [...where, ...commands]),
    [Symbol.dispose]: () => shared[Symbol.dispose](),
  };
}

test("killed Deno processes leave it to whoever waits, synchronously and not", async () => {
  using fixture = setUp();
  const { mutex } = fixture;
  for (const form of ["lockSync", "lock"] as const) {
    await using holder = fixture.peer("hold");
    await holder.until("stdout", "holding");
    assertEquals(mutex.tryLock(), undefined);
    await assertRejects(() => mutex.lock({ timeout: 10 }), Deno.errors.TimedOut);
    assertThrows(() => mutex.lockSync({ timeout: 10 }), Deno.errors.TimedOut);
    const waiting = form === "lock" ? mutex.lock(LIMIT) : undefined;
    holder.kill("SIGKILL");
    using guard = waiting ? await waiting : mutex.lockSync(LIMIT);
    assertEquals(guard.ownerDied, true);
    guard.markConsistent();
  }
  using guard = mutex.lockSync();
  assertEquals(guard.ownerDied, false);
});

test("other processes that wait are woken, and told", async () => {
  using fixture = setUp();
  for (const form of ["await", "lock"]) {
    const guard = fixture.mutex.lockSync();
    await using waiter = fixture.peer(form);
    await waiter.until("stdout", "waiting");
    await fixture.contended();
    guard.release();
    assertEquals((await waiter.output()).stdout, "waiting\nin order\n");
  }
});

test("a thousand mutexes of a process that is killed", async () => {
  using fixture = setUp({ size: 64 * 1001 });
  const { memory } = fixture;
  for (let i = 1; i < 1000; i++) Mutex.create(memory, { offset: OFFSET + 64 * i });
  await using holder = fixture.peer("many", "1000");
  await holder.until("stdout", "holding 1000");
  holder.kill("SIGKILL");
  await holder.output();
  for (let i = 0; i < 1000; i++) {
    using guard = Mutex.open(memory, { offset: OFFSET + 64 * i }).lockSync(LIMIT);
    assertEquals(guard.ownerDied, true);
    guard.markConsistent();
  }
});

test({
  name: "the bytes are C's",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    using fixture = setUp();
    await using c = fixture.c(program, "bytes", "init:errorcheck", "bytes");
    const [ours, , theirs] = (await c.output()).stdout.split("\n");
    assertEquals(ours, theirs);
    assertEquals(theirs, `bytes ${newMutex().join(" ")}`);
  },
});

test({
  name: "C's mutexes can be opened, but those that aren't robust or process-shared",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    for (const kind of ["errorcheck", "normal", "recursive", "adaptive"]) {
      using fixture = setUp({ create: false });
      await using c = fixture.c(program, `init:${kind}`, "lock", "line");
      await c.until("stdout", "lock 0");
      const { mutex } = fixture;
      assertEquals(mutex.tryLock(), undefined);
      const waiting = mutex.lock(LIMIT);
      c.kill("SIGKILL");
      using guard = await waiting;
      assertEquals(guard.ownerDied, true);
      guard.markConsistent();
      assertThrows(() => mutex.lockSync(LIMIT), Deno.errors.Busy, "this thread has it");
    }
    for (
      const [kind, advice] of [
        ["local", "PTHREAD_PROCESS_SHARED"], // error-checking: a normal one would be zeros
        ["fragile", "PTHREAD_MUTEX_ROBUST"],
        ["inherit", "PTHREAD_PRIO_NONE"],
      ]
    ) {
      using fixture = setUp({ create: false });
      await using c = fixture.c(program, `init:${kind}`);
      await c.output();
      assertThrows(() => fixture.mutex, Deno.errors.InvalidData, advice);
    }
  },
});

test({
  name: "C is kept out, waits, and unlocks for those who await",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    using fixture = setUp();
    const guard = fixture.mutex.lockSync();
    await using c = fixture.c(program, "try", "unlock", "line", "lock", "line", "unlock");
    await c.until("stdout", "unlock");
    assertEquals((await c.until("stdout", "unlock 1")).split("\n")[0], `try ${EBUSY}`); // EPERM
    await c.write("\n");
    await c.until("stdout", "line");
    await fixture.contended();
    guard.release();
    await c.until("stdout", "lock 0");
    const waiting = [fixture.mutex.lock(LIMIT), fixture.mutex.lock(LIMIT)];
    await fixture.contended();
    await c.write("\n");
    for (const lock of waiting) (await lock).release();
    assertEquals((await c.output()).code, 0);
  },
});

test({
  name: "a Deno process dies with it, and C recovers; or doesn't, and nobody can lock it",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    for (const repair of [true, false]) {
      using fixture = setUp();
      await using holder = fixture.peer("hold");
      await holder.until("stdout", "holding");
      await using c = fixture.c(program, "lock", ...repair ? ["consistent"] : [], "unlock", "lock");
      await fixture.contended();
      holder.kill("SIGKILL");
      const { stdout } = await c.output();
      assertEquals(
        stdout,
        repair
          ? `lock ${EOWNERDEAD}\nconsistent 0\nunlock 0\nlock 0\n`
          : `lock ${EOWNERDEAD}\nunlock 0\nlock ${ENOTRECOVERABLE}\n`,
      );
      const { mutex } = fixture;
      if (repair) {
        using guard = mutex.lockSync(LIMIT); // C ended with it
        assertEquals(guard.ownerDied, true);
        guard.markConsistent();
      } else {
        assertThrows(() => mutex.lockSync(LIMIT), Deno.errors.BadResource, "recover()");
        const guard = mutex.recover();
        assertEquals(guard.ownerDied, true);
        guard.markConsistent();
        guard.release();
        await using again = fixture.c(program, "lock", "unlock");
        assertEquals((await again.output()).stdout, "lock 0\nunlock 0\n");
      }
    }
  },
});

test({
  name: "what glibc's trylock leaves in a mutex that isn't recoverable can be recovered",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    using fixture = setUp();
    await using holder = fixture.peer("hold");
    await holder.until("stdout", "holding");
    holder.kill("SIGKILL");
    await holder.output();
    fixture.mutex.lockSync(LIMIT).release();
    await using c = fixture.c(program, "try");
    assertEquals((await c.output()).stdout, `try ${ENOTRECOVERABLE}\n`);
    using guard = fixture.mutex.recover();
    assertEquals(guard.ownerDied, true);
    guard.markConsistent();
  },
});

test({
  name: "C and Deno, waiting in every form, never lose an addition",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    using fixture = setUp();
    const TIMES = 20_000;
    await using stack = new AsyncDisposableStack();
    const processes = [
      fixture.c(program, `count:${TIMES}`),
      fixture.c(program, `count:${TIMES}`),
      fixture.peer("count", String(TIMES), "sync"),
      fixture.peer("count", String(TIMES), "async"),
    ].map((process) => stack.use(process));
    for (const process of processes) {
      const { code, stderr } = await process.output();
      assertEquals(code, 0, stderr);
    }
    assertEquals(fixture.memory.view.getInt32(0, true), 4 * TIMES);
  },
});

test({
  name: "killed at any moment while they add, they lose at most one addition each",
  ignore,
  async fn() {
    using program = await compile("sync_mutex");
    using fixture = setUp();
    const { mutex, memory } = fixture;
    const [all, ...each] = [0, 128, 192].map((offset) =>
      memory.array(Int32Array, { offset, length: 1 })
    );
    for (let round = 0; round < 6; round++) {
      for (const count of [all, ...each]) count[0] = 0;
      const many = "1000000000";
      await using stack = new AsyncDisposableStack();
      const processes = [
        fixture.c(program, `count:${many}:128`),
        fixture.peer("count", many, round % 2 ? "sync" : "async", "192"),
      ].map((process) => stack.use(process));
      await until(() => each.every(([count]) => count > 0), "both add");
      const enough = all[0] + 20_000;
      while (all[0] < enough) {
        using guard = await mutex.lock(LIMIT);
        guard.markConsistent();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      for (const process of processes) {
        process.kill("SIGKILL");
        await process.output();
      }
      using guard = mutex.lockSync(LIMIT);
      guard.markConsistent();
      // Each counts for itself what it is about to add.
      const lost = each[0][0] + each[1][0] - all[0];
      assert(lost >= 0 && lost <= 2, `${lost} additions were lost`);
    }
  },
});

test("a lock that a test file leaves behind is no trap for the next one on its thread", async () => {
  const FILES = 16;
  const directory = Deno.makeTempDirSync();
  try {
    const code = `
      import { Mutex } from ${url("mod.ts")};
      import { NEXT, pointerIn, robustList } from ${url("ffi/robust_list.ts")};
      Deno.test("leaves it", () => {
        const { tid, address, head } = robustList();
        console.log("list", tid, pointerIn(head, NEXT) === address ? "empty" : "not empty");
        Mutex.create(new SharedArrayBuffer(64)).lockSync();
      });`;
    for (let i = 0; i < FILES; i++) Deno.writeTextFileSync(`${directory}/${i}_test.ts`, code);
    const { code: exit, stdout } = await run(Deno.execPath(), [
      "test",
      "--no-check",
      "--allow-ffi",
      "--allow-read",
      directory,
    ]);
    assertEquals(exit, 0);
    const lists = [...stdout.matchAll(/list (\d+) (.*)/g)];
    assertEquals(lists.map(([, , what]) => what), lists.map(() => "empty"));
    assertEquals(lists.length, FILES);
    const threads = new Set(lists.map(([, thread]) => thread));
    if (threads.size === FILES) console.log("proves nothing: each file had a thread of its own");
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
