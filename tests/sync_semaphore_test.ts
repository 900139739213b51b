// FutexSemaphore: units, limits, guards, errors.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Event, FutexSemaphore, IPC_PRIVATE, mapAnonymous, mapFile, Segment } from "../mod.ts";
import type { SyncMemory } from "../mod.ts";
import { MEMORIES, settled, test, turn } from "./_sync.ts";

const SIZE = 4096;
const MAX = 0x7fffffff;

for (const [name, make] of MEMORIES) {
  test(`a semaphore in ${name}`, async () => {
    using made = make(SIZE);
    const { memory } = made;
    const semaphore = FutexSemaphore.create(memory, 2, { offset: 512 });
    const theirs = FutexSemaphore.open(memory, { offset: 512 });
    assertEquals([semaphore.created, theirs.created, theirs.value()], [true, false, 2]);
    semaphore.acquireSync();
    assert(theirs.tryAcquire());
    assert(!semaphore.tryAcquire());
    assertThrows(
      () => semaphore.acquireSync({ timeout: 5 }),
      Deno.errors.TimedOut,
      "Cannot acquire the semaphore at offset 512 of",
    );
    await assertRejects(() => theirs.acquire({ timeout: 5 }), Deno.errors.TimedOut, "within 5 ms");
    const wait = theirs.acquire();
    await turn(5);
    semaphore.release();
    await wait;
    semaphore.release(3);
    assertEquals(theirs.value(), 3);
    assert(!theirs.tryAcquire(4));
    assert(theirs.tryAcquire(3));
    await settled();
  });
}

test("create, open, and openOrCreate tell what is there", () => {
  using memory = mapAnonymous(SIZE, { shared: true });
  assertThrows(() => FutexSemaphore.open(memory), Deno.errors.NotFound, "nothing is there");
  const made = FutexSemaphore.openOrCreate(memory, 3);
  assertEquals([made.created, made.value()], [true, 3]);
  const found = FutexSemaphore.openOrCreate(memory, 5);
  assertEquals([found.created, found.value()], [false, 3]);
  assertThrows(() => FutexSemaphore.create(memory, 1), Deno.errors.AlreadyExists, "a semaphore");
  assertThrows(() => Event.open(memory), Deno.errors.InvalidData, "a semaphore is there");
  memory.array(Int32Array).fill(77, 64, 96);
  const garbage = { offset: 256 };
  assertThrows(() => FutexSemaphore.create(memory, 1, garbage), Deno.errors.InvalidData);
  assertThrows(() => FutexSemaphore.openOrCreate(memory, 1, garbage), Deno.errors.InvalidData);
  assertThrows(() => FutexSemaphore.open(memory, garbage), Deno.errors.InvalidData);
});

test("arguments are checked", async () => {
  const buffer = new SharedArrayBuffer(SIZE);
  for (const value of [-1, 1.5, MAX + 1, NaN]) {
    assertThrows(() => FutexSemaphore.create(buffer, value), RangeError, "value");
    assertThrows(() => FutexSemaphore.openOrCreate(buffer, value), RangeError, "value");
  }
  assertThrows(() => FutexSemaphore.create(buffer, "1" as unknown as number), TypeError, "value");
  assertThrows(() => FutexSemaphore.create(buffer, 1, { offset: 4 }), RangeError, "multiple of 8");
  assertThrows(() => FutexSemaphore.create(buffer, 1, { offset: SIZE - 64 }), RangeError);
  assertThrows(() => FutexSemaphore.open(buffer, { timeout: -1 }), RangeError, "timeout");
  const other = new ArrayBuffer(SIZE) as unknown as SyncMemory;
  assertThrows(() => FutexSemaphore.create(other, 1), TypeError, "memory must be");
  const semaphore = FutexSemaphore.create(buffer, 1);
  for (const amount of [0, -1, 1.5, MAX + 1]) {
    assertThrows(() => semaphore.tryAcquire(amount), RangeError, "amount");
    assertThrows(() => semaphore.release(amount), RangeError, "amount");
    assertThrows(() => semaphore.acquireSync({ amount }), RangeError, "amount");
    await assertRejects(() => semaphore.acquire({ amount }), RangeError, "amount");
  }
  assertThrows(() => semaphore.acquireSync({ timeout: 0.5 }), RangeError, "timeout");
  await assertRejects(() => semaphore.acquire({ signal: 1 as never }), TypeError, "AbortSignal");
  assertThrows(() => semaphore.acquireSync(5 as never), TypeError, "options");
  assertEquals(semaphore.value(), 1);
});

test("memory that may only be read is refused", () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeFileSync(path, new Uint8Array(SIZE));
    using memory = mapFile(path);
    assertThrows(
      () => FutexSemaphore.open(memory as unknown as SyncMemory),
      TypeError,
      "one that may be written",
    );
  } finally {
    Deno.removeSync(path);
  }
});

