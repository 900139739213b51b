// Asynchronous waits for semaphores, in one process and among several.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, type Semaphore, type SemaphoreGuard, SemaphoreSet } from "../mod.ts";
import { assertSystemError, until } from "./_objects.ts";
import { cpuShare, deno, LIMIT, Process } from "./_process.ts";
import { TestWorker, url } from "./_workers.ts";

function makeSet(values: number[]): SemaphoreSet {
  return SemaphoreSet.create(IPC_PRIVATE, values, { removeOnDispose: true });
}

/** The threads of this process that are in the kernel for a semaphore (Linux). */
function threadsWaiting(semaphore: Semaphore): number {
  return semaphore.waiting();
}

/** Waits until no thread of the pool is in the kernel for this set any more. */
async function settled(set: SemaphoreSet): Promise<void> {
  await until(
    () => set.values().every((_, index) => set.waiting(index) + set.waitingForZero(index) === 0),
    "the threads left the kernel",
  );
  // The promises of their calls are fulfilled on the next turns of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 20));
}

Deno.test("1,000 pending locks use one thread, and don't hinder files, DNS or other FFI", async () => {
  using set = makeSet([0]);
  const mutex = set.at(0);
  const order: number[] = [];
  const waits = Array.from({ length: 1000 }, async (_, index) => {
    using _guard = await mutex.lock();
    order.push(index);
  });
  await until(() => threadsWaiting(mutex) === 1, "a thread waits");
  assert((await Deno.readTextFile(new URL(import.meta.url))).includes("1,000 pending"));
  await crypto.subtle.digest("SHA-256", new Uint8Array(10));
  assert(threadsWaiting(mutex) <= 1); // between two slices of its wait it is out of the kernel
  assertEquals(order.length, 0);
  mutex.release();
  await Promise.all(waits);
  assertEquals(order, Array.from({ length: 1000 }, (_, index) => index));
  assertEquals(mutex.value(), 1);
  await settled(set);
});

Deno.test("waits for 1,000 semaphores use four threads, and each gets its turn", async () => {
  using set = makeSet(Array(1000).fill(0));
  const waits = Array.from({ length: 1000 }, (_, index) => set.at(index).acquire());
  const waiting = () =>
    Array.from({ length: 1000 }, (_, index) => set.waiting(index)).reduce((a, b) => a + b);
  await until(() => waiting() === 4, "four threads wait");
  await Deno.readTextFile(new URL(import.meta.url));
  for (let index = 999; index >= 0; index--) {
    set.at(index).release();
    if (index % 100 === 0) assert(waiting() <= 4);
  }
  await Promise.all(waits);
  assertEquals(set.values(), Array(1000).fill(0));
  await settled(set);
});

Deno.test("an aborted wait is rejected with the signal's reason, and takes nothing", async () => {
  using set = makeSet([0]);
  const mutex = set.at(0);
  const abort = new AbortController();
  const wait = mutex.lock({ signal: abort.signal });
  await until(() => threadsWaiting(mutex) === 1, "a thread waits");
  const reason = new Error("enough");
  abort.abort(reason);
  assertEquals(await assertRejects(() => wait), reason);
  mutex.release();
  // The thread may still be in the kernel, but it takes nothing from anybody.
  assertEquals(mutex.value(), 1);
  mutex.lockSync({ timeout: 0 }).release();
  await settled(set);
  assertEquals(mutex.value(), 1);
});

Deno.test("a signal that has aborted already ends a wait before it begins", async () => {
  using set = makeSet([1]);
  await assertRejects(
    () => set.at(0).lock({ signal: AbortSignal.abort() }),
    DOMException,
    "aborted",
  );
  assertEquals(set.values(), [1]);
});

Deno.test("a wait that timed out takes nothing, and others go on", async () => {
  using set = makeSet([0]);
  const mutex = set.at(0);
  const short = Array.from({ length: 10 }, () => mutex.lock({ timeout: 5 }));
  const long = mutex.lock();
  for (const wait of short) await assertRejects(() => wait, Deno.errors.TimedOut);
  mutex.release();
  (await long).release();
  assertEquals(mutex.value(), 1);
  await settled(set);
});

