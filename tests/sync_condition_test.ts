// Condition: waiting with a mutex's guard.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Condition, IPC_PRIVATE, Mutex, type MutexGuard, Segment } from "../mod.ts";
import { until } from "./_objects.ts";
import { deno } from "./_process.ts";
import { MEMORIES, settled, test, turn } from "./_sync.ts";

const SIZE = 4096;
const CONDITION = { offset: 128 };
/** Who waits, as the condition counts them. */
const WAITING = 32 + 17;
const NUMBER = { offset: 512, length: 1 } as const;

for (const [name, make] of MEMORIES) {
  test(`a condition in ${name}`, async () => {
    using made = make(SIZE);
    const mutex = Mutex.create(made.memory);
    const condition = Condition.create(made.memory, CONDITION);
    const theirs = Condition.open(made.memory, CONDITION);
    assertEquals([condition.created, theirs.created], [true, false]);
    theirs.notifyOne(); // nobody
    let ready = 0;
    const waits = Array.from({ length: 5 }, async () => {
      using guard = await mutex.lock();
      await condition.waitUntil(guard, () => ready > 0);
      assert(guard.held);
      ready--;
    });
    await turn(5);
    for (let count = 0; count < 3; count++) {
      using _guard = mutex.lockSync();
      ready++;
      theirs.notifyOne();
    }
    await turn(5);
    {
      using _guard = await mutex.lock();
      ready += 2;
      theirs.notifyAll();
    }
    await Promise.all(waits);
    assertEquals(ready, 0);
    await settled();
  });
}

test("whatever ends a wait, the guard is held again", async () => {
  const buffer = new SharedArrayBuffer(SIZE);
  const mutex = Mutex.create(buffer);
  const condition = Condition.create(buffer, CONDITION);
  using guard = mutex.lockSync();
  const isHeld = () => guard.held && mutex.tryLock() === undefined;
  const never = () => false;
  assertThrows(
    () => condition.waitSync(guard, { timeout: 5 }),
    Deno.errors.TimedOut,
    "within 5 ms",
  );
  assert(isHeld());
  await assertRejects(() => condition.wait(guard, { timeout: 5 }), Deno.errors.TimedOut);
  assert(isHeld());
  assertThrows(() => condition.waitUntilSync(guard, never, { timeout: 5 }), Deno.errors.TimedOut);
  assert(isHeld());
  await assertRejects(
    () => condition.waitUntil(guard, never, { timeout: 5 }),
    Deno.errors.TimedOut,
  );
  assert(isHeld());
  const abort = new AbortController();
  const wait = condition.wait(guard, { signal: abort.signal });
  await turn(2);
  assert(!guard.held);
  const reason = new Error("enough");
  abort.abort(reason);
  assertEquals(await wait.catch((error) => error), reason);
  assert(isHeld());
  assertEquals(
    await condition.wait(guard, { signal: abort.signal }).catch((error) => error),
    reason,
  );
  assert(isHeld());
  condition.waitUntilSync(guard, () => true, { timeout: 0 });
  await condition.waitUntil(guard, () => true);
  const broken = () => {
    throw new Error("broken");
  };
  assertThrows(() => condition.waitUntilSync(guard, broken), Error, "broken");
  assert(isHeld());
  await settled();
  assertEquals(new Int32Array(buffer)[WAITING], 0);
});

test("arguments are checked, and the guard must be held", async () => {
  const buffer = new SharedArrayBuffer(SIZE);
  const mutex = Mutex.create(buffer);
  const condition = Condition.openOrCreate(buffer, CONDITION);
  const none = {} as MutexGuard;
  assertThrows(() => condition.waitSync(none), TypeError, "guard must be a MutexGuard");
  await assertRejects(() => condition.wait(none), TypeError, "guard must be a MutexGuard");
  const guard = mutex.lockSync();
  assertThrows(() => condition.waitSync(guard, { timeout: -1 }), RangeError, "timeout");
  assertThrows(() => condition.waitUntilSync(guard, 1 as never), TypeError, "predicate");
  await assertRejects(() => condition.waitUntil(guard, 1 as never), TypeError, "predicate");
  assert(guard.held);
  guard.release();
  assertThrows(() => condition.waitSync(guard), Deno.errors.BadResource);
  await assertRejects(() => condition.wait(guard), Deno.errors.BadResource);
  assertEquals(new Int32Array(buffer)[WAITING], 0);
});

