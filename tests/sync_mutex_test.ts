// Mutexes within one process: making and finding them, guards, waits, Workers.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FutexVector } from "../ffi/futex.ts";
import { FUTEX_OWNER_DIED, mutexLock, mutexUnlock } from "../ffi/pthread.ts";
import { addressOfShared } from "../ffi/wasm.ts";
import { Event, isSystemError, mapAnonymous, Memfd, Mutex, SharedMemory } from "../mod.ts";
import { LIMIT } from "./_process.ts";
import { type Random, withRandom } from "./_random.ts";
import { test } from "./_sync.ts";
import { TestWorker, url } from "./_workers.ts";

const KIND = 4; // the word that glibc calls __kind

function code(error: unknown): string {
  return isSystemError(error) ? error.code : "";
}

/** A Worker that runs code with `memory`, a SharedArrayBuffer, and `Mutex`, and posts messages. */
function startWorker(memory: SharedArrayBuffer, code: string): TestWorker {
  const worker = new TestWorker(`
    import { Mutex } from ${url("mod.ts")};
    const run = async (memory) => { ${code} };
    onmessage = ({ data }) => run(data);`);
  worker.post(memory);
  return worker;
}

test("a mutex is made of zeros, once, and found again", () => {
  const memory = new SharedArrayBuffer(256);
  assert(Mutex.byteLength === 40 || Mutex.byteLength === 48);
  assertThrows(() => Mutex.open(memory), Deno.errors.NotFound, "openOrCreate()");
  assertEquals(Mutex.create(memory, { offset: 64 }).created, true);
  assertThrows(() => Mutex.create(memory, { offset: 64 }), Deno.errors.AlreadyExists, "Open it");
  assertEquals(Mutex.open(memory, { offset: 64 }).created, false);
  assertEquals(Mutex.openOrCreate(memory, { offset: 64 }).created, false);
  assertEquals(Mutex.openOrCreate(memory).created, true);
  using _guard = Mutex.open(memory).lockSync();
  assertEquals(Mutex.openOrCreate(memory).created, false); // locked, it is one all the same
});

test("what is no mutex is refused", () => {
  const memory = new SharedArrayBuffer(64);
  const words = new Int32Array(memory);
  for (
    const [index, value, part] of [
      [0, 1, "something else is there"],
      [9, -1, "something else is there"],
      [KIND, 0x7f000092, "something else is there"],
      [KIND, 0x82, "robust: pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST)"],
      [KIND, 0x12, "process-shared: pthread_mutexattr_setpshared"],
      [
        KIND,
        0x2,
        "process-shared: pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), and",
      ],
      [KIND, 0xb2, "PTHREAD_PRIO_NONE"],
    ] as const
  ) {
    words.fill(0)[index] = value;
    const before = [...words];
    for (const make of [Mutex.create, Mutex.open, Mutex.openOrCreate]) {
      assertThrows(() => make(memory), Deno.errors.InvalidData, part);
    }
    assertEquals([...words], before);
  }
  for (const kind of [0x90, 0x91, 0x92, 0x93]) {
    words.fill(0)[KIND] = kind;
    Mutex.open(memory).lockSync().release();
  }
});

test("arguments are checked", async () => {
  const memory = new SharedArrayBuffer(64);
  for (const offset of [4, 32, -8, 1.5, NaN]) {
    assertThrows(() => Mutex.create(memory, { offset }), RangeError);
  }
  assertThrows(() => Mutex.create(new ArrayBuffer(64) as never), TypeError, "memory must be");
  assertThrows(() => Mutex.create(memory, "64" as never), TypeError, "options must be");
  const mutex = Mutex.create(memory);
  assertThrows(() => mutex.lockSync({ timeout: -1 }), RangeError);
  await assertRejects(() => mutex.lock({ timeout: NaN }), RangeError);
  await assertRejects(() => mutex.lock({ signal: 1 as never }), TypeError);
  mutex.lockSync().release();
});

