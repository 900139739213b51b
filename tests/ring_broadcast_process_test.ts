// Broadcast and Latest between processes and Workers: a fast sender, and deaths.

import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, type Memory, Segment } from "../mod.ts";
import { Broadcast, Latest, type PeerDeath } from "../ring/mod.ts";
import { until } from "./_objects.ts";
import { deno, type Process } from "./_process.ts";
import { isWhole } from "./peers/ring_broadcast_common.ts";
import type { Received } from "./peers/ring_broadcast_receiver.ts";
import { test } from "./_sync.ts";

const COUNT = Number(Deno.env.get("ISTHMUS_MESSAGES") ?? 300_000);

/** The points of a write at which a sender may be killed, and the one from which on it is sent. */
const POINTS = [1, 2, 4, 5, 6, 7, 8];
const SENT = 8;

/** How long what blocks this thread, and with it the watchdogs, may take, in milliseconds. */
const LIMIT = { timeout: 30_000 };

/** A segment for a broadcast or a latest. */
function shared<T>(byteLength: number, create: (memory: Memory) => T) {
  const segment = Segment.create(IPC_PRIVATE, byteLength, { removeOnDispose: true });
  const memory = segment.attach();
  return {
    id: segment.id,
    object: create(memory),
    [Symbol.dispose]() {
      memory.detach();
      segment[Symbol.dispose]();
    },
  };
}

function sharedBroadcast(capacity: number) {
  return shared(
    Broadcast.byteLength({ capacity }),
    (memory) => Broadcast.create(memory, { capacity }),
  );
}

function sendTo(id: number, ...args: (string | number)[]): Process {
  return deno("tests/peers/ring_broadcast_sender.ts", ["broadcast", `${id}`, ...args.map(String)]);
}

async function killed(process: Process): Promise<void> {
  const { signal, stderr } = await process.output();
  assertEquals(signal, "SIGKILL", stderr);
}

async function whatCame(process: Process): Promise<Received> {
  const { code, stdout, stderr } = await process.output();
  assertEquals(code, 0, stderr);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

for (const [speed, mode] of [["as fast as it can", "fast"], ["with many a rest", "pause"]]) {
  test(`every message of a sender, ${speed}, is seen or counted`, async () => {
    using broadcast = sharedBroadcast(16384);
    const modes = ["sync", "async", "slow"];
    const receivers = modes.map((mode) =>
      deno("tests/peers/ring_broadcast_receiver.ts", [`${broadcast.id}`, mode])
    );
    try {
      for (const receiver of receivers) await receiver.until("stdout", "receiving");
      const count = mode === "fast" ? COUNT : 30_000;
      await using sender = sendTo(broadcast.id, count, mode);
      const { code, stderr } = await sender.output();
      assertEquals(code, 0, stderr);
      for (const receiver of receivers) {
        const { seen, missed, bad } = await whatCame(receiver);
        assertEquals([seen + missed, bad], [count, 0]);
        assertGreater(seen, 0);
      }
    } finally {
      for (const receiver of receivers) await receiver[Symbol.asyncDispose]();
    }
    assertEquals(broadcast.object.stat().participants, []);
  });
}

test("a receiver that keeps up misses nothing", async () => {
  const capacity = 4096;
  const acks = Broadcast.byteLength({ capacity });
  using place = shared(acks + Latest.byteLength(4), (memory) => ({
    broadcast: Broadcast.create(memory, { capacity }),
    // What the receiver sends: how many messages it has.
    progress: Latest.create(memory, 4, { offset: acks }).receiver(),
  }));
  const { broadcast, progress } = place.object;
  const { makeMessage } = await import("./peers/ring_broadcast_common.ts");
  await using receiver = deno("tests/peers/ring_broadcast_receiver.ts", [`${place.id}`, "ack"]);
  await receiver.until("stdout", "receiving");
  using sender = broadcast.sender();
  const COUNT = 10_000;
  for (let sent = 0; sent < COUNT;) {
    // Four of the longest that there are take half of the ring.
    for (let i = 0; i < 4; i++) sender.send(makeMessage(sent++));
    for (let received = 0; received < sent;) {
      const bytes = await progress.receive(LIMIT);
      received = new DataView(bytes?.buffer ?? new ArrayBuffer(4), bytes?.byteOffset).getUint32(0);
    }
  }
  sender.end();
  assertEquals(await whatCame(receiver), { seen: COUNT, missed: 0, bad: 0 });
  progress.close();
});

test("a Worker receives from a SharedArrayBuffer", async () => {
  const memory = new SharedArrayBuffer(Broadcast.byteLength({ capacity: 4096 }));
  const broadcast = Broadcast.create(memory, { capacity: 4096 });
  using sender = broadcast.sender();
  const worker = new Worker(new URL("peers/ring_broadcast_receiver.ts", import.meta.url), {
    type: "module",
  });
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.onmessage = ({ data }) => data === "receiving" ? isReady() : resolve(data);
    worker.postMessage(memory);
    await Promise.race([ready, promise]);
    const { makeMessage } = await import("./peers/ring_broadcast_common.ts");
    for (let i = 0; i < 20_000; i++) sender.send(makeMessage(i));
    sender.end();
    const { seen, missed, bad } = await promise;
    assertEquals([seen + missed, bad], [20_000, 0]);
  } finally {
    worker.terminate();
  }
});

