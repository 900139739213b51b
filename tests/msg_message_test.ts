// Messages: sent and received at once or not at all, chosen by type, cut off, looked at.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { MessageQueue, type MessageSelector, type ReceiveOptions, Segment } from "../mod.ts";
import { assertSystemError } from "./_objects.ts";
import { bytesOf, fill, hasPeek, makeQueue, read, textOf } from "./_queues.ts";

const onLinux = { ignore: Deno.build.os !== "linux" };
const withPeek = { ignore: !hasPeek() };

Deno.test("messages come in the order in which they were sent, whole and once", () => {
  using queue = makeQueue();
  fill(queue, [3, "three"], [1, "one"], [3, ""], [2, "two"]);
  const received = Array.from({ length: 5 }, () => read(queue.tryReceive()));
  assertEquals(received, [[3, "three"], [1, "one"], [3, ""], [2, "two"], undefined]);
});

Deno.test("a type chooses: one, the lowest up to one, or all except one", () => {
  const messages: [number, string][] = [[5, "a"], [3, "b"], [9, "c"], [3, "d"]];
  const cases: (readonly [MessageSelector, string | undefined])[] = [
    [3, "b"],
    [9, "c"],
    [4, undefined],
    [{ upTo: 2 }, undefined],
    [{ upTo: 3 }, "b"],
    [{ upTo: 100 }, "b"],
    [{ upTo: Number.MAX_SAFE_INTEGER }, "b"],
    ...(Deno.build.os === "linux"
      ? [[{ except: 5 }, "b"], [{ except: 3 }, "a"], [{ except: 7 }, "a"]] as const
      : []),
  ];
  for (const [type, text] of cases) {
    using queue = makeQueue();
    fill(queue, ...messages);
    assertEquals(textOf(queue.tryReceive({ type })), text, Deno.inspect(type));
    assertEquals(queue.status().messages, text === undefined ? 4 : 3);
  }
});

Deno.test("a type may be any safe integer from 1", () => {
  using queue = makeQueue();
  const types = [
    1,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 32 + 5,
    2 ** 40 + 3,
    Number.MAX_SAFE_INTEGER,
  ];
  for (const type of types) {
    queue.sendSync(type, new Uint8Array([1]));
    queue.sendSync(7, new Uint8Array());
    assertEquals(queue.receiveSync({ type }).type, type);
    assertEquals(queue.tryReceive({ type }), undefined);
    assertEquals(queue.receiveSync({ type: { upTo: type < 7 ? 7 : type } }).type, 7);
  }
});

Deno.test("bytes are sent as they are, from any memory", () => {
  using queue = makeQueue();
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  using segment = Segment.create(0, 4096, { removeOnDispose: true });
  using memory = segment.attach();
  memory.bytes.set(all, 100);
  const shared = new Uint8Array(new SharedArrayBuffer(256));
  shared.set(all);
  class Sub extends Uint8Array {}
  const views = [all, all.subarray(3, 9), memory.bytes.subarray(100, 356), shared, new Sub(all)];
  for (const bytes of views) {
    queue.sendSync(1, bytes);
    assertEquals([...queue.receiveSync().bytes], [...bytes]);
  }
});

Deno.test("the bytes that come are a copy of their own", () => {
  using queue = makeQueue();
  fill(queue, [1, "first"], [1, "other"]);
  const first = queue.receiveSync();
  assertEquals([first.bytes.byteOffset, first.bytes.buffer.byteLength], [0, 5]);
  queue.receiveSync();
  assertEquals(textOf(first), "first");
});

Deno.test("into takes the bytes in place of a new array", () => {
  using queue = makeQueue();
  const memory = new Uint8Array(20);
  const into = memory.subarray(4, 10);
  fill(queue, [1, "abc"], [2, "defghi"], [3, ""]);
  const first = queue.receiveSync({ into });
  assertStrictEquals(first.bytes.buffer, memory.buffer);
  assertEquals([first.type, first.bytes.byteOffset, textOf(first)], [1, 4, "abc"]);
  assertEquals(textOf(queue.tryReceive({ into })), "defghi");
  assertEquals(textOf(queue.tryReceive({ into })), "");
  assertEquals(new TextDecoder().decode(memory), "\0\0\0\0defghi" + "\0".repeat(10));
  fill(queue, [1, "1234567"]);
  const error = assertThrows(() => queue.tryReceive({ into })) as Error;
  assertSystemError(error, Error, "E2BIG", "msgrcv");
  assertThrows(() => queue.tryReceive({ into, maxLength: 7 }), RangeError, "maxLength");
  assertEquals(textOf(queue.tryReceive({ into, maxLength: 2, truncate: true })), "12");
});

