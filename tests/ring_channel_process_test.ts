// Channels among processes: nothing is lost, doubled, torn or out of order, whoever is killed.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PARTICIPANTS, SENDERS_MUTEX } from "../ring/channel_layout.ts";
import { PARTICIPANT_WORDS } from "../sync/participants.ts";
import { Channel, type CreateChannelOptions, mapFile, type Memory } from "../mod.ts";
import { checksum, messageOf } from "./_channels.ts";
import { tempFile } from "./_files.ts";
import { until } from "./_objects.ts";
import { deno, LIMIT, type Process } from "./_process.ts";
import { test } from "./_sync.ts";
import { TestWorker, url } from "./_workers.ts";

/** A channel in a file, for others to open. */
interface Shared extends Disposable {
  readonly channel: Channel;
  readonly memory: Memory;
  /** Starts a peer: see tests/peers/ring_channel.ts. */
  peer(...args: (string | number)[]): Process;
}

function share(options: CreateChannelOptions): Shared {
  const file = tempFile(131072);
  const memory = mapFile(file.path, { access: "readwrite" });
  return {
    channel: Channel.create(memory, options),
    memory,
    peer: (...args) =>
      deno("tests/peers/ring_channel.ts", [file.path, ...args.map(String)], ["--allow-all"]),
    [Symbol.dispose]() {
      memory[Symbol.dispose]();
      file[Symbol.dispose]();
    },
  };
}

/** A receive is given up after this, in milliseconds: a watchdog. */
const { timeout } = LIMIT;

for (const how of ["sync", "async", "claim", "batch", "batchAsync", "inPlace"]) {
  test(`one sender (${how}) to one receiver`, async () => {
    const COUNT = 20_000;
    using shared = share({ capacity: 4096 });
    using receiver = shared.channel.receiver();
    await using sender = shared.peer("send", COUNT, how);
    for (let i = 0; i < COUNT; i++) {
      const message = i % 3 === 0
        ? receiver.receiveSync({ timeout })
        : await receiver.receive({ timeout });
      assert(message);
      assertEquals(checksum(message), [sender.pid, i]);
    }
    assertEquals((await sender.output()).stderr, "");
    assertEquals(shared.channel.stat().participants.map(({ role }) => role), ["receiver"]);
  });
}

for (const capacity of [512, 65536]) {
  test(`four senders to one receiver, ${capacity} bytes: nothing is lost`, async () => {
    const COUNT = 5000;
    using shared = share({ capacity, senders: "many" });
    using receiver = shared.channel.receiver();
    await using stack = new AsyncDisposableStack();
    const senders = ["sync", "async", "claim", "batch"].map((how) =>
      stack.use(shared.peer("send", COUNT, how))
    );
    const next = new Map(senders.map(({ pid }) => [pid, 0]));
    for (let i = 0; i < 4 * COUNT; i++) {
      const message = i % 5 === 0
        ? await receiver.receive({ timeout })
        : receiver.receiveSync({ timeout });
      assert(message);
      const [pid, number] = checksum(message);
      assertEquals(number, next.get(pid));
      next.set(pid, number + 1);
    }
    for (const sender of senders) assertEquals((await sender.output()).stderr, "");
    assertEquals([...next.values()], [COUNT, COUNT, COUNT, COUNT]);
    assertEquals(receiver.tryReceive(), undefined);
    const { sent, received, messages } = shared.channel.stat();
    assertEquals([sent, received, messages], [4 * COUNT, 4 * COUNT, 0]);
  });
}

test("one sender to four receivers: each message goes to one of them", async () => {
  const COUNT = 3000;
  using shared = share({ capacity: 2048, receivers: "many" });
  using sender = shared.channel.sender();
  await using stack = new AsyncDisposableStack();
  const receivers = ["sync", "async", "peek", "sync"].map((how) =>
    stack.use(shared.peer("receive", COUNT, how))
  );
  for (const receiver of receivers) await receiver.until("stdout", "ready");
  for (let i = 0; i < COUNT; i++) {
    if (i % 2 === 0) sender.sendSync(messageOf(Deno.pid, i), { timeout });
    else await sender.send(messageOf(Deno.pid, i), { timeout });
  }
  sender.end();
  const received: number[] = [];
  for (const receiver of receivers) {
    const { code, stdout, stderr } = await receiver.output();
    assertEquals([code, stderr], [0, ""]);
    const numbers = [...stdout.matchAll(/got \d+ (\d+)/g)].map((match) => Number(match[1]));
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    received.push(...numbers);
  }
  assertEquals(received.sort((a, b) => a - b), Array.from({ length: COUNT }, (_, i) => i));
});

// What is published when a sender dies at a point of its third message.
const SENDER_POINTS: [point: number, how: string, sent: number][] = [
  [1, "sync", 2], // before its header is written
  [2, "sync", 2], // before it is published
  [6, "sync", 2], // before it is published, but counted
  [3, "sync", 3], // before the receivers are woken
  [4, "claim", 2], // claimed
  [5, "claim", 2], // before the commit
];

