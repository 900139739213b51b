// Broadcast and its receivers, in one process.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FUTEX_OWNER_DIED, FUTEX_WAITERS } from "../ffi/pthread.ts";
import { ownIdentity } from "../ffi/process.ts";
import { IPC_PRIVATE, mapAnonymous, mapFile, mapNewFile, Segment, SharedMemory } from "../mod.ts";
import { ASLEEP, RECEIVERS, SEAT, SENDER, TAIL } from "../ring/station_layout.ts";
import { NOTHING_FOUND } from "../ring/station_reception.ts";
import {
  Broadcast,
  type BroadcastReceiver,
  type Codec,
  jsonCodec,
  Latest,
  type PeerDeath,
  recordCodec,
  textCodec,
} from "../ring/mod.ts";
import { points } from "../ring/test_points.ts";
import { array, f64, struct, u32 } from "../struct/mod.ts";
import { tempDirectory } from "./_files.ts";
import { until } from "./_objects.ts";
import { test } from "./_sync.ts";

const CAPACITY = 1024;

function create(options: { capacity?: number; maxReceivers?: number } = {}) {
  const size = { capacity: CAPACITY, ...options };
  const memory = new SharedArrayBuffer(Broadcast.byteLength(size));
  return { memory, broadcast: Broadcast.create(memory, size) };
}

const text = { codec: textCodec };

test("a broadcast lies in any shared memory, and is found there by open()", () => {
  const byteLength = Broadcast.byteLength({ capacity: CAPACITY, maxReceivers: 3 });
  using segment = Segment.create(IPC_PRIVATE, byteLength + 8, { removeOnDispose: true });
  using attached = segment.attach();
  using mapped = mapAnonymous(byteLength + 8, { shared: true });
  using shared = SharedMemory.from(mapAnonymous(byteLength + 8, { shared: true }));
  for (const memory of [attached, mapped, shared, new SharedArrayBuffer(byteLength + 8)]) {
    const size = { offset: 8, capacity: CAPACITY, maxReceivers: 3 };
    assertThrows(() => Broadcast.open(memory, { offset: 8 }), Deno.errors.NotFound);
    const made = Broadcast.openOrCreate(memory, size);
    const found = Broadcast.open(memory, { offset: 8 });
    const again = Broadcast.openOrCreate(memory, size);
    assertEquals([made.created, found.created, again.created], [true, false, false]);
    assertEquals([found.capacity, found.byteLength], [CAPACITY, byteLength]);
    using receiver = found.receiver(text);
    using sender = made.sender(text);
    assertEquals(sender.send("häh?"), 0);
    assertEquals(receiver.tryReceive(), { value: "häh?", sequence: 0, missed: 0 });
    assertEquals(receiver.tryReceive(), undefined);
    assertThrows(() => Broadcast.create(memory, size), Deno.errors.AlreadyExists);
    assertThrows(
      () => Broadcast.openOrCreate(memory, { ...size, maxReceivers: 4 }),
      Deno.errors.InvalidData,
      "it was made with maxReceivers: 3, not 4",
    );
    assertThrows(() => Latest.open(memory, { offset: 8 }), Deno.errors.InvalidData, "a broadcast");
  }
});

test("create() and open() check their arguments", () => {
  const memory = new SharedArrayBuffer(4096);
  for (const capacity of [0, 512, 1000, 1025, 2 ** 31, NaN]) {
    assertThrows(() => Broadcast.create(memory, { capacity }), RangeError, "capacity must be");
  }
  assertThrows(() => Broadcast.create(memory, { capacity: "1" as never }), TypeError, "capacity");
  assertThrows(() => Broadcast.create(memory, 1 as never), TypeError, "options must be an object");
  assertThrows(() => Broadcast.create(memory), RangeError, "takes 67904");
  assertThrows(
    () => Broadcast.create(memory, { capacity: 1024, maxReceivers: 0 }),
    RangeError,
    "maxReceivers must be",
  );
  assertThrows(
    () => Broadcast.create(memory, { capacity: 1024, maxReceivers: 1, offset: 4 }),
    RangeError,
    "offset must be a multiple of 8",
  );
  assertThrows(() => Broadcast.open(memory, { offset: 4090 }), RangeError);
  assertThrows(() => Broadcast.open(new ArrayBuffer(4096) as never), TypeError, "memory must be");
  assertThrows(() => Broadcast.open(memory, { timeout: -1 }), RangeError, "timeout must be");
  const { broadcast } = create();
  assertThrows(
    () => broadcast.sender({ codec: { decode() {} } as never }),
    TypeError,
    "codec must have a method encode()",
  );
  assertThrows(
    () => broadcast.receiver({ codec: textCodec.encode as never }),
    TypeError,
    "codec must have a method decode()",
  );
  assertThrows(() => broadcast.receiver({ from: "start" as never }), TypeError, "from must be");
  assertThrows(
    () => broadcast.receiver({ peerDeath: "error" as never }),
    TypeError,
    "peerDeath must be",
  );
  using sender = broadcast.sender();
  assertThrows(() => sender.send("text" as never), TypeError, "message must be a Uint8Array");
  assertThrows(() => sender.claim(-1), RangeError, "length must be");
  using receiver = broadcast.receiver();
  assertThrows(() => receiver.receiveSync({ timeout: 0.5 }), RangeError, "timeout must be");
});