Deno.test("aborts in the middle of everything lose no unit and free nobody's", async () => {
  using set = makeSet([1]);
  const mutex = set.at(0);
  let inside = 0;
  let turns = 0;
  const one = async (index: number) => {
    const signal = index % 2 === 0 ? AbortSignal.timeout(index % 37) : undefined;
    try {
      using _guard = await mutex.lock({
        signal,
        timeout: index % 3 === 0 ? index % 23 : undefined,
      });
      assertEquals(++inside, 1);
      if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      inside--;
      turns++;
    } catch (error) {
      assert(error instanceof DOMException || error instanceof Deno.errors.TimedOut, String(error));
    }
  };
  await Promise.all(Array.from({ length: 2000 }, (_, index) => one(index)));
  assert(turns >= 667, `${turns} turns`);
  await settled(set);
  assertEquals(mutex.value(), 1);
});

Deno.test("a wait gets its turn among processes that lock synchronously all the time", async (t) => {
  for (const [hold, contenders] of [[0, 3], [30, 3], [50, 6]]) {
    await t.step(`${contenders} of them, holding for ${hold} ms`, async () => {
      using set = makeSet([1]);
      const mutex = set.at(0);
      const args = [String(set.id), String(hold)];
      await using stack = new AsyncDisposableStack();
      const processes = Array.from(
        { length: contenders },
        () => stack.use(deno("tests/peers/contender.ts", args)),
      );
      for (const process of processes) await process.until("stdout", "contending");
      for (let turn = 0; turn < 5; turn++) {
        using guard = await mutex.lock();
        assert(guard.held);
      }
      // Aborted ones take nothing either, when the kernel may take for them.
      for (let turn = 0; turn < 20; turn++) {
        await mutex.lock({ timeout: turn }).then((guard) => guard.release(), () => {});
        await mutex.lock({ signal: AbortSignal.timeout(turn) }).then(
          (guard) => guard.release(),
          () => {},
        );
      }
      for (const process of processes) {
        process.kill("SIGKILL");
        await process.output();
      }
      await settled(set);
      assertEquals(mutex.value(), 1);
    });
  }
});

Deno.test("a thread that awaits a semaphore isn't blocked for it, where that could be for ever", async () => {
  using set = makeSet([0]);
  const mutex = set.at(0);
  // Another process waits too: that makes the kernel take for our wait.
  await using other = deno("tests/peers/holder.ts", [String(set.id)]);
  await until(() => set.waiting(0) === 1, "the other waits");
  const abort = new AbortController();
  const wait = mutex.lock({ signal: abort.signal });
  const lock = () => {
    try {
      mutex.lockSync({ timeout: 1 });
    } catch (error) {
      return error;
    }
  };
  await until(() => !(lock() instanceof Deno.errors.TimedOut), "the kernel may take");
  const error = lock() as Error;
  assertSystemError(error, Deno.errors.Busy, "EDEADLK", "semop");
  assert(error.message.includes("use the asynchronous form"), error.message);
  assertEquals(mutex.tryLock(), undefined);
  // What never waits is not refused.
  assertThrows(() => mutex.lockSync({ timeout: 0 }), Deno.errors.TimedOut);
  const noWait = [{ index: 0, change: -1, noWait: true }];
  assertThrows(() => set.opSync(noWait), Deno.errors.WouldBlock);
  // Even so an abort is immediate, and what the kernel takes for it is given back.
  abort.abort();
  await assertRejects(() => wait, DOMException);
  mutex.release({ amount: 2 });
  await other.until("stdout", "holding");
  await settled(set);
  assertEquals(mutex.value(), 1);
});

