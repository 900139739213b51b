// Latch: counts down to zero, once.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, Latch, Segment } from "../mod.ts";
import { LIMIT } from "./_process.ts";
import { MEMORIES, settled, test, turn } from "./_sync.ts";
import { TestWorker, url } from "./_workers.ts";

const SIZE = 4096;

for (const [name, make] of MEMORIES) {
  test(`a latch in ${name}`, async () => {
    using made = make(SIZE);
    const latch = Latch.create(made.memory, 3, { offset: 8 });
    const theirs = Latch.open(made.memory, { offset: 8 });
    assertEquals([theirs.count, theirs.isOpen, theirs.tryWait()], [3, false, false]);
    assertThrows(() => latch.waitSync({ timeout: 5 }), Deno.errors.TimedOut, "wait for the latch");
    await assertRejects(() => latch.wait({ timeout: 5 }), Deno.errors.TimedOut, "within 5 ms");
    const waits = [latch.wait(), theirs.wait(), latch.wait()];
    await turn(5);
    theirs.countDown();
    assertThrows(() => latch.countDown(3), RangeError, "2 is left");
    latch.countDown(2);
    await Promise.all(waits);
    latch.waitSync();
    await theirs.wait({ timeout: 0 });
    assertEquals([latch.count, theirs.isOpen, theirs.tryWait()], [0, true, true]);
    assertThrows(() => latch.countDown(), RangeError, "0 is left");
    await settled();
  });
}

test("arguments and what is there are checked", async () => {
  const buffer = new SharedArrayBuffer(SIZE);
  for (const count of [-1, 0.5, 2 ** 31]) {
    assertThrows(() => Latch.create(buffer, count), RangeError, "count");
  }
  assertThrows(() => Latch.open(buffer), Deno.errors.NotFound);
  const latch = Latch.openOrCreate(buffer, 2);
  assert(latch.created);
  assertEquals(Latch.openOrCreate(buffer, 7).count, 2);
  for (const amount of [0, -1, 1.5]) {
    assertThrows(() => latch.countDown(amount), RangeError, "amount");
  }
  await assertRejects(() => latch.wait({ timeout: -1 }), RangeError, "timeout");
  const wait = latch.wait();
  await turn(3);
  new Int32Array(buffer)[16] = -1;
  await assertRejects(() => wait, Deno.errors.InvalidData, "its count is -1");
  assertThrows(() => latch.isOpen, Deno.errors.InvalidData);
  assert(Latch.create(buffer, 0, { offset: 128 }).isOpen);
  await settled();
});

test("a Worker waits for all others", async () => {
  using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
  using memory = segment.attach();
  const start = Latch.create(memory, 1);
  const end = Latch.create(memory, 3, { offset: 128 });
  const code = `
    import { Latch, Segment } from ${url("mod.ts")};
    self.onmessage = ({ data: id }) => {
      using memory = Segment.fromId(id).attach();
      Latch.open(memory).waitSync();
      Latch.open(memory, { offset: 128 }).countDown();
      postMessage("counted");
    };`;
  using stack = new DisposableStack();
  const workers = [1, 2, 3].map(() => stack.use(new TestWorker(code)));
  for (const worker of workers) worker.post(segment.id);
  const counted = Promise.all(workers.map((worker) => worker.message()));
  await turn(20); // some of them wait
  assertEquals(end.count, 3);
  start.countDown();
  await Promise.all([end.wait(LIMIT), counted]);
  assert(end.isOpen);
  await settled();
});
