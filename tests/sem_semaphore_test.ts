import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, SemaphoreGuard, SemaphoreSet } from "../mod.ts";

function makeSet(values: number[]): SemaphoreSet {
  return SemaphoreSet.create(IPC_PRIVATE, values, { removeOnDispose: true });
}

Deno.test("acquire and release take and give units, in each of their forms", async () => {
  using set = makeSet([10]);
  const semaphore = set.at(0);
  semaphore.acquireSync();
  semaphore.acquireSync({ amount: 2, timeout: 100 });
  await semaphore.acquire({ amount: 3 });
  assertEquals([semaphore.tryAcquire({ amount: 4 }), semaphore.tryAcquire()], [true, false]);
  assertEquals(semaphore.value(), 0);
  semaphore.release({ amount: 7 });
  semaphore.release();
  assertEquals(semaphore.value(), 8);
});

Deno.test("acquire and release check the amount", () => {
  using set = makeSet([1]);
  for (const amount of [0, -1, 1.5, NaN, 32768]) {
    assertThrows(
      () => set.at(0).acquireSync({ amount }),
      RangeError,
      "amount must be an integer from 1",
    );
    assertThrows(
      () => set.at(0).release({ amount }),
      RangeError,
      "amount must be an integer from 1",
    );
  }
  assertEquals(set.values(), [1]);
});

Deno.test("waitForZero waits until the value is 0", async () => {
  using set = makeSet([0, 1]);
  set.at(0).waitForZeroSync();
  await set.at(0).waitForZero();
  assertThrows(() => set.at(1).waitForZeroSync({ timeout: 5 }), Deno.errors.TimedOut);
  const zero = set.at(1).waitForZero();
  set.at(1).acquireSync();
  await zero;
});

Deno.test("lastPid(), waiting() and waitingForZero() tell who is there", async () => {
  using set = makeSet([0, 1]);
  assertEquals(set.at(0).lastPid(), Deno.pid);
  const abort = new AbortController();
  const waits = [
    set.at(0).acquire({ signal: abort.signal }),
    set.at(1).waitForZero({ signal: abort.signal }),
  ];
  // The waits reach the kernel on other threads.
  while (set.at(0).waiting() === 0 || set.at(1).waitingForZero() === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  abort.abort();
  for (const wait of waits) await assertRejects(() => wait, DOMException);
});

Deno.test("a guard holds the unit until its scope ends", async () => {
  using set = makeSet([1]);
  const mutex = set.at(0);
  {
    using guard = mutex.lockSync();
    assertInstanceOf(guard, SemaphoreGuard);
    assertEquals([guard.held, mutex.value()], [true, 0]);
  }
  assertEquals(mutex.value(), 1);
  {
    using _guard = await mutex.lock();
    assertEquals([mutex.value(), mutex.tryLock()], [0, undefined]);
  }
  {
    using guard = mutex.tryLock();
    assert(guard?.held);
  }
  assertEquals(mutex.value(), 1);
});

Deno.test("a guard gives the unit back when its scope ends with an error", () => {
  using set = makeSet([1]);
  assertThrows(
    () => {
      using _guard = set.at(0).lockSync();
      throw new Error("oops");
    },
    Error,
    "oops",
  );
  assertEquals(set.values(), [1]);
});

Deno.test("a guard gives the unit back exactly once", () => {
  using set = makeSet([1]);
  {
    using guard = set.at(0).lockSync();
    guard.release();
    assertEquals(guard.held, false);
    guard.release();
    guard[Symbol.dispose]();
    assertEquals(set.values(), [1]);
  }
  assertEquals(set.values(), [1]);
});

Deno.test("a guard whose semaphore was removed says so, once", () => {
  const set = SemaphoreSet.create(IPC_PRIVATE, [1]);
  const guard = set.at(0).lockSync();
  set.remove();
  assertThrows(
    () => guard.release(),
    Deno.errors.BadResource,
    "Cannot unlock semaphore 0 of semaphore set",
  );
  guard.release();
});

Deno.test("lock waits throw TimedOut, and take nothing", async () => {
  using set = makeSet([0]);
  const mutex = set.at(0);
  for (const timeout of [0, 1, 30]) {
    assertThrows(() => mutex.lockSync({ timeout }), Deno.errors.TimedOut, `within ${timeout} ms`);
    await assertRejects(
      () => mutex.lock({ timeout }),
      Deno.errors.TimedOut,
      `within ${timeout} ms`,
    );
  }
  mutex.release();
  assertEquals(mutex.value(), 1);
});

Deno.test("locks check the timeout", async () => {
  using set = makeSet([1]);
  for (const timeout of [-1, 0.5, NaN, Infinity, 2 ** 31]) {
    assertThrows(() => set.at(0).lockSync({ timeout }), RangeError, "timeout must be an integer");
    await assertRejects(
      () => set.at(0).lock({ timeout }),
      RangeError,
      "timeout must be an integer",
    );
  }
  assertEquals(set.values(), [1]);
});
