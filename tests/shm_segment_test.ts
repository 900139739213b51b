import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatKey, IPC_PRIVATE, isSystemError, Segment } from "../mod.ts";
import { assertSystemError, earliest, freshKey } from "./_objects.ts";

Deno.test("Segment.create() makes a segment of zeros for this user alone", () => {
  using segment = Segment.create(freshKey(), 5000, { removeOnDispose: true });
  using memory = segment.attach();
  assertEquals([segment.created, segment.size, segment.status().mode], [true, 5000, 0o600]);
  assertEquals(memory.bytes.length, 5000);
  assert(memory.bytes.every((byte) => byte === 0));
});

Deno.test("Segment.create() takes a mode", () => {
  using segment = Segment.create(freshKey(), 1, { mode: 0o644, removeOnDispose: true });
  assertEquals(segment.status().mode, 0o644);
});

Deno.test("Segment.create() throws AlreadyExists, and says to open or remove it", () => {
  const key = freshKey();
  using _segment = Segment.create(key, 4096, { removeOnDispose: true });
  const error = assertThrows(() => Segment.create(key, 4096)) as Error;
  assertSystemError(error, Deno.errors.AlreadyExists, "EEXIST", "shmget");
  assertEquals(
    error.message,
    `Cannot create segment with key ${formatKey(key)}: it already exists (shmget: EEXIST). ` +
      "Open it with Segment.open(), or remove it first.",
  );
});

Deno.test("Segment.create() checks its arguments, and makes nothing", () => {
  const before = Segment.list().length;
  const key = freshKey();
  for (const size of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => Segment.create(key, size), RangeError, `size must be an integer`);
  }
  for (const bad of [-(2 ** 31) - 1, 2 ** 32, 0.5, NaN]) {
    assertThrows(() => Segment.create(bad, 1), RangeError, "key must be an integer");
  }
  for (const mode of [-1, 0o1000, 0.5, NaN]) {
    assertThrows(
      () => Segment.create(key, 1, { mode }),
      RangeError,
      "mode must be permission bits",
    );
  }
  assertThrows(
    () => Segment.create("5" as unknown as number, 1),
    TypeError,
    "key must be a number",
  );
  assertThrows(
    () => Segment.create(key, 10n as unknown as number),
    TypeError,
    "size must be a number: received 10n",
  );
  assertThrows(() => Segment.create(key, 1, { hugePages: 5000 }), RangeError, "power of two");
  assertThrows(
    () => Segment.create(key, 1, { hugePages: true, noReserve: true }),
    TypeError,
    "noReserve can't be set together with hugePages",
  );
  assertEquals(Segment.list().length, before);
});

Deno.test("Segment.create() tells a size that the system refuses", () => {
  const error = assertThrows(() => Segment.create(IPC_PRIVATE, Number.MAX_SAFE_INTEGER)) as Error;
  assert(isSystemError(error));
  assert(["EINVAL", "ENOMEM", "ENOSPC"].includes(error.code), error.message);
});

Deno.test("Segment.create() with huge pages works, or says how to reserve them", () => {
  try {
    using segment = Segment.create(IPC_PRIVATE, 2 ** 21, {
      hugePages: 2 ** 21,
      removeOnDispose: true,
    });
    assertEquals(segment.size, 2 ** 21);
  } catch (error) {
    assert(isSystemError(error));
    assert(["ENOMEM", "EPERM", "EINVAL", "ENOSYS", "ENOENT"].includes(error.code), error.message);
    if (error.code === "ENOMEM") assert(error.message.includes("vm.nr_hugepages"), error.message);
  }
});

Deno.test("Segment.create() with noReserve makes an ordinary segment", () => {
  using segment = Segment.create(IPC_PRIVATE, 2 ** 20, { noReserve: true, removeOnDispose: true });
  assertEquals(segment.attach().bytes.length, 2 ** 20);
});

Deno.test("IPC_PRIVATE makes a new segment each time, which has no key", () => {
  using first = Segment.create(IPC_PRIVATE, 1, { removeOnDispose: true });
  using second = Segment.create(IPC_PRIVATE, 1, { removeOnDispose: true });
  assert(first.id !== second.id);
  assertEquals(first.status().key, IPC_PRIVATE);
  assertThrows(() => Segment.open(IPC_PRIVATE), RangeError, "open it with Segment.fromId()");
  assertThrows(
    () => Segment.openOrCreate(IPC_PRIVATE, 1),
    RangeError,
    "make a private segment with Segment.create()",
  );
});

