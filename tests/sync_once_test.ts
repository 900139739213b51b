// Values that one of many processes initialises.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mapAnonymous, Once } from "../mod.ts";
import { HEADER_WORDS } from "../sync/header.ts";
import { deno } from "./_process.ts";
import { sharedSegment, test, untilContended } from "./_sync.ts";

const PEER = "tests/peers/sync_once.ts";
/** The word of its mutex. */
const MUTEX = 18;

function never(): never {
  throw new Error("not again");
}

test("a value is initialised once", async () => {
  const memory = new SharedArrayBuffer(1024);
  const once = Once.create(memory, 3);
  assertEquals([once.created, once.valueLength, once.tryGet()], [true, 3, undefined]);
  const value = once.getSync((bytes) => bytes.set([1, 2, 3]));
  assertEquals([...value], [1, 2, 3]);
  assertEquals([...once.getSync(never)], [1, 2, 3]);
  assertEquals([...await once.get(never)], [1, 2, 3]);
  const other = Once.open(memory);
  assertEquals([...other.tryGet() ?? []], [1, 2, 3]);
  value[0] = 7;
  assertEquals(other.tryGet()?.[0], 7);
  assertEquals(new Uint8Array(memory)[128], 7);
});

test("an initialiser that throws leaves it to the next one", async () => {
  const once = Once.create(new SharedArrayBuffer(1024), 2);
  const fail = (bytes: Uint8Array) => {
    bytes.fill(9);
    throw new Error("no value");
  };
  assertThrows(() => once.getSync(fail), Error, "no value");
  await assertRejects(() => once.get(fail), Error, "no value");
  await assertRejects(() => once.get(() => Promise.reject(new Error("later"))), Error, "later");
  assertThrows(() => once.getSync((() => Promise.resolve()) as never), TypeError, "get()");
  assertThrows(() => once.getSync(1 as never), TypeError, "must be a function");
  assertEquals(once.tryGet(), undefined);
  assertEquals([...once.getSync((bytes) => void (bytes[1] = 1))], [0, 1]);
});

test("tasks of one thread wait for the one that initialises", async () => {
  const once = Once.create(new SharedArrayBuffer(1024), 1);
  let calls = 0;
  const slow = async (bytes: Uint8Array) => {
    calls++;
    await new Promise((resolve) => setTimeout(resolve, 20));
    bytes[0] = 5;
  };
  const first = once.get(slow);
  assertThrows(() => once.getSync(never), Deno.errors.Busy);
  await assertRejects(() => once.get(never, { timeout: 1 }), Deno.errors.TimedOut);
  const values = await Promise.all([first, once.get(slow), once.get(slow)]);
  assertEquals([calls, ...values.map(([byte]) => byte)], [1, 5, 5, 5]);
});

test("what is there is checked", () => {
  const memory = new SharedArrayBuffer(1024);
  assertThrows(() => Once.open(memory), Deno.errors.NotFound);
  assertThrows(() => Once.create(memory, {} as never), TypeError);
  for (const valueLength of [0, -1, 0.5, 2 ** 31]) {
    assertThrows(() => Once.create(memory, valueLength), RangeError);
  }
  assertThrows(() => Once.create(memory, 897), RangeError);
  assertEquals(Once.openOrCreate(memory, 8).created, true);
  assertEquals(Once.openOrCreate(memory, 8).created, false);
  assertThrows(
    () => Once.openOrCreate(memory, 16),
    Deno.errors.InvalidData,
    "valueLength: 8, not 16",
  );
  assertThrows(() => Once.openOrCreate(memory, 4), Deno.errors.InvalidData);
  new Int32Array(memory)[2] = 128;
  assertThrows(() => Once.open(memory), Deno.errors.InvalidData, "wrote over it");
});

test("an initialiser that must not be asynchronous is one error, and not two", async () => {
  const once = Once.create(new SharedArrayBuffer(4096), 4);
  let unhandled = 0;
  const onUnhandled = (event: Event) => {
    event.preventDefault();
    unhandled++;
  };
  addEventListener("unhandledrejection", onUnhandled);
  try {
    const initialise = (() => Promise.reject(new Error("its own"))) as unknown as () => void;
    assertThrows(() => once.getSync(initialise), TypeError, "must not return a promise");
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals([unhandled, once.tryGet()], [0, undefined]);
  } finally {
    removeEventListener("unhandledrejection", onUnhandled);
  }
});

test("memory that goes away while it is initialised", async () => {
  const memory = mapAnonymous(4096, { shared: true });
  const once = Once.create(memory, 4);
  const get = () =>
    once.get(async () => {
      await Promise.resolve();
      memory.close();
    });
  await assertRejects(get, Deno.errors.BadResource, "was unmapped");
});

test("of many processes exactly one initialises it, also after one was killed in between", async () => {
  using shared = sharedSegment(4096, (memory) => memory.array(Int32Array));
  const { id, object: words } = shared;
  await using first = deno(PEER, [id, "hang"]);
  await first.until("stdout", "initialising");
  await using stack = new AsyncDisposableStack();
  const others = Array.from({ length: 4 }, () => stack.use(deno(PEER, [id, "get"])));
  await untilContended(words, MUTEX);
  first.kill("SIGKILL");
  const lines = await Promise.all(others.map(async (process) => {
    const { stdout, stderr } = await process.output();
    assertEquals(stderr, "");
    return stdout.trim().split(" ");
  }));
  assertEquals(lines.filter(([mine]) => mine === "true").length, 1);
  assertEquals(new Set(lines.map(([, pid]) => pid)).size, 1);
});

test("an initialiser that the kernel doesn't know to be dead is no obstacle after recover()", () => {
  const memory = new SharedArrayBuffer(4096);
  const once = Once.create(memory, 4);
  new Int32Array(memory)[HEADER_WORDS + 2] = 0x3ffffffe; // a thread id that nobody has
  const fill = (bytes: Uint8Array) => void bytes.fill(7);
  assertThrows(() => once.getSync(fill, { timeout: 10 }), Deno.errors.TimedOut);
  once.recover();
  assertEquals(once.getSync(fill), new Uint8Array(4).fill(7));
});
