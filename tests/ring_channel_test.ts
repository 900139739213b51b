// Channels in one process: what they say and refuse, waits, streams, codecs, and hostile memory.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mapAnonymous, type Memory } from "../mod.ts";
import {
  bytesCodec,
  Channel,
  type Codec,
  type CreateChannelOptions,
  jsonCodec,
  recordCodec,
  textCodec,
} from "../ring/mod.ts";
import { f64, struct, u32 } from "../struct/mod.ts";
import { tempFile } from "./_files.ts";
import { until } from "./_objects.ts";
import { mapFile } from "../mod.ts";
import { type Random, withRandom } from "./_random.ts";
import { elsewhere, test, turn } from "./_sync.ts";

const BYTES = 65536;

function memory(): Memory {
  return mapAnonymous(BYTES, { shared: true });
}

function make(options: CreateChannelOptions = {}): Channel {
  return Channel.create(new SharedArrayBuffer(BYTES), options);
}

function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values);
}

test("a channel takes all of the memory, or what is asked for", () => {
  const room = Channel.byteLength({ capacity: 32768 });
  assertEquals(Channel.create(new SharedArrayBuffer(room)).capacity, 32768);
  assertEquals(Channel.create(new SharedArrayBuffer(room - 8)).capacity, 16384);
  assertEquals(make({ capacity: 64 }).capacity, 64);
  assert(Channel.byteLength({ capacity: 8, maxParticipants: 1 }) < 1400);
  assertThrows(
    () => Channel.create(new SharedArrayBuffer(room - 8), { capacity: 32768 }),
    RangeError,
    `takes ${room} bytes`,
  );
  assertThrows(() => Channel.create(new SharedArrayBuffer(1024)), RangeError, "has 1024");
  for (const capacity of [0, 4, 12, 100, 2 ** 31]) {
    assertThrows(() => make({ capacity }), RangeError, "capacity must be");
  }
  assertThrows(() => make({ maxParticipants: 0 }), RangeError, "maxParticipants");
  assertThrows(() => make({ senders: "two" as "one" }), TypeError, '"one" or "many"');
  assertThrows(
    () => Channel.create(new ArrayBuffer(99) as unknown as SharedArrayBuffer),
    TypeError,
    "memory must be",
  );
});

test("create, open and openOrCreate", () => {
  const buffer = new SharedArrayBuffer(BYTES);
  assertThrows(() => Channel.open(buffer), Deno.errors.NotFound, "nothing is there");
  const channel = Channel.openOrCreate(buffer, { capacity: 1024, senders: "many", offset: 8 });
  assert(channel.created);
  assertThrows(
    () => Channel.create(buffer, { offset: 8 }),
    Deno.errors.AlreadyExists,
    "a channel is already there",
  );
  const opened = Channel.open(buffer, { offset: 8 });
  assertEquals([opened.created, opened.capacity, opened.senders, opened.receivers], [
    false,
    1024,
    "many",
    "one",
  ]);
  assert(!Channel.openOrCreate(buffer, { offset: 8, capacity: 1024 }).created);
  for (
    const other of [{ capacity: 2048 }, { maxParticipants: 3 }, { senders: "one" }, {
      receivers: "many",
    }] as const
  ) {
    assertThrows(
      () => Channel.openOrCreate(buffer, { offset: 8, ...other }),
      Deno.errors.InvalidData,
      "it was made with",
    );
  }
});

