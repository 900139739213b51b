import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { formatKey, IPC_PRIVATE, isSystemError, SemaphoreSet } from "../mod.ts";
import { assertSystemError, earliest, freshKey } from "./_objects.ts";

function makeSet(values: number[]): SemaphoreSet {
  return SemaphoreSet.create(IPC_PRIVATE, values, { removeOnDispose: true });
}

Deno.test("SemaphoreSet.create() makes a set with its values, for this user alone", () => {
  using set = SemaphoreSet.create(freshKey(), [1, 0, 32767], { removeOnDispose: true });
  assertEquals([set.created, set.length, set.values(), set.status().mode], [
    true,
    3,
    [1, 0, 32767],
    0o600,
  ]);
});

Deno.test("SemaphoreSet.create() throws AlreadyExists, and says to open or remove it", () => {
  const key = freshKey();
  using _set = SemaphoreSet.create(key, [1], { removeOnDispose: true });
  const error = assertThrows(() => SemaphoreSet.create(key, [1])) as Error;
  assertSystemError(error, Deno.errors.AlreadyExists, "EEXIST", "semget");
  assertEquals(
    error.message,
    `Cannot create semaphore set with key ${formatKey(key)}: it already exists (semget: EEXIST). ` +
      "Open it with SemaphoreSet.open(), or remove it first.",
  );
});

Deno.test("SemaphoreSet.create() checks its arguments, and makes nothing", () => {
  const before = SemaphoreSet.list().length;
  for (const values of [[], [-1], [32768], [1.5], [NaN], [1, Infinity]]) {
    assertThrows(() => SemaphoreSet.create(IPC_PRIVATE, values), RangeError, "values");
  }
  for (const values of [1, "1", null, ["1"], [1n]]) {
    assertThrows(
      () => SemaphoreSet.create(IPC_PRIVATE, values as unknown as number[]),
      TypeError,
      "values",
    );
  }
  assertThrows(() => SemaphoreSet.create(IPC_PRIVATE, [1], { mode: 0o1600 }), RangeError, "mode");
  assertThrows(() => SemaphoreSet.create(2 ** 32, [1]), RangeError, "key");
  const error = assertThrows(() =>
    SemaphoreSet.create(IPC_PRIVATE, Array(40_000).fill(0))
  ) as Error;
  assertSystemError(error, Error, "EINVAL", "semget");
  assert(error.message.includes("SemaphoreSet.limits().semmsl"), error.message);
  assertEquals(SemaphoreSet.list().length, before);
});

Deno.test("SemaphoreSet.create() makes sets larger than one op may be", () => {
  const count = SemaphoreSet.limits().semopm + 1;
  using set = makeSet(Array.from({ length: count }, (_, index) => index));
  assertEquals(set.values().at(-1), count - 1);
});

Deno.test(
  "a set that can't be given its values is not left behind",
  { ignore: Deno.uid() === 0 },
  () => {
    const key = freshKey();
    const error = assertThrows(() => SemaphoreSet.create(key, [1], { mode: 0 })) as Error;
    assertSystemError(error, Deno.errors.PermissionDenied, "EACCES", "semctl");
    assertThrows(() => SemaphoreSet.openSync(key), Deno.errors.NotFound);
  },
);

Deno.test("SemaphoreSet.open() and openSync() find the set by its key", async () => {
  const key = freshKey();
  using made = SemaphoreSet.create(key, [3, 4], { removeOnDispose: true });
  for (const set of [await SemaphoreSet.open(key), SemaphoreSet.openSync(key >>> 0)]) {
    assertEquals([set.id, set.length, set.key, set.created], [made.id, 2, key, false]);
  }
});

Deno.test("SemaphoreSet.open() and openSync() throw NotFound, and refuse IPC_PRIVATE", async () => {
  const key = freshKey();
  const error = await assertRejects(() => SemaphoreSet.open(key));
  assertSystemError(error, Deno.errors.NotFound, "ENOENT", "semget");
  assertThrows(() => SemaphoreSet.openSync(key), Deno.errors.NotFound);
  assertThrows(() => SemaphoreSet.openSync(IPC_PRIVATE), RangeError, "SemaphoreSet.fromId()");
  await assertRejects(() => SemaphoreSet.open(key, { timeout: NaN }), RangeError, "timeout");
});

Deno.test("openOrCreate() and openOrCreateSync() say which they did", async () => {
  const key = freshKey();
  using first = await SemaphoreSet.openOrCreate(key, [5], { removeOnDispose: true });
  const second = await SemaphoreSet.openOrCreate(key, [9]);
  const third = SemaphoreSet.openOrCreateSync(key, [9]);
  assertEquals([first.created, second.created, third.created], [true, false, false]);
  assertEquals([second.id, third.id, third.values()], [first.id, first.id, [5]]);
});

