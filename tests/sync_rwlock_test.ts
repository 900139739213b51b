// Locks for many readers or one writer.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FUTEX_OWNER_DIED } from "../ffi/pthread.ts";
import { mapAnonymous, Memfd, RwLock } from "../mod.ts";
import { BUSY } from "../sync/lock_result.ts";
import { MutexCore } from "../sync/mutex_core.ts";
import { setSpinning } from "../sync/patience.ts";
import { placeOf } from "../sync/place.ts";
import { LINE_WORDS, SLOTS, TURNSTILE } from "../sync/rwlock_layout.ts";
import { compile, noCompiler } from "./_c.ts";
import { until } from "./_objects.ts";
import { deno, LIMIT, Process } from "./_process.ts";
import { sharedSegment, test, turn } from "./_sync.ts";

const ignore = noCompiler("reader-writer locks shared with C programs");
const PEER = "tests/peers/sync_rwlock.ts";
const OFFSET = 64;

function setUp(readers?: number) {
  const shared = sharedSegment(
    8192,
    (memory) => RwLock.create(memory, { offset: OFFSET, readers }),
  );
  const { memory, object: lock, id } = shared;
  return {
    memory,
    lock,
    where: [id, String(OFFSET)],
    [Symbol.dispose]: () => shared[Symbol.dispose](),
  };
}

/** Waits until a writer waits: readers who come then have to wait, too. */
async function untilWriterWaits(lock: RwLock): Promise<void> {
  await until(() => {
    using guard = lock.tryLockRead();
    return guard === undefined;
  }, "a writer waits");
}

test("many read, or one writes", async () => {
  const lock = RwLock.create(new SharedArrayBuffer(4096), { readers: 3 });
  const readers = [lock.lockReadSync(), lock.tryLockRead(), await lock.lockRead()];
  assertEquals(readers.map((guard) => guard?.held), [true, true, true]);
  assertEquals(lock.tryLockRead(), undefined); // all slots are taken
  assertThrows(() => lock.lockReadSync(), Deno.errors.Busy);
  assertEquals(lock.tryLockWrite(), undefined);
  assertThrows(() => lock.lockWriteSync(), Deno.errors.Busy, "this thread has it");
  await assertRejects(() => lock.lockRead({ timeout: 20 }), Deno.errors.TimedOut);
  await assertRejects(() => lock.lockWrite({ timeout: 20 }), Deno.errors.TimedOut);
  readers.pop()?.release();
  lock.lockReadSync().release();
  for (const guard of readers) guard?.release();
  {
    using writer = lock.lockWriteSync();
    assertEquals([writer.held, writer.ownerDied], [true, false]);
    assertEquals([lock.tryLockRead(), lock.tryLockWrite()], [undefined, undefined]);
    assertThrows(() => lock.lockReadSync(), Deno.errors.Busy);
    await assertRejects(() => lock.lockRead({ timeout: 20 }), Deno.errors.TimedOut);
  }
  const writer = lock.tryLockWrite();
  assert(writer);
  writer.release();
  writer.release();
  assertThrows(() => writer.markConsistent(), Deno.errors.BadResource, "was released");
});

test("a writer who waits goes before readers who come later", async () => {
  const lock = RwLock.create(new SharedArrayBuffer(4096));
  const reader = lock.lockReadSync();
  const order: string[] = [];
  const writing = lock.lockWrite().then((guard) => {
    order.push("writer");
    guard.release();
  });
  const reading = lock.lockRead().then((guard) => {
    order.push("reader");
    guard.release();
  });
  await untilWriterWaits(lock);
  await turn(5);
  assertEquals([order.length, lock.tryLockRead()], [0, undefined]);
  reader.release();
  await Promise.all([writing, reading]);
  assertEquals(order, ["writer", "reader"]);
});

