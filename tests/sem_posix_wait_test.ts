// Asynchronous waits for POSIX semaphores, in one process and among several.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Attachment,
  IPC_PRIVATE,
  mapFile,
  PosixSemaphore,
  Segment,
  SemaphoreSet,
} from "../mod.ts";
import { platform } from "../ffi/platform.ts";
import { SEM_WAITERS } from "../ffi/posix_sem.ts";
import { regionOf } from "../memory/memory.ts";
import { currentLanes, waitFor } from "../sem/lanes.ts";
import { PosixLane } from "../sem/posix_lane.ts";
import { PosixPlace } from "../sem/posix_place.ts";
import { CLOCKWAIT, POLLING, TIMEDWAIT, waitSync } from "../sem/posix_wait.ts";
import { assertSystemError, freshSemaphoreName, until } from "./_objects.ts";
import { cpuShare, deno, type Process } from "./_process.ts";
import { TestWorker, url } from "./_workers.ts";

/** A semaphore in a segment that goes with the attachment. */
interface InMemory extends Disposable {
  readonly memory: Attachment;
  readonly semaphore: PosixSemaphore;
  /** How many threads, of all processes, are in the kernel for it. */
  waiting(): number;
}

const SIZE = 32;

function makeSemaphores(count: number, value: number): { memory: Attachment; all: InMemory[] } {
  using segment = Segment.create(IPC_PRIVATE, count * SIZE, { removeOnDispose: true });
  const memory = segment.attach();
  const all = Array.from({ length: count }, (_, index) => {
    const offset = index * SIZE;
    const semaphore = PosixSemaphore.init(memory, value, { offset });
    const words = memory.array(Int32Array, { offset, length: SIZE / 4 });
    return {
      memory,
      semaphore,
      waiting: () => words[SEM_WAITERS],
      [Symbol.dispose]: () => memory.detach(),
    };
  });
  return { memory, all };
}

function makeSemaphore(value: number): InMemory {
  return makeSemaphores(1, value).all[0];
}

/** Waits until no thread of the pool is in the kernel any more. */
async function settled(): Promise<void> {
  await until(() => currentLanes().length === 0, "the threads left the kernel");
}

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "1,000 pending locks use one thread, get their turns in order, and hinder nothing",
  onLinux,
  async () => {
    using made = makeSemaphore(0);
    const { semaphore: mutex, waiting } = made;
    const order: number[] = [];
    const waits = Array.from({ length: 1000 }, async (_, index) => {
      using _guard = await mutex.lock();
      order.push(index);
    });
    await until(() => waiting() === 1, "a thread waits");
    assert((await Deno.readTextFile(new URL(import.meta.url))).includes("1,000 pending"));
    await crypto.subtle.digest("SHA-256", new Uint8Array(10));
    assert(waiting() <= 1);
    assertEquals(order.length, 0);
    mutex.release();
    await Promise.all(waits);
    assertEquals(order, Array.from({ length: 1000 }, (_, index) => index));
    await settled();
    assertEquals(mutex.value(), 1);
  },
);

Deno.test(
  "waits for 1,000 semaphores use four threads, with System V's, and each gets its turn",
  onLinux,
  async () => {
    const { memory, all } = makeSemaphores(1000, 0);
    using _memory = memory;
    using set = SemaphoreSet.create(IPC_PRIVATE, [0], { removeOnDispose: true });
    const other = set.at(0).acquire();
    const waits = all.map(({ semaphore }) => semaphore.acquire());
    const waiting = () => all.reduce((sum, made) => sum + made.waiting(), 0);
    await until(() => waiting() >= 3, "threads wait");
    await Deno.readTextFile(new URL(import.meta.url));
    for (const [index, { semaphore }] of all.entries()) {
      semaphore.release();
      if (index % 100 === 0) assert(waiting() <= 4);
    }
    set.at(0).release();
    await Promise.all([other, ...waits]);
    await settled();
    assert(all.every(({ semaphore }) => semaphore.value() === 0));
  },
);

