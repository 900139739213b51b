// The table of who takes part in something.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mapAnonymous, SharedMemory } from "../mod.ts";
import { clearIdentity } from "../sync/identity.ts";
import { PARTICIPANT_WORDS, Participants } from "../sync/participants.ts";
import { placeOf } from "../sync/place.ts";
import { bury, test } from "./_sync.ts";

const SIZE = 3;
const INDEX = 16;

function setUp() {
  const memory = mapAnonymous(4096, { shared: true });
  const place = placeOf({ name: "table", memory, offset: 0, byteLength: 1024 });
  return { memory, place, table: new Participants(place, INDEX, SIZE) };
}

/** Pretends that the one who has an entry died. */
function die(words: Int32Array<ArrayBufferLike>, slot: number): void {
  bury(words, INDEX + PARTICIPANT_WORDS * slot, 4711);
}

test("who joins is found, with its role, until it leaves", () => {
  const { table } = setUp();
  assertEquals(table.list(), []);
  const one = table.join(7);
  const two = table.join();
  assert(one && two);
  assertEquals(table.list(), [
    { pid: Deno.pid, liveness: "alive", role: 7, slot: one.slot },
    { pid: Deno.pid, liveness: "alive", role: 0, slot: two.slot },
  ]);
  one.leave();
  one.leave();
  assertEquals([one.left, table.isTaken(one.slot), table.isTaken(two.slot)], [true, false, true]);
  assertEquals(table.status(one.slot), undefined);
});

test("the living have their entries, those of the dead are taken", () => {
  const { table, place } = setUp();
  const all = Array.from({ length: SIZE }, () => table.join());
  assertEquals(all.map((participant) => participant?.slot), [0, 1, 2]);
  assertEquals(table.join(), undefined);
  die(place.words, 1);
  assertEquals(table.list().map(({ liveness }) => liveness), ["alive", "dead", "alive"]);
  assertEquals(table.join()?.slot, 1);
  die(place.words, 0);
  die(place.words, 2);
  assertEquals([table.removeDead(), table.removeDead()], [2, 0]);
  assertEquals(table.list().map(({ slot }) => slot), [1]);
});

/** Calls a function, and another one within it: after so many words were loaded. */
function interrupted<T>(loads: number, interrupt: () => void, call: () => T): T {
  const { load } = Atomics;
  Atomics.load = ((array: Int32Array, index: number) => {
    const value = load(array, index);
    if (--loads === 0) interrupt();
    return value;
  }) as typeof load;
  try {
    return call();
  } finally {
    Atomics.load = load;
  }
}

test("whoever comes or goes while somebody looks isn't called dead", () => {
  const { table, place } = setUp();
  const { words } = place;
  for (let loads = 1; loads <= 5; loads++) {
    const one = table.join();
    const found = interrupted(loads, () => one?.leave(), () => table.status(0));
    assert(found?.liveness !== "dead");
    // An entry of somebody else, who is dead, is taken over.
    table.join();
    die(words, 0);
    const status = interrupted(loads, () => {
      assertEquals(new Participants(place, INDEX, 1).join()?.slot, 0);
    }, () => table.status(0));
    assertEquals(status?.liveness, "alive");
    clearIdentity(words, INDEX);
  }
});

test("a participant is there with its role, never with that of the one before", () => {
  const { table, place } = setUp();
  table.join(3)?.leave();
  const { store } = Atomics;
  const seen: unknown[] = [];
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    const stored = store(array, index, value);
    if (array === place.words && index === INDEX) seen.push(table.status(0)?.role);
    return stored;
  }) as typeof store;
  try {
    table.join(4);
  } finally {
    Atomics.store = store;
  }
  assertEquals(seen, [4]);
});

test("leaving a table whose memory is gone does nothing", () => {
  const { table, memory } = setUp();
  const one = table.join();
  memory.close();
  one?.leave();
  assertEquals(one?.left, true);
});

test("a SharedMemory can't be closed as long as this thread takes part in something in it", () => {
  const memory = SharedMemory.from(mapAnonymous(4096, { shared: true }));
  using other = SharedMemory.from(mapAnonymous(4096, { shared: true }));
  const place = placeOf({ name: "table", memory, offset: 0, byteLength: 1024 });
  const one = new Participants(place, INDEX, SIZE).join();
  other.close();
  assertThrows(() => memory.close(), Deno.errors.Busy, "attached to something");
  assertEquals(memory.mapped, true);
  one?.leave();
  memory.close();
});