test("memory that holds something else is refused", () => {
  const buffer = new SharedArrayBuffer(BYTES);
  new Uint8Array(buffer).fill(7);
  assertThrows(() => Channel.create(buffer), Deno.errors.InvalidData);
  assertThrows(() => Channel.open(buffer), Deno.errors.InvalidData);
  const damage: [number, number, string][] = [
    [1, 2 | 16 << 16, "version 2"],
    [1, 1 | 17 << 16, "broadcast"],
    [2, BYTES + 8, "bytes"],
    [10, 48, "contradicts"],
    [10, 0, "contradicts"],
    [11, 0, "contradicts"],
    [11, -1, "contradicts"],
  ];
  for (const [index, value, message] of damage) {
    const good = new SharedArrayBuffer(BYTES);
    Channel.create(good);
    new Int32Array(good)[index] = value;
    assertThrows(() => Channel.open(good), Deno.errors.InvalidData, message);
  }
  const creating = new SharedArrayBuffer(BYTES);
  Channel.create(creating);
  const words = new Int32Array(creating);
  words[4] = 1; // somebody, of a container that nobody here can look into, is creating it
  elsewhere(words, 5);
  assertThrows(
    () => Channel.open(creating, { timeout: 5 }),
    Deno.errors.TimedOut,
    "still creating",
  );
});

test("there is one only sender, and one only receiver", () => {
  const channel = make({ maxParticipants: 3 });
  const sender = channel.sender();
  const receiver = channel.receiver();
  assertThrows(() => channel.sender(), Deno.errors.Busy, "this thread is its only sender");
  assertThrows(() => channel.receiver(), Deno.errors.Busy, "this thread is its only receiver");
  sender.close();
  sender.close();
  channel.sender().close();
  receiver.close();
  assertThrows(() => sender.trySend(bytes(1)), Deno.errors.BadResource, "closed");
  assertThrows(() => receiver.tryReceive(), Deno.errors.BadResource, "closed");
  assertThrows(() => sender.end(), Deno.errors.BadResource, "closed");
  const many = make({ maxParticipants: 2, senders: "many" });
  using _first = many.sender();
  using _second = many.sender();
  assertThrows(() => many.sender(), Deno.errors.Busy, "room for 2 participants");
  assertEquals(many.stat().participants.map(({ role, liveness }) => [role, liveness]), [[
    "sender",
    "alive",
  ], [
    "sender",
    "alive",
  ]]);
});

