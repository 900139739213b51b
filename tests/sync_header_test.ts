// The header of what lies in shared memory: creating and opening, also when the creator dies.

import { assertEquals, assertThrows } from "@std/assert";
import {
  createObject,
  HEADER_BYTES,
  HEADER_WORDS,
  type NewObject,
  openObject,
  openOrCreateObject,
  parameter,
} from "../sync/header.ts";
import { placeOf } from "../sync/place.ts";
import { Barrier, Broadcast, Channel, Event, Mutex, Once, RwLock } from "../mod.ts";
import { animate, bury, test } from "./_sync.ts";
import { TestWorker, url } from "./_workers.ts";

const MAGIC = 0;
const KIND = 1;
const LENGTH = 2;
const STATE = 4;
const CREATOR = 5;
const CREATING = 1;
const READY = 2;

/** A latch that could be, of 128 bytes in fresh memory, and the memory's words. */
function setUp(byteLength = 128): { object: NewObject; words: Int32Array } {
  const memory = new SharedArrayBuffer(byteLength);
  const object: NewObject = {
    kind: "latch",
    place: placeOf({ name: "latch", memory, offset: 0, byteLength }),
    parameters: [7, 0xffffffff],
    initialise: (words) => {
      words[HEADER_WORDS] = 42;
    },
  };
  return { object, words: new Int32Array(memory) };
}

test("what was created can be opened, with its parameters and what follows the header", () => {
  const { object, words } = setUp();
  assertThrows(() => openObject(object), Deno.errors.NotFound, "nothing is there");
  createObject(object);
  openObject(object);
  assertEquals(openOrCreateObject(object), false);
  assertEquals([parameter(words, 0), parameter(words, 1), parameter(words, 2)], [
    7,
    2 ** 32 - 1,
    0,
  ]);
  assertEquals(words[HEADER_BYTES / 4], 42);
  assertThrows(() => createObject(object), Deno.errors.AlreadyExists, "a latch is already there");
});

test("openOrCreateObject() creates what isn't there", () => {
  const { object } = setUp();
  assertEquals(openOrCreateObject(object), true);
  assertEquals(openOrCreateObject(object), false);
});

test("another kind, another version and another length are told apart", () => {
  const { object, words } = setUp();
  createObject(object);
  const barrier = { ...object, kind: "barrier" } as const;
  for (const open of [openObject, openOrCreateObject]) {
    assertThrows(() => open(barrier), Deno.errors.InvalidData, "a latch is there");
  }
  const kind = words[KIND];
  words[KIND] = kind + 1;
  assertThrows(() => openObject(object), Deno.errors.InvalidData, "it is of version 2");
  words[KIND] = kind | 0x7f000000;
  assertThrows(() => openObject(object), Deno.errors.InvalidData, "unknown kind 32518");
  words[KIND] = kind;
  words[LENGTH] = 129;
  assertThrows(() => openObject(object), Deno.errors.InvalidData, "it says that it has 129 bytes");
  words[LENGTH] = 128;
  words[LENGTH + 1] = 1;
  assertThrows(() => openObject(object), Deno.errors.InvalidData);
});

test("memory that holds something else is left alone", () => {
  for (const [index, value] of [[MAGIC, 1], [STATE, 3], [STATE, -1], [HEADER_WORDS - 1, 1]]) {
    const { object, words } = setUp();
    words[index] = value;
    const before = words.slice();
    for (const act of [createObject, openObject, openOrCreateObject]) {
      if (act === openObject && words[MAGIC] === 0 && words[STATE] === 0) continue; // nothing there
      assertThrows(() => act(object), Deno.errors.InvalidData, "something else is there");
    }
    assertEquals(words, before);
  }
});

test("what lies behind the header is left alone, too, and in the creator's words", () => {
  for (const index of [HEADER_WORDS, 31, CREATOR + 1, CREATOR + 4]) {
    const { object, words } = setUp();
    words[index] = 1;
    const before = words.slice();
    for (const create of [createObject, openOrCreateObject]) {
      assertThrows(() => create(object), Deno.errors.InvalidData, "something else is there");
      assertEquals(words, before);
    }
  }
  const { object, words } = setUp(132);
  const bytes = new Uint8Array(words.buffer);
  bytes[129] = 1;
  assertThrows(() => createObject(object), Deno.errors.InvalidData, "something else is there");
  createObject({ ...object, zeroBytes: 129 }); // what is for data may be anything
  assertEquals(bytes[129], 1);
});

