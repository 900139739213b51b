// Places where processes wait for each other.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Barrier } from "../mod.ts";
import { BarrierCore } from "../sync/barrier_core.ts";
import { claimIdentity } from "../sync/identity.ts";
import { placeOf } from "../sync/place.ts";
import { deno, LIMIT } from "./_process.ts";
import { sharedSegment, test } from "./_sync.ts";

const PEER = "tests/peers/sync_barrier.ts";

test("all wait for each other, again and again", async () => {
  const barrier = Barrier.create(new SharedArrayBuffer(1024), 3);
  assertEquals([barrier.created, barrier.parties], [true, 3]);
  const rounds = [0, 0, 0];
  await Promise.all(rounds.map(async (_, i) => {
    using participant = barrier.join();
    for (let round = 1; round <= 100; round++) {
      rounds[i] = round;
      await participant.arrive();
      assertEquals(rounds.every((other) => other === round || other === round + 1), true);
      await participant.arrive();
    }
  }));
  assertEquals(barrier.participants, []);
});

test("alone, nobody waits", () => {
  const barrier = Barrier.create(new SharedArrayBuffer(1024), 1);
  using participant = barrier.join();
  for (let i = 0; i < 10; i++) participant.arriveSync();
  assertEquals(participant.tryArrive(), true);
  assertEquals(barrier.participants, [{ pid: Deno.pid, liveness: "alive" }]);
});

test("who gives up waiting has arrived all the same", async () => {
  const barrier = Barrier.create(new SharedArrayBuffer(1024), 2);
  using one = barrier.join();
  using two = barrier.join();
  assertThrows(() => one.arriveSync({ timeout: 10 }), Deno.errors.TimedOut, "not all of 2");
  await assertRejects(() => one.arrive({ timeout: 10 }), Deno.errors.TimedOut);
  await assertRejects(() => one.arrive({ signal: AbortSignal.timeout(5) }), DOMException);
  assertEquals([one.tryArrive(), one.tryArrive()], [false, false]);
  two.arriveSync();
  assertEquals(two.tryArrive(), false); // the next time
  assertEquals(one.tryArrive(), true); // the first one
  assertEquals(one.tryArrive(), true);
  assertEquals(two.tryArrive(), true);
});

test("the counter of generations may wrap around", () => {
  const memory = new SharedArrayBuffer(1024);
  const barrier = Barrier.create(memory, 2);
  for (const start of [0x7fffffff, -1]) {
    new Int32Array(memory)[16] = start;
    using one = barrier.join();
    using two = barrier.join();
    for (let i = 0; i < 3; i++) {
      assertEquals(one.tryArrive(), false);
      assertEquals(two.tryArrive(), true);
      assertEquals(one.tryArrive(), true);
    }
  }
});

test("places are taken, left, and taken again", () => {
  const barrier = Barrier.create(new SharedArrayBuffer(1024), 2);
  const one = barrier.join();
  using two = barrier.join();
  assertThrows(() => barrier.join(), Deno.errors.Busy, "all 2 places are taken");
  assertEquals(one.tryArrive(), false);
  one.leave();
  one.leave();
  assertThrows(() => one.arriveSync(), Deno.errors.BadResource, "has left");
  assertEquals(two.tryArrive(), false); // the one who left doesn't count
  using three = barrier.join();
  assertEquals([three.tryArrive(), two.tryArrive()], [true, true]);
});

test("who leaves while it waits gets an error, and passes with nobody else", async () => {
  const barrier = Barrier.create(new SharedArrayBuffer(1024), 2);
  for (const pass of [true, false]) {
    const one = barrier.join();
    const waiting = one.arrive();
    one.leave();
    using two = barrier.join();
    using three = barrier.join();
    if (pass) assertEquals([two.tryArrive(), three.tryArrive()], [false, true]);
    await assertRejects(() => waiting, Deno.errors.BadResource, "has left");
  }
});

test("who is about to join doesn't count as arrived, as the one before did", () => {
  const memory = new SharedArrayBuffer(1024);
  const barrier = Barrier.create(memory, 2);
  const words = new Int32Array(memory);
  using one = barrier.join();
  const two = barrier.join();
  assertEquals(two.tryArrive(), false);
  two.leave();
  const entry = (64 + 64 + 32) / 4;
  assertEquals(claimIdentity(words, entry), true); // the first thing that join() does
  assertEquals(one.tryArrive(), false);
});

test("who leaves while others are counted doesn't count, nor does who comes in its place", () => {
  const place = placeOf({ name: "barrier", memory: new SharedArrayBuffer(1024), offset: 0 });
  const core = new BarrierCore(place, 2);
  const one = core.join();
  const two = core.join();
  core.arrive(one, 0);
  const { participants } = core;
  const isTaken = participants.isTaken.bind(participants);
  participants.isTaken = (slot) => {
    if (slot === two.slot && !one.left) { // the first one was counted
      core.leave(one);
      core.join();
    }
    return isTaken(slot);
  };
  core.arrive(two, 0);
  assertEquals([one.left, core.generation], [true, 0]);
});