test("openOrCreate() takes what is there as it is, but for what is asked for", () => {
  const { InvalidData, NotFound } = Deno.errors;
  const large = { capacity: 1 << 20, maxReceivers: 100 };
  const memory = new SharedArrayBuffer(Broadcast.byteLength(large));
  Broadcast.create(memory, large);
  const found = Broadcast.openOrCreate(memory);
  assertEquals([found.created, found.capacity, found.stat().maxReceivers], [false, 1 << 20, 100]);
  assertEquals(Broadcast.openOrCreate(memory, large).created, false);
  assertEquals(Broadcast.openOrCreate(memory, { maxReceivers: 100 }).capacity, 1 << 20);
  for (const wrong of [{ capacity: 65536 }, { capacity: 1 << 21 }, { maxReceivers: 64 }]) {
    assertThrows(() => Broadcast.openOrCreate(memory, wrong), InvalidData, "it was made with");
  }
  // Also where there is no room for the default.
  const { memory: small } = create();
  assertEquals(Broadcast.openOrCreate(small).capacity, CAPACITY);
  const empty = new SharedArrayBuffer(4096);
  assertThrows(() => Broadcast.openOrCreate(empty), RangeError, "the memory has 4096");
  assertThrows(() => Broadcast.open(empty), NotFound);
  Latest.create(empty, 10);
  assertThrows(() => Broadcast.openOrCreate(empty), InvalidData, "a latest is there");
  new Int32Array(small).fill(7, 0, 4);
  assertThrows(() => Broadcast.openOrCreate(small), InvalidData);
  // The default is for the creator.
  const made = Broadcast.openOrCreate(new SharedArrayBuffer(Broadcast.byteLength()));
  assertEquals([made.created, made.capacity, made.stat().maxReceivers], [true, 65536, 64]);
});

test("a sender needs encode() only, and a receiver decode()", () => {
  const { broadcast } = create();
  using sender = broadcast.sender({ codec: { encode: (n: number) => new Uint8Array([n]) } });
  using receiver = broadcast.receiver({ codec: { keeps: false, decode: ([n]) => n } });
  sender.send(7);
  assertEquals(receiver.tryReceive()?.value, 7);
});

test("there is one sender, and the next when it is closed", () => {
  const { memory, broadcast } = create();
  {
    using sender = broadcast.sender(text);
    sender.send("one");
    assertThrows(
      () => Broadcast.open(memory).sender(),
      Deno.errors.Busy,
      `process ${Deno.pid} is its sender`,
    );
    const { participants } = broadcast.stat();
    assertEquals(participants, [{ pid: Deno.pid, liveness: "alive", role: "sender" }]);
    sender.close();
    assertThrows(() => sender.send("x"), Deno.errors.BadResource, "this sender was closed");
    assertThrows(() => sender.claim(1), Deno.errors.BadResource, "this sender was closed");
  }
  assertEquals(broadcast.stat().participants, []);
  using receiver = broadcast.receiver({ ...text, from: "oldest" });
  using sender = broadcast.sender(text);
  assertEquals([sender.sent, sender.send("two")], [1, 1]);
  assertEquals([receiver.tryReceive()?.value, receiver.tryReceive()?.value], ["one", "two"]);
});