test("one guard at a time, whatever it is asked for by", async () => {
  const mutex = Mutex.create(new SharedArrayBuffer(64));
  const guard = mutex.lockSync();
  assertEquals([guard.held, guard.ownerDied], [true, false]);
  assertEquals(mutex.tryLock(), undefined);
  for (const options of [undefined, { timeout: 0 }, { timeout: 10 }]) {
    const error = assertThrows(
      () => mutex.lockSync(options),
      Deno.errors.Busy,
      "this thread has it",
    );
    assertEquals(code(error), "EDEADLK");
  }
  await assertRejects(() => mutex.lock({ timeout: 20 }), Deno.errors.TimedOut, "20 ms");
  await assertRejects(() => mutex.lock({ timeout: 0 }), Deno.errors.TimedOut);
  guard.markConsistent(); // nothing to do
  guard.release();
  guard.release();
  assertEquals(guard.held, false);
  assertThrows(() => guard.markConsistent(), Deno.errors.BadResource, "was released");
  {
    using again = mutex.tryLock();
    assertEquals(again?.held, true);
    guard[Symbol.dispose]();
    assertEquals(mutex.tryLock(), undefined);
  }
  using last = await mutex.lock();
  assert(last.held);
});

test("C's other types of mutexes don't let this thread in twice, either", () => {
  for (const kind of [0x90, 0x91, 0x93]) {
    const memory = new SharedArrayBuffer(64);
    new Int32Array(memory)[KIND] = kind;
    const mutex = Mutex.open(memory);
    using _guard = mutex.lockSync();
    assertEquals(mutex.tryLock(), undefined);
    assertEquals(Mutex.open(memory).tryLock(), undefined);
    assertThrows(() => mutex.lockSync(), Deno.errors.Busy);
  }
});

test("the same mutex at two addresses is one", () => {
  using memfd = Memfd.create(4096);
  using one = memfd.map();
  using two = memfd.map();
  const guard = Mutex.create(one).lockSync();
  const other = Mutex.open(two);
  assertThrows(() => other.lockSync(), Deno.errors.Busy);
  assertEquals(other.tryLock(), undefined);
  guard.release();
  other.lockSync().release();
});

test("tasks of one thread get it in their order", async () => {
  const mutex = Mutex.create(new SharedArrayBuffer(64));
  const order: number[] = [];
  let inside = 0;
  await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    using _guard = await mutex.lock();
    assertEquals(++inside, 1);
    order.push(i);
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    inside--;
  }));
  assertEquals(order, Array.from({ length: 50 }, (_, i) => i));
});

test("a task that locks again and again leaves others their turn", async () => {
  const mutex = Mutex.create(new SharedArrayBuffer(64));
  let done = false;
  let turns = 0;
  const greedy = (async () => {
    while (!done) {
      using _guard = await mutex.lock();
      turns++;
      await Promise.resolve();
    }
  })();
  for (let i = 0; i < 20; i++) {
    using _guard = await mutex.lock();
  }
  done = true;
  await greedy;
  assert(turns > 0);
});

test("abort and timeout end a wait, and others still get their turn", async () => {
  const mutex = Mutex.create(new SharedArrayBuffer(64));
  const guard = mutex.lockSync();
  const abort = new AbortController();
  const reason = new Error("enough");
  const aborted = assertRejects(() => mutex.lock({ signal: abort.signal }), Error, "enough");
  const late = assertRejects(() => mutex.lock({ timeout: 5 }), Deno.errors.TimedOut);
  const patient = mutex.lock();
  await new Promise((resolve) => setTimeout(resolve, 20));
  abort.abort(reason);
  await Promise.all([aborted, late]);
  guard.release();
  using _last = await patient;
  await assertRejects(() => mutex.lock({ signal: AbortSignal.abort(reason) }), Error, "enough");
});

test("Workers and this thread exclude each other", async () => {
  const memory = new SharedArrayBuffer(128);
  const mutex = Mutex.create(memory, { offset: 64 });
  const count = new Int32Array(memory);
  const loop = (form: string) => `
    const mutex = Mutex.open(memory, { offset: 64 });
    const count = new Int32Array(memory);
    for (let i = 0; i < 5000; i++) {
      using _guard = ${form};
      count[0] = count[0] + 1;
    }
    postMessage("done");`;
  using one = startWorker(memory, loop("mutex.lockSync()"));
  using two = startWorker(memory, loop("await mutex.lock()"));
  for (let i = 0; i < 5000; i++) {
    using _guard = i % 2 ? mutex.lockSync(LIMIT) : await mutex.lock(LIMIT);
    count[0] = count[0] + 1;
  }
  assertEquals([await one.message(), await two.message()], ["done", "done"]);
  assertEquals(count[0], 15000);
});