Deno.test("a process that is killed when the kernel took for it gives the unit back, without undo too", async () => {
  using set = makeSet([0]);
  await using other = deno("tests/peers/holder.ts", [String(set.id)]);
  await until(() => set.waiting(0) === 1, "the other waits");
  await using blocked = deno("tests/peers/blocked.ts", [String(set.id)]);
  await blocked.until("stdout", "blocked");
  set.at(0).release({ amount: 2 });
  await other.until("stdout", "holding");
  blocked.kill("SIGKILL");
  await blocked.output();
  assertEquals(set.values(), [1]);
});

Deno.test("units that many operations acquired without undo stay taken when the process ends", async () => {
  const { semopm } = SemaphoreSet.limits();
  using set = makeSet(Array(semopm).fill(0));
  const code = `
    import { SemaphoreSet } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
    const set = SemaphoreSet.fromId(${set.id});
    const wait = set.op(set.values().map((_, index) => ({ index, change: -1 })));
    console.log("waiting");
    await wait;`;
  await using process = new Process(Deno.execPath(), ["eval", code]);
  await using other = deno("tests/peers/holder.ts", [String(set.id)]);
  await process.until("stdout", "waiting");
  await until(() => set.waiting(0) >= 1, "the other waits");
  await new Promise((resolve) => setTimeout(resolve, 100)); // so that the kernel may take for it
  set.setValues([2, ...Array(semopm - 1).fill(1)]);
  assertEquals((await process.output()).code, 0);
  await other.until("stdout", "holding");
  assertEquals(set.values(), Array(semopm).fill(0));
});

Deno.test("a unit that was acquired without undo stays taken when the process ends", async () => {
  using set = makeSet([0]);
  const code = `
    import { SemaphoreSet } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
    const set = SemaphoreSet.fromId(${set.id});
    const wait = set.at(0).acquire({ amount: 3 });
    console.log("waiting");
    await wait;
    console.log("acquired");`;
  await using process = new Process(Deno.execPath(), ["eval", code]);
  await using other = deno("tests/peers/holder.ts", [String(set.id)]);
  await process.until("stdout", "waiting");
  await until(() => set.waiting(0) === 2, "both wait");
  await new Promise((resolve) => setTimeout(resolve, 100)); // so that the kernel may take for it
  set.at(0).release({ amount: 10 });
  await process.until("stdout", "acquired");
  await other.until("stdout", "holding");
  await process.output();
  assertEquals(set.values(), [6]);
});

Deno.test("a holder that is killed frees those who wait, synchronously or not", async () => {
  using set = makeSet([1]);
  const mutex = set.at(0);
  for (
    const lock of [
      () => mutex.lock(LIMIT),
      () => Promise.resolve(mutex.lockSync(LIMIT)),
    ] as (() => Promise<SemaphoreGuard>)[]
  ) {
    await using holder = deno("tests/peers/holder.ts", [String(set.id)]);
    await holder.until("stdout", "holding");
    assertEquals(mutex.tryLock(), undefined);
    holder.kill("SIGKILL");
    using guard = await lock();
    assert(guard.held);
  }
  assertEquals(mutex.value(), 1);
  await settled(set);
});

Deno.test("a process that ends with pending waits takes nothing along", async () => {
  using set = makeSet([0]);
  await using pending = deno("tests/peers/pending.ts", [String(set.id)]);
  await pending.until("stdout", "waiting");
  await until(() => set.waiting(0) === 1, "it waits in the kernel");
  pending.kill("SIGKILL");
  await pending.output();
  set.at(0).release();
  assertEquals(set.values(), [1]);
});

Deno.test("after an abort nothing keeps the process alive", async () => {
  using set = makeSet([0]);
  await using pending: Process = deno("tests/peers/pending.ts", [String(set.id)]);
  await pending.until("stdout", "waiting");
  await pending.write("\n");
  const { code, stdout } = await pending.output();
  assertEquals([code, stdout], [0, "waiting\nAbortError\n"]);
});

