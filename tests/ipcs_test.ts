// ipcs.ts and ipcrm.ts, as a user runs them.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { formatKey, IPC_PRIVATE, MessageQueue, Segment, SemaphoreSet } from "../mod.ts";
import { isInstalled } from "./_c.ts";
import { freshKey, notRootOnLinux } from "./_objects.ts";
import { deno, type Output, path, Process, run } from "./_process.ts";

async function tool(name: "ipcs" | "ipcrm", ...args: string[]): Promise<Output> {
  await using process = deno(`examples/${name}.ts`, args);
  return await process.output();
}

async function ipcsWithNames(...args: string[]): Promise<Output> {
  await using process = deno("examples/ipcs.ts", args, [
    "--allow-ffi",
    "--allow-read=/etc/passwd",
  ]);
  return await process.output();
}

/** The line with this id in its second column. */
function row(output: string, wanted: number): string | undefined {
  return output.split("\n").find((line) => line.split(/\s+/)[1] === `${wanted}`);
}

function segmentExists(segment: Segment): boolean {
  return Segment.list().some(({ id }) => id === segment.id);
}

function setExists(set: SemaphoreSet): boolean {
  return SemaphoreSet.list().some(({ id }) => id === set.id);
}

function queueExists(queue: MessageQueue): boolean {
  return MessageQueue.list().some(({ id }) => id === queue.id);
}

const QUEUES = "------ Message Queues --------";
const SEGMENTS = "------ Shared Memory Segments --------";
const SETS = "------ Semaphore Arrays --------";

Deno.test("ipcs.ts shows queues, segments and sets, with the owners' numbers", async () => {
  using queue = MessageQueue.create(freshKey(), { mode: 0o620, removeOnDispose: true });
  for (const length of [5, 0, 3]) queue.sendSync(1, new Uint8Array(length));
  using segment = Segment.create(freshKey(), 5000, { mode: 0o640, removeOnDispose: true });
  using set = SemaphoreSet.create(freshKey(), [1, 2, 3], { removeOnDispose: true });
  using _memory = segment.attach();
  const uid = Deno.uid();
  const { code, stdout, stderr } = await tool("ipcs");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(
    stdout,
    `\n${QUEUES}\nkey        msqid      owner      perms      used-bytes   messages    \n`,
  );
  assertStringIncludes(
    stdout,
    `\n${SEGMENTS}\nkey        shmid      owner      perms      bytes      nattch     status      \n`,
  );
  assertStringIncludes(
    stdout,
    `\n${SETS}\nkey        semid      owner      perms      nsems     \n`,
  );
  assertEquals(
    row(stdout, queue.id)?.trim().split(/\s+/),
    [formatKey(queue.key), `${queue.id}`, `${uid}`, "620", "8", "3"],
  );
  assertEquals(
    row(stdout.slice(stdout.indexOf(SEGMENTS)), segment.id)?.trim().split(/\s+/),
    [formatKey(segment.key), `${segment.id}`, `${uid}`, "640", "5000", "1"],
  );
  assertEquals(
    row(stdout.slice(stdout.indexOf(SETS)), set.id)?.trim().split(/\s+/),
    [formatKey(set.key), `${set.id}`, `${uid}`, "600", "3"],
  );
});

Deno.test("ipcs.ts -q, -m and -s show one kind, several of them these, and -a all", async () => {
  for (
    const [args, ...titles] of [
      [["-q"], QUEUES],
      [["-m"], SEGMENTS],
      [["-s"], SETS],
      [["-m", "-q"], QUEUES, SEGMENTS],
      [["-m", "-s"], SEGMENTS, SETS],
      [["-a"], QUEUES, SEGMENTS, SETS],
      [[], QUEUES, SEGMENTS, SETS],
    ] as const
  ) {
    const { code, stdout } = await tool("ipcs", ...args);
    assertEquals(code, 0);
    assertEquals(stdout.match(/^---.*/gm), titles);
  }
});

Deno.test("ipcs.ts -l shows the limits", async () => {
  const { code, stdout, stderr } = await tool("ipcs", "-l");
  assertEquals([code, stderr], [0, ""]);
  const { shmmni, shmmin } = Segment.limits();
  const { semmsl, semvmx } = SemaphoreSet.limits();
  assertStringIncludes(stdout, `max number of segments = ${shmmni}\n`);
  assertStringIncludes(stdout, `min seg size (bytes) = ${shmmin}\n`);
  assertStringIncludes(stdout, `max semaphores per array = ${semmsl}\n`);
  assertStringIncludes(stdout, `semaphore max value = ${semvmx}\n`);
  const { msgmni, msgmnb } = MessageQueue.limits();
  assertStringIncludes(stdout, `max queues system wide = ${msgmni}\n`);
  assertStringIncludes(stdout, `default max size of queue (bytes) = ${msgmnb}\n`);
  assertEquals((await tool("ipcs", "-l", "-s")).stdout.match(/^---.*/gm), [
    "------ Semaphore Limits --------",
  ]);
});