for (const role of ["one", "many"] as const) {
  const make2 = (capacity = 256) => make({ capacity, senders: role, receivers: role });

  test(`${role}: what is too long is refused, in every way`, async () => {
    const channel = make2();
    using sender = channel.sender();
    const long = new Uint8Array(249);
    assertThrows(() => sender.trySend(long), RangeError, "248 bytes at most");
    assertThrows(() => sender.sendSync(long), RangeError, "248");
    await assertRejects(() => sender.send(long), RangeError, "248");
    assertThrows(() => sender.trySendBatch([bytes(1), long]), RangeError, "248");
    assertThrows(() => sender.tryClaim(249), RangeError, "248");
    assertThrows(() => sender.tryBatch(121), RangeError, "120");
    {
      using batch = sender.batchSync();
      assertThrows(() => batch.add(121), RangeError, "120");
      assertThrows(() => batch.add(-1), RangeError);
      assertThrows(() => batch.add(1.5), RangeError);
    }
    assertThrows(() => sender.trySend("text" as unknown as Uint8Array), TypeError, "Uint8Array");
    assertEquals(channel.stat().sent, 1);
    using receiver = channel.receiver();
    assertEquals(receiver.tryReceive(), bytes(1));
    assert(sender.trySend(new Uint8Array(248)));
    assertThrows(
      () => receiver.tryReceiveInto(new Uint8Array(247)),
      RangeError,
      "248 bytes into 247",
    );
    assertEquals(receiver.tryReceiveInto(new Uint8Array(248)), 248);
    assertEquals(receiver.tryReceiveInto(new Uint8Array(0)), undefined);
  });

  test(`${role}: waits end in time, and by an abort`, async () => {
    const channel = make2(64);
    using sender = channel.sender();
    using receiver = channel.receiver();
    const limit = { timeout: 5 };
    const signal = AbortSignal.timeout(5);
    const { TimedOut } = Deno.errors;
    assertThrows(() => receiver.receiveSync(limit), TimedOut, "nothing came for 5 ms");
    assertThrows(() => receiver.receiveSync({ timeout: 0 }), TimedOut);
    assertThrows(() => receiver.receiveIntoSync(bytes(), limit), TimedOut);
    assertThrows(() => receiver.receiveBatchSync(3, limit), TimedOut);
    assertThrows(() => receiver.peekSync(limit), TimedOut);
    assertThrows(() => receiver.peekBatchSync(limit), TimedOut);
    await assertRejects(() => receiver.receive(limit), TimedOut);
    await assertRejects(() => receiver.receiveInto(bytes(), limit), TimedOut);
    await assertRejects(() => receiver.receiveBatch(3, limit), TimedOut);
    await assertRejects(() => receiver.peek(limit), TimedOut);
    await assertRejects(() => receiver.peekBatch(limit), TimedOut);
    await assertRejects(() => receiver.receive({ signal }), DOMException);
    await assertRejects(() =>
      receiver.receive({ signal: AbortSignal.abort("mine") }).catch((reason) => {
        assertEquals(reason, "mine");
        throw new Error("rejected");
      })
    );
    assertThrows(() => receiver.receiveSync({ timeout: -1 }), RangeError);
    sender.sendSync(new Uint8Array(56));
    assert(!sender.trySend(bytes()));
    assertThrows(() => sender.sendSync(bytes(), limit), TimedOut, "no room for it for 5 ms");
    assertThrows(() => sender.sendBatchSync([bytes()], limit), TimedOut, "0 messages were sent");
    assertThrows(() => sender.claimSync(3, limit), TimedOut);
    assertThrows(() => sender.batchSync(3, limit), TimedOut);
    await assertRejects(() => sender.send(bytes(), limit), TimedOut);
    await assertRejects(() => sender.sendBatch([bytes()], limit), TimedOut, "0 messages were sent");
    await assertRejects(() => sender.claim(3, limit), TimedOut);
    await assertRejects(() => sender.batch(3, limit), TimedOut);
    await assertRejects(
      () => sender.send(bytes(), { signal: AbortSignal.timeout(5) }),
      DOMException,
    );
    // None of them left anything behind.
    assertEquals(receiver.tryReceive()?.length, 56);
    assertEquals(receiver.tryReceive(), undefined);
    assert(sender.trySend(bytes(1)));
    const { sendersWaited, receiversWaited } = channel.stat();
    assert(sendersWaited > 20 && receiversWaited > 20);
  });

  test(`${role}: promises keep the order of the calls`, async () => {
    const channel = make2(64);
    using sender = channel.sender();
    using receiver = channel.receiver();
    const receiving = Array.from({ length: 50 }, () => receiver.receive());
    const sending = Array.from({ length: 100 }, (_, i) => sender.send(bytes(i)));
    const abort = new AbortController();
    const never = assertRejects(() => sender.send(bytes(200), { signal: abort.signal }));
    assert(!sender.trySend(new Uint8Array(56)));
    abort.abort();
    await never;
    const received = (await Promise.all(receiving)).map((message) => message?.[0]);
    for (let i = 50; i < 100; i++) received.push((await receiver.receive())?.[0]);
    await Promise.all(sending);
    assertEquals(received, Array.from({ length: 100 }, (_, i) => i));
    assertEquals(receiver.tryReceive(), undefined);
  });

  test(`${role}: the end of the stream`, async () => {
    const channel = make2();
    using receiver = channel.receiver();
    const waiting = receiver.receive();
    {
      using sender = channel.sender();
      sender.sendBatchSync([bytes(1), bytes(2)]);
      assertEquals(await waiting, bytes(1));
      sender.end();
      assertThrows(() => sender.trySend(bytes(3)), Deno.errors.BrokenPipe, "a sender has ended it");
      await assertRejects(() => sender.send(bytes(3)), Deno.errors.BrokenPipe);
      assertThrows(() => sender.tryClaim(3), Deno.errors.BrokenPipe);
      assertThrows(() => sender.tryBatch(3), Deno.errors.BrokenPipe);
    }
    assertEquals([receiver.ended, channel.stat().ended], [false, true]);
    assertEquals(receiver.receiveSync(), bytes(2));
    assertEquals([receiver.receiveSync(), receiver.tryReceive()], [undefined, undefined]);
    assertEquals([await receiver.receive(), await receiver.peek()], [undefined, undefined]);
    assertEquals([receiver.receiveBatchSync(), await receiver.receiveBatch()], [[], []]);
    assertEquals([receiver.peekBatchSync(), receiver.receiveIntoSync(bytes())], [
      undefined,
      undefined,
    ]);
    assert(receiver.ended);
    for await (const _ of receiver) throw new Error("nothing is there");
    using again = channel.sender();
    again.sendSync(bytes(4));
    assertEquals(receiver.receiveSync(), bytes(4));
    assertEquals([receiver.ended, channel.stat().ended], [false, false]);
    const late = receiver.receive();
    setTimeout(() => again.end(), 5);
    assertEquals(await late, undefined);
  });

  test(`${role}: only one thing is open in place`, async () => {
    const channel = make2();
    using sender = channel.sender();
    using receiver = channel.receiver();
    const { Busy, BadResource } = Deno.errors;
    const claim = sender.claimSync(8);
    for (
      const use of [
        () => sender.trySend(bytes(1)),
        () => sender.trySendBatch([bytes(1)]),
        () => sender.sendSync(bytes(1)),
        () => sender.tryClaim(3),
        () => sender.claimSync(3),
        () => sender.batchSync(),
        () => sender.end(),
      ]
    ) {
      assertThrows(use, Busy);
    }
    await assertRejects(() => sender.send(bytes(1)), Busy);
    await assertRejects(() => sender.sendBatch([bytes(1)]), Busy);
    await assertRejects(() => sender.claim(3), Busy);
    claim.bytes.fill(1);
    assertThrows(() => claim.commit(9), RangeError);
    claim.commit();
    assertThrows(() => claim.commit(), BadResource, "committed or aborted");
    claim.abort();
    const message = receiver.peekSync();
    assert(message);
    assertThrows(() => receiver.tryReceive(), Busy);
    assertThrows(() => receiver.receiveSync(), Busy);
    assertThrows(() => receiver.tryReceiveBatch(), Busy);
    assertThrows(() => receiver.peekSync(), Busy);
    await assertRejects(() => receiver.receive(), Busy);
    await assertRejects(() => receiver.peek(), Busy);
    await assertRejects(() => receiver.messages().next(), Busy);
    message.release();
    message.release();
    message.putBack();
    assertEquals(receiver.tryReceive(), undefined);
    const open = sender.batchSync();
    open.add(8);
    sender.close();
    assertThrows(() => open.commit(), BadResource);
    assertThrows(() => open.add(1), BadResource);
    using other = channel.sender();
    other.sendSync(bytes(5));
    const peeked = receiver.peekSync();
    receiver.close();
    peeked?.release();
    using next = channel.receiver();
    assertEquals(next.tryReceive(), bytes(5));
  });

  test(`${role}: memory that is closed ends everything, and the ends still leave`, async () => {
    const mapped = memory();
    const channel = Channel.create(mapped, { capacity: 256, senders: role, receivers: role });
    const sender = channel.sender();
    const receiver = channel.receiver();
    sender.sendSync(bytes(1, 2, 3));
    const claim = sender.claimSync(16);
    const peeked = receiver.peekSync();
    mapped[Symbol.dispose]();
    const { BadResource } = Deno.errors;
    assertEquals([claim.bytes.length, peeked?.bytes.length], [0, 0]);
    assertThrows(() => claim.commit(), BadResource, "unmapped");
    assertThrows(() => peeked?.release(), BadResource, "unmapped");
    claim.abort();
    for (
      const use of [
        () => sender.trySend(bytes(1)),
        () => sender.end(),
        () => receiver.tryReceive(),
        () => channel.stat(),
      ]
    ) {
      assertThrows(use, BadResource);
    }
    await assertRejects(() => receiver.receive(), BadResource);
    await assertRejects(() => sender.send(bytes()), BadResource);
    sender.close();
    receiver.close();
    assertThrows(() => channel.sender(), BadResource);
  });
}

