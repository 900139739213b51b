// Event: set, cleared, by hand and by itself.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Event, type EventReset, IPC_PRIVATE, mapAnonymous, Segment } from "../mod.ts";
import { until } from "./_objects.ts";
import { MEMORIES, settled, test, turn } from "./_sync.ts";

const SIZE = 4096;
/** Who waits, as the event counts them. */
const WAITING = 17;

for (const [name, make] of MEMORIES) {
  test(`events in ${name}`, async () => {
    using made = make(SIZE);
    for (const [index, reset] of (["manual", "automatic"] as const).entries()) {
      const event = Event.create(made.memory, { offset: index * 128, reset });
      const theirs = Event.open(made.memory, { offset: index * 128 });
      assertEquals([theirs.reset, theirs.created, theirs.isSet], [reset, false, false]);
      assert(!event.tryWait());
      assertThrows(
        () => event.waitSync({ timeout: 5 }),
        Deno.errors.TimedOut,
        "wait for the event",
      );
      await assertRejects(() => event.wait({ timeout: 5 }), Deno.errors.TimedOut, "within 5 ms");
      const wait = event.wait();
      await turn(5);
      theirs.set();
      await wait;
      assertEquals(event.isSet, reset === "manual");
      theirs.set();
      assert(event.isSet && event.tryWait());
      assertEquals(event.tryWait(), reset === "manual");
      event.clear();
      assert(!theirs.isSet);
      event.set();
      event.waitSync();
    }
    await settled();
  });
}

test(
  "a manual event releases all who waited, even if it is cleared at once",
  async () => {
    using memory = mapAnonymous(SIZE, { shared: true });
    const event = Event.create(memory);
    assertEquals(event.reset, "manual");
    const waits = Array.from({ length: 100 }, () => event.wait());
    await turn(5);
    event.set();
    event.clear();
    await Promise.all(waits);
    await assertRejects(() => event.wait({ timeout: 5 }), Deno.errors.TimedOut);
    await settled();
    assertEquals(memory.array(Int32Array)[WAITING], 0);
  },
);

test("each set() of an automatic event releases exactly one, in order", async () => {
  using memory = mapAnonymous(SIZE, { shared: true });
  const event = Event.create(memory, { reset: "automatic" });
  const order: number[] = [];
  const waits = Array.from(
    { length: 10 },
    (_, index) => event.wait().then(() => order.push(index)),
  );
  await turn(5);
  for (let count = 0; count < 4; count++) event.set(); // none of them gets lost
  await until(() => order.length >= 4, "four are released");
  await turn(20); // nobody else is
  assertEquals(order, [0, 1, 2, 3]);
  for (let count = 0; count < 6; count++) event.set();
  await Promise.all(waits);
  assertEquals(order.length, 10);
  assert(!event.isSet);
  // With nobody there it is remembered once.
  for (let count = 0; count < 5; count++) event.set();
  assertEquals([event.tryWait(), event.tryWait()], [true, false]);
  await settled();
});

test(
  "who gives up takes no signal along, and leaves none behind for two",
  async () => {
    using memory = mapAnonymous(SIZE, { shared: true });
    const event = Event.create(memory, { reset: "automatic" });
    const abort = new AbortController();
    const waits = [1, 2, 3].map(() => event.wait({ signal: abort.signal }).then(() => 1, () => 0));
    await turn(5);
    abort.abort();
    event.set();
    event.set();
    event.set();
    const got = (await Promise.all(waits)).reduce((sum: number, one) => sum + one, 0);
    let left = 0;
    while (event.tryWait()) left++;
    assertEquals([got, left], [0, 1]);
    await settled();
    assertEquals(memory.array(Int32Array)[WAITING], 0);
  },
);

test("arguments and what is there are checked", async () => {
  const buffer = new SharedArrayBuffer(SIZE);
  assertThrows(() => Event.create(buffer, { reset: "never" as EventReset }), TypeError, "reset");
  assertThrows(() => Event.create(buffer, null as never), TypeError, "options");
  const event = Event.openOrCreate(buffer, { reset: "automatic" });
  assert(event.created);
  assertEquals(Event.openOrCreate(buffer).reset, "automatic");
  assertThrows(
    () => Event.openOrCreate(buffer, { reset: "manual" }),
    Deno.errors.InvalidData,
    `it was made with reset: "automatic", not "manual"`,
  );
  assertThrows(() => event.waitSync({ timeout: -1 }), RangeError, "timeout");
  await assertRejects(() => event.wait({ timeout: NaN }), RangeError, "timeout");
  const reason = new Error("no");
  assertEquals(await event.wait({ signal: AbortSignal.abort(reason) }).catch((e) => e), reason);
  const words = new Int32Array(buffer);
  words[10] = 7;
  assertThrows(() => Event.open(buffer), Deno.errors.InvalidData, "reset: unknown");
});

test(
  "memory that is closed ends waits with an error, and its counts stay right",
  async () => {
    using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
    using other = segment.attach();
    Event.create(other);
    Event.create(other, { reset: "automatic", offset: 128 });
    const memory = segment.attach();
    const waits = [0, 128].map((offset) => Event.open(memory, { offset }).wait());
    await turn(5);
    memory.detach();
    for (const result of await Promise.allSettled(waits)) {
      assert(result.status === "rejected" && result.reason instanceof Deno.errors.BadResource);
    }
    await settled();
    const words = other.array(Int32Array);
    assertEquals([words[WAITING], words[32 + WAITING], segment.status().nattch], [0, 0, 1]);
  },
);