test("receivers start with what comes, or with the oldest that is there", () => {
  const { broadcast } = create();
  using sender = broadcast.sender(text);
  for (let i = 0; i < 5; i++) sender.send(`${i}`);
  using newest = broadcast.receiver(text);
  using oldest = broadcast.receiver({ ...text, from: "oldest" });
  assertEquals(newest.tryReceive(), undefined);
  assertEquals(oldest.tryReceive(), { value: "0", sequence: 0, missed: 0 });
  sender.send("5");
  assertEquals(newest.tryReceive(), { value: "5", sequence: 5, missed: 0 });
  for (let i = 6; i < 1000; i++) sender.send(`${i}`);
  using later = broadcast.receiver({ ...text, from: "oldest" });
  const first = later.tryReceive()?.sequence ?? 0;
  assert(first > 1000 - CAPACITY / 32 && first < 1000 - 25, `${first}`);
  assertEquals(later.missed, 0);
});

test("a receiver that is overtaken is told how many it missed, and goes on halfway", () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  for (let i = 0; i < 1000; i++) sender.send(`${i}`);
  const { value, sequence, missed } = receiver.tryReceive() ?? {};
  assert(sequence !== undefined);
  assertEquals([value, missed, receiver.missed], [`${sequence}`, sequence, sequence]);
  // Each takes 32 bytes: half of the ring are 16, and an eighth 4.
  assert(sequence >= 1000 - 20 && sequence <= 1000 - 12, `${sequence}`);
  for (let i = sequence + 1; i < 1000; i++) assertEquals(receiver.tryReceive()?.missed, 0);
  assertEquals([receiver.tryReceive(), receiver.missed], [undefined, sequence]);
});

test("messages have any length up to almost half of the ring", () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver();
  using sender = broadcast.sender();
  assertEquals([sender.maxMessageLength, broadcast.stat().maxMessageLength], [496, 496]);
  for (let length = 0; length <= 496; length++) {
    const message = Uint8Array.from({ length }, (_, i) => i + length);
    sender.send(message);
    assertEquals(receiver.tryReceive(), { value: message, sequence: length, missed: 0 });
  }
  assertThrows(
    () => sender.send(new Uint8Array(497)),
    RangeError,
    "Cannot send a message of 497 bytes to the broadcast at offset 0 of the SharedArrayBuffer: the longest has 496",
  );
  assertThrows(() => sender.claim(497), RangeError, "the longest has 496");
  sender.send(new Uint8Array(1));
  assertEquals(receiver.tryReceive()?.sequence, 497);
});

test("received bytes stay what they were", () => {
  const { broadcast } = create({ capacity: 65536 });
  using receiver = broadcast.receiver();
  using sender = broadcast.sender();
  const kept: Uint8Array[] = [];
  for (let i = 0; i < 3000; i++) {
    sender.send(new Uint8Array(i * 7 % 300 + (i % 100 === 0 ? 20_000 : 0)).fill(i));
    kept.push(receiver.tryReceive()?.value ?? new Uint8Array());
  }
  for (const [i, bytes] of kept.entries()) {
    assertEquals(bytes.length, i * 7 % 300 + (i % 100 === 0 ? 20_000 : 0));
    assert(bytes.every((byte) => byte === (i & 255)));
  }
});

test("values go through codecs: text, JSON, records and one's own", () => {
  const Sample = struct("sample", { id: u32, values: array(f64, 2) });
  const number: Codec<number> = {
    keeps: false,
    encode: (value) => new Uint8Array(new Float64Array([value]).buffer),
    decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true),
  };
  const { broadcast } = create();
  const exchange = <In, Out>(codec: Codec<Out, In>, values: In[]): Out[] => {
    using receiver = broadcast.receiver({ codec });
    using sender = broadcast.sender({ codec });
    assertEquals(sender.sendBatch(values), values.length);
    return values.map(() => {
      const message = receiver.tryReceive();
      assert(message !== undefined);
      return message.value;
    });
  };
  assertEquals(exchange(jsonCodec<{ a: number[] }>(), [{ a: [1, 2] }, { a: [] }]), [
    { a: [1, 2] },
    { a: [] },
  ]);
  assertEquals(exchange(number, [1.5, -0]), [1.5, -0]);
  const [one, two] = exchange(recordCodec(Sample), [{ id: 1, values: [1, 2] }, { id: 2 }]);
  assertEquals([one.id, one.values.get(1), two.id, two.values.get(1)], [1, 2, 2, 0]);
});