test("a claim that can have no piece of the ring has a buffer of its own", () => {
  const channel = make({ capacity: 128 });
  using sender = channel.sender();
  using receiver = channel.receiver();
  sender.sendSync(new Uint8Array(40));
  receiver.receiveSync();
  using claim = sender.claimSync(100); // from 48 on there are 80
  assertEquals([claim.bytes.length, claim.bytes.byteOffset, claim.bytes.buffer.byteLength], [
    100,
    0,
    100,
  ]);
  claim.bytes.forEach((_, i, all) => all[i] = i);
  claim.commit(90);
  using message = receiver.peekSync();
  assertEquals([...message?.bytes ?? []], Array.from({ length: 90 }, (_, i) => i));
});

test("a claim in the ring is the ring itself", () => {
  using mapped = memory();
  const channel = Channel.create(mapped, { capacity: 256 });
  using sender = channel.sender();
  using receiver = channel.receiver();
  using claim = sender.claimSync(16);
  assert(claim.bytes.buffer === mapped.bytes.buffer);
  claim.bytes.fill(9);
  claim.commit();
  using message = receiver.tryPeek();
  assert(message?.bytes.buffer === mapped.bytes.buffer);
  assertEquals(message.bytes.byteOffset, claim.bytes.byteOffset);
});

