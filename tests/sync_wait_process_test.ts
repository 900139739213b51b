// Waiting between processes and Workers: no wake-up gets lost, and nobody who dies leaves others
// waiting.

import { assert, assertEquals } from "@std/assert";
import { FutexSemaphore } from "../mod.ts";
import { livenessOf, type ProcessIdentity } from "../ffi/process.ts";
import { setSpinning } from "../sync/patience.ts";
import { until } from "./_objects.ts";
import { deno, LIMIT, Process } from "./_process.ts";
import { settled, sharedSegment, test, turn, withoutHealing } from "./_sync.ts";
import { TestWorker, url } from "./_workers.ts";

const SIZE = 4096;
const PLAYER = "tests/peers/sync_wait_player.ts";
/** Sleepers, as the semaphore counts them. */
const SLEEPERS = 17;

/** A segment, and how to start those who play in it. */
function newGame() {
  const shared = sharedSegment(SIZE, () => undefined);
  const player = (...args: (string | number)[]) => deno(PLAYER, [shared.id, ...args].map(String));
  return { ...shared, player };
}

/** How many handovers there are in the suite; `HANDOVERS` asks for others. */
const HANDOVERS = Number(Deno.env.get("HANDOVERS") ?? 60_000);

for (const how of ["sync", "async", "mixed"] as const) {
  for (const asleep of [false, true]) {
    const count = Math.ceil(HANDOVERS / (asleep ? 12 : 3));
    const name = `${how}: ${asleep ? "asleep" : "spinning"}, no wake-up is lost`;
    test(name, async () => {
      using game = newGame();
      const ping = FutexSemaphore.create(game.memory, 0);
      const pong = FutexSemaphore.create(game.memory, 0, { offset: 128 });
      await using player = game.player("pong", count, how, asleep ? "asleep" : "");
      await player.until("stdout", "ready");
      using _ = withoutHealing();
      if (asleep) setSpinning(false);
      try {
        for (let round = 0; round < count; round++) {
          const start = performance.now();
          ping.release();
          if (how === "sync") pong.acquireSync(LIMIT);
          else await pong.acquire(LIMIT);
          // Then it was found by itself, in the end.
          assert(performance.now() - start < LIMIT.timeout, `wake-up ${round} was lost`);
        }
      } finally {
        setSpinning(navigator.hardwareConcurrency > 1);
      }
      const { code, stderr } = await player.output();
      assertEquals([code, stderr], [0, ""]);
      assertEquals([ping.value(), pong.value()], [0, 0]);
      await settled();
    });
  }
}

test(
  "among threads that contend, give up and wait in every way, no wake-up is lost",
  async () => {
    using game = newGame();
    const lock = FutexSemaphore.create(game.memory, 1);
    const count = Math.ceil(HANDOVERS / 30);
    await using sync = game.player("contend", count, "sync");
    await using async = game.player("contend", count, "async", "asleep");
    await using mixed = game.player("contend", count, "async");
    for (const player of [sync, async, mixed]) await player.until("stdout", "ready");
    for (const player of [sync, async, mixed]) {
      const { code, stderr } = await player.output();
      assertEquals([code, stderr], [0, ""]);
    }
    assertEquals(lock.value(), 1);
    assertEquals(game.memory.array(Int32Array, { offset: 256, length: 1 })[0], 7 * count);
    assertEquals(game.memory.array(Int32Array)[SLEEPERS], 0);
  },
);

test("a process that is killed while it waits takes nothing along", async () => {
  using game = newGame();
  const semaphore = FutexSemaphore.create(game.memory, 0);
  const words = game.memory.array(Int32Array);
  for (const how of ["sync", "async"]) {
    const before = words[SLEEPERS];
    await using player = game.player("wait", 1, how);
    await until(() => words[SLEEPERS] > before, "it waits");
    const waits = [semaphore.acquire(LIMIT), semaphore.acquire(LIMIT)];
    player.kill("SIGKILL");
    await player.output();
    semaphore.release();
    semaphore.release();
    await Promise.all(waits);
    assertEquals(semaphore.value(), 0);
    await settled();
  }
});