test("a message that can't be decoded is an error once", () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver({ codec: jsonCodec<number>() });
  using sender = broadcast.sender(text);
  sender.sendBatch(["1", "{", "3"]);
  assertEquals(receiver.tryReceive()?.value, 1);
  assertThrows(() => receiver.tryReceive(), Deno.errors.InvalidData, "it is no JSON");
  assertEquals(receiver.tryReceive()?.value, 3);
});

test("sendBatch() sends what comes before an error, and may be more than the ring holds", () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  assertThrows(() => sender.sendBatch(["a", "b", 3 as never, "d"]), TypeError);
  assertEquals([sender.sent, broadcast.stat().sent], [2, 2]);
  assertEquals(receiver.tryReceive()?.value, "a");
  assertEquals(sender.sendBatch(Array.from({ length: 500 }, (_, i) => `${i}`)), 500);
  const { value, sequence = 0, missed } = receiver.tryReceive() ?? {};
  assertEquals([value, missed], [`${sequence - 2}`, sequence - 1]);
});

test("claim() writes in place, and nobody sees it before commit()", () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  {
    using claim = sender.claim(100);
    assertEquals(claim.bytes.length, 100);
    const { written } = new TextEncoder().encodeInto("in place", claim.bytes);
    assertEquals(receiver.tryReceive(), undefined);
    assertThrows(() => sender.send("x"), Deno.errors.Busy, "there is a claim");
    assertThrows(() => sender.claim(1), Deno.errors.Busy, "there is a claim");
    assertThrows(() => sender.end(), Deno.errors.Busy, "there is a claim");
    assertThrows(() => claim.commit(101), RangeError, "length must be");
    assertEquals(claim.commit(written), 0);
    assertThrows(() => claim.commit(), Deno.errors.BadResource, "committed or aborted before");
  }
  assertEquals(receiver.tryReceive()?.value, "in place");
  {
    using claim = sender.claim(100);
    claim.bytes.fill(65);
  }
  assertEquals([receiver.tryReceive(), sender.sent], [undefined, 1]);
  const claim = sender.claim(0);
  sender.close();
  assertThrows(() => claim.commit(), Deno.errors.BadResource, "this sender was closed");
});

test("receivers get what is left, and then the end", async () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using other = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  sender.sendBatch(["a", "b"]);
  sender.end();
  sender.end();
  assertThrows(() => sender.send("c"), Deno.errors.BrokenPipe, "this sender has ended it");
  assertThrows(() => sender.claim(1), Deno.errors.BrokenPipe, "this sender has ended it");
  await assertRejects(
    () => ReadableStream.from(["c"]).pipeTo(sender.writable),
    Deno.errors.BrokenPipe,
    "Close it, and attach another one",
  );
  assertEquals([receiver.ended, broadcast.stat().ended], [false, true]);
  assertEquals((await Array.fromAsync(receiver)).map(({ value }) => value), ["a", "b"]);
  assertEquals([receiver.ended, receiver.tryReceive()], [true, undefined]);
  assertEquals([receiver.receiveSync({ timeout: 1 }), await receiver.receive()], [
    undefined,
    undefined,
  ]);
  // Another sender goes on.
  sender.close();
  using next = broadcast.sender(text);
  next.send("c");
  assertEquals([receiver.tryReceive()?.value, receiver.ended], ["c", false]);
  assertEquals(receiver.tryReceive(), undefined);
  assertEquals([receiver.ended, broadcast.stat().ended], [false, false]);
  next.end();
  assertEquals((await Array.fromAsync(other)).map(({ value }) => value), ["a", "b", "c"]);
});

