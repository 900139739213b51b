// Waiting for words of shared memory in one thread.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { asyncWaiting, IPC_PRIVATE, mapAnonymous, Memfd, Segment, SharedMemory } from "../mod.ts";
import { ALL, FutexVector, futexWake } from "../ffi/futex.ts";
import { Patience, setSpinning } from "../sync/patience.ts";
import { wait } from "../sync/wait_async.ts";
import { RECHECK, timing, type Waitable } from "../sync/waitable.ts";
import { waitSync } from "../sync/wait_sync.ts";
import { setPolling } from "../sync/async_mode.ts";
import { waitingStatus, wordOf } from "../sync/async_words.ts";
import { until } from "./_objects.ts";
import { type Random, withRandom } from "./_random.ts";
import {
  attemptsPerRecheck,
  flagAt,
  MEMORIES,
  placeIn,
  settled,
  test as testOnce,
  turn,
  withoutHealing,
} from "./_sync.ts";

const PAGE = 4096;

/** Runs a test with futex_waitv, and again with the kernel being one that lacks it. */
function test(name: string, body: () => Promise<void>): void {
  testOnce(name, body);
  testOnce(`${name}, where futex_waitv is missing`, async () => {
    setPolling(true);
    try {
      assertEquals(asyncWaiting(), "polling");
      await body();
    } finally {
      setPolling(false);
    }
  });
}

for (const [name, make] of MEMORIES) {
  test(`await a word of ${name}`, async () => {
    using made = make(PAGE);
    const place = placeIn(made.memory);
    const flag = flagAt(place, 5);
    const got = wait(flag.waitable);
    await turn(3);
    flag.set(7);
    assertEquals(await got, 7);
    await settled();
    flag.set(8);
    assertEquals([await wait(flag.waitable), await wait(flag.waitable, { timeout: 0 })], [
      8,
      undefined,
    ]);
    assertEquals(waitSync(flag.waitable, 5), undefined);
    flag.set(9);
    assertEquals(waitSync(flag.waitable), 9);
  });
}

testOnce("this system has futex_waitv", () => {
  assertEquals(asyncWaiting(), "futex_waitv");
});

test("those of a kind get their turns in order; another kind isn't held up", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const place = placeIn(memory);
  const order: string[] = [];
  const asked: string[] = [];
  // Each takes a number of units.
  const taker = (name: string, units: number, kind?: string): Waitable<true> => ({
    place,
    index: 0,
    kind,
    patience: new Patience(),
    attempt() {
      asked.push(name);
      const value = Atomics.load(place.words, 0);
      if (value < units) return undefined;
      Atomics.sub(place.words, 0, units);
      return true;
    },
  });
  const give = (units: number) => {
    Atomics.add(place.words, 0, units);
    futexWake(place.address, ALL);
  };
  const waits = [
    taker("greedy", 10, "a"),
    taker("modest", 1, "a"),
    taker("other", 1, "b"),
    taker("free 1", 20),
    taker("free 2", 2),
  ].map(async (waitable) => {
    await wait(waitable);
    order.push(waitable.attempt.name);
    return waitable;
  });
  const names = () => order.length;
  await turn(3);
  asked.length = 0;
  give(3);
  await until(() => names() === 2, "those who aren't behind the greedy one");
  assert(!asked.includes("modest"), asked.join());
  assertEquals(Atomics.load(place.words, 0), 0);
  give(11);
  await until(() => names() === 4, "the greedy one, and who was behind it");
  give(20);
  await Promise.all(waits);
  await settled();
});

test("500 waits on one word get their turns in order", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  using _ = withoutHealing();
  const flag = flagAt(placeIn(memory), 0, "flag");
  const order: number[] = [];
  const waits = Array.from({ length: 500 }, async (_, index) => {
    await wait(flag.waitable);
    order.push(index);
    if (order.length % 100 === 0) await turn(2);
    flag.set(1);
  });
  flag.set(1);
  await Promise.all(waits);
  assertEquals(order, Array.from({ length: 500 }, (_, index) => index));
  flag.set(0);
  await settled();
});