test("a Worker that is terminated with it: the next one is told", async () => {
  for (const form of ["lockSync", "lock"] as const) {
    const memory = new SharedArrayBuffer(128);
    const mutex = Mutex.create(memory, { offset: 64 });
    using worker = startWorker(
      memory,
      `globalThis.guard = Mutex.open(memory, { offset: 64 }).lockSync(); postMessage("holding");`,
    );
    assertEquals(await worker.message(), "holding");
    assertThrows(() => mutex.lockSync({ timeout: 10 }), Deno.errors.TimedOut, "10 ms");
    const waiting = form === "lock" ? mutex.lock(LIMIT) : undefined;
    worker.terminate();
    using guard = waiting ? await waiting : mutex.lockSync(LIMIT);
    assertEquals(guard.ownerDied, true);
    guard.markConsistent();
    guard.release();
    using again = mutex.lockSync(LIMIT);
    assertEquals(again.ownerDied, false);
  }
});

test("left unrepaired, it can't be locked any more, until it is recovered", async () => {
  const memory = new SharedArrayBuffer(128);
  const mutex = Mutex.create(memory, { offset: 64 });
  using worker = startWorker(
    memory,
    `globalThis.guard = Mutex.open(memory, { offset: 64 }).lockSync(); postMessage("holding");`,
  );
  assertEquals(await worker.message(), "holding");
  assertThrows(() => mutex.recover(), Deno.errors.Busy, "which lives");
  const waiting = mutex.lock(LIMIT);
  const other = assertRejects(() => mutex.lock(LIMIT), Deno.errors.BadResource, "markConsistent()");
  worker.terminate();
  (await waiting).release();
  await other;
  for (const lock of [() => mutex.tryLock(), () => mutex.lockSync()]) {
    const error = assertThrows(lock, Deno.errors.BadResource, "Take it with recover()");
    assertEquals(code(error), "ENOTRECOVERABLE");
  }
  await assertRejects(() => mutex.lock(), Deno.errors.BadResource);
  {
    using guard = mutex.recover();
    assertEquals(guard.ownerDied, true);
    assertThrows(() => mutex.recover(), Deno.errors.Busy, "this thread holds it");
    guard.markConsistent();
  }
  using guard = mutex.recover();
  assertEquals(guard.ownerDied, false);
});

test("an owner that the kernel lost is found dead by recover()", () => {
  const memory = new SharedArrayBuffer(64);
  const words = new Int32Array(memory);
  const mutex = Mutex.create(memory);
  words[0] = 0x3ffffff0; // above the highest thread id
  assertThrows(() => mutex.lockSync({ timeout: 1 }), Deno.errors.TimedOut);
  using guard = mutex.recover();
  assertEquals(guard.ownerDied, true);
  guard.markConsistent();
});

function releaseInAnyOrder(random: Random): void {
  const memory = new SharedArrayBuffer(64 * 1000);
  const mutexes = Array.from(
    { length: 1000 },
    (_, i) => Mutex.create(memory, { offset: 64 * i }),
  );
  for (let round = 0; round < 3; round++) {
    const guards = mutexes.map((mutex) => mutex.lockSync());
    while (guards.length > 0) guards.splice(random(guards.length), 1)[0].release();
    const few = [];
    for (let i = 0; i < 2000; i++) {
      const guard = mutexes[random(10)].tryLock();
      if (guard !== undefined) few.push(guard);
      else few.splice(random(few.length), 1)[0].release();
    }
    for (const guard of few) guard.release();
  }
  for (const mutex of mutexes) mutex.lockSync().release();
}

test("mutexes are released in any order", () => withRandom(releaseInAnyOrder));