test("receive() waits, and ends with a message, the end, the time or the signal", async () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  const waiting = receiver.receive();
  setTimeout(() => sender.send("late"), 20);
  assertEquals((await waiting)?.value, "late");
  await assertRejects(
    () => receiver.receive({ timeout: 20 }),
    Deno.errors.TimedOut,
    "nothing came for 20 ms. Wait longer, or see what the sender does",
  );
  assertThrows(() => receiver.receiveSync({ timeout: 20 }), Deno.errors.TimedOut);
  const controller = new AbortController();
  const aborted = receiver.receive({ signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  const ended = receiver.receive();
  setTimeout(() => sender.end(), 20);
  assertEquals(await ended, undefined);
});

test("many receivers wait in one thread, and all get the message", async () => {
  const { broadcast } = create();
  const receivers = Array.from({ length: 60 }, () => broadcast.receiver(text));
  using sender = broadcast.sender(text);
  const waiting = receivers.map((receiver) => receiver.receive());
  await new Promise((resolve) => setTimeout(resolve, 20));
  sender.send("all");
  assertEquals(new Set((await Promise.all(waiting)).map((message) => message?.value)).size, 1);
  for (const receiver of receivers) receiver.close();
  assertEquals(broadcast.stat().participants.map(({ role }) => role), ["sender"]);
});

test("a loop over messages that are all there lets timers run", async () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  let ran = false;
  setTimeout(() => ran = true, 5);
  sender.send("go");
  for await (const { value } of receiver) {
    assertEquals(value, "go");
    if (ran) break;
    sender.send("go");
  }
});

test("messages({ signal }) ends a loop, and a broken-off one goes on later", async () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  sender.sendBatch(["a", "b"]);
  for await (const { value } of receiver) {
    assertEquals(value, "a");
    break;
  }
  const controller = new AbortController();
  const seen: string[] = [];
  await assertRejects(
    async () => {
      for await (const { value } of receiver.messages({ signal: controller.signal })) {
        seen.push(value);
        setTimeout(() => controller.abort(new Error("enough")), 10);
      }
    },
    Error,
    "enough",
  );
  assertEquals(seen, ["b"]);
});

test("a broadcast is a pair of streams", async () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  const received = Array.fromAsync(receiver.readable);
  await ReadableStream.from(["a", "b", "c"]).pipeTo(sender.writable);
  assertEquals((await received).map(({ value }) => value), ["a", "b", "c"]);
  const reader = receiver.readable.getReader();
  assertEquals((await reader.read()).done, true);
  using other = Broadcast.create(
    new SharedArrayBuffer(Broadcast.byteLength()),
  ).receiver();
  const stream = other.readable.getReader();
  const pending = stream.read();
  await stream.cancel();
  assertEquals((await pending).done, true);
});

test("calls that wait get their messages in order, and a later one doesn't come first", async () => {
  const { broadcast } = create();
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  const messages = receiver.messages();
  const waiting = [receiver.receive(), receiver.receive(), messages.next()];
  await new Promise((resolve) => setTimeout(resolve, 20));
  sender.sendBatch(["0", "1", "2", "3", "4"]);
  waiting.push(messages.next(), receiver.receive());
  const sequences = (await Promise.all(waiting)).map((result) => {
    const message = result !== undefined && "done" in result ? result.value : result;
    return message?.sequence;
  });
  assertEquals(sequences, [0, 1, 2, 3, 4]);
});

test("a loop or a stream that is left while it waits ends at once, and takes nothing", async () => {
  const { broadcast } = create();
  const latest = Latest.create(new SharedArrayBuffer(Latest.byteLength(10)), 10);
  using receiver = broadcast.receiver(text);
  using sender = broadcast.sender(text);
  using watcher = latest.receiver(text);
  using source = latest.sender(text);
  for (const values of [receiver.messages(), watcher.values()]) {
    const waiting = values.next();
    await new Promise((resolve) => setTimeout(resolve, 10));
    assertEquals(await values.return?.(), { done: true, value: undefined });
    assertEquals(await waiting, { done: true, value: undefined });
    assertEquals(await values.next(), { done: true, value: undefined });
  }
  for (const stream of [receiver.readable, watcher.readable]) {
    const reader = stream.getReader();
    const waiting = reader.read();
    await new Promise((resolve) => setTimeout(resolve, 10));
    await reader.cancel();
    assertEquals((await waiting).done, true);
  }
  sender.send("a");
  source.send("a");
  assertEquals([receiver.tryReceive()?.value, watcher.tryReceive()], ["a", "a"]);
});