test("codecs", async () => {
  const tick = struct("tick", { id: u32, price: f64 });
  const ends = <Out, In>(codec: Codec<Out, In>) => {
    const channel = make({ capacity: 4096 });
    return [channel.sender({ codec }), channel.receiver({ codec })] as const;
  };
  {
    const [sender, receiver] = ends(textCodec);
    const texts = ["", "grüße", "x".repeat(3000), "\ufeffy"];
    for (const text of texts) sender.sendSync(text);
    assertEquals(receiver.tryReceiveBatch(), texts);
  }
  {
    const [sender, receiver] = ends(jsonCodec<{ a: number; b: string[] }>());
    await sender.send({ a: 1, b: ["x"] });
    assertEquals(await receiver.receive(), { a: 1, b: ["x"] });
  }
  {
    const [sender, receiver] = ends(recordCodec(tick));
    for (let id = 0; id < 3; id++) sender.sendSync({ id, price: id / 2 });
    const ticks = receiver.tryReceiveBatch();
    assertEquals(ticks.map(({ id, price }) => [id, price]), [[0, 0], [1, 0.5], [2, 1]]);
    // Values that wait for room are encoded at once, and the codec's buffer is used again.
    const pending = Array.from({ length: 400 }, (_, id) => sender.send({ id, price: -id }));
    for (let id = 0; id < 400; id++) assertEquals((await receiver.receive())?.price, -id);
    await Promise.all(pending);
  }
  assertThrows(() => make().sender({ codec: {} as Codec<string> }), TypeError, "encode()");
  assertThrows(() => make().receiver({ codec: {} as Codec<string> }), TypeError, "decode()");
});

test("a message that can't be decoded is received, and none before it is lost", async () => {
  const channel = make();
  using sender = channel.sender();
  using receiver = channel.receiver({ codec: jsonCodec<number>() });
  const send = (...texts: string[]) =>
    sender.sendBatchSync(texts.map((text) => textCodec.encode(text)));
  send("1", "{", "2", "3", "{", "4");
  assertEquals(receiver.tryReceive(), 1);
  assertThrows(() => receiver.tryReceive(), Deno.errors.InvalidData, "JSON");
  assertEquals(receiver.tryReceiveBatch(), [2, 3]);
  assertThrows(() => receiver.tryReceiveBatch(), Deno.errors.InvalidData, "JSON");
  assertEquals(await receiver.receiveBatch(), [4]);
  assertEquals(channel.stat().messages, 0);
});

