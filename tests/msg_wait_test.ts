// Waits for messages and for room, blocking and not.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { IPC_PRIVATE, MessageQueue, type QueueMessage } from "../mod.ts";
import { receiveWaits } from "../msg/waits.ts";
import { assertSystemError } from "./_objects.ts";
import { cpuShare, LIMIT } from "./_process.ts";
import { bytesOf, fill, makeQueue, read, textOf } from "./_queues.ts";

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Everything that is in the queue. */
function drain(queue: MessageQueue): QueueMessage[] {
  const messages = [];
  for (let message; (message = queue.tryReceive()) !== undefined;) messages.push(message);
  return messages;
}

Deno.test("receiveSync() and sendSync() wait for a limited time", () => {
  using queue = makeQueue();
  for (const timeout of [0, 20]) {
    const start = performance.now();
    const error = assertThrows(() => queue.receiveSync({ type: 3, timeout })) as Error;
    assertSystemError(error, Deno.errors.TimedOut, "ENOMSG", "msgrcv");
    assertEquals(
      error.message,
      `Cannot receive from message queue ${queue.id}: ` +
        `no such message came within ${timeout} ms (msgrcv: ENOMSG)`,
    );
    assert(performance.now() - start >= timeout);
  }
  queue.set({ maxBytes: 1 });
  fill(queue, [1, "x"]);
  for (const timeout of [0, 20]) {
    const start = performance.now();
    const error = assertThrows(() => queue.sendSync(1, bytesOf("y"), { timeout })) as Error;
    assertSystemError(error, Deno.errors.TimedOut, "EAGAIN", "msgsnd");
    assert(error.message.includes(`there was no room within ${timeout} ms`), error.message);
    assert(performance.now() - start >= timeout);
  }
  assertEquals(drain(queue).map(textOf), ["x"]);
});

Deno.test("receive() and send() check their options", async () => {
  using queue = makeQueue();
  for (const timeout of [-1, 0.5, NaN, 2 ** 31]) {
    await assertRejects(() => queue.receive({ timeout }), RangeError, "timeout");
    await assertRejects(() => queue.send(1, bytesOf("x"), { timeout }), RangeError, "timeout");
    assertThrows(() => queue.receiveSync({ timeout }), RangeError, "timeout");
  }
  const signal = {} as AbortSignal;
  await assertRejects(() => queue.receive({ signal }), TypeError, "signal");
  await assertRejects(() => queue.send(1, bytesOf("x"), { signal }), TypeError, "signal");
  await assertRejects(() => queue.send(0, bytesOf("x")), RangeError, "type");
  assertEquals(queue.status().messages, 0);
});

Deno.test("receive() waits for its message, and takes no other", async () => {
  using queue = makeQueue();
  const wait = queue.receive({ type: 5 });
  fill(queue, [4, "other"]);
  await pause(40);
  assertEquals(queue.status().messages, 1);
  fill(queue, [5, "wanted"]);
  assertEquals(read(await wait), [5, "wanted"]);
  assertEquals(drain(queue).map(textOf), ["other"]);
});

Deno.test("1,000 pending receives of one type get their messages in order, and hinder nothing", async () => {
  using queue = makeQueue();
  const order: number[] = [];
  const waits = Array.from({ length: 1000 }, async (_, index) => {
    const { bytes } = await queue.receive({ type: 1 });
    order.push(index);
    return bytes[0] * 256 + bytes[1];
  });
  assert((await Deno.readTextFile(new URL(import.meta.url))).includes("1,000 pending"));
  await crypto.subtle.digest("SHA-256", new Uint8Array(10));
  assertEquals(order, []);
  for (let index = 0; index < 1000; index++) {
    await queue.send(1, new Uint8Array([index >> 8, index & 255]));
  }
  const numbers = Array.from({ length: 1000 }, (_, index) => index);
  assertEquals(await Promise.all(waits), numbers);
  assertEquals(order, numbers);
});

Deno.test("1,000 pending receives of as many types each get their own", async () => {
  using queue = makeQueue();
  const waits = Array.from({ length: 1000 }, (_, index) => queue.receive({ type: index + 1 }));
  for (let type = 1000; type >= 1; type--) queue.sendSync(type, new Uint8Array([type & 255]));
  const received = await Promise.all(waits);
  assertEquals(received.map(({ type }) => type), Array.from({ length: 1000 }, (_, i) => i + 1));
});

Deno.test("who waits for any message is not overtaken by who waits for a type", async () => {
  using queue = makeQueue();
  const any = queue.receive();
  const exact = queue.receive({ type: 5 });
  fill(queue, [5, "first"], [5, "second"]);
  assertEquals([textOf(await any), textOf(await exact)], ["first", "second"]);
});