Deno.test("openOrCreate() refuses a set of another length, and leaves it alone", async () => {
  const key = freshKey();
  using made = SemaphoreSet.create(key, [1, 2], { removeOnDispose: true });
  const error = await assertRejects(() =>
    SemaphoreSet.openOrCreate(key, [1], { removeOnDispose: true })
  ) as Error;
  assertSystemError(error, Error, "EINVAL", "semget");
  assert(error.message.includes("it has 2 semaphores, not the 1 asked for"), error.message);
  assertEquals(made.values(), [1, 2]);
});

Deno.test("SemaphoreSet.fromId() finds a set; an id of nobody is NotFound", () => {
  const key = freshKey();
  using made = SemaphoreSet.create(key, [1, 2], { removeOnDispose: true });
  const found = SemaphoreSet.fromId(made.id);
  assertEquals([found.key, found.length], [key, 2]);
  const error = assertThrows(() => SemaphoreSet.fromId(2 ** 31 - 1));
  assertSystemError(error, Deno.errors.NotFound, "EINVAL", "semctl");
});

Deno.test("SemaphoreSet.findId() and SemaphoreSet.remove() need no permission to read", () => {
  const key = freshKey();
  const { id } = SemaphoreSet.create(key, [1]);
  assertEquals(SemaphoreSet.findId(key), id);
  SemaphoreSet.remove(id);
  assertThrows(() => SemaphoreSet.findId(key), Deno.errors.NotFound);
  assertThrows(() => SemaphoreSet.remove(id), Deno.errors.NotFound, "no semaphore set has this id");
});

Deno.test("opSync() does all operations or none", () => {
  using set = makeSet([1, 5]);
  set.opSync([{ index: 0, change: -1 }, { index: 1, change: -2 }]);
  assertEquals(set.values(), [0, 3]);
  const error = assertThrows(() =>
    set.opSync([{ index: 1, change: -3 }, { index: 0, change: -1 }], { timeout: 1 })
  );
  assertSystemError(error, Deno.errors.TimedOut, "EAGAIN", "semtimedop");
  assertEquals(set.values(), [0, 3]);
});

Deno.test("opSync() with noWait throws WouldBlock instead of waiting, with a timeout too", () => {
  using set = makeSet([0, 1]);
  for (const options of [{}, { timeout: 10_000 }]) {
    const error = assertThrows(() =>
      set.opSync([{ index: 1, change: -1 }, { index: 0, change: -1, noWait: true }], options)
    );
    assert(error instanceof Deno.errors.WouldBlock, String(error));
  }
  assertEquals(set.values(), [0, 1]);
});

Deno.test("tryOp() answers false where it would have to wait", () => {
  using set = makeSet([1, 0]);
  assertEquals(set.tryOp([{ index: 0, change: -1 }, { index: 1, change: -1 }]), false);
  assertEquals(set.tryOp([{ index: 0, change: -1 }, { index: 1, change: 0 }]), true);
  assertEquals(set.values(), [0, 0]);
});

Deno.test("op() waits for zero and changes in one step", async () => {
  using set = makeSet([0, 0]);
  await set.op([{ index: 0, change: 0 }, { index: 0, change: 1 }, { index: 1, change: 7 }]);
  assertEquals(set.values(), [1, 7]);
});

Deno.test("opSync(), op() and tryOp() check the operations", async () => {
  using set = makeSet([1]);
  const operation = { index: 0, change: -1 };
  for (const index of [-1, 1, 0.5, NaN, 65536]) {
    assertThrows(
      () => set.opSync([{ index, change: 1 }]),
      RangeError,
      "index must be an integer from 0 to 0",
    );
  }
  for (const change of [32768, -32768, 0.5, NaN]) {
    assertThrows(() => set.tryOp([{ index: 0, change }]), RangeError, "change must be an integer");
  }
  for (const bad of ["x", [null], [{ index: "0", change: 1 }], [{ index: 0 }]]) {
    assertThrows(() => set.opSync(bad as unknown as []), TypeError);
  }
  assertThrows(() => set.opSync([]), RangeError, "operations must not be empty");
  await assertRejects(() => set.op([]), RangeError, "operations must not be empty");
  await assertRejects(
    () => set.op([{ ...operation, noWait: true }]),
    TypeError,
    "use opSync() or tryOp()",
  );
  for (const timeout of [-1, 0.5, NaN, 2 ** 31]) {
    assertThrows(() => set.opSync([operation], { timeout }), RangeError, "timeout");
    await assertRejects(() => set.op([operation], { timeout }), RangeError, "timeout");
  }
  assertEquals(set.values(), [1]);
});

Deno.test("more operations than SEMOPM are refused, and none is done", async () => {
  using set = makeSet([0]);
  const operations = Array(SemaphoreSet.limits().semopm + 1).fill({ index: 0, change: 1 });
  for (const call of [() => set.opSync(operations), () => set.tryOp(operations)]) {
    const error = assertThrows(call) as Error;
    assertSystemError(error, Error, "E2BIG", "semop");
    assert(
      error.message.includes(
        `${operations.length} operations are more than the system does at once`,
      ),
      error.message,
    );
  }
  assertSystemError(await assertRejects(() => set.op(operations)), Error, "E2BIG", "semop");
  assertEquals(set.values(), [0]);
});

