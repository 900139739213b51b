// Message queues as objects: made, found, described, changed and removed.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatKey, IPC_PRIVATE, isSystemError, MessageQueue } from "../mod.ts";
import { assertSystemError, earliest, freshKey } from "./_objects.ts";
import { bytesOf, fill, makeQueue } from "./_queues.ts";

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test("MessageQueue.create() makes an empty queue, for this user alone", () => {
  const key = freshKey();
  using queue = MessageQueue.create(key, { removeOnDispose: true });
  const { mode, messages, bytes } = queue.status();
  assertEquals([queue.created, queue.key, mode, messages, bytes], [true, key, 0o600, 0, 0]);
});

Deno.test("MessageQueue.create() throws AlreadyExists, and says to open or remove it", () => {
  const key = freshKey();
  using _queue = MessageQueue.create(key, { removeOnDispose: true });
  const error = assertThrows(() => MessageQueue.create(key)) as Error;
  assertSystemError(error, Deno.errors.AlreadyExists, "EEXIST", "msgget");
  assertEquals(
    error.message,
    `Cannot create message queue with key ${formatKey(key)}: it already exists (msgget: EEXIST). ` +
      "Open it with MessageQueue.open(), or remove it first.",
  );
});

Deno.test("MessageQueue.create() and openOrCreate() check their arguments, and make nothing", () => {
  const key = freshKey();
  for (const make of [MessageQueue.create, MessageQueue.openOrCreate]) {
    assertThrows(() => make(2 ** 32), RangeError, "key");
    assertThrows(() => make("5" as unknown as number), TypeError, "key");
    assertThrows(() => make(key, { mode: 0o1600 }), RangeError, "mode");
    assertThrows(() => make(key, { mode: "600" as unknown as number }), TypeError, "mode");
    assertThrows(
      () => make(key, { removeOnDispose: 1 as unknown as boolean }),
      TypeError,
      "removeOnDispose",
    );
    assertThrows(() => make(key, 0o600 as unknown as object), TypeError, "options");
  }
  assertThrows(() => MessageQueue.findId(key), Deno.errors.NotFound);
});

Deno.test("options are read once each", () => {
  const key = freshKey();
  let reads = 0;
  const options = {
    get mode() {
      return reads++ === 0 ? 0o640 : 0o777;
    },
    get removeOnDispose() {
      return true;
    },
  };
  {
    using queue = MessageQueue.create(key, options);
    assertEquals([queue.status().mode, reads], [0o640, 1]);
  }
  assertThrows(() => MessageQueue.open(key), Deno.errors.NotFound);
});

Deno.test("MessageQueue.open() finds the queue by its key; NotFound, and refuses IPC_PRIVATE", () => {
  const key = freshKey();
  {
    using made = MessageQueue.create(key, { removeOnDispose: true });
    for (const queue of [MessageQueue.open(key), MessageQueue.open(key >>> 0)]) {
      assertEquals([queue.id, queue.key, queue.created], [made.id, key, false]);
    }
  }
  const error = assertThrows(() => MessageQueue.open(key)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "msgget");
  assert(error.message.includes("or use MessageQueue.openOrCreate()"), error.message);
  assertThrows(() => MessageQueue.open(IPC_PRIVATE), RangeError, "MessageQueue.fromId()");
});

Deno.test("MessageQueue.openOrCreate() says which it did, and leaves what is in it", () => {
  const key = freshKey();
  using first = MessageQueue.openOrCreate(key, { mode: 0o620, removeOnDispose: true });
  fill(first, [1, "kept"]);
  {
    using second = MessageQueue.openOrCreate(key, { removeOnDispose: true });
    assertEquals([first.created, second.created, second.id], [true, false, first.id]);
  }
  const { mode, messages } = first.status();
  assertEquals([mode, messages], [0o620, 1]);
});

Deno.test("MessageQueue.fromId() finds a queue and its key; an id of nobody is NotFound", () => {
  const key = freshKey();
  using made = MessageQueue.create(key, { removeOnDispose: true });
  assertEquals(MessageQueue.fromId(made.id).key, key);
  const error = assertThrows(() => MessageQueue.fromId(2 ** 31 - 1));
  assertSystemError(error, Deno.errors.NotFound, "EINVAL", "msgctl");
  for (const id of [-1, 2 ** 31, 1.5, NaN]) {
    assertThrows(() => MessageQueue.fromId(id), RangeError, "id");
  }
});

Deno.test("MessageQueue.findId() and MessageQueue.remove() open nothing", () => {
  const key = freshKey();
  const { id } = MessageQueue.create(key, { mode: 0 });
  assertEquals(MessageQueue.findId(key), id);
  MessageQueue.remove(id);
  assertThrows(
    () => MessageQueue.findId(key),
    Deno.errors.NotFound,
    "no message queue has this key",
  );
  assertThrows(() => MessageQueue.remove(id), Deno.errors.NotFound, "no message queue has this id");
});