Deno.test("waits for different queues don't wait for each other", async () => {
  using one = makeQueue();
  using other = makeQueue();
  const abort = new AbortController();
  const never = assertRejects(() => one.receive({ signal: abort.signal }));
  const wait = other.receive();
  fill(other, [1, "x"]);
  assertEquals(textOf(await wait), "x");
  abort.abort();
  await never;
});

Deno.test("send() waits for room, in order, with the bytes as they were", async () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 10 });
  fill(queue, [1, "0123456789"]);
  const bytes = bytesOf("first 10..");
  const order: string[] = [];
  const waits = [
    queue.send(1, bytes).then(() => order.push("first")),
    queue.send(1, bytesOf("2")).then(() => order.push("second")), // has to stand behind
  ];
  bytes.fill(0);
  await pause(30);
  assertEquals(queue.status().messages, 1);
  const received = [await queue.receive(), await queue.receive(), await queue.receive()];
  await Promise.all(waits);
  assertEquals(received.map(textOf), ["0123456789", "first 10..", "2"]);
  assertEquals(order, ["first", "second"]);
});

Deno.test("1,000 pending sends all arrive, in order", async () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 64 });
  const waits = Array.from(
    { length: 1000 },
    (_, index) => queue.send(1, new Uint8Array([index >> 8, index & 255])),
  );
  for (let index = 0; index < 1000; index++) {
    const { bytes } = await queue.receive();
    assertEquals(bytes[0] * 256 + bytes[1], index);
  }
  await Promise.all(waits);
});

Deno.test("an abort ends a wait at once, with the signal's reason, and takes or sends nothing", async () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 1 });
  const reason = new Error("enough");
  const abort = new AbortController();
  const receiving = queue.receive({ type: 5, signal: abort.signal });
  fill(queue, [1, "x"]);
  const sending = queue.send(1, bytesOf("y"), { signal: abort.signal });
  const ends = [receiving, sending].map((wait) => wait.then(() => null, (error) => error));
  await pause(10);
  abort.abort(reason);
  for (const end of await Promise.all(ends)) assertStrictEquals(end, reason);
  assertEquals(drain(queue).map(textOf), ["x"]);
  fill(queue, [5, "z"]);
  for (const signal of [abort.signal, AbortSignal.abort(reason)]) {
    assertStrictEquals(await assertRejects(() => queue.receive({ signal })), reason);
    assertStrictEquals(await assertRejects(() => queue.send(1, bytesOf("y"), { signal })), reason);
  }
  await pause(40);
  assertEquals(drain(queue).map(textOf), ["z"]);
});

Deno.test("a wait that timed out has taken or sent nothing, and others go on", async () => {
  using queue = makeQueue();
  const short = Array.from(
    { length: 10 },
    () => assertRejects(() => queue.receive({ timeout: 5 }), Deno.errors.TimedOut, "within 5 ms"),
  );
  const long = queue.receive();
  await Promise.all(short);
  fill(queue, [1, "x"]);
  assertEquals(textOf(await long), "x");
  await assertRejects(() => queue.receive({ timeout: 0 }), Deno.errors.TimedOut, "within 0 ms");
  queue.set({ maxBytes: 1 });
  fill(queue, [1, "y"]);
  await assertRejects(
    () => queue.send(1, bytesOf("z"), { timeout: 5 }),
    Deno.errors.TimedOut,
    "no room within 5 ms",
  );
  queue.receiveSync();
  await pause(40);
  assertEquals(drain(queue), []);
});

Deno.test("aborts and timeouts in the middle of everything lose no message and double none", async () => {
  using queue = makeQueue();
  const COUNT = 2000;
  const received: number[] = [];
  let sent = 0;
  const receiver = async (index: number) => {
    const signal = index % 2 === 0 ? AbortSignal.timeout(index % 37) : undefined;
    const timeout = index % 3 === 0 ? index % 23 : undefined;
    const type = index % 5 === 0 ? 1 + index % 3 : undefined;
    try {
      const { bytes } = await queue.receive({ signal, timeout, type });
      received.push(bytes[0] * 256 + bytes[1]);
    } catch (error) {
      assert(error instanceof DOMException || error instanceof Deno.errors.TimedOut, String(error));
    }
  };
  const sender = async (index: number) => {
    await pause(index % 40);
    queue.sendSync(1 + index % 3, new Uint8Array([index >> 8, index & 255]));
    sent++;
  };
  const senders = Array.from({ length: COUNT }, (_, index) => sender(index));
  const receivers = Array.from({ length: COUNT }, (_, index) => receiver(index));
  await Promise.all(senders);
  const rest = () => drain(queue).map(({ bytes }) => bytes[0] * 256 + bytes[1]);
  const left = rest();
  // Those who still wait, without a limit, get what they need to end.
  let ended = false;
  const all = Promise.all(receivers).then(() => ended = true);
  while (!ended) {
    for (const type of [1, 2, 3]) queue.sendSync(type, new Uint8Array([255, 255]), LIMIT);
    await pause(1);
  }
  await all;
  const numbers = [...received, ...left, ...rest()].filter((number) => number !== 0xffff);
  assertEquals(numbers.toSorted((a, b) => a - b), Array.from({ length: sent }, (_, i) => i));
});