/** Whether the ipcs whose format ours follows is there. */
function noUtilLinux(): boolean {
  const missing = Deno.build.os !== "linux" || !isInstalled("ipcs");
  if (missing) console.log("skipped, there is no ipcs from util-linux: comparison with it");
  return missing;
}

/** The user with the longest name, which doesn't fit into its column. */
function longestUser(): number {
  const users = Deno.readTextFileSync("/etc/passwd").trim().split("\n").map((l) => l.split(":"));
  const [[, , uid]] = users.sort(([one], [other]) => other.length - one.length);
  return Number(uid);
}

Deno.test({
  name: "ipcs.ts shows the owners' names, and all that ipcs shows",
  ignore: noUtilLinux(),
  async fn() {
    using queue = MessageQueue.create(freshKey(), { mode: 0o644, removeOnDispose: true });
    for (const length of [1000, 24]) queue.sendSync(1, new Uint8Array(length));
    using empty = MessageQueue.create(IPC_PRIVATE, { mode: 0, removeOnDispose: true });
    using plain = Segment.create(freshKey(), 5000, { mode: 0o644, removeOnDispose: true });
    using huge = Segment.create(IPC_PRIVATE, 2 ** 36, { noReserve: true, removeOnDispose: true });
    using locked = Segment.create(freshKey(), 1, { mode: 0o007, removeOnDispose: true });
    using destroyed = Segment.create(freshKey(), 1);
    using _memory = destroyed.attach();
    destroyed.remove();
    using set = SemaphoreSet.create(freshKey(), [0, 0], { removeOnDispose: true });
    using other = SemaphoreSet.create(IPC_PRIVATE, [1], { mode: 0o660, removeOnDispose: true });
    if (Deno.uid() === 0) {
      locked.lock();
      plain.set({ uid: longestUser() });
      queue.set({ uid: longestUser() });
      other.set({ uid: 4_000_000_000 }); // nobody's, so it has no name
    }
    for (
      const [flag, ...objects] of [
        ["-q", queue, empty],
        ["-m", plain, huge, locked, destroyed],
        ["-s", set, other],
      ] as const
    ) {
      const theirs = await run("ipcs", [flag], { env: { LC_ALL: "C" } });
      const ours = await ipcsWithNames(flag);
      assertEquals([ours.code, ours.stderr], [0, ""]);
      assertEquals(ours.stdout.split("\n").slice(0, 3), theirs.stdout.split("\n").slice(0, 3));
      for (const { id } of objects) {
        assert(row(theirs.stdout, id) !== undefined);
        assertEquals(row(ours.stdout, id), row(theirs.stdout, id));
      }
    }
    const limits = await run("ipcs", ["-q", "-l"], { env: { LC_ALL: "C" } });
    assertEquals((await tool("ipcs", "-q", "-l")).stdout, limits.stdout);
  },
});

Deno.test("ipcs.ts and ipcrm.ts explain themselves on --help", async () => {
  for (const name of ["ipcs", "ipcrm"] as const) {
    const { code, stdout, stderr } = await tool(name, "--help");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, new RegExp(`^Usage: deno run --allow-ffi .*examples/${name}.ts`));
  }
});

Deno.test("ipcs.ts refuses a command line that makes no sense", async () => {
  for (const arg of ["-x", "--all", "5"]) {
    const { code, stdout, stderr } = await tool("ipcs", arg);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, arg);
  }
});

Deno.test("ipcrm.ts removes queues, segments and sets by their ids and keys", async () => {
  const private_ = () => Segment.create(IPC_PRIVATE, 1, { removeOnDispose: true });
  using one = private_();
  using two = private_();
  using untouched = private_();
  using keyed = Segment.create(freshKey(), 1, { removeOnDispose: true });
  using set = SemaphoreSet.create(IPC_PRIVATE, [1], { removeOnDispose: true });
  using keyedSet = SemaphoreSet.create(freshKey(), [1], { removeOnDispose: true });
  using queue = MessageQueue.create(IPC_PRIVATE, { removeOnDispose: true });
  using keyedQueue = MessageQueue.create(freshKey(), { mode: 0, removeOnDispose: true });
  const { code, stdout, stderr } = await tool(
    "ipcrm",
    ...["-m", `${one.id}`, "-m", `${two.id}`, "-M", formatKey(keyed.key)],
    ...["-s", `${set.id}`, "-S", `${keyedSet.key >>> 0}`],
    ...["-q", `${queue.id}`, "-Q", formatKey(keyedQueue.key)],
  );
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  assertEquals([one, two, keyed, untouched].map(segmentExists), [false, false, false, true]);
  assertEquals([set, keyedSet].map(setExists), [false, false]);
  assertEquals([queue, keyedQueue].map(queueExists), [false, false]);
});