Deno.test("status() gives every field of msqid_ds and ipc_perm", () => {
  const key = freshKey();
  const start = earliest();
  using queue = MessageQueue.create(key, { mode: 0o640, removeOnDispose: true });
  const fresh = queue.status();
  assertEquals(fresh, {
    id: queue.id,
    key,
    uid: Deno.uid() ?? -1,
    gid: Deno.gid() ?? -1,
    creatorUid: Deno.uid() ?? -1,
    creatorGid: Deno.gid() ?? -1,
    mode: 0o640,
    sequence: fresh.sequence,
    sendTime: null,
    receiveTime: null,
    changeTime: fresh.changeTime,
    messages: 0,
    bytes: 0,
    maxBytes: fresh.maxBytes,
    lastSendPid: 0,
    lastReceivePid: 0,
  });
  assert(fresh.maxBytes > 0);
  fill(queue, [1, "12345"], [2, "678"], [3, ""]);
  queue.receiveSync();
  const used = queue.status();
  assertEquals([used.messages, used.bytes, used.lastSendPid, used.lastReceivePid], [
    2,
    3,
    Deno.pid,
    Deno.pid,
  ]);
  for (const time of [used.sendTime, used.receiveTime, used.changeTime]) {
    assert(time !== null && time.getTime() >= start);
  }
});

Deno.test("set() changes the mode and the size, and leaves what isn't given", () => {
  using queue = makeQueue();
  const { maxBytes, uid, gid } = queue.status();
  queue.set({ mode: 0o666 });
  assertEquals([queue.status().mode, queue.status().maxBytes], [0o666, maxBytes]);
  queue.set({ maxBytes: 100 });
  assertEquals([queue.status().mode, queue.status().maxBytes], [0o666, 100]);
  queue.set({ uid, gid, mode: 0o600 }); // that is all of ipc_perm, but not all of the queue
  assertEquals([queue.status().mode, queue.status().maxBytes], [0o600, 100]);
  queue.set({ uid, gid, mode: 0o640, maxBytes: 200 });
  assertEquals([queue.status().mode, queue.status().maxBytes], [0o640, 200]);
});

Deno.test("set() checks its options, and changes nothing", () => {
  using queue = makeQueue();
  const before = queue.status();
  for (const maxBytes of [-1, 0.5, NaN, 2 ** 53]) {
    assertThrows(() => queue.set({ mode: 0, maxBytes }), RangeError, "maxBytes");
  }
  assertThrows(() => queue.set({ maxBytes: "1" as unknown as number }), TypeError, "maxBytes");
  assertThrows(() => queue.set({ maxBytes: 1, uid: -1 }), RangeError, "uid");
  assertThrows(() => queue.set(5 as unknown as object), TypeError, "options");
  assertEquals(queue.status(), before);
});

Deno.test("MessageQueue.list(), limits() and usage() are the kernel's", onLinux, () => {
  using queue = makeQueue();
  fill(queue, [1, "12345"], [1, "678"]);
  assertEquals(MessageQueue.list().find(({ id }) => id === queue.id), queue.status());
  const sysctl = (name: string) => Number(Deno.readTextFileSync(`/proc/sys/kernel/${name}`));
  assertEquals(MessageQueue.limits(), {
    msgmax: sysctl("msgmax"),
    msgmnb: sysctl("msgmnb"),
    msgmni: sysctl("msgmni"),
  });
  const { queues, messages, bytes } = MessageQueue.usage();
  assert(queues >= 1 && messages >= 2 && bytes >= 8);
});

Deno.test("removeOnDispose removes what this handle made, and nothing twice", () => {
  const key = freshKey();
  {
    using queue = MessageQueue.create(key, { removeOnDispose: true });
    fill(queue, [1, "lost"]);
  }
  assertThrows(() => MessageQueue.findId(key), Deno.errors.NotFound);
  {
    using queue = MessageQueue.create(key, { removeOnDispose: true });
    queue.remove();
  }
  {
    using queue = MessageQueue.create(key, { removeOnDispose: true });
    MessageQueue.remove(queue.id);
  }
});

Deno.test("using a queue that was removed says so", () => {
  const key = freshKey();
  const queue = MessageQueue.create(key);
  MessageQueue.open(key).remove();
  const uses: (() => unknown)[] = [
    () => queue.status(),
    () => queue.set({ mode: 0o600 }),
    () => queue.set({ uid: 0, gid: 0, mode: 0o600, maxBytes: 1 }),
    () => queue.remove(),
    () => queue.trySend(1, bytesOf("x")),
    () => queue.sendSync(1, bytesOf("x")),
    () => queue.sendSync(1, bytesOf("x"), { timeout: 10 }),
    () => queue.tryReceive(),
    () => queue.receiveSync({ type: 5 }),
    () => queue.receiveSync({ timeout: 10 }),
    ...(Deno.build.os === "linux" ? [() => queue.peek()] : []),
  ];
  for (const use of uses) {
    const error = assertThrows(use) as Error;
    assert(error instanceof Deno.errors.BadResource && isSystemError(error), error.message);
    assert(
      error.message.includes(
        `message queue ${queue.id} with key ${formatKey(key)}: it was removed meanwhile`,
      ),
      error.message,
    );
  }
});
