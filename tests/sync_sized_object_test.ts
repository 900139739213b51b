// Objects whose length follows from their parameters: found as they are, or as was asked for.

import { assertEquals, assertThrows } from "@std/assert";
import { Barrier, Event, Latch, Once, RwLock } from "../mod.ts";
import { ownIdentity } from "../ffi/process.ts";
import {
  createSized,
  type ObjectShape,
  openOrCreateSized,
  openSized,
} from "../sync/sized_object.ts";
import { test } from "./_sync.ts";

const LENGTH = 2;
const STATE = 4;
const CREATOR = 5;
const PARAMETERS = 10;

const CREATING = 1;
const MAGIC = 0x48545349;

/** So many rows of so many bytes each, which may be anything, behind 64 bytes that count. */
const TABLE: ObjectShape = {
  kind: "channel",
  least: 192,
  lengthOf: ([rows, bytes]) => rows > 0 && bytes > 0 ? 128 + rows * bytes : undefined,
  featuresOf: ([rows, bytes]) => ({ rows, bytes }),
  zerosOf: () => 128,
  initialise: ({ words }, [rows]) => void (words[16] = -rows),
};

test("an object has the length of its parameters, and what it begins with", () => {
  const memory = new SharedArrayBuffer(1024);
  const bytes = new Uint8Array(memory);
  bytes.fill(7, 64 + 128);
  const { place, created, parameters } = createSized(TABLE, memory, [3, 64], { offset: 64 });
  assertEquals([place.byteLength, created, parameters], [128 + 192, true, [3, 64]]);
  assertEquals([...place.words.subarray(16, 18)], [-3, 0]);
  assertEquals(bytes[64 + 128], 7); // what is no zero there needn't be one
  const other = openSized(TABLE, memory, { offset: 64 });
  assertEquals([other.place.byteLength, other.created], [128 + 192, false]);
  assertEquals(other.parameters.slice(0, 3), [3, 64, 0]);
});

test("what wasn't asked for is taken as it is, be it shorter or longer than a new one", () => {
  const memory = new SharedArrayBuffer(1024);
  const openOrCreate = (parameters: number[], wanted?: Record<string, unknown>) =>
    openOrCreateSized(TABLE, memory, parameters, {}, wanted).parameters.slice(0, 2);
  assertThrows(() => openOrCreate([100, 100]), RangeError, "it takes 10128 bytes");
  assertEquals(openOrCreate([3, 64], { rows: 3 }), [3, 64]);
  for (const parameters of [[1, 64], [4, 64], [100, 100]]) {
    assertEquals(openOrCreate(parameters), [3, 64]);
    assertEquals(openOrCreate(parameters, { rows: undefined, bytes: 64 }), [3, 64]);
    assertThrows(
      () => openOrCreate(parameters, { rows: 3, bytes: 32 }),
      Deno.errors.InvalidData,
      "it was made with bytes: 64, not 32",
    );
  }
  const beyond = () => openOrCreateSized(TABLE, memory, [1, 64], { offset: 1000 });
  assertThrows(beyond, RangeError, "at offset 1000");
});

test("parameters that contradict the length are no object's", () => {
  const memory = new SharedArrayBuffer(1024);
  const words = new Int32Array(memory);
  createSized(TABLE, memory, [3, 64], {});
  for (const [index, value] of [[PARAMETERS, 4], [PARAMETERS, 0], [LENGTH, 1024], [LENGTH, 0]]) {
    const before = words[index];
    words[index] = value;
    for (const open of [openSized, openAs]) {
      assertThrows(() => open(TABLE, memory, {}), Deno.errors.InvalidData, "contradicts itself (");
    }
    words[index] = before;
  }
  words[LENGTH] = 1025;
  assertThrows(() => openSized(TABLE, memory, {}), Deno.errors.InvalidData, "there the memory has");
  words[LENGTH] = 320;
  assertEquals(openSized(TABLE, memory, {}).place.byteLength, 320);
});

function openAs(shape: ObjectShape, memory: SharedArrayBuffer) {
  return openOrCreateSized(shape, memory, [3, 64], {});
}

test("whoever opens what is being created waits as long as it was told", () => {
  const memory = new SharedArrayBuffer(4096);
  const words = new Int32Array(memory);
  const { tid, namespace } = ownIdentity();
  words[0] = MAGIC;
  words[STATE] = CREATING;
  words.set([tid, 4711, 0, 0, namespace], CREATOR); // somebody of this thread, who lives
  const options = { timeout: 10 };
  for (
    const open of [
      () => RwLock.open(memory, options),
      () => RwLock.openOrCreate(memory, options),
      () => Barrier.open(memory, options),
      () => Barrier.openOrCreate(memory, 2, options),
      () => Once.open(memory, options),
      () => Once.openOrCreate(memory, 2, options),
      () => Event.open(memory, options),
      () => Event.openOrCreate(memory, options),
      () => Latch.open(memory, options),
      () => Latch.openOrCreate(memory, 2, options),
    ]
  ) assertThrows(open, Deno.errors.TimedOut, "process 4711 is still creating it");
  for (const timeout of [-1, 0.5]) {
    assertThrows(() => RwLock.open(memory, { timeout }), RangeError, "timeout");
  }
});

test("a lock for fewer readers is found where there is no room for the default", () => {
  const memory = new SharedArrayBuffer(RwLock.byteLength({ readers: 2 }));
  assertThrows(() => RwLock.openOrCreate(memory), RangeError);
  RwLock.create(memory, { readers: 2 });
  const lock = RwLock.openOrCreate(memory);
  assertEquals([lock.readers, lock.created], [2, false]);
  assertThrows(
    () => RwLock.openOrCreate(memory, { readers: 16 }),
    Deno.errors.InvalidData,
    "readers: 2, not 16",
  );
});

test("an event is taken as it is reset, unless that was asked for", () => {
  const memory = new SharedArrayBuffer(Event.byteLength);
  Event.create(memory, { reset: "automatic" });
  assertEquals(Event.openOrCreate(memory).reset, "automatic");
  new Int32Array(memory)[PARAMETERS] = 2;
  assertThrows(() => Event.open(memory), Deno.errors.InvalidData, "contradicts itself");
});