test(
  "a process that is killed between a change and its wake-up leaves nobody waiting",
  async () => {
    using game = newGame();
    const semaphore = FutexSemaphore.create(game.memory, 0);
    const words = game.memory.array(Int32Array);
    for (const how of ["sync", "async"]) {
      await using player = game.player("wait", 2, how);
      await until(() => words[SLEEPERS] === 1, "it waits");
      Atomics.store(words, 16, 2); // without a wake-up
      const { code } = await player.output();
      assertEquals([code, semaphore.value(), words[SLEEPERS]], [0, 0, 0]);
    }
  },
);

test("after an abort nothing keeps the process alive", async () => {
  using game = newGame();
  FutexSemaphore.create(game.memory, 0);
  FutexSemaphore.create(game.memory, 0, { offset: 128 });
  await using player = game.player("abort", 1, "async");
  await player.until("stdout", "ready");
  await turn(20);
  await player.write("\n");
  const { code, stdout } = await player.output();
  assertEquals([code, stdout], [0, "ready\nAbortError\nAbortError\ndone\n"]);
});

test("a process that waits takes a small part of the processor time that one takes that spins", async () => {
  using game = newGame();
  const semaphore = FutexSemaphore.create(game.memory, 0);
  const words = game.memory.array(Int32Array);
  const ticks = (pid: number) => {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return Number(fields[14 - 3]) + Number(fields[15 - 3]); // utime and stime, in 1/100 s
  };
  for (const how of ["sync", "async"]) {
    await using player = game.player("wait", 1, how);
    await until(() => words[SLEEPERS] === 1, "it waits");
    await turn(300); // until it has nothing else to do
    await using spinner = new Process("sh", ["-c", "while :; do :; done"]);
    const before = ticks(player.pid);
    await until(() => ticks(spinner.pid) >= 100, "a second of processor time");
    const [spent, spun] = [ticks(player.pid) - before, ticks(spinner.pid)];
    assert(spent <= 0.3 * spun, `${spent} of ${spun} hundredths of a second`);
    semaphore.release();
    await player.output();
  }
});

test(
  "Workers wait for each other, over a segment and over a SharedArrayBuffer",
  async () => {
    using game = newGame();
    FutexSemaphore.create(game.memory, 1);
    const buffer = new SharedArrayBuffer(SIZE);
    FutexSemaphore.create(buffer, 1);
    const code = `
    import { FutexSemaphore, Segment } from ${url("mod.ts")};
    import { timing } from ${url("sync/waitable.ts")};
    self.onmessage = async ({ data }) => {
      using memory = Segment.fromId(data.id).attach();
      timing.recheck = 1e6; // what gets lost stays lost
      const counters = [memory.array(Int32Array, { offset: 256, length: 1 }), new Int32Array(data.buffer, 256, 1)];
      for (const [index, one] of [memory, data.buffer].entries()) {
        const lock = FutexSemaphore.open(one);
        const counter = counters[index];
        for (let round = 0; round < 2000; round++) {
          using _guard = round % 2 === 0 ? await lock.lock() : lock.lockSync();
          counter[0]++;
        }
      }
      self.postMessage("done");
    };`;
    using stack = new DisposableStack();
    const workers = [1, 2, 3].map(() => stack.use(new TestWorker(code)));
    for (const worker of workers) worker.post({ buffer, id: game.segment.id });
    await Promise.all(workers.map((worker) => worker.message()));
    assertEquals(game.memory.array(Int32Array, { offset: 256, length: 1 })[0], 6000);
    assertEquals(new Int32Array(buffer)[64], 6000);
  },
);

test(
  "a Worker that is terminated while it waits leaves the others alone",
  async () => {
    const buffer = new SharedArrayBuffer(SIZE);
    const semaphore = FutexSemaphore.create(buffer, 0);
    const code = `
    import { FutexSemaphore } from ${url("mod.ts")};
    import { ownIdentity } from ${url("ffi/process.ts")};
    postMessage(ownIdentity());
    self.onmessage = async ({ data }) => await FutexSemaphore.open(data).acquire();`;
    const words = new Int32Array(buffer);
    for (let round = 0; round < 3; round++) {
      using worker = new TestWorker(code);
      const identity = await worker.message() as ProcessIdentity;
      const before = words[SLEEPERS];
      worker.post(buffer);
      await until(() => Atomics.load(words, SLEEPERS) > before, "it waits");
      worker.terminate();
      await until(() => livenessOf(identity) === "dead", "its death"); // it takes no unit any more
      const wait = semaphore.acquire(LIMIT);
      semaphore.release();
      await wait;
      await settled();
    }
  },
);