test("abort and timeout end a wait at once, and leave nothing in the kernel", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  using _ = withoutHealing();
  const place = placeIn(memory);
  const flag = flagAt(place, 0, "flag");
  const abort = new AbortController();
  const reason = new Error("enough");
  const aborted = wait(flag.waitable, { signal: abort.signal });
  const late = wait(flagAt(place, 1).waitable, { timeout: 10 });
  await turn(5);
  abort.abort(reason);
  assertEquals(await aborted.catch((error) => error), reason);
  assertEquals(await late, undefined);
  assertEquals(await wait(flag.waitable, { signal: abort.signal }).catch((error) => error), reason);
  await settled();
  // In the turn in which it begins, and right after it was served.
  const second = new AbortController();
  const early = wait(flag.waitable, { signal: second.signal });
  second.abort(reason);
  assertEquals(await early.catch((error) => error), reason);
  const third = new AbortController();
  const served = wait(flag.waitable, { signal: third.signal });
  await turn(2);
  flag.set(3);
  assertEquals(await served, 3);
  third.abort();
  await settled();
});

testOnce(
  "a wake-up for one who gives up is passed on, also if others here wait",
  async () => {
    using memory = mapAnonymous(PAGE, { shared: true });
    using _ = withoutHealing();
    const place = placeIn(memory);
    for (const kind of ["flag", undefined]) {
      const [one, all] = [new AbortController(), new AbortController()];
      const never: Waitable<true> = {
        ...flagAt(place, 0, kind).waitable,
        attempt: () => undefined,
      };
      const waits = [
        wait(flagAt(place, 0, kind).waitable, { signal: one.signal }),
        wait(never, { signal: all.signal }),
      ].map((promise) => promise.catch(() => "aborted"));
      await turn(20); // they are in the kernel
      const vector = new FutexVector();
      vector.add(place.address, 0);
      const other = vector.waitNonblocking(5000); // as another thread would
      await turn(20);
      Atomics.store(place.words, 0, 1);
      futexWake(place.address, 1); // those who came first
      one.abort();
      assertEquals(await other, 0);
      all.abort();
      assertEquals(await Promise.all(waits), ["aborted", "aborted"]);
      Atomics.store(place.words, 0, 0);
      await settled();
    }
  },
);

test("an attempt that throws rejects its own wait alone", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const place = placeIn(memory);
  const flag = flagAt(place, 0);
  let broken = false;
  const breaking: Waitable<number> = {
    ...flag.waitable,
    attempt() {
      if (broken) throw new Error("broken");
      return undefined;
    },
  };
  const waits = [wait(flag.waitable), wait(breaking), wait(flagAt(place, 1).waitable)];
  await turn(2);
  broken = true;
  await assertRejects(() => waits[1], Error, "broken"); // when all are asked again
  await assertRejects(() => wait(breaking), Error, "broken");
  assertThrows(() => waitSync(breaking), Error, "broken");
  flag.set(1);
  flagAt(place, 1).set(2);
  assertEquals([await waits[0], await waits[2]], [1, 2]);
  await settled();
});

async function addAndServe(next: Random): Promise<void> {
  using memory = mapAnonymous(64 * PAGE, { shared: true });
  using _ = withoutHealing();
  const place = placeIn(memory);
  const pending = new Map<number, Promise<number | undefined>>();
  for (let step = 0; step < 1500; step++) {
    for (let count = next(step % 100 === 0 ? 300 : 4); count > 0; count--) {
      const index = next(1000);
      if (pending.has(index)) continue;
      pending.set(index, wait(flagAt(place, index, "flag").waitable));
    }
    for (const [index, promise] of pending) {
      if (next(3) > 0) continue;
      pending.delete(index);
      flagAt(place, index).set(index + 1);
      if (next(3) === 0) assertEquals(await promise, index + 1);
    }
    if (next(20) === 0) await turn();
  }
  for (const [index, promise] of pending) {
    flagAt(place, index).set(index + 1);
    assertEquals(await promise, index + 1);
  }
  await settled();
}

test("words that are added and served in any order are all served", () => withRandom(addAndServe));

