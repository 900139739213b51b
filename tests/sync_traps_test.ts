// What happens to locks when memory or guards end while somebody waits.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Condition,
  Event,
  FutexSemaphore,
  Latch,
  mapAnonymous,
  Memfd,
  Mutex,
  RwLock,
  SharedMemory,
} from "../mod.ts";
import { test } from "./_sync.ts";

test("a RwLock whose memory is closed while it is being locked is free for others", async () => {
  for (const lock of ["lockRead", "lockWrite"] as const) {
    for (let microtasks = 0; microtasks < 8; microtasks++) {
      using memfd = Memfd.create(4096);
      const memory = memfd.map();
      const locked = RwLock.create(memory, { readers: 1 })[lock]();
      for (let i = 0; i < microtasks; i++) await undefined;
      memory.close();
      await locked.then((guard) => guard.release(), () => {});
      using again = memfd.map();
      const guard = RwLock.open(again).tryLockWrite();
      assertEquals(guard?.held, true, `${lock}, after ${microtasks} microtasks`);
      guard?.release();
    }
  }
});

test("a guard that is released while a condition has unlocked it doesn't lock it for ever", async () => {
  using memory = mapAnonymous(4096, { shared: true });
  const mutex = Mutex.create(memory);
  const condition = Condition.create(memory, { offset: 64 });
  const guard = await mutex.lock();
  const waiting = condition.wait(guard);
  guard.release();
  condition.notifyAll();
  await assertRejects(() => waiting, Deno.errors.BadResource);
  assertEquals(guard.held, false);
  mutex.lockSync({ timeout: 1000 }).release();
});

test("what lies in a SharedMemory ends with it", () => {
  const shared = SharedMemory.from(mapAnonymous(65536, { shared: true }));
  const event = Event.create(shared, { offset: 0 });
  const semaphore = FutexSemaphore.create(shared, 1, { offset: 128 });
  const latch = Latch.create(shared, 1, { offset: 256 });
  shared.close();
  for (
    const use of [
      () => event.set(),
      () => semaphore.release(),
      () => latch.isOpen,
      () => latch.waitSync({ timeout: 10 }),
    ]
  ) assertThrows(use, Deno.errors.BadResource, "the memory is gone");
});

test("nothing is created over what isn't zeros", () => {
  for (const index of [0, 1, 2, 3, 10, 11, 12, 13, 14, 15]) {
    const memory = new SharedArrayBuffer(4096);
    const words = new Int32Array(memory);
    words[index] = 1;
    const before = [...words];
    assertThrows(() => Event.create(memory), Deno.errors.InvalidData, "something else is there");
    assertEquals([...words], before);
  }
});