Deno.test("Segment.open() takes the size from the kernel, and the key in either form", () => {
  const key = freshKey();
  using made = Segment.create(key, 777, { removeOnDispose: true });
  for (const form of [key, key | 0, key >>> 0]) {
    const opened = Segment.open(form);
    assertEquals([opened.id, opened.size, opened.key, opened.created], [
      made.id,
      777,
      key | 0,
      false,
    ]);
  }
});

Deno.test("Segment.open() throws NotFound, and says to start the creator", () => {
  const key = freshKey();
  const error = assertThrows(() => Segment.open(key)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "shmget");
  assert(error.message.includes("Start the program that creates it first"), error.message);
});

Deno.test("Segment.open() refuses a segment that is smaller than asked for", () => {
  const key = freshKey();
  using made = Segment.create(key, 100, { removeOnDispose: true });
  assertEquals(Segment.open(key, { size: 50 }).size, 100);
  const error = assertThrows(() => Segment.open(key, { size: 101 })) as Error;
  assertSystemError(error, Error, "EINVAL", "shmget");
  assert(error.message.includes(`segment ${made.id}`), error.message);
  assert(error.message.includes("it has 100 bytes, fewer than the 101 asked for"), error.message);
  for (const size of [0, -1, NaN]) assertThrows(() => Segment.open(key, { size }), RangeError);
});

Deno.test("Segment.openOrCreate() says which it did", () => {
  const key = freshKey();
  using first = Segment.openOrCreate(key, 100, { removeOnDispose: true });
  const second = Segment.openOrCreate(key, 100);
  assertEquals([first.created, second.created, second.id], [true, false, first.id]);
});

Deno.test("Segment.openOrCreate() refuses a segment of another size, and leaves it alone", () => {
  const key = freshKey();
  using made = Segment.create(key, 100, { removeOnDispose: true });
  for (const size of [99, 101]) {
    const error = assertThrows(() =>
      Segment.openOrCreate(key, size, { removeOnDispose: true })
    ) as Error;
    assertSystemError(error, Error, "EINVAL", "shmget");
    assert(error.message.includes(`it has 100 bytes, not the ${size} asked for`), error.message);
  }
  assertEquals(made.status().size, 100);
});

Deno.test("Segment.fromId() finds a segment, its key and its size", () => {
  const key = freshKey();
  using made = Segment.create(key, 100, { removeOnDispose: true });
  const found = Segment.fromId(made.id);
  assertEquals([found.key, found.size, found.created], [key, 100, false]);
});

Deno.test("Segment.fromId() throws NotFound for an id of nobody, and checks what it gets", () => {
  const error = assertThrows(() => Segment.fromId(2 ** 31 - 1)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "EINVAL", "shmctl");
  for (const id of [-1, 2 ** 31, 0.5, NaN]) {
    assertThrows(() => Segment.fromId(id), RangeError, "id must be");
  }
  assertThrows(() => Segment.fromId("1" as unknown as number), TypeError, "id must be a number");
});

Deno.test("Segment.findId() and Segment.remove() need no permission to read", () => {
  const key = freshKey();
  const { id } = Segment.create(key, 100, { mode: 0 });
  assertEquals(Segment.findId(key), id);
  Segment.remove(id);
  assertThrows(() => Segment.findId(key), Deno.errors.NotFound, "no segment has this key");
  const error = assertThrows(() => Segment.remove(id)) as Error;
  assertSystemError(error, Deno.errors.NotFound, "EINVAL", "shmctl");
  assertThrows(() => Segment.findId(IPC_PRIVATE), RangeError);
  assertThrows(() => Segment.remove(-1), RangeError, "id must be");
});

Deno.test("status() gives every field of shmid_ds and ipc_perm", () => {
  const key = freshKey();
  const start = earliest();
  using segment = Segment.create(key, 4097, { mode: 0o640, removeOnDispose: true });
  const fresh = segment.status();
  assertEquals(fresh, {
    id: segment.id,
    key,
    uid: Deno.uid() ?? -1,
    gid: Deno.gid() ?? -1,
    creatorUid: Deno.uid() ?? -1,
    creatorGid: Deno.gid() ?? -1,
    mode: 0o640,
    sequence: fresh.sequence,
    size: 4097,
    attachTime: null,
    detachTime: null,
    changeTime: fresh.changeTime,
    creatorPid: Deno.pid,
    lastPid: 0,
    nattch: 0,
    destroyed: false,
    locked: false,
  });
  assert(fresh.changeTime !== null && fresh.changeTime.getTime() >= start);
  {
    using _one = segment.attach();
    using _two = segment.attach({ access: "read" });
    const attached = segment.status();
    assertEquals([attached.nattch, attached.lastPid, attached.detachTime], [2, Deno.pid, null]);
    assert(attached.attachTime !== null && attached.attachTime.getTime() >= start);
  }
  const detached = segment.status();
  assertEquals(detached.nattch, 0);
  assert(detached.detachTime !== null && detached.detachTime.getTime() >= start);
});