test("stat() tells who is there", () => {
  const { broadcast } = create({ maxReceivers: 2 });
  using _first = broadcast.receiver();
  {
    using _second = broadcast.receiver();
    assertThrows(
      () => broadcast.receiver(),
      Deno.errors.Busy,
      "it has room for 2 receivers, and all of them are there",
    );
  }
  using sender = broadcast.sender();
  sender.send(new Uint8Array(3));
  const me = { pid: Deno.pid, liveness: "alive" } as const;
  assertEquals(broadcast.stat(), {
    capacity: CAPACITY,
    maxMessageLength: 496,
    sent: 1,
    ended: false,
    participants: [{ ...me, role: "sender" }, { ...me, role: "receiver" }],
    maxReceivers: 2,
  });
});

test("a closed receiver says so, also to who waits", async () => {
  const { broadcast } = create();
  const receiver = broadcast.receiver();
  const waiting = receiver.receive();
  receiver.close();
  receiver.close();
  await assertRejects(() => waiting, Deno.errors.BadResource, "this receiver was closed");
  assertThrows(() => receiver.tryReceive(), Deno.errors.BadResource, "this receiver was closed");
  assertEquals(broadcast.stat().participants, []);
});

test("memory that is gone is an error, and leaving works still", async () => {
  using directory = tempDirectory();
  const file = `${directory.path}/broadcast`;
  const memory = mapNewFile(file, Broadcast.byteLength());
  const broadcast = Broadcast.create(memory);
  const sender = broadcast.sender(text);
  const receiver = broadcast.receiver(text);
  const waiting = receiver.receive();
  sender.send("x");
  assertEquals((await waiting)?.value, "x");
  const late = receiver.receive();
  memory.close();
  await assertRejects(() => late, Deno.errors.BadResource, "was unmapped");
  assertThrows(() => sender.send("y"), Deno.errors.BadResource, "was unmapped");
  assertThrows(() => sender.claim(1), Deno.errors.BadResource, "was unmapped");
  assertThrows(() => receiver.tryReceive(), Deno.errors.BadResource, "was unmapped");
  assertThrows(() => broadcast.stat(), Deno.errors.BadResource, "was unmapped");
  sender.close();
  receiver.close();
  // And they did leave.
  using again = mapFile(file, { access: "readwrite" });
  assertEquals(Broadcast.open(again).stat().participants, []);
  Broadcast.open(again).sender().close();
});

test("a broadcast in a file goes on where its sender stopped", () => {
  using directory = tempDirectory();
  const file = `${directory.path}/broadcast`;
  for (let round = 0; round < 3; round++) {
    using memory = round === 0
      ? mapNewFile(file, Broadcast.byteLength())
      : mapFile(file, { access: "readwrite" });
    const broadcast = Broadcast.openOrCreate(memory);
    assertEquals([broadcast.created, broadcast.stat().sent], [round === 0, 3 * round]);
    using sender = broadcast.sender(text);
    sender.sendBatch(["a", "b", "c"]);
    // A sender that has just come hides nothing.
    using receiver = broadcast.receiver({ ...text, from: "oldest" });
    for (let i = 0; i < 3 * round + 3; i++) {
      assertEquals(receiver.tryReceive(), { value: "abc"[i % 3], sequence: i, missed: 0 });
    }
  }
});

/** Pretends that a thread with another start time, who is dead, has a place. */
function bury(words: Int32Array, at: number, pid: number): void {
  words[at] = ownIdentity().tid;
  words[at + 1] = pid;
  words[at + 2] = 1;
  words[at + 4] = ownIdentity().namespace;
}

/** Pretends that the sender died, as far as the kernel leaves it. */
function leaveDead(words: Int32Array, pid: number): void {
  bury(words, SENDER, pid);
  words[SEAT] = FUTEX_OWNER_DIED;
}