Deno.test(
  "an aborted wait is rejected with the signal's reason, and takes nothing in the end",
  onLinux,
  async () => {
    using made = makeSemaphore(0);
    const { semaphore: mutex } = made;
    const abort = new AbortController();
    const wait = mutex.lock({ signal: abort.signal });
    await until(() => made.waiting() === 1, "a thread waits");
    const reason = new Error("enough");
    abort.abort(reason);
    assertEquals(await assertRejects(() => wait), reason);
    // The thread in the kernel may take this; then it gives it back.
    mutex.release();
    await settled();
    assertEquals(mutex.value(), 1);
  },
);

Deno.test("a signal that has aborted already ends a wait before it begins", async () => {
  using made = makeSemaphore(1);
  const signal = AbortSignal.abort();
  await assertRejects(() => made.semaphore.lock({ signal }), DOMException, "aborted");
  assertEquals(made.semaphore.value(), 1);
});

Deno.test("a wait that timed out takes nothing, and others go on", async () => {
  using made = makeSemaphore(0);
  const { semaphore: mutex } = made;
  const short = Array.from({ length: 10 }, () => mutex.lock({ timeout: 5 }));
  const long = mutex.lock();
  for (const wait of short) await assertRejects(() => wait, Deno.errors.TimedOut, "within 5 ms");
  mutex.release();
  (await long).release();
  await settled();
  assertEquals(mutex.value(), 1);
});

Deno.test("aborts in the middle of everything lose no unit and free nobody's", async () => {
  using made = makeSemaphore(1);
  const { semaphore: mutex } = made;
  let inside = 0;
  let turns = 0;
  const one = async (index: number) => {
    const signal = index % 2 === 0 ? AbortSignal.timeout(index % 37) : undefined;
    const timeout = index % 3 === 0 ? index % 23 : undefined;
    try {
      using _guard = await mutex.lock({ signal, timeout });
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
  await settled();
  assertEquals(mutex.value(), 1);
});

Deno.test("units that come while waits are aborted all arrive, or stay", async () => {
  using made = makeSemaphore(0);
  const { semaphore } = made;
  let got = 0;
  const waits = Array.from({ length: 600 }, async (_, index) => {
    await semaphore.acquire({ signal: AbortSignal.timeout(1 + index % 60) }).then(
      () => got++,
      () => {},
    );
  });
  for (let given = 0; given < 300; given++) {
    semaphore.release();
    await new Promise((resolve) => setTimeout(resolve, given % 7 === 0 ? 1 : 0));
  }
  await Promise.all(waits);
  await settled();
  assertEquals(got + semaphore.value(), 300);
});

Deno.test("close() rejects what waits through the handle, at once, and through no other", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 0);
  const handle = PosixSemaphore.open(fresh.name);
  const waits = Array.from({ length: 20 }, () => handle.lock());
  const other = mutex.lock();
  await new Promise((resolve) => setTimeout(resolve, 5)); // threads are in the kernel
  handle.close();
  const message = `semaphore "${fresh.name}": its handle was closed`;
  for (const wait of waits) await assertRejects(() => wait, Deno.errors.BadResource, message);
  mutex.release();
  (await other).release();
  await settled();
  assertEquals(mutex.value(), 1);
});

Deno.test("a handle that is closed right after a unit came in loses none", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 0);
  for (let round = 0; round < 50; round++) {
    const handle = PosixSemaphore.open(fresh.name);
    const wait = handle.acquire();
    if (round % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    mutex.release();
    for (let turn = 0; turn < round % 10; turn++) await Promise.resolve();
    if (round % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    handle.close();
    const taken = await wait.then(() => true, () => false);
    await settled();
    assertEquals(mutex.value(), taken ? 0 : 1);
    if (!taken) mutex.acquireSync();
  }
});

