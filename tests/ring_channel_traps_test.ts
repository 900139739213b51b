// What users and codecs may do to a channel at a bad moment: nothing is lost, and nothing sticks.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  bytesCodec,
  Channel,
  type ChannelReceiver,
  type Codec,
  type CreateChannelOptions,
  mapAnonymous,
} from "../mod.ts";
import { ASLEEP, HEAD, PARTICIPANTS } from "../ring/channel_layout.ts";
import { until } from "./_objects.ts";
import { LIMIT } from "./_process.ts";
import { test, withoutHealing } from "./_sync.ts";

/** A message of one byte. */
function message(number: number): Uint8Array {
  return new Uint8Array([number]);
}

/** A channel in memory that ends with the scope. */
function setUp(
  options: CreateChannelOptions = {},
): { channel: Channel; words: Int32Array } & Disposable {
  const memory = mapAnonymous(65536, { shared: true });
  return {
    channel: Channel.create(memory, options),
    words: memory.array(Int32Array),
    [Symbol.dispose]: () => memory.close(),
  };
}

/** The numbers of the messages that are there. */
function drain({ channel }: { channel: Channel }): number[] {
  using receiver = channel.receiver();
  return receiver.tryReceiveBatch(1000).map(([number]) => number);
}

test("after the end nothing comes, also from a sender that is just sending", () => {
  using setup = setUp({ senders: "many" });
  using first = setup.channel.sender();
  using second = setup.channel.sender();
  first.sendSync(message(1));
  const claim = first.tryClaim(8);
  second.end();
  assertThrows(() => claim?.commit(), Deno.errors.BrokenPipe, "a sender has ended it");
  assertThrows(() => first.trySend(message(1)), Deno.errors.BrokenPipe);
  const { ended, sent, messages } = setup.channel.stat();
  assertEquals([ended, sent, messages], [true, 1, 1]);
  using receiver = setup.channel.receiver();
  assertEquals(receiver.receiveSync({ timeout: 1000 }), message(1));
  assertEquals(receiver.receiveSync({ timeout: 1000 }), undefined);
  using third = setup.channel.sender(); // begins anew
  assertEquals([third.trySend(message(2)), first.trySend(message(3))], [true, true]);
  assertEquals(setup.channel.stat().sent, 3);
});

test("who can't look because another receiver is just reading knows of no end", async () => {
  using setup = setUp({ receivers: "many" });
  using first = setup.channel.receiver();
  using second = setup.channel.receiver();
  {
    using sender = setup.channel.sender();
    sender.end();
  }
  assertEquals([await first.receive(), first.ended], [undefined, true]);
  using sender = setup.channel.sender();
  sender.trySend(message(1));
  const open = second.tryPeek();
  await assertRejects(() => first.receive({ timeout: 50 }), Deno.errors.TimedOut);
  assertEquals([first.tryReceive(), first.ended], [undefined, false]);
  open?.putBack();
  assertEquals(await first.receive(), new Uint8Array([1]));
});

test("attaching as one of many senders waits for nobody's claim", () => {
  using setup = setUp({ senders: "many" });
  using first = setup.channel.sender();
  using _claim = first.tryClaim(8);
  using second = setup.channel.sender();
  assertEquals(second.trySend(message(1)), false);
});

test("a loop that is left, aborted or broken takes exactly what it was given", async () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  for (let i = 0; i < 10; i++) sender.trySend(message(i));
  {
    using receiver = setup.channel.receiver();
    for await (const [number] of receiver) if (number === 2) break;
  }
  {
    using receiver = setup.channel.receiver({
      codec: { ...bytesCodec, decode: () => assert(false, "bad") },
    });
    const loop = async () => {
      for await (const _ of receiver);
    };
    await assertRejects(loop, Error, "bad"); // it is received nonetheless
  }
  assertEquals(setup.channel.stat().received, 4);
  assertEquals(drain(setup), [4, 5, 6, 7, 8, 9]);
});