Deno.test("too long a message ends that wait alone, and stays for the next", async () => {
  using queue = makeQueue();
  const short = assertRejects(() => queue.receive({ maxLength: 2 }), Error, "more than 2 bytes");
  const next = queue.receive();
  fill(queue, [1, "long"]);
  await short;
  assertEquals(textOf(await next), "long");
});

Deno.test("memory that goes while a message is waited for loses none", async () => {
  using queue = makeQueue();
  const into = new Uint8Array(8);
  const gone = assertRejects(() => queue.receive({ into }), TypeError, "must not be detached");
  into.buffer.transfer();
  const growing = new Uint8Array(new ArrayBuffer(8, { maxByteLength: 8 }));
  const shrunk = assertRejects(() => queue.receive({ into: growing }), RangeError, "shrink");
  growing.buffer.resize(2);
  fill(queue, [1, "message"]);
  await Promise.all([gone, shrunk]);
  assertEquals(textOf(queue.tryReceive()), "message");
});

Deno.test("removing a queue ends all waits for it with a clear error", async () => {
  const queue = MessageQueue.create(IPC_PRIVATE);
  queue.set({ maxBytes: 1 });
  fill(queue, [1, "x"]);
  const waits = Array.from({ length: 200 }, (_, index) =>
    assertRejects(
      (): Promise<unknown> =>
        index % 2 === 0 ? queue.receive({ type: 2 + index % 3 }) : queue.send(1, bytesOf("y")),
      Deno.errors.BadResource,
      "it was removed meanwhile",
    ));
  await pause(20);
  queue.remove();
  await Promise.all(waits);
});

Deno.test("for await receives until the queue is removed", async () => {
  const queue = MessageQueue.create(IPC_PRIVATE);
  const texts: string[] = [];
  fill(queue, [1, "a"], [2, "b"]);
  const timer = setTimeout(() => fill(queue, [3, "c"], [9, "end"]), 10);
  for await (const message of queue) {
    if (message.type === 9) queue.remove();
    else texts.push(textOf(message) ?? "");
  }
  clearTimeout(timer);
  assertEquals(texts, ["a", "b", "c"]);
  for await (const message of queue) throw new Error(`received ${message.type} of nothing`);
});

Deno.test("messages() chooses, ends early without a loss, and on abort with the reason", async () => {
  using queue = makeQueue();
  fill(queue, [1, "a"], [2, "x"], [1, "b"], [1, "c"]);
  const texts: (string | undefined)[] = [];
  for await (const message of queue.messages({ type: 1 })) {
    texts.push(textOf(message));
    if (texts.length === 2) break;
  }
  assertEquals(texts, ["a", "b"]);
  const reason = new Error("enough");
  const abort = new AbortController();
  const loop = async () => {
    for await (const message of queue.messages({ signal: abort.signal })) {
      texts.push(textOf(message));
    }
  };
  const end = assertRejects(loop);
  await pause(10);
  abort.abort(reason);
  assertStrictEquals(await end, reason);
  assertEquals(texts, ["a", "b", "x", "c"]);
  const late = async () => {
    for await (const _ of queue.messages({ timeout: 5 }));
  };
  await assertRejects(late, Deno.errors.TimedOut);
});

Deno.test("waiting takes little processor time", async () => {
  using queue = makeQueue();
  const abort = new AbortController();
  const wait = assertRejects(() => queue.receive({ signal: abort.signal }));
  await pause(50);
  const share = await cpuShare();
  abort.abort();
  await wait;
  assert(share < 0.5, `${share} of what a process takes that spins`);
});

Deno.test("nothing of a wait stays behind", async () => {
  using queue = makeQueue();
  await assertRejects(() => queue.receive({ timeout: 1 }), Deno.errors.TimedOut);
  // A line for the id would grow with every queue of a long-lived process.
  assertEquals(receiveWaits.size, 0);
});