Deno.test("status() shows that a segment in use was removed and lives on", {
  ignore: Deno.build.os !== "linux",
}, () => {
  const segment = Segment.create(freshKey(), 100);
  using memory = segment.attach();
  segment.remove();
  const { destroyed, key, nattch } = segment.status();
  assertEquals([destroyed, key, nattch], [true, IPC_PRIVATE, 1]);
  using again = segment.attach();
  again.bytes[5] = 5;
  assertEquals(memory.bytes[5], 5);
});

Deno.test("set() changes mode and owner, and leaves out what isn't given", () => {
  using segment = Segment.create(freshKey(), 100, { removeOnDispose: true });
  segment.set({ mode: 0o666 });
  assertEquals([segment.status().mode, segment.status().uid], [0o666, Deno.uid()]);
  segment.set({ gid: Deno.gid() ?? 0 });
  assertEquals(segment.status().mode, 0o666);
  for (const bad of [{ mode: 0o1666 }, { uid: -1 }, { gid: 2 ** 32 }, { uid: NaN }]) {
    assertThrows(() => segment.set(bad), RangeError);
  }
});

Deno.test("lock() and unlock() keep a segment from the swap and let it go", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using segment = Segment.create(freshKey(), 4096, { removeOnDispose: true });
  segment.lock();
  assertEquals(segment.status().locked, true);
  segment.unlock();
  assertEquals(segment.status().locked, false);
});

Deno.test("remove() removes the segment for everybody; using it says so", () => {
  const key = freshKey();
  const segment = Segment.create(key, 100);
  const other = Segment.open(key);
  segment.remove();
  assertThrows(() => Segment.open(key), Deno.errors.NotFound);
  const uses: [() => unknown, string][] = [
    [() => other.attach(), "Cannot attach segment"],
    [() => other.status(), "Cannot read the status of segment"],
    [() => other.set({ mode: 0o600 }), "Cannot change the owner or mode of segment"],
    [() => other.lock(), "Cannot lock segment"],
    [() => other.remove(), "Cannot remove segment"],
    [() => segment.remove(), "Cannot remove segment"],
  ];
  for (const [use, message] of uses) {
    const error = assertThrows(use) as Error;
    assert(error instanceof Deno.errors.BadResource, error.message);
    assert(error.message.startsWith(message), error.message);
    assert(error.message.includes("it was removed meanwhile"), error.message);
  }
});

Deno.test("leaving scope removes a segment only if that was asked for", () => {
  const key = freshKey();
  {
    using _kept = Segment.create(key, 100);
  }
  {
    using _opened = Segment.open(key);
  }
  {
    using _found = Segment.openOrCreate(key, 100, { removeOnDispose: true });
  }
  Segment.open(key).remove();
  {
    using _made = Segment.openOrCreate(key, 100, { removeOnDispose: true });
  }
  assertThrows(() => Segment.open(key), Deno.errors.NotFound);
});

Deno.test("leaving scope is no error if the segment was removed before", () => {
  const key = freshKey();
  {
    using segment = Segment.create(key, 100, { removeOnDispose: true });
    segment.remove();
    using _next = Segment.create(key, 100, { removeOnDispose: true });
  }
  {
    using _segment = Segment.create(key, 100, { removeOnDispose: true });
    Segment.open(key).remove();
  }
  assertThrows(() => Segment.open(key), Deno.errors.NotFound);
});

Deno.test("Segment.list() has the segment, as status() shows it", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using segment = Segment.create(freshKey(), 12345, { removeOnDispose: true });
  assertEquals(Segment.list().find(({ id }) => id === segment.id), segment.status());
});

Deno.test(
  "Segment.limits() and usage() are the kernel's",
  { ignore: Deno.build.os !== "linux" },
  () => {
    const sysctl = (name: string) => Deno.readTextFileSync(`/proc/sys/kernel/${name}`).trim();
    const limits = Segment.limits();
    assertEquals(
      [String(limits.shmmax), String(limits.shmall), String(limits.shmmni)],
      ["shmmax", "shmall", "shmmni"].map(sysctl),
    );
    using _segment = Segment.create(IPC_PRIVATE, 100_000, { removeOnDispose: true });
    const { segments, pages } = Segment.usage();
    assert(segments >= 1 && pages >= 25);
  },
);