Deno.test("removing a set ends all waits for it with a clear error", async () => {
  const set = SemaphoreSet.create(IPC_PRIVATE, [0, 0]);
  const waits = Array.from({ length: 200 }, (_, index) =>
    assertRejects(
      () => index % 3 === 0 ? set.at(1).acquire() : set.at(0).lock(),
      Deno.errors.BadResource,
      "it was removed meanwhile",
    ));
  await until(() => set.waiting(0) + set.waiting(1) === 2, "two lanes wait in the kernel");
  set.remove();
  await Promise.all(waits);
});

Deno.test("removing a set ends a synchronous wait in another process with a clear error", async () => {
  const set = SemaphoreSet.create(IPC_PRIVATE, [0]);
  await using waiter = deno("tests/peers/holder.ts", [String(set.id)]);
  await until(() => set.waiting(0) === 1, "it waits in the kernel");
  set.remove();
  const { code, stderr } = await waiter.output();
  assertEquals(code, 1);
  assert(stderr.includes("it was removed meanwhile (semop: EIDRM)"), stderr);
});

Deno.test("op() that takes and gives waits without taking, and is done as one", async () => {
  using set = makeSet([0, 0, 1]);
  const move = [{ index: 0, change: -1 }, { index: 1, change: 1 }];
  const abort = new AbortController();
  const aborted = set.op(move, { signal: abort.signal });
  await until(() => set.waiting(0) === 1, "it waits in the kernel");
  abort.abort();
  await assertRejects(() => aborted, DOMException);
  const moved = set.op(move);
  set.at(0).release();
  await moved;
  assertEquals(set.values(), [0, 1, 1]);
  await settled(set);
});

Deno.test("asynchronous waits for zero end when the value is 0, and change nothing", async () => {
  using set = makeSet([1]);
  const waits = Array.from({ length: 100 }, () => set.at(0).waitForZero());
  await until(() => set.waitingForZero(0) === 1, "one waits in the kernel");
  set.at(0).acquireSync();
  await Promise.all(waits);
  assertEquals(set.values(), [0]);
  await settled(set);
});

Deno.test("every wait for zero that was there hears of a zero that is over at once", async () => {
  using set = makeSet([1]);
  const semaphore = set.at(0);
  let heard = 0;
  const waits = Array.from({ length: 5 }, () => semaphore.waitForZero().then(() => heard++));
  let last = -Infinity;
  await until(() => {
    // Once, but if it comes between two slices of the thread's wait, nobody hears it.
    if (heard === 0 && performance.now() - last > 1000 && semaphore.waitingForZero() === 1) {
      semaphore.acquireSync();
      semaphore.release();
      last = performance.now();
    }
    return heard === 5;
  }, "all have heard of it");
  await Promise.all(waits);
  await settled(set);
});

Deno.test("waits for almost as many operations as the system does at once don't spin", async () => {
  const { semopm } = SemaphoreSet.limits();
  using set = makeSet(Array(semopm).fill(0));
  const change = { change: -1 };
  const wait = set.op(Array.from({ length: semopm }, (_, index) => ({ index, ...change })));
  const mixed = set.op([
    { index: 0, change: -1 },
    ...Array.from({ length: semopm - 1 }, () => ({ index: 1, change: 1 })),
  ]);
  const share = await cpuShare();
  assert(share < 0.5, `${share} of what a process takes that spins`);
  set.setValues([2, ...Array(semopm - 1).fill(1)]);
  await wait;
  await mixed;
  assertEquals(set.value(1), semopm - 1);
  await settled(set);
});

Deno.test("two threads may wait for the same semaphore, each for itself", async () => {
  using set = makeSet([1]);
  const code = `
    import { SemaphoreSet } from ${url("mod.ts")};
    const mutex = SemaphoreSet.fromId(${set.id}).at(0);
    let turns = 0;
    for (; turns < 200; turns++) {
      using _guard = await mutex.lock();
    }
    self.postMessage(turns);`;
  using one = new TestWorker(code);
  using two = new TestWorker(code);
  assertEquals([await one.message(), await two.message()], [200, 200]);
  assertEquals(set.values(), [1]);
});
