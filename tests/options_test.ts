// Options given in the wrong form, as only untyped callers can: an error, and nothing is done.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, Segment, SemaphoreSet } from "../mod.ts";
import { freshKey } from "./_objects.ts";

// deno-lint-ignore no-explicit-any -- what untyped callers have
type Untyped = any;

Deno.test("options that are no object are refused, and nothing is done", async () => {
  using segment = Segment.create(IPC_PRIVATE, 64, { removeOnDispose: true });
  using set = SemaphoreSet.create(IPC_PRIVATE, [1], { removeOnDispose: true });
  using memory = segment.attach();
  const [anySegment, anyMemory, anySemaphore]: Untyped[] = [segment, memory, set.at(0)];
  const key = freshKey();
  const calls: (() => unknown)[] = [
    () => anySegment.attach("read"),
    () => anySegment.set(null),
    () => (Segment as Untyped).create(key, 64, null),
    () => (Segment as Untyped).open(key, 64),
    () => (Segment as Untyped).openOrCreate(key, 64, 0o600),
    () => (SemaphoreSet as Untyped).create(key, [1], 0o600),
    () => (SemaphoreSet as Untyped).openSync(key, 100),
    () => anyMemory.writeText("abc", 8),
    () => anyMemory.readText(8),
    () => anyMemory.array(Int32Array, 8, 2),
    () => anySemaphore.lockSync(1000),
    () => anySemaphore.tryLock(true),
    () => anySemaphore.acquireSync(1),
    () => anySemaphore.tryAcquire(1),
    () => anySemaphore.release(1),
    () => anySemaphore.waitForZeroSync(null),
    () => (set as Untyped).opSync([{ index: 0, change: -1 }], 5),
  ];
  for (const call of calls) {
    assertThrows(call, TypeError, "options must be an object: received", String(call));
  }
  const asynchronous: (() => Promise<unknown>)[] = [
    () => (SemaphoreSet as Untyped).open(key, null),
    () => (SemaphoreSet as Untyped).openOrCreate(key, [1], "x"),
    () => anySemaphore.lock(1000),
    () => anySemaphore.acquire(null),
    () => anySemaphore.waitForZero(5),
    () => (set as Untyped).op([{ index: 0, change: -1 }], 5),
  ];
  for (const call of asynchronous) {
    await assertRejects(call, TypeError, "options must be an object: received", String(call));
  }
  await assertRejects(
    () => anySemaphore.lock({ signal: {} }),
    TypeError,
    "signal must be an AbortSignal",
  );
  assertEquals([set.values(), memory.bytes[0], segment.status().nattch], [[1], 0, 1]);
  assertThrows(() => Segment.open(key), Deno.errors.NotFound);
  assertThrows(() => SemaphoreSet.openSync(key), Deno.errors.NotFound);
});