Deno.test("too long a message stays in the queue, and the error says how to get it", () => {
  using queue = makeQueue();
  fill(queue, [1, "0123456789"]);
  for (const options of [{}, { timeout: 10 }, { timeout: 0 }]) {
    const error = assertThrows(() => queue.receiveSync({ maxLength: 4, ...options })) as Error;
    assertSystemError(error, Error, "E2BIG", "msgrcv");
    assertEquals(
      error.message,
      `Cannot receive from message queue ${queue.id}: the next message has more than 4 bytes ` +
        "(msgrcv: E2BIG). It stays in the queue: allow more (maxLength, into), " +
        "or ask for its front (truncate: true).",
    );
  }
  assertThrows(() => queue.tryReceive({ maxLength: 0 }), Error, "more than 0 bytes");
  assertEquals(queue.status().messages, 1);
  assertEquals(textOf(queue.tryReceive({ maxLength: 10 })), "0123456789");
});

Deno.test("truncate cuts off what is longer than maxLength, and nothing else", () => {
  using queue = makeQueue();
  fill(queue, [1, "0123456789"], [1, "0123456789"], [1, "0123456789"], [1, "0123456789"]);
  assertEquals(textOf(queue.tryReceive({ maxLength: 4, truncate: true })), "0123");
  assertEquals(textOf(queue.tryReceive({ maxLength: 0, truncate: true })), "");
  assertEquals(textOf(queue.tryReceive({ maxLength: 20, truncate: true })), "0123456789");
  assertEquals(textOf(queue.tryReceive({ truncate: true })), "0123456789");
});

Deno.test("trySend() answers false when the queue is full, and sends nothing", () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 10 });
  assertEquals([queue.trySend(1, bytesOf("123456")), queue.trySend(1, bytesOf("12345"))], [
    true,
    false,
  ]);
  assertEquals(queue.trySend(1, bytesOf("1234")), true);
  assertEquals(queue.trySend(1, bytesOf("1")), false);
  assertEquals(queue.status().messages, 2);
});

Deno.test("empty messages fill a queue, too", () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 3 });
  const sent = Array.from({ length: 4 }, () => queue.trySend(1, new Uint8Array()));
  assertEquals(sent, Deno.build.os === "linux" ? [true, true, true, false] : sent);
});

Deno.test(
  "a message of msgmax bytes is sent, a longer one is refused with the limit",
  onLinux,
  () => {
    const { msgmax } = MessageQueue.limits();
    using queue = makeQueue();
    queue.sendSync(1, new Uint8Array(msgmax).fill(7));
    const { bytes } = queue.receiveSync();
    assertEquals([bytes.length, bytes.every((byte) => byte === 7)], [msgmax, true]);
    for (const length of [msgmax + 1, 100_000_000]) {
      const bytes = new Uint8Array(length);
      for (
        const send of [
          () => queue.trySend(1, bytes),
          () => queue.sendSync(1, bytes, { timeout: 5 }),
        ]
      ) {
        const error = assertThrows(send) as Error;
        assertSystemError(error, Error, "EINVAL", "msgsnd");
        assert(
          error.message.includes(`does not allow a message of ${length} bytes`),
          error.message,
        );
        assert(error.message.includes("MessageQueue.limits().msgmax"), error.message);
      }
    }
  },
);

Deno.test("what never fits into the queue is refused, instead of waiting for ever", () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 10 });
  fill(queue, [1, "1234567890"]);
  const bytes = bytesOf("12345678901");
  for (
    const send of [
      () => queue.trySend(1, bytes),
      () => queue.sendSync(1, bytes),
      () => queue.sendSync(1, bytes, { timeout: 10_000 }),
    ]
  ) {
    const error = assertThrows(send) as Error;
    assertSystemError(error, Error, "EINVAL", "msgsnd");
    assert(
      error.message.includes("the message's 11 bytes never fit into the 10 that"),
      error.message,
    );
  }
  queue.receiveSync();
  assertThrows(() => queue.sendSync(1, bytes), Error, "never fit");
});

Deno.test("peek() copies messages and leaves them", withPeek, () => {
  using queue = makeQueue();
  assertEquals(queue.peek(), undefined);
  fill(queue, [5, "a"], [3, ""], [9, "c"]);
  assertEquals([0, 1, 2, 3].map((index) => read(queue.peek(index))), [
    [5, "a"],
    [3, ""],
    [9, "c"],
    undefined,
  ]);
  assertEquals(read(queue.peek()), [5, "a"]);
  assertEquals([queue.status().messages, queue.status().receiveTime], [3, null]);
  for (const index of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => queue.peek(index), RangeError, "index");
  }
  assertThrows(() => queue.peek("0" as unknown as number), TypeError, "index");
});