test("what a creator left who died is taken away as far as it may have written", () => {
  const { object, words } = setUp(256);
  bury(words, CREATOR, 4711);
  words.set([0x48545349, 1 | 3 << 16, 128, 0, CREATING]);
  words.fill(77, HEADER_WORDS, 33);
  assertThrows(() => createObject(object), Deno.errors.InvalidData, "something else is there");
  assertEquals([...new Set(words.subarray(0, 32))], [0]); // its own
  assertEquals(words[32], 77); // somebody else's
  words[32] = 0;
  createObject(object);
});

test("whoever opens what is being created waits, up to a deadline", () => {
  for (const state of [0, CREATING]) {
    const { object, words } = setUp();
    animate(words, CREATOR, 4711);
    words[STATE] = state;
    words[MAGIC] = state === 0 ? 0 : 0x48545349;
    if (state === CREATING) {
      assertThrows(() => openObject(object, 10), Deno.errors.TimedOut, "process 4711");
    }
    assertThrows(() => openOrCreateObject(object, 10), Deno.errors.TimedOut, "process 4711");
    assertThrows(() => createObject(object), Deno.errors.AlreadyExists, "process 4711 is creating");
  }
});

test("what a creator left who died is created anew, from the start", () => {
  for (const create of [createObject, openOrCreateObject]) {
    for (const state of [0, CREATING]) {
      const { object, words } = setUp();
      bury(words, CREATOR, 4711);
      words[STATE] = state;
      if (state === CREATING) {
        assertThrows(() => openObject(object), Deno.errors.NotFound, "died");
      }
      create(object);
      openObject(object);
      assertEquals([words[STATE], words[HEADER_WORDS]], [READY, 42]);
    }
  }
});

test("several Workers create one object exactly once, and all find it", async () => {
  const memory = new SharedArrayBuffer(128 * 500);
  const code = `
    import { openOrCreateObject } from ${url("sync/header.ts")};
    import { placeOf } from ${url("sync/place.ts")};
    onmessage = ({ data }) => {
      const created = [];
      for (let i = 0; i < 500; i++) {
        const place = placeOf({ name: "latch", memory: data, offset: 128 * i, byteLength: 128 });
        if (openOrCreateObject({ kind: "latch", place })) created.push(i);
      }
      postMessage(created);
    };
  `;
  using stack = new DisposableStack();
  const workers = [0, 1, 2].map(() => stack.use(new TestWorker(code)));
  for (const worker of workers) worker.post(memory);
  const created = await Promise.all(workers.map((worker) => worker.message()));
  assertEquals(
    created.flat().toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 500 }, (_, i) => i),
  );
  const words = new Int32Array(memory);
  for (let i = 0; i < 500; i++) assertEquals(words[32 * i + STATE], READY);
});

test("no object is created over another one, or over anything else", () => {
  const memory = new SharedArrayBuffer(1 << 17);
  const end = 64 + 24; // the first byte in the object's second line that isn't 0
  const makers: ((offset: number) => unknown)[] = [
    (offset) => Event.create(memory, { offset }),
    (offset) => RwLock.create(memory, { offset }),
    (offset) => Barrier.create(memory, 4, { offset }),
    (offset) => Once.create(memory, 64, { offset }),
    (offset) => Channel.create(memory, { offset, capacity: 4096 }),
    (offset) => Broadcast.create(memory, { offset, capacity: 4096 }),
  ];
  for (const make of makers) {
    const bytes = new Uint8Array(memory).fill(0);
    const mutex = Mutex.create(memory, { offset: 64 });
    const guard = mutex.lockSync();
    const before = [...bytes];
    assertThrows(() => make(0), Deno.errors.InvalidData, "something else is there");
    assertEquals([...bytes], before);
    guard.release();
    bytes.fill(0);
    bytes[end] = 1;
    assertThrows(() => make(0), Deno.errors.InvalidData, "something else is there");
    bytes[end] = 0;
    make(0);
  }
});
