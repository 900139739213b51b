// Condition: waiting with a mutex's guard.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Condition, IPC_PRIVATE, Mutex, type MutexGuard, Segment } from "../mod.ts";
import { FUTEX_OWNER_DIED } from "../ffi/pthread.ts";
import { until } from "./_objects.ts";
import { deno, LIMIT } from "./_process.ts";
import { MEMORIES, placeIn, settled, sharedSegment, test, turn } from "./_sync.ts";

const PEER = "tests/peers/sync_wait_condition.ts";
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
    const { words } = placeIn(made.memory);
    await until(() => words[WAITING] === 5, "all wait");
    for (let count = 0; count < 3; count++) {
      using _guard = await mutex.lock(LIMIT);
      ready++;
      theirs.notifyOne();
    }
    await until(() => words[WAITING] === 2, "three have come back");
    {
      using _guard = await mutex.lock(LIMIT);
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
  for (const late of [reason, new Deno.errors.TimedOut("of the caller's own")]) {
    const second = new AbortController();
    const until = condition.waitUntil(guard, never, { signal: second.signal });
    second.abort(late);
    assertEquals(await until.catch((error) => error), late);
    assert(isHeld());
  }
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

test(
  "whoever released its guard while it waited leaves what a dead owner left to the next one",
  async () => {
    const buffer = new SharedArrayBuffer(SIZE);
    const mutex = Mutex.create(buffer);
    const condition = Condition.create(buffer, CONDITION);
    for (const died of [false, true]) {
      const guard = mutex.lockSync();
      const wait = condition.wait(guard);
      guard.release();
      if (died) new Int32Array(buffer)[0] = FUTEX_OWNER_DIED; // as the kernel does
      condition.notifyAll();
      await assertRejects(() => wait, Deno.errors.BadResource, "was released");
      using next = mutex.lockSync({ timeout: 0 });
      assertEquals(next.ownerDied, died);
      next.markConsistent();
    }
    using last = mutex.lockSync();
    assert(!last.ownerDied);
    await settled();
  },
);

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

/** A segment with a mutex, a condition and a number in it, for processes to pass on. */
function setUp() {
  const shared = sharedSegment(SIZE, (memory) => ({
    mutex: Mutex.create(memory),
    condition: Condition.create(memory, CONDITION),
    words: memory.array(Int32Array),
    number: memory.array(Int32Array, NUMBER),
  }));
  const peer = (...what: string[]) => deno(PEER, [shared.id, ...what]);
  return { ...shared.object, peer, [Symbol.dispose]: () => shared[Symbol.dispose]() };
}

test(
  "processes pass a number on; one that dies with the mutex is told of",
  async () => {
    using fixture = setUp();
    const { mutex, condition, words, number, peer: start } = fixture;
    for (const how of ["sync", "async"]) {
      number[0] = 0;
      await using peer = start(how, "200");
      await peer.until("stdout", "ready");
      {
        using guard = await mutex.lock(LIMIT);
        for (let round = 1; round <= 200; round++) {
          number[0]++; // odd: the peer's turn
          condition.notifyOne();
          await condition.waitUntil(guard, () => number[0] === 2 * round, LIMIT);
        }
      }
      assertEquals((await peer.output()).code, 0);
    }
    // A third waits, a fourth dies while it has the mutex.
    {
      using guard = await mutex.lock(LIMIT);
      await using killed = start("hold", "0");
      const wait = condition.waitUntil(guard, () => number[0] === -1, LIMIT);
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
  using fixture = setUp();
  const { mutex, condition, words, number, peer: start } = fixture;
  for (const how of ["sync", "async"]) {
    const before = words[WAITING];
    await using peer = start(how, "1");
    await until(() => words[WAITING] > before, "it waits, or is about to");
    const mine = (async () => {
      using guard = await mutex.lock(LIMIT);
      await condition.waitUntil(guard, () => number[0] === 7, LIMIT);
    })();
    // It counts itself before it releases the mutex. I had that after it.
    await until(() => words[WAITING] === before + 2, "both wait");
    peer.kill("SIGKILL");
    await peer.output();
    {
      using guard = await mutex.lock(LIMIT);
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