test("an iterator that is left while it waits doesn't take the next message", async () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  using receiver = setup.channel.receiver();
  const iterator = receiver[Symbol.asyncIterator]();
  const pending = iterator.next();
  await iterator.return?.();
  sender.trySend(message(7));
  assertEquals((await pending).done, true);
  assertEquals(receiver.tryReceive(), new Uint8Array([7]));
});

test("a stream that is cancelled loses no message", async () => {
  for (let microtasks = 0; microtasks < 6; microtasks++) {
    using setup = setUp();
    using sender = setup.channel.sender();
    using receiver = setup.channel.receiver();
    const reader = receiver.readable.getReader();
    const read = reader.read();
    await new Promise((resolve) => setTimeout(resolve, 1));
    sender.trySend(message(1));
    for (let i = 0; i < microtasks; i++) await undefined;
    await reader.cancel();
    const { value } = await read;
    assertEquals(value ?? receiver.tryReceive(), new Uint8Array([1]));
  }
});

test("an empty message whose buffer is transferred away is that, and no more", () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  for (let round = 0; round < 2; round++) {
    using receiver = setup.channel.receiver();
    sender.trySend(new Uint8Array(0));
    const empty = receiver.tryReceive();
    assertEquals(empty?.length, 0);
    structuredClone(empty?.buffer, { transfer: empty ? [empty.buffer] : [] });
    for (const bytes of [new Uint8Array(0), message(3)]) {
      sender.trySend(bytes);
      assertEquals(receiver.tryReceive(), new Uint8Array(bytes));
    }
  }
});

test("a codec that fails before anything is attached leaves the role free", () => {
  using setup = setUp();
  const codec = {
    ...bytesCodec,
    get keeps(): boolean {
      throw new Error("mine");
    },
  };
  assertThrows(() => setup.channel.receiver({ codec }), Error, "mine");
  using _receiver = setup.channel.receiver();
  assertEquals(setup.channel.stat().participants.length, 1);
});

test("a codec that says nothing of keeping gets arrays of its own for each message", () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  const { keeps: _, ...silent } = bytesCodec;
  using receiver = setup.channel.receiver({ codec: silent as Codec<Uint8Array<ArrayBuffer>> });
  sender.trySendBatch([message(1), message(2)]);
  assertEquals(receiver.tryReceiveBatch(2), [message(1), message(2)]);
});

test("codecs that use the channel in the middle of a batch do no harm", () => {
  using setup = setUp();
  const sends: Codec<unknown, number> = {
    keeps: true,
    encode(number) {
      if (number === 2) assertThrows(() => sender.tryClaim(8), Deno.errors.Busy);
      return message(number);
    },
    decode: () => undefined,
  };
  using sender = setup.channel.sender({ codec: sends });
  assertEquals(sender.trySendBatch([1, 2, 3]), 3);
  using receiver = setup.channel.receiver({
    codec: {
      ...bytesCodec,
      decode(bytes: Uint8Array<ArrayBuffer>) {
        assertThrows(() => receiver.tryPeek(), Deno.errors.Busy);
        return bytes[0];
      },
    },
  });
  assertEquals(receiver.tryReceiveBatch(10), [1, 2, 3]);
});

test("only bytes are sent, and only arrays of values are batches", async () => {
  using setup = setUp();
  for (const bytes of ["abc", new Float64Array(2), { length: -16 }, [1, 2], null]) {
    using sender = setup.channel.sender({
      codec: { ...bytesCodec, encode: () => bytes as Uint8Array },
    });
    assertThrows(() => sender.trySend(1), TypeError, "encode() must return a Uint8Array");
    await assertRejects(() => sender.send(1), TypeError);
  }
  using sender = setup.channel.sender();
  const values = new Set([message(1)]) as unknown as Uint8Array[];
  assertThrows(() => sender.trySendBatch(values), TypeError, "values must be an array");
  assertThrows(() => sender.sendBatchSync(values), TypeError);
  await assertRejects(() => sender.sendBatch(values), TypeError);
  assertEquals(drain(setup), []);
});