test("10,000 pending waits take two threads and little work, and hinder nothing", async () => {
  const COUNT = 10_000;
  using memory = mapAnonymous(COUNT * 4, { shared: true });
  const place = placeIn(memory);
  const threads = () => [...Deno.readDirSync("/proc/self/task")].length;
  const text = await Deno.readTextFile(new URL(import.meta.url)); // starts a pool thread
  const before = threads();
  const flags = Array.from({ length: COUNT }, (_, index) => flagAt(place, index));
  const waits = flags.map(({ waitable }) => wait(waitable));
  await turn(20);
  assert(threads() <= before + 2, `${threads() - before} more threads`);
  const { words, calls } = waitingStatus();
  assertEquals([words, calls], [COUNT, asyncWaiting() === "polling" ? 0 : 2]);
  assertEquals(await Deno.readTextFile(new URL(import.meta.url)), text);
  const tries = await attemptsPerRecheck(COUNT, 1000);
  assert(tries < 5, `${tries} attempts for each in ${RECHECK} ms`);
  // One somewhere in between is found, and then all are.
  flags[4321].set(4322);
  assertEquals(await waits[4321], 4322);
  for (const [index, { set }] of flags.entries()) if (index !== 4321) set(index + 1);
  const results = await Promise.all(waits);
  assert(results.every((result, index) => result === index + 1));
  await settled();
  assert(threads() <= before + 2);
});

for (const [count, how] of [[100, "watched by the kernel"], [2000, "found"]] as const) {
  test(`a newcomer among ${count} is ${how} soon`, async () => {
    using memory = mapAnonymous(count * 4 + PAGE, { shared: true });
    const place = placeIn(memory);
    const abort = new AbortController();
    const { signal } = abort;
    const waits = Array.from(
      { length: count },
      (_, index) => wait(flagAt(place, index).waitable, { signal }).catch(() => "aborted"),
    );
    await turn(5);
    using _ = withoutHealing(); // nor do words take turns in the calls, with the time
    for (let round = 0; round < 200; round++) {
      const flag = flagAt(place, count + round % 7);
      const got = wait(flag.waitable);
      if (count > 100 || asyncWaiting() === "polling") await turn();
      else await until(() => wordOf(flag.waitable)?.isWatched === true, "a call watches it");
      flag.set(1);
      assertEquals(await got, 1);
    }
    abort.abort();
    assert((await Promise.all(waits)).every((result) => result === "aborted"));
    await settled();
  });
}

test("memory that is closed while something waits: an error, no fault, and it is unmapped", async () => {
  using segment = Segment.create(IPC_PRIVATE, PAGE, { removeOnDispose: true });
  for (let round = 0; round < 5; round++) {
    const memory = segment.attach();
    const place = placeIn(memory);
    const waits = Array.from({ length: 300 }, (_, index) => wait(flagAt(place, index).waitable));
    const one = wait(flagAt(place, 7, "kind").waitable);
    if (round > 0) await turn(round);
    memory.detach();
    for (const result of await Promise.allSettled([...waits, one])) {
      assert(result.status === "rejected");
      assert(result.reason instanceof Deno.errors.BadResource, String(result.reason));
      assert(result.reason.message.includes("was unmapped"), result.reason.message);
    }
    await settled();
    assertEquals(segment.status().nattch, 0);
    await assertRejects(() => wait(flagAt(place, 0).waitable), Deno.errors.BadResource);
  }
});

test("a SharedMemory that is closed while something waits: an error", async () => {
  const memory = SharedMemory.from(mapAnonymous(PAGE, { shared: true }));
  const place = placeIn(memory);
  const waits = [1, 2].map((index) => wait(flagAt(place, index, "kind").waitable));
  await turn(5);
  memory.close();
  for (const result of await Promise.allSettled(waits)) {
    assert(result.status === "rejected" && result.reason instanceof Deno.errors.BadResource);
  }
  await settled();
});

test("memory that waits pin can't be resized; when they are over, it can", async () => {
  using memfd = Memfd.create(2 * PAGE);
  using memory = memfd.map({ length: PAGE });
  using other = mapAnonymous(300 * 4, { shared: true });
  const flag = flagAt(placeIn(memory), 0);
  // So many that the kernel doesn't watch all of them.
  const flags = [...Array.from({ length: 300 }, (_, i) => flagAt(placeIn(other), i)), flag];
  const waits = flags.map(({ waitable }) => wait(waitable));
  for (let i = 0; i < 3; i++) {
    await turn(5);
    assertThrows(() => memory.resize(2 * PAGE), Deno.errors.Busy, "is under way");
  }
  for (const { set } of flags) set(1);
  await Promise.all(waits);
  await settled();
  memory.resize(2 * PAGE);
  flag.set(2);
  assertEquals(await wait(flag.waitable), 2);
});