Deno.test("memory that is closed while something waits: an error, no fault, and it is unmapped", async () => {
  const segment = Segment.create(IPC_PRIVATE, 4096);
  try {
    for (let round = 0; round < 10; round++) {
      const memory = segment.attach();
      const semaphore = PosixSemaphore.init(memory, 0, { offset: 64 });
      const waits = Array.from({ length: 20 }, () => semaphore.lock());
      await new Promise((resolve) => setTimeout(resolve, round)); // a thread is on its address
      memory.detach();
      for (const wait of waits) {
        await assertRejects(() => wait, Deno.errors.BadResource, "was unmapped");
      }
      await settled();
      assertEquals(segment.status().nattch, 0);
    }
  } finally {
    segment.remove();
  }
});

Deno.test("a unit that comes for a wait whose memory was closed is given back", async () => {
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using other = segment.attach();
  using mutex = PosixSemaphore.init(other, 0);
  for (let round = 0; round < 20; round++) {
    const memory = segment.attach();
    const wait = PosixSemaphore.at(memory).lock();
    await new Promise((resolve) => setTimeout(resolve, 2));
    memory.detach();
    mutex.release();
    await assertRejects(() => wait, Deno.errors.BadResource, "was unmapped");
    await settled();
    assertEquals([mutex.value(), segment.status().nattch], [1, 1]);
    mutex.acquireSync();
  }
});

Deno.test("a thread that awaits a semaphore isn't blocked for it, by whichever handle", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 0);
  using again = PosixSemaphore.open(fresh.name);
  using other = PosixSemaphore.create(`${fresh.name}-other`, 0, { removeOnDispose: true });
  const abort = new AbortController();
  const wait = mutex.lock({ signal: abort.signal });
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (const handle of [mutex, again]) {
    const error = assertThrows(() => handle.lockSync()) as Error;
    assertSystemError(error, Deno.errors.Busy, "EDEADLK", CLOCKWAIT.syscall);
    assert(error.message.includes("use the asynchronous form"), error.message);
    // What never waits is not refused.
    assertEquals(handle.tryLock(), undefined);
    assertThrows(() => handle.lockSync({ timeout: 0 }), Deno.errors.TimedOut);
  }
  // For another it may wait: the wait there is for something else.
  assertThrows(() => other.lockSync({ timeout: 1 }), Deno.errors.TimedOut);
  // Even so an abort is immediate. What is taken for it, others may need before they let theirs go.
  abort.abort();
  await assertRejects(() => wait, DOMException);
  await settled();
  let refused = false;
  for (let round = 0; !refused && round < 100; round++) { // the thread may just have left the kernel
    const abort = new AbortController();
    const wait = mutex.lock({ signal: abort.signal });
    await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort();
    await assertRejects(() => wait, DOMException);
    const error = assertThrows(() => other.lockSync({ timeout: 1 }));
    refused = error instanceof Deno.errors.Busy;
    await settled();
    assertThrows(() => other.lockSync({ timeout: 1 }), Deno.errors.TimedOut);
  }
  assert(refused);
});

Deno.test("waiting takes no processor time to speak of", async () => {
  using made = makeSemaphore(0);
  const wait = made.semaphore.acquire();
  const share = await cpuShare();
  assert(share < 0.5, `${share} of what a process takes that spins`);
  made.semaphore.release();
  await wait;
  await settled();
});

Deno.test(
  "a wait gets its turn among processes that hold for longer than a slice",
  onLinux,
  async () => {
    using fresh = freshSemaphoreName();
    using mutex = PosixSemaphore.create(fresh.name, 1);
    await using stack = new AsyncDisposableStack();
    const processes = Array.from(
      { length: 4 },
      () => stack.use(deno("tests/peers/sem_posix_contender.ts", [fresh.name, "50"])),
    );
    for (const process of processes) await process.until("stdout", "contending");
    for (let turn = 0; turn < 3; turn++) {
      using guard = await mutex.lock();
      assert(guard.held);
    }
    await settled();
  },
);