Deno.test("hostile types are refused, and nothing is sent or received", async () => {
  using queue = makeQueue();
  for (const type of [0, -1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(
      () => queue.trySend(type, bytesOf("x")),
      RangeError,
      "type must be an integer from 1",
    );
    assertThrows(() => queue.tryReceive({ type }), RangeError, "type must be an integer from 1");
    assertThrows(() => queue.tryReceive({ type: { upTo: type } }), RangeError, "type.upTo");
    assertThrows(() => queue.tryReceive({ type: { except: type } }), RangeError, "type.except");
  }
  fill(queue, [1, "x"]);
  const selectors = ["1", 1n, null, true, {}, [], () => 1, { upTo: "1" }, { upTo: 1, except: 2 }];
  for (const type of selectors as MessageSelector[]) {
    assertThrows(() => queue.tryReceive({ type }), TypeError, "type");
  }
  for (const type of ["1", 1n, null, undefined, {}] as unknown as number[]) {
    assertThrows(() => queue.sendSync(type, bytesOf("x")), TypeError, "type must be a number");
  }
  for (const maxLength of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => queue.tryReceive({ maxLength }), RangeError, "maxLength");
  }
  const bad: [unknown, string][] = [
    [{ truncate: 1 }, "truncate"],
    [{ maxLength: "1" }, "maxLength"],
    [{ into: [1] }, "into must be a Uint8Array"],
    [{ into: new Uint16Array(4) }, "into must be a Uint8Array"],
    [null, "options"],
    [5, "options"],
  ];
  for (const [options, message] of bad) {
    assertThrows(() => queue.tryReceive(options as ReceiveOptions), TypeError, message);
    assertThrows(() => queue.messages(options as ReceiveOptions), TypeError, message);
    const error = await queue.receive(options as ReceiveOptions).catch((error) => error);
    assert(error instanceof TypeError && error.message.includes(message), String(error));
  }
  assertEquals(queue.status().messages, 1);
});

Deno.test("hostile bytes are refused: a text with a hint, and memory that is gone", () => {
  using queue = makeQueue();
  const error = assertThrows(() => queue.trySend(1, "hello" as unknown as Uint8Array)) as Error;
  assertEquals(
    [error.name, error.message],
    [
      "TypeError",
      'bytes must be a Uint8Array: received "hello". Encode text: new TextEncoder().encode(text)',
    ],
  );
  const others = [
    undefined,
    null,
    5,
    [1, 2],
    {},
    new ArrayBuffer(4),
    new Uint16Array(2),
    new DataView(new ArrayBuffer(2)),
  ];
  const forged = Object.create(Uint8Array.prototype);
  for (const bytes of [...others, forged] as Uint8Array[]) {
    assertThrows(() => queue.sendSync(1, bytes), TypeError);
  }
  const segment = Segment.create(0, 64, { removeOnDispose: true });
  const memory = segment.attach();
  const { bytes } = memory;
  memory.detach();
  segment.remove();
  assertThrows(() => queue.sendSync(1, bytes), TypeError, "must not be detached");
  assertThrows(() => queue.tryReceive({ into: bytes }), TypeError, "must not be detached");
  assertEquals(queue.status().messages, 0);
});

Deno.test("a view that lies about itself can't make the kernel read or write elsewhere", () => {
  using queue = makeQueue();
  const liar = new Uint8Array([1, 2, 3]);
  for (const [name, value] of Object.entries({ length: 4000, byteLength: 4000, byteOffset: 99 })) {
    Object.defineProperty(liar, name, { value });
  }
  Object.defineProperty(liar, "set", { value: () => {} });
  Object.defineProperty(liar, "subarray", { value: () => new Uint8Array(9) });
  queue.sendSync(1, liar);
  assertEquals([...queue.receiveSync().bytes], [1, 2, 3]);
  fill(queue, [1, "0123"]);
  assertThrows(() => queue.tryReceive({ into: liar }), Error, "more than 3 bytes");
  assertEquals([...queue.receiveSync({ into: liar, truncate: true }).bytes], [48, 49, 50]);
});

Deno.test("a getter among the options may remove the queue, or end the memory of the bytes", () => {
  const queue = makeQueue();
  const memory = new Uint8Array(8);
  const options = {
    get timeout() {
      memory.buffer.transfer();
      return 5;
    },
  };
  assertThrows(() => queue.sendSync(1, memory, options), TypeError, "must not be detached");
  const removal = {
    get type() {
      queue.remove();
      return 1;
    },
  };
  assertThrows(() => queue.receiveSync(removal), Deno.errors.BadResource, "removed meanwhile");
});

Deno.test("errno is exact among garbage collections", () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 1 });
  queue.sendSync(2, new Uint8Array(1));
  const one = new Uint8Array(1);
  let garbage: unknown;
  for (let round = 0; round < 20_000; round++) {
    garbage = new Uint8Array(round % 5000);
    assertEquals(queue.trySend(1, one), false);
    assertEquals(queue.tryReceive({ type: 1 }), undefined);
  }
  assertNotEquals(garbage, undefined);
});
