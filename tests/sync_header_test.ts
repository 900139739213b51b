// The header of what lies in shared memory: creating and opening, also when the creator dies.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ownIdentity } from "../ffi/process.ts";
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
import { test } from "./_sync.ts";

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

/** Pretends that a thread with another start time, who is dead, began to create something. */
function dead(words: Int32Array): void {
  words[CREATOR] = ownIdentity().tid;
  words[CREATOR + 1] = 4711;
  words[CREATOR + 2] = 1;
  words[CREATOR + 4] = ownIdentity().namespace;
}

/** Pretends that this thread, which lives, is creating something. */
function alive(words: Int32Array): void {
  words[CREATOR] = ownIdentity().tid;
  words[CREATOR + 1] = 4711;
  words[CREATOR + 4] = ownIdentity().namespace;
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
  for (const [index, value] of [[MAGIC, 1], [STATE, 3], [STATE, -1]]) {
    const { object, words } = setUp();
    words[index] = value;
    const before = words.slice();
    for (const act of [createObject, openObject, openOrCreateObject]) {
      assertThrows(() => act(object), Deno.errors.InvalidData, "something else is there");
    }
    assertEquals(words, before);
  }
});

test("whoever opens what is being created waits, up to a deadline", () => {
  for (const state of [0, CREATING]) {
    const { object, words } = setUp();
    alive(words);
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
      dead(words);
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
    import { openOrCreateObject } from "${new URL("../sync/header.ts", import.meta.url)}";
    import { placeOf } from "${new URL("../sync/place.ts", import.meta.url)}";
    onmessage = ({ data }) => {
      const created = [];
      for (let i = 0; i < 500; i++) {
        const place = placeOf({ name: "latch", memory: data, offset: 128 * i, byteLength: 128 });
        if (openOrCreateObject({ kind: "latch", place })) created.push(i);
      }
      postMessage(created);
    };
  `;
  const url = `data:text/javascript,${encodeURIComponent(code)}`;
  const workers = [0, 1, 2].map(() => new Worker(url, { type: "module" }));
  try {
    const created = await Promise.all(workers.map((worker) => {
      const { promise, resolve } = Promise.withResolvers<number[]>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage(memory);
      return promise;
    }));
    assertEquals(
      created.flat().toSorted((a, b) => a - b),
      Array.from({ length: 500 }, (_, i) => i),
    );
  } finally {
    for (const worker of workers) worker.terminate();
  }
  assert(new Int32Array(memory).some((word) => word !== 0));
});