Deno.test("after an abort nothing keeps the process alive", async () => {
  using fresh = freshSemaphoreName();
  using _mutex = PosixSemaphore.create(fresh.name, 0);
  await using pending: Process = deno("tests/peers/sem_posix_pending.ts", [fresh.name]);
  await pending.until("stdout", "waiting");
  await pending.write("\n");
  const { code, stdout } = await pending.output();
  assertEquals([code, stdout], [0, "waiting\nAbortError\n"]);
});

Deno.test("a process that is killed while it waits takes nothing along", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 0);
  await using pending = deno("tests/peers/sem_posix_pending.ts", [fresh.name]);
  await pending.until("stdout", "waiting");
  pending.kill("SIGKILL");
  await pending.output();
  mutex.release();
  assertEquals(mutex.value(), 1);
});

Deno.test(
  "what a process that was killed when it was woken left behind, others get",
  onLinux,
  async () => {
    using fresh = freshSemaphoreName();
    using mutex = PosixSemaphore.create(fresh.name, 0);
    using mapping = mapFile(`/dev/shm/sem.${fresh.name.slice(1)}`, { access: "readwrite" });
    const value = mapping.array(Int32Array, { length: 1 });
    await using holder = deno("tests/peers/sem_posix_holder.ts", [fresh.name]);
    await until(() => mapping.array(Int32Array)[SEM_WAITERS] === 1, "it waits in the kernel");
    Atomics.store(value, 0, 1); // a unit, of which nobody is told any more
    await holder.until("stdout", "holding");
    const wait = mutex.lock();
    await until(() => mapping.array(Int32Array)[SEM_WAITERS] === 1, "a thread waits");
    Atomics.store(value, 0, 1);
    await wait;
    await settled();
  },
);

Deno.test("two threads may wait for the same semaphore, each for itself", async () => {
  using fresh = freshSemaphoreName();
  using mutex = PosixSemaphore.create(fresh.name, 1);
  const code = `
    import { PosixSemaphore } from ${url("mod.ts")};
    using mutex = PosixSemaphore.open("${fresh.name}");
    let turns = 0;
    for (; turns < 50; turns++) {
      using _guard = turns % 2 === 0 ? await mutex.lock() : mutex.lockSync();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    self.postMessage(turns);`;
  using one = new TestWorker(code);
  using two = new TestWorker(code);
  assertEquals([await one.message(), await two.message()], [50, 50]);
  assertEquals(mutex.value(), 1);
});

for (const how of [CLOCKWAIT, TIMEDWAIT, POLLING]) {
  Deno.test(`${how.syscall} waits on this thread and elsewhere, in time and in order`, async () => {
    using made = makeSemaphore(0);
    const { semaphore, memory } = made;
    const place = new PosixPlace("semaphore", regionOf(memory), 0, "");
    const { EAGAIN } = platform().errno;
    for (const timeout of [1, 30]) {
      const start = performance.now();
      assertEquals(waitSync(place, timeout, how), -EAGAIN);
      assert(performance.now() - start >= timeout);
    }
    semaphore.release();
    assertEquals([waitSync(place, 1000, how), semaphore.value()], [0, 0]);

    const key = crypto.randomUUID();
    const wanted = {
      key,
      tryNow: () => place.tryTake(),
      newLane: () => new PosixLane(key, place, how),
    };
    const order: number[] = [];
    const waits = [1, 2, 3].map(async (index) => {
      assertEquals(await waitFor(wanted, {}), 0);
      order.push(index);
    });
    assertEquals(await waitFor(wanted, { timeout: 10 }), -EAGAIN);
    for (let count = 0; count < 3; count++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      semaphore.release();
    }
    await Promise.all(waits);
    assertEquals(order, [1, 2, 3]);
    await settled();
    assertEquals(semaphore.value(), 0);
  });
}