test(
  "processes pass a number on; one that dies with the mutex is told of",
  async () => {
    using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
    using memory = segment.attach();
    const mutex = Mutex.create(memory);
    const condition = Condition.create(memory, CONDITION);
    const words = memory.array(Int32Array);
    const number = memory.array(Int32Array, NUMBER);
    for (const how of ["sync", "async"]) {
      number[0] = 0;
      await using peer = deno("tests/peers/sync_wait_condition.ts", [
        String(segment.id),
        how,
        "200",
      ]);
      await peer.until("stdout", "ready");
      {
        using guard = await mutex.lock();
        for (let round = 1; round <= 200; round++) {
          number[0]++; // odd: the peer's turn
          condition.notifyOne();
          await condition.waitUntil(guard, () => number[0] === 2 * round);
        }
      }
      assertEquals((await peer.output()).code, 0);
    }
    // A third waits, a fourth dies while it has the mutex.
    await using killed = deno("tests/peers/sync_wait_condition.ts", [
      String(segment.id),
      "hold",
      "0",
    ]);
    {
      using guard = await mutex.lock();
      const wait = condition.waitUntil(guard, () => number[0] === -1);
      await killed.until("stdout", "holding");
      killed.kill("SIGKILL");
      await killed.output();
      condition.notifyAll();
      await assertRejects(() => wait, Deno.errors.Interrupted, "last owner died");
      assert(guard.held && guard.ownerDied);
      await assertRejects(() => condition.wait(guard), Deno.errors.BadResource, "markConsistent");
      guard.markConsistent();
      assertThrows(() => condition.waitSync(guard, { timeout: 5 }), Deno.errors.TimedOut);
      assert(!guard.ownerDied);
    }
    await settled();
    assertEquals(words[WAITING], 0);
  },
);

test("a process that is killed while it waits leaves the others alone", async () => {
  using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
  using memory = segment.attach();
  const mutex = Mutex.create(memory);
  const condition = Condition.create(memory, CONDITION);
  const words = memory.array(Int32Array);
  const number = memory.array(Int32Array, NUMBER);
  for (const how of ["sync", "async"]) {
    const before = words[WAITING];
    await using peer = deno("tests/peers/sync_wait_condition.ts", [String(segment.id), how, "1"]);
    await until(() => words[WAITING] > before, "it waits");
    const mine = (async () => {
      using guard = await mutex.lock();
      await condition.waitUntil(guard, () => number[0] === 7);
    })();
    await turn(5);
    peer.kill("SIGKILL");
    await peer.output();
    {
      using guard = await mutex.lock();
      assert(!guard.ownerDied); // it waited without the mutex
      number[0] = 7;
      condition.notifyOne();
    }
    await mine;
    number[0] = 0;
  }
  await settled();
});

test(
  "memory that is closed while something waits: an error, and the guard is released",
  async () => {
    using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
    using other = segment.attach();
    Mutex.create(other);
    Condition.create(other, CONDITION);
    const memory = segment.attach();
    const guard = await Mutex.open(memory).lock();
    const wait = Condition.open(memory, CONDITION).wait(guard);
    await turn(5);
    memory.detach();
    await assertRejects(() => wait, Deno.errors.BadResource);
    assert(!guard.held);
    await settled();
    assertEquals([other.array(Int32Array)[WAITING], segment.status().nattch], [0, 1]);
    using again = Mutex.open(other).lockSync({ timeout: 0 });
    assert(!again.ownerDied);
  },
);