test("a value beyond the limit is an error, and changes nothing", () => {
  const semaphore = FutexSemaphore.create(new SharedArrayBuffer(SIZE), MAX - 1);
  semaphore.release();
  assertThrows(() => semaphore.release(), RangeError, "would exceed 2147483647");
  assertThrows(() => semaphore.release(MAX), RangeError, "would exceed 2147483647");
  assertEquals(semaphore.value(), MAX);
  semaphore.acquireSync({ amount: MAX });
  assertEquals(semaphore.value(), 0);
});

test("garbage in the memory is an error, not a hang", async () => {
  const buffer = new SharedArrayBuffer(SIZE);
  const semaphore = FutexSemaphore.create(buffer, 0);
  const words = new Int32Array(buffer);
  const wait = semaphore.acquire();
  await turn(3);
  words[16] = -5;
  await assertRejects(() => wait, Deno.errors.InvalidData, "its value is -5");
  assertThrows(() => semaphore.value(), Deno.errors.InvalidData);
  assertThrows(() => semaphore.tryAcquire(), Deno.errors.InvalidData);
  assertThrows(() => semaphore.acquireSync(), Deno.errors.InvalidData);
  assertThrows(() => semaphore.release(), Deno.errors.InvalidData);
  await settled();
});

test("guards give their unit back once", async () => {
  const semaphore = FutexSemaphore.create(new SharedArrayBuffer(SIZE), 1);
  {
    using guard = semaphore.lockSync();
    assertEquals([guard.held, semaphore.value(), semaphore.tryLock()], [true, 0, undefined]);
    guard.release();
    assertEquals([guard.held, semaphore.value()], [false, 1]);
  }
  assertEquals(semaphore.value(), 1);
  {
    using _guard = await semaphore.lock();
    await assertRejects(() => semaphore.lock({ timeout: 1 }), Deno.errors.TimedOut);
    assertThrows(() => semaphore.lockSync({ timeout: 0 }), Deno.errors.TimedOut);
  }
  {
    using guard = semaphore.tryLock();
    assert(guard?.held);
  }
  assertEquals(semaphore.value(), 1);
  await settled();
});

test(
  "those of one thread get their units in order, however many each wants",
  async () => {
    using memory = mapAnonymous(SIZE, { shared: true });
    const semaphore = FutexSemaphore.create(memory, 0);
    const order: number[] = [];
    const amounts = [3, 1, 2, 1, 5];
    const waits = amounts.map((amount, index) =>
      semaphore.acquire({ amount }).then(() => order.push(index))
    );
    await turn(3);
    for (let unit = 0; unit < 12; unit++) {
      semaphore.release();
      if (unit % 3 === 0) await turn(1);
    }
    await Promise.all(waits);
    assertEquals(order, [0, 1, 2, 3, 4]);
    assertEquals(semaphore.value(), 0);
    // One who gives up doesn't hold up the others.
    const greedy = semaphore.acquire({ amount: 10, timeout: 10 });
    const modest = semaphore.acquire();
    await turn(3);
    semaphore.release();
    await assertRejects(() => greedy, Deno.errors.TimedOut);
    await modest;
    await settled();
    const words = memory.array(Int32Array);
    assertEquals([words[17], words[18]], [0, 0]); // nobody is thought to sleep
  },
);

test("units that come while waits are aborted all arrive, or stay", async () => {
  const semaphore = FutexSemaphore.create(new SharedArrayBuffer(SIZE), 0);
  let got = 0;
  const waits = Array.from({ length: 600 }, async (_, index) => {
    const signal = AbortSignal.timeout(1 + index % 60);
    await semaphore.acquire({ signal }).then(() => got++, () => {});
  });
  for (let given = 0; given < 300; given++) {
    semaphore.release();
    await turn(given % 7 === 0 ? 1 : 0);
  }
  await Promise.all(waits);
  await settled();
  assertEquals(got + semaphore.value(), 300);
});

test(
  "memory that is closed ends waits with an error, and its counts stay right",
  async () => {
    using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
    using other = segment.attach();
    const theirs = FutexSemaphore.create(other, 0);
    for (let round = 0; round < 3; round++) {
      const memory = segment.attach();
      const semaphore = FutexSemaphore.open(memory);
      const wait = semaphore.acquire({ amount: 2 });
      await turn(5);
      memory.detach();
      theirs.release();
      await assertRejects(() => wait, Deno.errors.BadResource, "was unmapped");
      for (const use of [() => semaphore.release(), () => semaphore.value()]) {
        assertThrows(use, Deno.errors.BadResource, "was unmapped");
      }
      await settled();
      const words = other.array(Int32Array);
      assertEquals([words[17], words[18], segment.status().nattch], [0, 0, 1]);
      assert(theirs.tryAcquire());
    }
  },
);