test("received bytes are copies that nobody changes", () => {
  const channel = make({ capacity: 128 });
  using sender = channel.sender({ codec: bytesCodec });
  using receiver = channel.receiver({ codec: bytesCodec });
  const received: Uint8Array[] = [];
  for (let i = 0; i < 100; i++) {
    sender.sendSync(new Uint8Array(20).fill(i));
    received.push(receiver.receiveSync() ?? bytes());
  }
  assertEquals(
    received.map((message) => [message.length, message[0], message[19]]),
    received.map((_, i) => [20, i, i]),
  );
});

test("async iteration", async () => {
  const channel = make({ capacity: 1024 });
  using sender = channel.sender();
  using receiver = channel.receiver();
  const COUNT = 5000;
  const sending = (async () => {
    for (let i = 0; i < COUNT; i++) await sender.send(bytes(i, i >> 8));
    sender.end();
  })();
  let next = 0;
  for await (const [low, high] of receiver) {
    assertEquals(low + 256 * high, next++);
    if (next % 1000 === 0) break; // and go on below: nothing is lost
  }
  for await (const [low, high] of receiver) {
    assertEquals(low + 256 * high, next++);
    if (next % 7 === 0) assertEquals((await receiver.receive())?.[0], next++ & 255);
  }
  await sending;
  assertEquals([next, channel.stat().received], [COUNT, COUNT]);
  using again = make().receiver();
  const limited = again.messages({ timeout: 5 });
  await assertRejects(async () => await limited.next(), Deno.errors.TimedOut);
  const aborted = again.messages({ signal: AbortSignal.timeout(5) });
  await assertRejects(async () => await aborted.next(), DOMException);
});

test("a loop of awaits leaves time for others", async () => {
  const channel = make({ capacity: 1024 });
  using sender = channel.sender();
  using receiver = channel.receiver();
  let over = false;
  const timer = setTimeout(() => over = true, 1);
  for (let i = 0; !over; i++) {
    await sender.send(bytes(i));
    await receiver.receive();
    if (i > 5e7) throw new Error("the timer starves");
  }
  clearTimeout(timer);
});

test("streams, with back-pressure", async () => {
  const channel = make({ capacity: 64 });
  using sender = channel.sender({ codec: textCodec });
  using receiver = channel.receiver({ codec: textCodec });
  const texts = Array.from({ length: 500 }, (_, i) => `message ${i}`);
  const piping = ReadableStream.from(texts).pipeTo(sender.writable);
  assertEquals(await Array.fromAsync(receiver.readable), texts);
  await piping;
  sender.close();
  using again = channel.sender({ codec: textCodec });
  const writer = again.writable.getWriter();
  let written = 0;
  const writes = Array.from(
    { length: 5 },
    (_, i) => writer.write(`${i}`.repeat(20)).then(() => written++),
  );
  await until(() => written === 2, "there is room for two of 32 bytes");
  await turn(10);
  assertEquals(written, 2);
  const reader = receiver.readable.getReader();
  for (let i = 0; i < 5; i++) assertEquals((await reader.read()).value, `${i}`.repeat(20));
  await Promise.all(writes);
  const pending = reader.read();
  await reader.cancel();
  assertEquals(await pending, { done: true, value: undefined });
  await writer.abort();
});