testOnce(
  "newcomers don't put off those who wait, where futex_waitv is missing",
  async () => {
    using memory = mapAnonymous(PAGE, { shared: true });
    const place = placeIn(memory);
    const { clearTimeout: original } = globalThis;
    let cleared = 0;
    setPolling(true);
    globalThis.clearTimeout = (id) => {
      cleared++;
      original(id);
    };
    try {
      const waits: Promise<unknown>[] = [];
      for (let index = 0; index < 10; index++) {
        if (index === 1) cleared = 0; // from now on the next look is near
        waits.push(wait(flagAt(place, index).waitable));
        for (let hops = 0; hops < 20; hops++) await undefined;
      }
      assertEquals(cleared, 0);
      for (const index of waits.keys()) flagAt(place, index).set(1);
      await Promise.all(waits);
      await settled();
    } finally {
      globalThis.clearTimeout = original;
      setPolling(false);
    }
  },
);

test("waiting takes no processor time to speak of", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const place = placeIn(memory);
  const waits = [0, 1, 2].map((index) => wait(flagAt(place, index).waitable));
  const tries = await attemptsPerRecheck(3, 1000);
  assert(tries < 5, `${tries} attempts for each in ${RECHECK} ms`);
  for (const index of [0, 1, 2]) flagAt(place, index).set(1);
  await Promise.all(waits);
  await settled();
});

test("what was changed without a wake-up is found all the same", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const place = placeIn(memory);
  const got = wait(flagAt(place, 0).waitable);
  await turn(5);
  Atomics.store(place.words, 0, 1); // by somebody who was killed then
  assertEquals(await got, 1);
  await settled();
  assertEquals(timing.recheck, RECHECK);
});

test("an announcement stands for all of a kind, and is undone", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const place = placeIn(memory);
  const BIT = 0x40000000;
  let announced = 0;
  const waitable = (kind?: string): Waitable<true> => ({
    place,
    index: 0,
    kind,
    patience: new Patience(),
    attempt: () => (Atomics.load(place.words, 0) & 1) === 1 || undefined,
    announce(value) {
      const flagged = value | BIT;
      if (Atomics.compareExchange(place.words, 0, value, flagged) !== value) return undefined;
      announced++;
      return flagged;
    },
    retire: () => void announced--,
  });
  const waits = [wait(waitable("a")), wait(waitable("a")), wait(waitable("b"))];
  if (asyncWaiting() === "futex_waitv") {
    await until(() => announced === 2, "they are announced");
    assertEquals(Atomics.load(place.words, 0), BIT);
  } else await turn(5);
  waits.push(wait(waitable()), wait(waitable()));
  if (asyncWaiting() === "futex_waitv") {
    await until(() => announced === 4, "the newcomers are announced");
  } else await turn(5);
  Atomics.or(place.words, 0, 1);
  futexWake(place.address, 1);
  await Promise.all(waits);
  await settled();
  assertEquals(announced, 0);
});

testOnce("a thread that sleeps leaves wake-ups to others", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const place = placeIn(memory);
  const flag = flagAt(place, 0);
  using _ = withoutHealing(); // nor does a call end by itself
  // The thread of the pool is woken at once, but may leave the kernel late.
  let [woken, time] = [1, 20];
  for (; woken > 0 && time < 10_000; time *= 4) {
    const got = wait(flag.waitable);
    await turn(5);
    assertEquals(waitSync(flagAt(place, 1).waitable, time), undefined);
    woken = futexWake(place.address, 1);
    flag.set(1);
    assertEquals(await got, 1);
    await settled();
  }
  assertEquals(woken, 0, "it is still in the kernel");
});

testOnce("who always finds something lets timers have their turn", async () => {
  using memory = mapAnonymous(PAGE, { shared: true });
  const flag = flagAt(placeIn(memory), 0);
  let over = false;
  setTimeout(() => over = true, 1);
  const start = performance.now();
  while (!over) {
    assert(performance.now() - start < 30_000, "the timer starves");
    flag.set(1);
    await wait(flag.waitable);
  }
});

testOnce("spinning is bounded, learns, and can be switched off", () => {
  const patience = new Patience();
  const first = patience.tries(0.02);
  for (let i = 0; i < 100; i++) patience.learn(1000, true, 0.1); // 100 ns each
  const most = patience.tries(0.02);
  assert(navigator.hardwareConcurrency === 1 || (first < most && most <= 250), `${first} ${most}`);
  for (let i = 0; i < 100; i++) patience.learn(1000, false, 0.1);
  assert(patience.tries(0.02) <= 25);
  setSpinning(false);
  assertEquals(patience.tries(0.02), 0);
  setSpinning(navigator.hardwareConcurrency > 1);
});