for (const role of ["one", "many"] as const) {
  for (const [point, how, sent] of SENDER_POINTS) {
    test(`${role}: a sender that is killed at point ${point} loses only its own message`, async () => {
      using shared = share({ capacity: 4096, senders: role });
      using receiver = shared.channel.receiver({ peerDeath: "throw" });
      // So that somebody sleeps when it dies.
      const receiving = (async () => {
        const numbers: number[] = [];
        for (;;) {
          const message = await receiver.receive({ timeout });
          assert(message);
          numbers.push(checksum(message)[1]);
          if (numbers.length === sent) return numbers;
        }
      })();
      await using sender = shared.peer("send", 10, how, point, 3);
      assertEquals((await sender.output()).signal, "SIGKILL");
      assertEquals(await receiving, Array.from({ length: sent }, (_, i) => i));
      const { BrokenPipe } = Deno.errors;
      await assertRejects(
        () => receiver.receive({ timeout }),
        BrokenPipe,
        `its sender, process ${sender.pid}, died`,
      );
      assertEquals(
        shared.channel.stat().participants.find(({ role }) => role === "sender")?.liveness,
        "dead",
      );
      assertEquals(receiver.tryReceive(), undefined);
      const { sent: counted, received } = shared.channel.stat();
      assertEquals([counted, received], [sent, sent]);
      // Nobody waits for it: the next one goes on at once.
      await using next = shared.peer("send", 10, how);
      for (let i = 0; i < 10; i++) {
        const message = receiver.receiveSync({ timeout });
        assert(message);
        assertEquals(checksum(message), [next.pid, i]);
      }
      assertEquals((await next.output()).code, 0);
    });
  }

  // What is left for the next one when a receiver dies at a point of its third message.
  for (
    const [point, how, left] of [
      [11, "sync", 2],
      [12, "sync", 2],
      [6, "sync", 2],
      [13, "sync", 3],
      [15, "peek", 2],
      [14, "peek", 2],
    ] as const
  ) {
    test(`${role}: a receiver that is killed at point ${point} leaves what it didn't release`, async () => {
      using shared = share({ capacity: 4096, receivers: role });
      using sender = shared.channel.sender({ peerDeath: "throw" });
      for (let i = 0; i < 10; i++) sender.sendSync(messageOf(Deno.pid, i));
      await using receiver = shared.peer("receive", 10, how, point, 3);
      assertEquals((await receiver.output()).signal, "SIGKILL");
      await until(() => {
        try {
          sender.trySend(messageOf(Deno.pid, 10));
          return false;
        } catch (error) {
          return error instanceof Deno.errors.BrokenPipe;
        }
      }, "the sender noticed the death");
      using next = shared.channel.receiver();
      for (let i: number = left; i < 10; i++) {
        const message = next.tryReceive();
        assert(message);
        assertEquals(checksum(message), [Deno.pid, i]);
      }
      while (next.tryReceive() !== undefined);
      const { sent, received, messages } = shared.channel.stat();
      assertEquals([received, messages], [sent, 0]);
    });
  }
}

test("many receivers: one that is killed while it reads holds nobody up", async () => {
  using shared = share({ capacity: 4096, receivers: "many" });
  using sender = shared.channel.sender();
  for (let i = 0; i < 4; i++) sender.sendSync(messageOf(Deno.pid, i));
  using receiver = shared.channel.receiver();
  await using killed = shared.peer("receive", 10, "peek", 15, 2);
  assertEquals((await killed.output()).signal, "SIGKILL");
  for (let i = 1; i < 4; i++) {
    const message = i % 2 === 0
      ? receiver.receiveSync({ timeout })
      : await receiver.receive({ timeout });
    assert(message);
    assertEquals(checksum(message)[1], i);
  }
});

test("killed at random, again and again: a prefix of each sender's messages arrives", async () => {
  using shared = share({ capacity: 1024, senders: "many", maxParticipants: 4 });
  using receiver = shared.channel.receiver();
  const next = new Map<number, number>();
  let over = false;
  const receiving = (async () => {
    for await (const message of receiver.messages({ timeout })) {
      const [pid, number] = checksum(message);
      assertEquals(number, next.get(pid) ?? 0);
      next.set(pid, number + 1);
    }
    over = true;
  })();
  for (let round = 0; round < 8; round++) {
    await using stack = new AsyncDisposableStack();
    const hows = ["sync", "claim"];
    const senders = hows.map((how) => stack.use(shared.peer("send", 1e6, how)));
    for (const sender of senders) await until(() => (next.get(sender.pid) ?? 0) > 100, "it sends");
    for (const sender of senders) sender.kill("SIGKILL");
  }
  assert(!over);
  using last = shared.channel.sender();
  last.end();
  await receiving;
  assertEquals(next.size, 16);
});