test("what was overwritten is an error for all, also if it looks as if it were locked", async () => {
  const memory = new SharedArrayBuffer(64);
  const words = new Int32Array(memory);
  const mutex = Mutex.create(memory);
  const [lock, kind] = [words[0], words[KIND]];
  const text = new TextEncoder().encode("2026-11-21 somebody wrote a text here");
  const priorityInheriting = kind | 0x20;
  const damages = [
    () => new Uint8Array(memory).set(text),
    () => words.set([0x3ffffff0, 0, 0, 0, priorityInheriting]), // C would end the process
  ];
  for (const damage of damages) {
    words.fill(0);
    damage();
    assertThrows(() => mutex.tryLock(), Deno.errors.InvalidData);
    assertThrows(() => mutex.lockSync({ timeout: 50 }), Deno.errors.InvalidData);
    await assertRejects(() => mutex.lock({ timeout: 50 }), Deno.errors.InvalidData);
  }
  words.fill(0);
  [words[0], words[KIND]] = [lock, kind];
  // While somebody waits.
  const guard = mutex.lockSync();
  const waiting = mutex.lock();
  await new Promise((resolve) => setTimeout(resolve, 5));
  words[KIND] = priorityInheriting;
  await assertRejects(() => waiting, Deno.errors.InvalidData);
  words[KIND] = kind;
  guard.release();
});

test("all who sleep on a mutex learn that nobody can lock it any more", async () => {
  const memory = new SharedArrayBuffer(64);
  const words = new Int32Array(memory);
  const mutex = Mutex.create(memory);
  words[0] = FUTEX_OWNER_DIED; // as the kernel does
  const guard = mutex.lockSync();
  const waiting = mutex.lock();
  await new Promise((resolve) => setTimeout(resolve, 20)); // it sleeps
  const vector = new FutexVector();
  vector.add(addressOfShared(memory), words[0]);
  const other = vector.waitNonblocking(5000); // as a C program would
  await new Promise((resolve) => setTimeout(resolve, 20));
  guard.release(); // unrepaired: that wakes one
  await assertRejects(() => waiting, Deno.errors.BadResource, "ENOTRECOVERABLE");
  assertEquals(await other, 0);
});

test("more than the kernel would free for a dead thread are refused", async () => {
  const memory = new SharedArrayBuffer(64 * 2049);
  const guards = Array.from(
    { length: 2048 },
    (_, i) => Mutex.create(memory, { offset: 64 * i }).lockSync(),
  );
  const last = Mutex.create(memory, { offset: 64 * 2048 });
  assertThrows(() => last.lockSync(), Error, "2048");
  // Also if its owner died, which the next one is told all the same.
  const words = new Int32Array(memory, 64 * 2048);
  const died = words[0] = 0x40000000;
  for (const lock of [() => last.lockSync(), () => last.tryLock(), () => last.recover()]) {
    assertThrows(lock, Error, "2048");
    assertEquals(words[0], died);
  }
  await assertRejects(() => last.lock(), Error, "2048");
  // And if somebody else has it.
  words[0] = 1;
  assertThrows(() => last.lockSync({ timeout: 1000 }), Error, "2048");
  words[0] = died;
  guards.pop()?.release();
  const guard = last.lockSync();
  assertEquals(guard.ownerDied, true);
  guard.markConsistent();
  guard.release();
  last.lockSync().release();
  for (const guard of guards) guard.release();
});

test("memory that is closed while it is locked stays until it is released", () => {
  using memfd = Memfd.create(4096);
  const mapping = memfd.map();
  const [one, two] = [0, 64].map((offset) => Mutex.create(mapping, { offset }));
  const [first, second] = [one.lockSync(), two.lockSync()];
  mapping.close();
  assertThrows(() => one.tryLock(), Deno.errors.BadResource, "was unmapped");
  using other = memfd.map();
  const [again, again2] = [0, 64].map((offset) => Mutex.open(other, { offset }));
  assertEquals(again.tryLock(), undefined);
  first.release();
  again.lockSync().release();
  assertEquals(again2.tryLock(), undefined);
  second.release();
  again2.lockSync().release();
  assertEquals(first.held, false);
});

test("a wait ends with the memory", async () => {
  using memfd = Memfd.create(4096);
  const mapping = memfd.map();
  const mutex = Mutex.create(mapping);
  const guard = mutex.lockSync();
  const waiting = assertRejects(() => mutex.lock(), Deno.errors.BadResource, "was unmapped");
  mapping.close();
  await waiting;
  guard.release();
});

test("a resized memory takes its mutexes with it", () => {
  using memfd = Memfd.create(1 << 20);
  using mapping = memfd.map({ length: 4096 });
  const mutex = Mutex.create(mapping);
  {
    using _guard = mutex.lockSync();
    assertThrows(() => mapping.resize(1 << 20), Deno.errors.Busy, "locked something in it");
  }
  mapping.resize(1 << 20);
  mutex.lockSync().release();
});