test("hostile positions and lengths are errors, never a hang", async () => {
  const [TAIL, HEAD] = [32, 64];
  const data = Channel.byteLength({ capacity: 64 }) / 4 - 16;
  const { InvalidData } = Deno.errors;
  const damage: [what: string, index: number, value: number][] = [
    ["a tail too far", TAIL, 8 + 64],
    ["a tail before the head", TAIL, -8],
    ["an odd tail", TAIL, 12],
    ["a tail with unknown flags", TAIL, 16 + 4],
    ["a length beyond the tail", data, 9],
    ["a huge length", data, 0x7fffffff],
    ["a skip that ends nowhere", data, 0x80000010 | 0],
    ["a skip of nothing", data, 0x80000000 | 0],
    ["a huge skip", data, -1],
  ];
  for (const role of ["one", "many"] as const) {
    for (const [what, index, value] of damage) {
      const buffer = new SharedArrayBuffer(BYTES);
      const channel = Channel.create(buffer, { capacity: 64, receivers: role });
      using sender = channel.sender();
      using receiver = channel.receiver();
      sender.sendSync(bytes(1));
      new Int32Array(buffer)[index] = value;
      const uses = [
        () => receiver.tryReceive(),
        () => receiver.receiveSync(),
        () => receiver.tryReceiveInto(new Uint8Array(64)),
        () => receiver.tryReceiveBatch(),
        () => receiver.tryPeek(),
        () => receiver.tryPeekBatch(),
      ];
      for (const use of uses) assertThrows(use, InvalidData, undefined, what);
      await assertRejects(() => receiver.receive(), InvalidData, undefined, what);
      await assertRejects(
        async () => await receiver[Symbol.asyncIterator]().next(),
        InvalidData,
        undefined,
        what,
      );
      channel.stat();
    }
    for (const head of [-8, 12, 64, 1 << 20]) {
      const buffer = new SharedArrayBuffer(BYTES);
      const channel = Channel.create(buffer, { capacity: 64, senders: role });
      using sender = channel.sender();
      for (let i = 0; i < 4; i++) assert(sender.trySend(bytes(i)));
      new Int32Array(buffer)[HEAD] = head === 64 ? 72 : head;
      assertThrows(() => sender.trySend(bytes(1)), InvalidData);
      assertThrows(() => sender.sendSync(bytes(1)), InvalidData);
      assertThrows(() => sender.tryClaim(1), InvalidData);
      await assertRejects(() => sender.send(bytes(1)), InvalidData);
      channel.stat();
    }
  }
});

function damage(random: Random): void {
  for (let round = 0; round < 300; round++) {
    const buffer = new SharedArrayBuffer(8192);
    const role = round % 2 === 0 ? "one" : "many";
    const channel = Channel.create(buffer, {
      capacity: 256,
      maxParticipants: 4,
      senders: role,
      receivers: role,
    });
    const words = new Int32Array(buffer);
    const sender = channel.sender();
    const receiver = channel.receiver();
    const attempt = (use: () => unknown) => {
      try {
        use();
      } catch (error) {
        const known = error instanceof Error &&
          /InvalidData|BadResource|BrokenPipe|TimedOut|Busy|RangeError|NotFound/.test(error.name);
        if (!known) throw error;
      }
    };
    for (let step = 0; step < 100; step++) {
      if (random(5) === 0) {
        // Not the mutexes: who writes there breaks what glibc and the kernel need.
        const index = random(2) === 0
          ? [32, 33, 35, 64, 65, 67, 96, 128, 160][random(9)]
          : 288 + random(100);
        words[index] = random(2) === 0 ? random(64) * 8 : random(2 ** 32) | 0;
      }
      attempt(() => sender.trySend(new Uint8Array(random(249))));
      attempt(() => sender.trySendBatch([bytes(1), bytes(2)]));
      attempt(() => sender.tryClaim(random(249))?.commit());
      attempt(() => receiver.tryReceive());
      attempt(() => receiver.tryReceiveBatch());
      attempt(() => receiver.tryPeekBatch()?.release());
      attempt(() => receiver.receiveSync({ timeout: 0 }));
      attempt(() => channel.stat());
    }
    attempt(() => sender.close());
    attempt(() => receiver.close());
  }
}

test("random damage: only errors, and always an answer", () => withRandom(damage));

test("a channel in a file outlives those who used it", () => {
  using file = tempFile(BYTES);
  const open = () => mapFile(file.path, { access: "readwrite" });
  for (let round = 0; round < 5; round++) {
    using mapped = open();
    const channel = Channel.openOrCreate(mapped, { capacity: 1024 });
    assertEquals(channel.created, round === 0);
    using sender = channel.sender();
    using receiver = channel.receiver();
    for (let i = 0; i < 10; i++) sender.sendSync(bytes(round, i));
    if (round === 0) continue;
    for (let i = 0; i < 10; i++) assertEquals(receiver.tryReceive(), bytes(round - 1, i));
  }
});