test("who dies after it arrived breaks nothing, also if that is while others look", async () => {
  const place = placeOf({ name: "barrier", memory: new SharedArrayBuffer(1024), offset: 0 });
  const core = new BarrierCore(place, 2);
  core.join();
  const two = core.join();
  const { participants } = core;
  const status = participants.status.bind(participants);
  participants.status = (slot) => {
    if (slot === two.slot) {
      core.arrive(two, 0);
      place.words[two.index + 2] ^= 1; // as if it had started at another time: it is dead
    }
    return status(slot);
  };
  core.check(0);
  await new Promise((resolve) => setTimeout(resolve, 60));
  core.check(0);
  assertEquals(status(two.slot)?.liveness, "dead");
});

test("one look at the others is for all who wait, and until somebody joins or leaves", async () => {
  const place = placeOf({ name: "barrier", memory: new SharedArrayBuffer(4096), offset: 0 });
  const core = new BarrierCore(place, 3);
  const [one, two, three] = [core.join(), core.join(), core.join()];
  const { participants } = core;
  const status = participants.status.bind(participants);
  let looks = 0;
  participants.status = (slot) => {
    looks++;
    return status(slot);
  };
  core.arrive(one, 0);
  core.arrive(two, 0);
  place.words[three.index + 2] ^= 1; // as if it had started at another time: it is dead
  for (let i = 0; i < 10; i++) core.check(0);
  assertEquals(looks, 0);
  await new Promise((resolve) => setTimeout(resolve, 60));
  for (let i = 0; i < 10; i++) {
    assertThrows(() => core.check(0), Deno.errors.BrokenPipe, `process ${Deno.pid} died`);
  }
  assertEquals(looks, 1);
  assertEquals(core.removeDead(), 1);
  core.check(0);
});

test("what is there is checked", () => {
  const memory = new SharedArrayBuffer(1024);
  assertThrows(() => Barrier.open(memory), Deno.errors.NotFound);
  for (const parties of [0, 1.5, 1025]) {
    assertThrows(() => Barrier.create(memory, parties), RangeError);
  }
  assertThrows(() => Barrier.create(memory, 100), RangeError);
  assertEquals(Barrier.openOrCreate(memory, 4).created, true);
  assertEquals(Barrier.openOrCreate(memory, 4).created, false);
  assertThrows(
    () => Barrier.openOrCreate(memory, 3),
    Deno.errors.InvalidData,
    "it was made with parties: 4, not 3",
  );
  assertEquals([Barrier.open(memory).parties, Barrier.byteLength(4)], [4, 256]);
  new Int32Array(memory)[10] = 5;
  assertThrows(() => Barrier.open(memory), Deno.errors.InvalidData, "wrote over it");
  const large = new SharedArrayBuffer(1 << 16);
  const words = new Int32Array(large);
  Barrier.create(large, 1);
  [words[10], words[2]] = [1025, Barrier.byteLength(1) + 1024 * 32]; // more than there may be
  assertThrows(() => Barrier.open(large), Deno.errors.InvalidData, "wrote over it");
});

test("processes wait for each other", async () => {
  using shared = sharedSegment(4096, (memory) => Barrier.create(memory, 3));
  const { id, object: barrier, memory } = shared;
  await using stack = new AsyncDisposableStack();
  const peers = ["sync", "async"].map((form) => stack.use(deno(PEER, [id, "200", form])));
  using participant = barrier.join();
  const counts = memory.array(Int32Array, { offset: 2048, length: 16 });
  for (let i = 0; i < 200; i++) {
    Atomics.add(counts, i % 16, 1);
    if (i % 2) participant.arriveSync(LIMIT);
    else await participant.arrive(LIMIT);
    assertEquals(counts[i % 16], 3 * (1 + Math.floor(i / 16)));
  }
  for (const peer of peers) assertEquals((await peer.output()).stdout, "joined\ndone\n");
});

test("who dies before it arrives breaks the barrier, until its place is taken or emptied", async () => {
  using shared = sharedSegment(4096, (memory) => Barrier.create(memory, 2));
  const { id, object: barrier } = shared;
  using participant = barrier.join();
  for (const form of ["sync", "async", "reset"]) {
    await using peer = deno(PEER, [id, "1", "never"]);
    await peer.until("stdout", "joined");
    const waiting = form === "async"
      ? assertRejects(
        () => participant.arrive(LIMIT),
        Deno.errors.BrokenPipe,
        `process ${peer.pid} died`,
      )
      : undefined;
    peer.kill("SIGKILL");
    if (form !== "async") {
      const error = assertThrows(
        () => participant.arriveSync(LIMIT),
        Deno.errors.BrokenPipe,
        "died",
      );
      assertEquals(error.message.includes(`process ${peer.pid}`), true);
    }
    await waiting;
    if (form === "reset") {
      assertEquals([barrier.reset(), barrier.reset()], [1, 0]);
      assertThrows(() => participant.arriveSync({ timeout: 150 }), Deno.errors.TimedOut);
    }
    await using next = deno(PEER, [id, "1", "sync"]);
    await next.until("stdout", "joined");
    participant.arriveSync(LIMIT);
    assertEquals((await next.output()).stdout, "joined\ndone\n");
  }
});