Deno.test("ipcrm.ts removes what it can, and tells each that it can't", async () => {
  const gone = Segment.create(freshKey(), 1);
  gone.remove();
  const goneSet = SemaphoreSet.create(freshKey(), [1]);
  goneSet.remove();
  const goneQueue = MessageQueue.create(freshKey());
  goneQueue.remove();
  using segment = Segment.create(freshKey(), 1, { removeOnDispose: true });
  using set = SemaphoreSet.create(freshKey(), [1], { removeOnDispose: true });
  const { code, stdout, stderr } = await tool(
    "ipcrm",
    ...["-q", `${goneQueue.id}`, "-Q", formatKey(goneQueue.key)],
    ...["-m", `${gone.id}`, "-m", `${segment.id}`, "-M", `${gone.key >>> 0}`],
    ...["-s", `${goneSet.id}`, "-s", `${set.id}`, "-S", formatKey(goneSet.key)],
  );
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    `Cannot remove message queue ${goneQueue.id}: no message queue has this id (msgctl: EINVAL). \`ipcs -q\` lists those that exist.
Cannot find message queue with key ${
      formatKey(goneQueue.key)
    }: no message queue has this key (msgget: ENOENT)
Cannot remove segment ${gone.id}: no segment has this id (shmctl: EINVAL). \`ipcs -m\` lists those that exist.
Cannot find segment with key ${formatKey(gone.key)}: no segment has this key (shmget: ENOENT)
Cannot remove semaphore set ${goneSet.id}: no semaphore set has this id (semctl: EINVAL). \`ipcs -s\` lists those that exist.
Cannot find semaphore set with key ${
      formatKey(goneSet.key)
    }: no semaphore set has this key (semget: ENOENT)
`,
  );
  assertEquals([segmentExists(segment), setExists(set)], [false, false]);
});

/** Runs a program as root without the right to use what is no root's: then modes count. */
function withoutIpcOwner(command: string, ...args: string[]): Process {
  return new Process("setpriv", ["--bounding-set=-ipc_owner", command, ...args]);
}

Deno.test({
  name: "ipcrm.ts removes what its user owns and may not read",
  ignore: notRootOnLinux("removal of what may not be read") || !isInstalled("setpriv"),
  async fn() {
    const options = { mode: 0, removeOnDispose: true };
    using segment = Segment.create(IPC_PRIVATE, 1, options);
    using keyed = Segment.create(freshKey(), 1, options);
    using set = SemaphoreSet.create(freshKey(), [1], { removeOnDispose: true });
    set.set({ mode: 0 });
    const open = `Segment.fromId(${segment.id})`;
    const code = `import { Segment } from ${JSON.stringify(`file://${path("mod.ts")}`)}; ${open}`;
    await using reader = withoutIpcOwner(Deno.execPath(), "eval", code);
    assertStringIncludes((await reader.output()).stderr, "permission denied (shmctl: EACCES)");

    await using ipcrm = withoutIpcOwner(
      Deno.execPath(),
      ...["run", "--no-prompt", "--allow-ffi", path("examples/ipcrm.ts")],
      ...["-m", `${segment.id}`, "-M", formatKey(keyed.key), "-S", formatKey(set.key)],
    );
    const output = await ipcrm.output();
    assertEquals([output.code, output.stderr], [0, ""]);
    assertEquals([segmentExists(segment), segmentExists(keyed), setExists(set)], [
      false,
      false,
      false,
    ]);
  },
});

Deno.test("ipcrm.ts refuses a command line that makes no sense, and removes nothing", async () => {
  using segment = Segment.create(freshKey(), 1, { removeOnDispose: true });
  for (
    const [args, message] of [
      [[], "There is nothing to remove"],
      [["-m", "x"], 'received "x"'],
      [["-m"], 'received ""'],
      [["-s", "4294967296"], "-s must be a whole number from 0 to 2147483647"],
      [["-M", "0"], "-M must be a whole number from 1"],
      [["-S", "0x1ffffffff"], "-S must be a whole number from 1"],
      [["-q", "-1"], "-q"],
      [["-Q", "0"], "-Q must be a whole number from 1"],
      [["-x", "1"], "There is no option -x"],
      [["5"], "There is no argument 5"],
    ] as const
  ) {
    const good = args.length === 0 ? [] : ["-m", `${segment.id}`];
    const { code, stdout, stderr } = await tool("ipcrm", ...good, ...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, message);
  }
  assert(segmentExists(segment));
});