test("a message that waits for room is a copy, of a Buffer too", async () => {
  using setup = setUp({ capacity: 64 });
  using sender = setup.channel.sender();
  using receiver = setup.channel.receiver();
  while (sender.trySend(new Uint8Array(24)));
  const buffer = Buffer.from("hello");
  const sent = sender.send(buffer);
  buffer.fill("X");
  receiver.tryReceiveBatch();
  await sent;
  assertEquals(new TextDecoder().decode(receiver.tryReceive()), "hello");
});

test("a message is received whole into an array that has grown, and into no other thing", () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  using receiver = setup.channel.receiver();
  const buffer = new ArrayBuffer(8, { maxByteLength: 64 });
  const target = new Uint8Array(buffer);
  sender.trySend(new Uint8Array(8).fill(1));
  assertEquals(receiver.tryReceiveInto(target), 8);
  buffer.resize(64);
  sender.trySend(new Uint8Array(40).fill(2));
  assertEquals(receiver.tryReceiveInto(target), 40);
  assertEquals(target.subarray(0, 40), new Uint8Array(40).fill(2));
  sender.trySend(message(1));
  const view = new DataView(buffer) as unknown as Uint8Array;
  assertThrows(() => receiver.tryReceiveInto(view), TypeError, "target must be a Uint8Array");
  assertEquals(receiver.tryReceive(), message(1));
});

test("the longest message has room as soon as the one before was received", () => {
  using setup = setUp({ capacity: 4096 });
  using sender = setup.channel.sender();
  using receiver = setup.channel.receiver();
  for (let round = 0; round < 5; round++) {
    assertEquals(sender.trySend(message(round)), true);
    assertEquals(receiver.tryReceive(), message(round));
    assertEquals(sender.trySend(new Uint8Array(4088)), true);
    assertEquals(receiver.tryReceive()?.length, 4088);
  }
});

test("openOrCreate() finds a channel that is smaller than a new one would be", () => {
  const size = { capacity: 1024, maxParticipants: 2 };
  const memory = new SharedArrayBuffer(Channel.byteLength(size));
  assertThrows(() => Channel.openOrCreate(memory), RangeError, "Give it more memory");
  Channel.create(memory, size);
  const { created, capacity } = Channel.openOrCreate(memory);
  assertEquals([created, capacity], [false, 1024]);
});

test("an array that has grown since it was sent last is sent whole", () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  using receiver = setup.channel.receiver();
  const buffer = new ArrayBuffer(8, { maxByteLength: 64 });
  const bytes = new Uint8Array(buffer);
  for (const length of [8, 8, 8, 40, 64, 4]) {
    buffer.resize(length);
    bytes.fill(length);
    sender.trySend(bytes);
    assertEquals(receiver.tryReceive(), new Uint8Array(length).fill(length));
  }
});

test("what is too long is refused at once, also while another sender is at it", async () => {
  using setup = setUp({ capacity: 1024, senders: "many" });
  using first = setup.channel.sender();
  using second = setup.channel.sender();
  using _claim = first.tryClaim(8);
  const long = new Uint8Array(1017);
  await assertRejects(() => second.send(long), RangeError, "1016 bytes at most");
  await assertRejects(() => second.sendBatch([long]), RangeError);
  assertThrows(() => second.sendSync(long), RangeError);
  assertThrows(() => second.sendBatchSync([long]), RangeError);
});

test("between a lock that is waited for and its use nobody meets it", async () => {
  using setup = setUp({ senders: "many" });
  using first = setup.channel.sender();
  using second = setup.channel.sender();
  using third = setup.channel.sender();
  const claim = first.tryClaim(8);
  const sent = second.send(message(1));
  // Just when the other has got the lock: in the microtask before its own continuation.
  const meanwhile = sent.then(() => undefined);
  claim?.abort();
  while (setup.channel.stat().sent === 0) {
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    assertEquals(third.trySend(message(2)), true);
  }
  await meanwhile;
});