test("a reader who is just entering doesn't keep others from trying", async () => {
  const memory = new SharedArrayBuffer(4096);
  const lock = RwLock.create(memory);
  const turnstile = new MutexCore(placeOf({ name: "rwlock", memory, offset: 0 }), TURNSTILE);
  const { pause } = Atomics;
  const tries = [
    () => lock.tryLockRead(),
    () => lock.lockRead({ timeout: 0 }),
  ];
  setSpinning(true);
  try {
    for (const attempt of tries) {
      let entering = turnstile.tryLock() !== BUSY;
      Atomics.pause = () => { // it looks again: meanwhile the other one is in
        if (entering) turnstile.unlock();
        entering = false;
      };
      const guard = await attempt();
      assert(guard);
      guard.release();
    }
  } finally {
    Atomics.pause = pause;
    setSpinning(navigator.hardwareConcurrency > 1);
  }
});

test("whoever gives up waiting leaves nothing locked", async () => {
  const lock = RwLock.create(new SharedArrayBuffer(4096));
  const reader = lock.lockReadSync();
  const abort = new AbortController();
  const writing = assertRejects(() => lock.lockWrite({ signal: abort.signal }), Error, "enough");
  await untilWriterWaits(lock);
  abort.abort(new Error("enough"));
  await writing;
  lock.lockReadSync().release();
  reader.release();
  lock.lockWriteSync().release();
});

test("what is there is checked", () => {
  const memory = new SharedArrayBuffer(4096);
  assertThrows(() => RwLock.open(memory), Deno.errors.NotFound);
  assertEquals(RwLock.openOrCreate(memory, { readers: 4 }).created, true);
  assertEquals(RwLock.openOrCreate(memory, { readers: 4 }).created, false);
  assertEquals([RwLock.open(memory).readers, RwLock.open(memory).created], [4, false]);
  assertThrows(
    () => RwLock.openOrCreate(memory, { readers: 3 }),
    Deno.errors.InvalidData,
    "it was made with readers: 4, not 3",
  );
  assertEquals(RwLock.openOrCreate(memory).readers, 4);
  assertThrows(() => RwLock.create(memory), Deno.errors.AlreadyExists);
  for (const readers of [0, -1, 1.5, 1025]) {
    assertThrows(() => RwLock.create(memory, { readers, offset: 1024 }), RangeError);
  }
  assertThrows(() => RwLock.create(memory, { readers: 1000 }), RangeError);
  assertThrows(() => RwLock.open(memory, { offset: 4000 }), RangeError);
  assertEquals([RwLock.byteLength(), RwLock.byteLength({ readers: 4 })], [64 * 18, 64 * 6]);
  new Int32Array(memory)[10] = 1 << 30;
  assertThrows(() => RwLock.open(memory), Deno.errors.InvalidData, "contradicts itself");
  const large = new SharedArrayBuffer(1 << 17);
  const words = new Int32Array(large);
  RwLock.create(large, { readers: 1 });
  [words[10], words[2]] = [1025, RwLock.byteLength({ readers: 1 }) + 1024 * 64]; // more than there may be
  assertThrows(() => RwLock.open(large), Deno.errors.InvalidData, "contradicts itself");
});

test("guards work after the memory was closed", () => {
  const memory = mapAnonymous(4096, { shared: true });
  const lock = RwLock.create(memory);
  const reader = lock.lockReadSync();
  memory.close();
  assertThrows(() => lock.tryLockRead(), Deno.errors.BadResource);
  reader.release();
});

test("memory that is closed just as a dead writer's lock is granted leaves it to others", async () => {
  for (const form of ["lockRead", "lockWrite"] as const) {
    using memfd = Memfd.create(4096);
    const memory = memfd.map();
    using other = memfd.map();
    const lock = RwLock.create(memory);
    other.array(Int32Array)[TURNSTILE] = FUTEX_OWNER_DIED; // as the kernel does
    const locking = lock[form]();
    memory.close();
    await assertRejects(() => locking, Deno.errors.BadResource, "was unmapped");
    using guard = RwLock.open(other).tryLockWrite();
    assertEquals(guard?.ownerDied, true);
  }
});

