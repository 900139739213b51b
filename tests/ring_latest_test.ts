// Latest and its receivers, in one process.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mapAnonymous, mapFile, mapNewFile } from "../mod.ts";
import { Broadcast, jsonCodec, Latest, textCodec } from "../ring/mod.ts";
import { tempDirectory } from "./_files.ts";
import { test } from "./_sync.ts";

const text = { codec: textCodec };

function create(size = 100) {
  const memory = new SharedArrayBuffer(Latest.byteLength(size));
  return { memory, latest: Latest.create(memory, size) };
}

test("receivers get the newest value, once, and can look at it again", () => {
  const { memory, latest } = create();
  using sender = latest.sender(text);
  using receiver = Latest.open(memory).receiver(text);
  assertEquals([receiver.tryReceive(), receiver.newest(), receiver.sequence], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals([sender.send("a"), sender.send("b"), sender.send("")], [0, 1, 2]);
  assertEquals([receiver.newest(), receiver.tryReceive(), receiver.sequence], ["", "", 2]);
  assertEquals([receiver.tryReceive(), receiver.newest()], [undefined, ""]);
  sender.send("d");
  assertEquals([receiver.newest(), receiver.tryReceive(), receiver.sequence], ["d", "d", 3]);
  using late = latest.receiver(text);
  assertEquals([late.tryReceive(), late.tryReceive()], ["d", undefined]);
});

test("values have any length up to the size", () => {
  const { latest } = create(77);
  using sender = latest.sender();
  using receiver = latest.receiver();
  for (let length = 0; length <= 77; length++) {
    const value = Uint8Array.from({ length }, (_, i) => i + length);
    sender.send(value);
    assertEquals(receiver.tryReceive(), value);
  }
  assertThrows(
    () => sender.send(new Uint8Array(78)),
    RangeError,
    "Cannot send a message of 78 bytes to the latest at offset 0 of the SharedArrayBuffer: the longest has 77",
  );
});

test("there is one sender; a claim is seen when it is committed", () => {
  const { latest } = create();
  using receiver = latest.receiver(text);
  using sender = latest.sender(text);
  assertThrows(() => latest.sender(), Deno.errors.Busy, `process ${Deno.pid} is its sender`);
  sender.send("before");
  {
    using claim = sender.claim(10);
    claim.bytes.fill(65);
    assertEquals(receiver.tryReceive(), "before");
    assertThrows(() => sender.send("x"), Deno.errors.Busy);
    claim.commit(3);
  }
  assertEquals(receiver.tryReceive(), "AAA");
  {
    using claim = sender.claim(10);
    claim.bytes.fill(66);
  }
  assertEquals([receiver.tryReceive(), receiver.newest(), sender.sent], [undefined, "AAA", 2]);
});

test("receive() waits for a newer value, until the end", async () => {
  const { latest } = create();
  using receiver = latest.receiver(text);
  using sender = latest.sender(text);
  const waiting = receiver.receive();
  setTimeout(() => sender.send("a"), 10);
  assertEquals(await waiting, "a");
  await assertRejects(() => receiver.receive({ timeout: 10 }), Deno.errors.TimedOut);
  assertThrows(() => receiver.receiveSync({ timeout: 10 }), Deno.errors.TimedOut);
  sender.send("b");
  assertEquals(receiver.receiveSync({ timeout: 1000 }), "b");
  sender.send("c");
  sender.end();
  assertEquals([receiver.ended, receiver.receiveSync({ timeout: 1000 }), receiver.ended], [
    false,
    "c",
    false,
  ]);
  assertEquals([receiver.receiveSync({ timeout: 1000 }), receiver.ended, receiver.newest()], [
    undefined,
    true,
    "c",
  ]);
  assertEquals(await receiver.receive(), undefined);
  assertThrows(() => sender.send("d"), Deno.errors.BrokenPipe, "this sender has ended it");
});

test("iteration and stream skip what is gone", async () => {
  const { latest } = create();
  using receiver = latest.receiver({ codec: jsonCodec<number>() });
  using other = latest.receiver({ codec: jsonCodec<number>() });
  using sender = latest.sender({ codec: jsonCodec<number>() });
  const seen = Array.fromAsync(receiver);
  const streamed = Array.fromAsync(other.readable);
  for (let i = 0; i < 1000; i++) {
    sender.send(i);
    if (i % 250 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  sender.end();
  for (const values of [await seen, await streamed]) {
    assertEquals([values[0], values.at(-1)], [0, 999]);
    assertEquals(values.toSorted((a, b) => a - b), values);
  }
});

test("a stream takes a value when it is asked for one: the newest one there is then", async () => {
  const { latest } = create();
  using receiver = latest.receiver(text);
  using sender = latest.sender(text);
  const reader = receiver.readable.getReader();
  for (const value of ["a", "b", "c"]) {
    sender.send(value);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals([receiver.sequence, (await reader.read()).value], [undefined, "c"]);
  sender.end();
  assertEquals((await reader.read()).done, true);
});

test("a value in a file outlives its sender", () => {
  using directory = tempDirectory();
  const file = `${directory.path}/latest`;
  for (let round = 0; round < 3; round++) {
    using memory = round === 0
      ? mapNewFile(file, Latest.byteLength(10))
      : mapFile(file, { access: "readwrite" });
    const latest = Latest.openOrCreate(memory, 10);
    using receiver = latest.receiver(text);
    assertEquals(receiver.tryReceive(), round === 0 ? undefined : `${round - 1}`);
    using sender = latest.sender(text);
    assertEquals(sender.send(`${round}`), round);
  }
});

test("create() and open() check their arguments, and stat() tells who is there", () => {
  const memory = new SharedArrayBuffer(4096);
  for (const size of [0, 2 ** 28 + 1, 1.5]) {
    assertThrows(() => Latest.create(memory, size), RangeError, "size must be");
  }
  assertThrows(() => Latest.create(memory, {} as never), TypeError, "size must be a number");
  assertThrows(() => Latest.create(memory, 1000), RangeError, "the memory has 4096");
  const latest = Latest.create(memory, 100, { maxReceivers: 4 });
  assertThrows(() => Broadcast.open(memory), Deno.errors.InvalidData, "a latest is there");
  assertEquals([latest.size, latest.created, Latest.open(memory).created], [100, true, false]);
  assertEquals(Latest.openOrCreate(memory, 100).created, false);
  for (const [size, maxReceivers] of [[99, 4], [101, undefined], [100, 64], [100, 3]]) {
    assertThrows(
      () => Latest.openOrCreate(memory, size ?? 0, { maxReceivers }),
      Deno.errors.InvalidData,
      "it was made with",
    );
  }
  using _receiver = latest.receiver();
  using _sender = latest.sender();
  const me = { pid: Deno.pid, liveness: "alive" } as const;
  assertEquals(latest.stat(), {
    size: 100,
    sent: 0,
    ended: false,
    participants: [{ ...me, role: "sender" }, { ...me, role: "receiver" }],
    maxReceivers: 4,
  });
});

test("memory that is gone is an error", () => {
  const memory = mapAnonymous(Latest.byteLength(10), { shared: true });
  const latest = Latest.create(memory, 10);
  using sender = latest.sender(text);
  using receiver = latest.receiver(text);
  sender.send("a");
  memory.close();
  assertThrows(() => sender.send("b"), Deno.errors.BadResource, "was unmapped");
  assertThrows(() => receiver.tryReceive(), Deno.errors.BadResource, "was unmapped");
  assertThrows(() => receiver.newest(), Deno.errors.BadResource, "was unmapped");
});