test("a Worker that is terminated leaves the sender's place to others", async () => {
  const memory = new SharedArrayBuffer(Broadcast.byteLength({ capacity: 1024 }));
  const broadcast = Broadcast.create(memory, { capacity: 1024 });
  using receiver = broadcast.receiver({ peerDeath: "throw" });
  const code = `import { Broadcast } from ${JSON.stringify(import.meta.resolve("../ring/mod.ts"))};
    onmessage = ({ data }) => {
      globalThis.sender = Broadcast.open(data).sender();
      sender.send(new Uint8Array(3));
    };`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" });
  const { promise: failed, reject } = Promise.withResolvers<never>();
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  try {
    worker.postMessage(memory);
    assertEquals((await Promise.race([receiver.receive(LIMIT), failed]))?.value.length, 3);
    assertThrows(() => broadcast.sender(), Deno.errors.Busy, `process ${Deno.pid} is its sender`);
  } finally {
    worker.terminate();
  }
  await assertRejects(() => receiver.receive(LIMIT), Deno.errors.BrokenPipe, "died");
  using sender = broadcast.sender();
  assertEquals(sender.sent, 1);
});

test("a sender that is killed at any point of a write loses that message alone", async () => {
  using broadcast = sharedBroadcast(65536);
  const { object, id } = broadcast;
  using receiver = object.receiver({ peerDeath: "throw" });
  let sent = 0;
  for (const point of POINTS) {
    {
      await using sender = sendTo(id, sent + 100, "die", point);
      await killed(sender);
      const { pid } = sender;
      assertEquals(object.stat().participants[0], { pid, liveness: "dead", role: "sender" });
      sent += point >= SENT ? 100 : 99;
      assertEquals(object.stat().sent, sent);
      for (let i = sent - (point >= SENT ? 100 : 99); i < sent; i++) {
        const { value, sequence, missed } = receiver.receiveSync(LIMIT) ?? {};
        assertEquals([sequence, missed], [i, 0]);
        assert(isWhole(value ?? new Uint8Array(1), i));
      }
      const message = `its sender, process ${pid}, died`;
      const broken = Deno.errors.BrokenPipe;
      if (point % 3 === 0) assertThrows(() => receiver.tryReceive(), broken, message);
      else if (point % 3 === 1) assertThrows(() => receiver.receiveSync(LIMIT), broken, message);
      else await assertRejects(() => receiver.receive(LIMIT), broken, message);
      // It was told: calls wait on.
      assertEquals(receiver.tryReceive(), undefined);
      await assertRejects(() => receiver.receive({ timeout: 250 }), Deno.errors.TimedOut);
    }
    // The next one goes on.
    using next = object.sender();
    assertEquals(next.sent, sent);
    assertEquals(receiver.tryReceive(), undefined);
  }
  using last = object.sender();
  assertEquals(last.send(new Uint8Array(5)), sent);
  assertEquals(receiver.tryReceive()?.sequence, sent);
});