test("a reader who is killed changes nothing; of a writer, all are told until one repairs", async () => {
  using fixture = setUp(4);
  const { lock, where } = fixture;
  {
    await using reader = deno(PEER, [...where, "hold", "read"]);
    await reader.until("stdout", "holding false");
    assertEquals(lock.tryLockWrite(), undefined);
    const writing = lock.lockWrite(LIMIT);
    reader.kill("SIGKILL");
    using guard = await writing;
    assertEquals(guard.ownerDied, false);
  }
  await using writer = deno(PEER, [...where, "hold", "write"]);
  await writer.until("stdout", "holding false");
  assertThrows(() => lock.lockReadSync({ timeout: 10 }), Deno.errors.TimedOut);
  const reading = lock.lockRead(LIMIT);
  writer.kill("SIGKILL");
  {
    using guard = await reading;
    assertEquals(guard.ownerDied, true);
  }
  {
    using guard = lock.lockReadSync(LIMIT);
    assertEquals(guard.ownerDied, true);
  }
  {
    using guard = lock.lockWriteSync(LIMIT);
    assertEquals(guard.ownerDied, true);
  }
  {
    using guard = await lock.lockWrite(LIMIT);
    assertEquals(guard.ownerDied, true);
    guard.markConsistent();
  }
  using guard = lock.lockReadSync(LIMIT);
  assertEquals(guard.ownerDied, false);
});

test({
  name: "C reads and writes by pthread calls alone",
  ignore,
  async fn() {
    using program = await compile("sync_rwlock");
    for (const readers of [1, 4]) {
      using fixture = setUp(readers);
      const { where, memory } = fixture;
      const TIMES = 3000;
      await using stack = new AsyncDisposableStack();
      const processes = [
        deno(PEER, [...where, String(TIMES), "sync"]),
        deno(PEER, [...where, String(TIMES), "async"]),
        new Process(program.file, [...where, String(readers), "read", String(TIMES)]),
        new Process(program.file, [...where, String(readers), "write", String(TIMES)]),
      ].map((process) => stack.use(process));
      for (const process of processes) {
        const { code, stderr } = await process.output();
        assertEquals(code, 0, stderr);
      }
      const pair = memory.array(Int32Array, { length: 2 });
      assertEquals([...pair], [TIMES * 1.2, TIMES * 1.2]);
    }
  },
});

test({
  name: "C dies as a writer, and is told of one who died",
  ignore,
  async fn() {
    using program = await compile("sync_rwlock");
    using fixture = setUp(4);
    const { lock, where } = fixture;
    for (const [what, died] of [["read", false], ["write", true]] as const) {
      await using c = new Process(program.file, [...where, "4", "hold", what]);
      await c.until("stdout", "holding, inconsistent 0");
      const locking = lock.lockWrite(LIMIT);
      c.kill("SIGKILL");
      using guard = await locking;
      assertEquals(guard.ownerDied, died);
    }
    await using c = new Process(program.file, [...where, "4", "hold", "read"]);
    await c.until("stdout", "holding, inconsistent 1");
  },
});

/** A thread id that nobody has. */
const NOBODY = 0x3ffffffe;

test("what the dead have whom the kernel doesn't know is freed by recover()", () => {
  const memory = new SharedArrayBuffer(4096);
  const words = new Int32Array(memory);
  const lock = RwLock.create(memory, { readers: 2 });
  words[SLOTS] = words[SLOTS + LINE_WORDS] = NOBODY; // as a file has it when the system was switched off
  assertEquals(lock.tryLockRead(), undefined);
  lock.recover();
  {
    using one = lock.lockReadSync();
    lock.recover(); // takes nothing from the living
    assertEquals([one.held, lock.tryLockWrite()], [true, undefined]);
  }
  words[TURNSTILE] = NOBODY;
  assertEquals(lock.tryLockRead(), undefined);
  lock.recover();
  using guard = lock.lockWriteSync();
  assertEquals(guard.ownerDied, true);
  guard.markConsistent();
});