test("a SharedMemory can't be closed while this thread has locked a mutex in it", () => {
  using shared = SharedMemory.from(mapAnonymous(4096, { shared: true }));
  const mutex = Mutex.create(shared, { offset: 64 });
  const guard = mutex.lockSync();
  assertThrows(() => shared.close(), Deno.errors.Busy, "Release or close that first");
  guard.release();
  shared.close();
  assertThrows(() => mutex.lockSync(), Deno.errors.BadResource);
});

function overwrite(pick: Random): void {
  const memory = new SharedArrayBuffer(192);
  const mutexes = [0, 64, 128].map((offset) => Mutex.create(memory, { offset }));
  const words = new Int32Array(memory, 64, 16);
  for (let round = 0; round < 2000; round++) {
    const guards = mutexes.map((mutex) => mutex.lockSync());
    const index = [0, 4, 6, 7, 8, 9][pick(6)];
    const value = [0, 1, -1, 0x92, words[index] ^ 8, words[index] + 64, pick(2 ** 32) | 0][pick(7)];
    const owner = 0x3fffffff;
    const harmful = index === 0 ? (value & owner) !== (words[0] & owner) : (value & ~3) !== 0x90;
    words[index] = value;
    for (const i of [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]][pick(4)]) {
      const release = () => guards[i].release();
      // A pointer may be put right by the release of its neighbours.
      if (i !== 1) release();
      else if (index <= 4 && harmful) {
        assertThrows(release, Deno.errors.InvalidData, "overwritten");
      } else {
        try {
          release();
        } catch (error) {
          assert(error instanceof Deno.errors.InvalidData && index > 4, String(error));
        }
      }
    }
    words.fill(0);
    Mutex.create(memory, { offset: 64 });
  }
  words[4] = 0x7f;
  assertThrows(() => mutexes[1].lockSync(), Deno.errors.InvalidData);
  assertThrows(() => mutexes[1].tryLock(), Deno.errors.InvalidData);
}

test("what is overwritten while it is locked is noticed, and nothing crashes", () =>
  withRandom(overwrite));

test("one whose list was overwritten is left as an owner who died would", () => {
  const memory = new SharedArrayBuffer(64);
  const mutex = Mutex.create(memory);
  const guard = mutex.lockSync();
  new Int32Array(memory)[6] ^= 64;
  assertThrows(() => guard.release(), Deno.errors.InvalidData);
  using next = mutex.lockSync();
  assertEquals(next.ownerDied, true);
  next.markConsistent();
});

function holdForeign(random: Random): void {
  const memory = new SharedArrayBuffer(64 * 6);
  const address = addressOfShared(memory);
  const all = Array.from({ length: 6 }, (_, i) => {
    const mutex = Mutex.create(memory, { offset: 64 * i });
    const foreign = address + BigInt(64 * i);
    return i % 2 ? mutex : {
      lockSync() {
        assertEquals(mutexLock(foreign), 0);
        return { release: () => assertEquals(mutexUnlock(foreign), 0) };
      },
    };
  });
  for (let round = 0; round < 500; round++) {
    const guards = all.map((mutex) => mutex.lockSync());
    while (guards.length > 0) guards.splice(random(guards.length), 1)[0].release();
  }
  // Even then one that is overwritten is taken out of the list.
  const guards = all.map((mutex) => mutex.lockSync());
  new Int32Array(memory, 64 * 3).fill(0, 0, 10);
  assertThrows(() => guards[3].release(), Deno.errors.InvalidData);
  for (const i of [0, 5, 1, 4, 2]) guards[i].release();
  for (const i of [0, 1, 2, 4, 5]) all[i].lockSync().release();
}

test("robust mutexes that other code of the thread holds are no strangers", () =>
  withRandom(holdForeign));

test("errors say who has it, and what is there that is no mutex", async () => {
  const memory = new SharedArrayBuffer(4096);
  const mutex = Mutex.create(memory);
  {
    using _guard = mutex.lockSync();
    await assertRejects(
      () => mutex.lock({ timeout: 1 }),
      Deno.errors.TimedOut,
      "not free for 1 ms; this thread has it now",
    );
  }
  Event.create(memory, { offset: 1024 });
  const open = () => Mutex.open(memory, { offset: 1024 });
  assertThrows(open, Deno.errors.InvalidData, "something else is there");
});