test("a message that was sent before a death comes before its error", async () => {
  using setup = setUp({ receivers: "many" });
  using sender = setup.channel.sender();
  using first = setup.channel.receiver();
  using second = setup.channel.receiver({ peerDeath: "throw" });
  sender.trySend(message(1));
  const words = setup.words;
  words[PARTICIPANTS + 2] ^= 1; // the sender is another thread now, that is no more
  const peeked = first.tryPeek();
  // The next look at the processes is due.
  await new Promise((resolve) => setTimeout(resolve, 120));
  assertEquals(second.tryReceive(), undefined); // the other one has the lock
  peeked?.putBack();
  assertEquals(second.tryReceive(), message(1));
  await assertRejects(() => second.receive(), Deno.errors.BrokenPipe, "died");
  assertEquals(second.tryReceive(), undefined);
  words[PARTICIPANTS + 2] ^= 1;
});

test("awaits that are over at once let timers run", async () => {
  for (const role of ["one", "many"] as const) {
    using setup = setUp({ senders: role, receivers: role });
    using sender = setup.channel.sender();
    using receiver = setup.channel.receiver();
    const bytes = message(1);
    const messages = receiver.messages();
    const reader = receiver.readable.getReader();
    const steps: Record<string, () => Promise<unknown>> = {
      send: () => sender.send(bytes),
      sendBatch: () => sender.sendBatch([bytes]),
      claim: async () => (await sender.claim(8)).commit(),
      batch: async () => (await sender.batch(8)).abort(),
      receive: () => receiver.receive(),
      receiveInto: () => receiver.receiveInto(new Uint8Array(64)),
      receiveBatch: () => receiver.receiveBatch(),
      peek: async () => (await receiver.peek())?.release(),
      peekBatch: async () => (await receiver.peekBatch())?.putBack(),
      messages: () => messages.next(),
      readable: () => reader.read(),
    };
    for (const [name, step] of Object.entries(steps)) {
      let fired = false;
      setTimeout(() => fired = true, 10);
      const deadline = performance.now() + 30_000;
      while (!fired) {
        assert(performance.now() < deadline, `${role} ${name}: timers never run`);
        if (setup.channel.stat().messages === 0) sender.trySend(bytes);
        await step();
        while (receiver.tryReceive());
      }
    }
    await reader.cancel();
  }
});

test("who gives up its turn leaves nothing behind, and the others their order", async () => {
  using setup = setUp();
  using sender = setup.channel.sender();
  using receiver = setup.channel.receiver();
  const got: string[] = [];
  const first = receiver.receive().then(() => got.push("first"));
  const late = Array.from({ length: 100 }, () => receiver.receive({ timeout: 1 }));
  const second = receiver.receive().then(() => got.push("second"));
  for (const one of late) await assertRejects(() => one, Deno.errors.TimedOut);
  const third = receiver.receive().then(() => got.push("third"));
  for (let i = 0; i < 3; i++) sender.trySend(message(i));
  await Promise.all([first, second, third]);
  assertEquals(got, ["first", "second", "third"]);
});

test("who waits for room gets it from a receiver that takes its time, or stops", async () => {
  using _ = withoutHealing();
  const take: ((receiver: ChannelReceiver<Uint8Array>) => void)[] = [
    (receiver) => void receiver.tryReceive(), // one message, and then no more
    (receiver) => { // fast, but then there are none, or it leaves
      receiver.tryReceiveBatch(2);
      receiver.tryReceive();
      receiver.close();
    },
  ];
  for (const receive of take) {
    using setup = setUp({ capacity: 4096 });
    using sender = setup.channel.sender();
    using receiver = setup.channel.receiver();
    while (sender.trySend(new Uint8Array(56)));
    const sent = sender.send(new Uint8Array(56), LIMIT);
    await until(() => (setup.words[HEAD] & ASLEEP) !== 0, "the sender sleeps");
    receive(receiver);
    await sent;
  }
});