test("what a sender sent just before it died comes before the error, which comes once", async () => {
  const receives = [
    (receiver: BroadcastReceiver<string>) => receiver.tryReceive(),
    (receiver: BroadcastReceiver<string>) => receiver.receiveSync({ timeout: 30_000 }),
    (receiver: BroadcastReceiver<string>) => receiver.receive(),
  ];
  for (const receive of receives) {
    const { memory, broadcast } = create();
    using receiver = broadcast.receiver({ ...text, peerDeath: "throw" });
    try {
      points.hook = (point) => {
        if (point !== NOTHING_FOUND) return;
        points.hook = undefined;
        {
          using sender = broadcast.sender(text);
          sender.send("last words");
        }
        leaveDead(new Int32Array(memory), 4711);
      };
      assertEquals((await receive(receiver))?.value, "last words");
      assertEquals(points.hook, undefined);
    } finally {
      points.hook = undefined;
    }
    await assertRejects(
      async () => await receive(receiver),
      Deno.errors.BrokenPipe,
      "its sender, process 4711, died. Receive again to wait for the next one",
    );
    assertEquals(receiver.tryReceive(), undefined);
    await assertRejects(() => receiver.receive({ timeout: 150 }), Deno.errors.TimedOut);
    // Nor does the next sender tell it again; its own death is another one.
    {
      using sender = broadcast.sender(text);
      assertEquals(receiver.tryReceive(), undefined);
      sender.send("next");
      assertEquals(receiver.tryReceive()?.value, "next");
    }
    leaveDead(new Int32Array(memory), 4712);
    assertThrows(() => receiver.tryReceive(), Deno.errors.BrokenPipe, "process 4712, died");
    assertEquals(receiver.tryReceive(), undefined);
  }
});

test("a sender whose end no kernel has seen is dead nevertheless: the machine was restarted", async () => {
  const { memory, broadcast } = create();
  const words = new Int32Array(memory);
  words[SEAT] = ownIdentity().tid | FUTEX_WAITERS;
  bury(words, SENDER, 4711);
  assertEquals(broadcast.stat().participants, [
    { pid: 4711, liveness: "dead", role: "sender" },
  ]);
  {
    using receiver = broadcast.receiver({ peerDeath: "throw" });
    await assertRejects(() => receiver.receive(), Deno.errors.BrokenPipe, "process 4711, died");
  }
  {
    using receiver = broadcast.receiver({ peerDeath: "throw" });
    assertThrows(
      () => receiver.receiveSync({ timeout: 1000 }),
      Deno.errors.BrokenPipe,
      "its sender, process 4711, died",
    );
  }
  using sender = broadcast.sender();
  sender.send(new Uint8Array(1));
});

test("a sender that ended before it could say who it is leaves its place, and is told to nobody", () => {
  const { memory, broadcast } = create();
  using receiver = broadcast.receiver({ peerDeath: "throw" });
  const words = new Int32Array(memory);
  for (const left of [FUTEX_OWNER_DIED, 0x3ffffff0 | FUTEX_WAITERS]) { // no thread has that id
    words[SEAT] = left;
    assertEquals(receiver.tryReceive(), undefined);
    assertEquals(broadcast.stat().participants.map(({ role }) => role), ["receiver"]);
    broadcast.sender().close();
    assertEquals(receiver.tryReceive(), undefined);
  }
});

test("a sender hears of receivers that died, and others take their entries", async () => {
  const { memory, broadcast } = create({ maxReceivers: 2 });
  const words = new Int32Array(memory);
  using sender = broadcast.sender();
  const deaths: PeerDeath[] = [];
  const listener = ({ detail }: CustomEvent<PeerDeath>) => void deaths.push(detail);
  sender.addEventListener("peerdeath", listener);
  bury(words, RECEIVERS, 4711);
  await until(() => deaths.length > 0, "the event comes");
  assertEquals(deaths, [{ pid: 4711, role: "receiver" }]);
  words[RECEIVERS + 2] = 2; // another process with the same number, which died too
  await until(() => deaths.length > 1, "the event comes again");
  assertEquals(deaths[1], deaths[0]);
  assertEquals(broadcast.stat().participants.at(-1), {
    pid: 4711,
    liveness: "dead",
    role: "receiver",
  });
  {
    using _one = broadcast.receiver();
    using _two = broadcast.receiver();
    const { participants } = broadcast.stat();
    assertEquals(participants.map(({ liveness }) => liveness), ["alive", "alive", "alive"]);
  }
  sender.removeEventListener("peerdeath", listener);
});

test("the sender wakes nobody if nobody sleeps", () => {
  const { memory, broadcast } = create();
  const words = new Int32Array(memory);
  using receiver = broadcast.receiver();
  using sender = broadcast.sender();
  assertEquals(words[TAIL] & ASLEEP, 0);
  assertThrows(() => receiver.receiveSync({ timeout: 10 }), Deno.errors.TimedOut);
  assertEquals(words[TAIL] & ASLEEP, ASLEEP);
  sender.send(new Uint8Array(1));
  assertEquals(words[TAIL] & ASLEEP, 0);
});