test("a receiver waits for the next sender, and hears of the death if it listens", async () => {
  using broadcast = sharedBroadcast(65536);
  const { object, id } = broadcast;
  using receiver = object.receiver();
  const deaths: PeerDeath[] = [];
  receiver.addEventListener("peerdeath", ({ detail }) => deaths.push(detail));
  await using first = sendTo(id, 10, "hold");
  for (let i = 0; i < 10; i++) assertEquals((await receiver.receive(LIMIT))?.sequence, i);
  const waiting = receiver.receive(LIMIT);
  first.kill("SIGKILL");
  await killed(first);
  await until(() => deaths.length > 0, "the event comes");
  assertEquals(deaths, [{ pid: first.pid, role: "sender" }]);
  await using second = sendTo(id, 20, "hold");
  assertEquals((await waiting)?.sequence, 10);
  const [sender] = object.stat().participants;
  assertEquals(sender, { pid: second.pid, liveness: "alive", role: "sender" });
  // A second sender, elsewhere, is told who the first is.
  assertThrows(() => object.sender(), Deno.errors.Busy, `process ${second.pid} is its sender`);
  second.kill("SIGKILL");
  await killed(second);
  object.sender().close(); // so that the death can't be seen any more, but in the books
  await until(() => deaths.length > 1, "the event comes again");
  assertEquals(deaths[1], { pid: second.pid, role: "sender" });
});

test("a death is an error also if the next sender came meanwhile, once", async () => {
  using broadcast = sharedBroadcast(1024);
  const { object, id } = broadcast;
  using receiver = object.receiver({ peerDeath: "throw" });
  await using sender = sendTo(id, 1, "hold");
  assertEquals((await receiver.receive(LIMIT))?.sequence, 0);
  sender.kill("SIGKILL");
  await killed(sender);
  using next = object.sender();
  assertThrows(
    () => receiver.tryReceive(),
    Deno.errors.BrokenPipe,
    `its sender, process ${sender.pid}, died`,
  );
  assertEquals(receiver.tryReceive(), undefined);
  next.send(new Uint8Array(1));
  assertEquals(receiver.tryReceive()?.sequence, 1);
});

test("a receiver that is killed or stopped holds nobody up", async () => {
  using broadcast = sharedBroadcast(1024);
  const { object, id } = broadcast;
  using sender = object.sender();
  const deaths: PeerDeath[] = [];
  sender.addEventListener("peerdeath", ({ detail }) => deaths.push(detail));
  await using stopped = deno("tests/peers/ring_broadcast_receiver.ts", [`${id}`, "sync"]);
  await using dead = deno("tests/peers/ring_broadcast_receiver.ts", [`${id}`, "sync"]);
  for (const receiver of [stopped, dead]) await receiver.until("stdout", "receiving");
  stopped.kill("SIGSTOP");
  dead.kill("SIGKILL");
  await killed(dead);
  const { makeMessage } = await import("./peers/ring_broadcast_common.ts");
  for (let i = 0; i < 10_000; i++) sender.send(makeMessage(i));
  await until(() => deaths.length > 0, "the event comes");
  assertEquals(deaths, [{ pid: dead.pid, role: "receiver" }]);
  sender.end();
  stopped.kill("SIGCONT");
  const { seen, missed, bad } = await whatCame(stopped);
  assertEquals([seen + missed, bad], [10_000, 0]);
});

test("Latest is never torn, and a sender that is killed leaves the value before", async () => {
  const size = 470;
  using latest = shared(Latest.byteLength(size), (memory) => Latest.create(memory, size));
  const { object, id } = latest;
  const start = (...args: (string | number)[]) =>
    deno("tests/peers/ring_broadcast_sender.ts", ["latest", `${id}`, ...args.map(String)]);
  let sent = 0;
  for (const point of [1, ...POINTS.slice(1)]) {
    await using sender = start(sent + 5000, "die", point);
    await killed(sender);
    sent += point >= SENT ? 5000 : 4999;
    using receiver = object.receiver();
    assertEquals(object.stat().sent, sent);
    assert(isWhole(receiver.tryReceive() ?? new Uint8Array(1), sent - 1));
    assertEquals(receiver.sequence, sent - 1);
  }
  using receiver = object.receiver();
  receiver.tryReceive();
  await using sender = start(sent + COUNT);
  // How often it is this one's turn is the scheduler's affair; a value came each time.
  let [seen, last] = [0, sent - 1];
  for (;;) {
    const value = receiver.receiveSync(LIMIT);
    if (value === undefined) break;
    seen++;
    const { sequence = -1 } = receiver;
    assertGreater(sequence, last);
    assert(isWhole(value, sequence), `value ${sequence}`);
    last = sequence;
  }
  assertEquals(last, sent + COUNT - 1);
  assertGreater(seen, 0);
  assertEquals((await sender.output()).code, 0);
});