test("the only sender's place is free as soon as it is dead, not before", async () => {
  using shared = share({ capacity: 4096 });
  using receiver = shared.channel.receiver();
  await using sender = shared.peer("send", 1e9);
  await until(() => shared.channel.stat().bytes > 0, "it sent something");
  assertThrows(
    () => shared.channel.sender(),
    Deno.errors.Busy,
    `process ${sender.pid} is its only sender`,
  );
  sender.kill("SIGKILL");
  await sender.output();
  shared.channel.sender().close();
  assertEquals(checksum(receiver.receiveSync({ timeout }) ?? new Uint8Array(12))[1], 0);
});

test("a death is an event", async () => {
  using shared = share({ capacity: 4096 });
  using receiver = shared.channel.receiver();
  const deaths: unknown[] = [];
  receiver.addEventListener("peerdeath", ({ detail }) => deaths.push(detail));
  await using sender = shared.peer("send", 1e9);
  await sender.until("stdout", "ready");
  sender.kill("SIGKILL");
  await until(() => deaths.length > 0, "the event");
  assertEquals(deaths, [{ pid: sender.pid, role: "sender" }]);
});

test("a blocked receiver notices the death, and one that closes is none", async () => {
  using shared = share({ capacity: 4096 });
  using receiver = shared.channel.receiver({ peerDeath: "throw" });
  for (const end of ["closes", "dies"]) {
    await using sender = shared.peer("send", 3, "sync", ...end === "dies" ? [3, 3] : []);
    for (let i = 0; i < 3; i++) receiver.receiveSync({ timeout });
    if (end === "closes") {
      await sender.output();
      assertThrows(() => receiver.receiveSync({ timeout: 250 }), Deno.errors.TimedOut);
    } else assertThrows(() => receiver.receiveSync({ timeout }), Deno.errors.BrokenPipe, "died");
  }
});

test("a channel in a file survives a restart of both sides", async () => {
  using shared = share({ capacity: 65536 });
  for (let round = 0; round < 3; round++) {
    await using sender = shared.peer("send", 300, "sync", 3, 200);
    await sender.output();
    await using receiver = shared.peer("receive", 150);
    const { stdout } = await receiver.output();
    assertEquals(stdout.match(/got/g)?.length, 150);
  }
  using receiver = shared.channel.receiver();
  assertEquals(receiver.tryReceiveBatch(1000).length, 150);
});

test("the mutex of a system that was switched off is no obstacle", () => {
  using shared = share({ capacity: 4096 });
  shared.channel.sender().close();
  // What the disk holds then: locked by a thread that there isn't.
  const words = new Int32Array(shared.memory.bytes.buffer);
  words[SENDERS_MUTEX] = 0x3ffffffe;
  shared.channel.sender().close();
  assertEquals(words[SENDERS_MUTEX], 0);
});

test("nor is it among many: who waits for it looks whether its owner lives", async () => {
  using shared = share({ capacity: 4096, senders: "many" });
  const words = new Int32Array(shared.memory.bytes.buffer);
  using sender = shared.channel.sender();
  words[SENDERS_MUTEX] = 0x3ffffffe;
  assertEquals(sender.trySend(messageOf(1, 1)), false);
  sender.sendSync(messageOf(1, 2), { timeout });
  words[SENDERS_MUTEX] = 0x3ffffffe;
  await sender.send(messageOf(1, 3), { timeout });
  // One that has the number of somebody who died in the table, and of somebody else who lives now.
  using _other = shared.channel.sender();
  const entry = PARTICIPANTS + PARTICIPANT_WORDS;
  words[entry] = 1;
  words[entry + 2] ^= 1;
  words[SENDERS_MUTEX] = 1;
  sender.sendSync(messageOf(1, 4), { timeout });
  assertEquals(shared.channel.stat().messages, 3);
});

test("Workers use a channel in a SharedArrayBuffer", async () => {
  const buffer = new SharedArrayBuffer(65536);
  const channel = Channel.create(buffer, { capacity: 1024 });
  const code = `
    import { Channel } from ${url("mod.ts")};
    onmessage = ({ data }) => {
      const channel = Channel.open(data);
      using sender = channel.sender();
      for (let i = 0; i < 10000; i++) sender.sendSync(new Uint8Array([i, i >> 8]));
      sender.end();
      sender.close();
      postMessage("left");
    };`;
  using worker = new TestWorker(code);
  const left = worker.message();
  worker.post(buffer);
  using receiver = channel.receiver();
  let next = 0;
  const received = (async () => {
    for await (const [low, high] of receiver) assertEquals(low + 256 * high, next++);
  })();
  await Promise.all([received, left]);
  assertEquals(next, 10000);
  await until(() => channel.stat().participants.length === 1, "the worker left");
});