Deno.test("a value above SEMVMX is refused, and changes nothing", () => {
  const { semvmx } = SemaphoreSet.limits();
  using set = makeSet([semvmx]);
  const error = assertThrows(() => set.at(0).release()) as Error;
  assertSystemError(error, Error, "ERANGE", "semop");
  assert(error.message.includes(`would exceed ${semvmx} (SEMVMX)`), error.message);
  assertThrows(
    () => set.setValue(0, semvmx + 1),
    RangeError,
    "value must be an integer from 0 to 32767",
  );
  assertThrows(() => set.setValues([semvmx + 1]), RangeError, "values[0]");
  assertEquals(set.values(), [semvmx]);
});

Deno.test("values can be read and set, one or all", () => {
  using set = makeSet([1, 2, 3]);
  set.setValue(1, 20);
  assertEquals([set.value(1), set.values()], [20, [1, 20, 3]]);
  set.setValues([7, 8, 9]);
  assertEquals(set.values(), [7, 8, 9]);
  assertThrows(
    () => set.setValues([1, 2]),
    RangeError,
    "values must be 3, one for each semaphore: received 2",
  );
  assertThrows(() => set.value(3), RangeError, "index");
  assertThrows(() => set.at(-1), RangeError, "index");
});

Deno.test("status() gives every field of semid_ds and ipc_perm", () => {
  const key = freshKey();
  const start = earliest();
  using set = SemaphoreSet.create(key, [0, 0], { mode: 0o640, removeOnDispose: true });
  const status = set.status();
  assertEquals(status, {
    id: set.id,
    key,
    uid: Deno.uid() ?? -1,
    gid: Deno.gid() ?? -1,
    creatorUid: Deno.uid() ?? -1,
    creatorGid: Deno.gid() ?? -1,
    mode: 0o640,
    sequence: status.sequence,
    operationTime: status.operationTime,
    changeTime: status.changeTime,
    nsems: 2,
  });
  for (const time of [status.operationTime, status.changeTime]) {
    assert(time !== null && time.getTime() >= start);
  }
});

Deno.test("set() changes mode and owner", () => {
  using set = makeSet([0]);
  set.set({ mode: 0o666 });
  assertEquals(set.status().mode, 0o666);
});

Deno.test("using a set that was removed says so", async () => {
  const key = freshKey();
  const set = SemaphoreSet.create(key, [1]);
  const semaphore = set.at(0);
  SemaphoreSet.openSync(key).remove();
  const uses: (() => unknown)[] = [
    () => set.values(),
    () => set.value(0),
    () => set.setValues([1]),
    () => set.setValue(0, 1),
    () => set.status(),
    () => set.remove(),
    () => set.tryOp([{ index: 0, change: 1 }]),
    () => semaphore.release(),
    () => semaphore.tryLock(),
    () => semaphore.lockSync(),
    () => semaphore.lockSync({ timeout: 10 }),
  ];
  for (const use of uses) {
    const error = assertThrows(use) as Error;
    assert(error instanceof Deno.errors.BadResource, error.message);
    assert(error.message.includes("it was removed meanwhile"), error.message);
  }
  await assertRejects(() => semaphore.lock(), Deno.errors.BadResource, "it was removed meanwhile");
});

Deno.test("an id that another set has by now is no way to its values", () => {
  // The kernel gives an id again after some four million sets: here it has another length.
  using set = makeSet([1, 2, 3]);
  const old = SemaphoreSet.fromId(set.id);
  Object.defineProperty(old, "length", { value: 1 });
  for (const use of [() => old.values(), () => old.setValues([5])]) {
    assertThrows(use, Deno.errors.BadResource, "it was removed meanwhile");
  }
  assertEquals(set.values(), [1, 2, 3]);
});

Deno.test("SemaphoreSet.list(), limits() and usage() are the kernel's", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using set = makeSet([1, 2]);
  assertEquals(SemaphoreSet.list().find(({ id }) => id === set.id), set.status());
  const [semmsl, semmns, semopm, semmni] = Deno.readTextFileSync("/proc/sys/kernel/sem").trim()
    .split(/\s+/).map(Number);
  assertEquals(SemaphoreSet.limits(), { semmsl, semmns, semopm, semmni, semvmx: 32767 });
  const { sets, semaphores } = SemaphoreSet.usage();
  assert(sets >= 1 && semaphores >= 2);
});

Deno.test("errors of a set name it", () => {
  const key = freshKey();
  using set = SemaphoreSet.create(key, [0], { removeOnDispose: true });
  const error = assertThrows(() => set.at(0).acquireSync({ timeout: 0 })) as Error;
  assert(isSystemError(error));
  assertEquals(
    error.message,
    `Cannot acquire semaphore 0 of semaphore set ${set.id} with key ${formatKey(key)}: ` +
      "it could not be done within 0 ms (semtimedop: EAGAIN)",
  );
});
