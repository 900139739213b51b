// Lists the System V message queues, segments and semaphore sets that there are, as ipcs(1) does.
//
// Start it with `deno run --allow-ffi examples/ipcs.ts`. Owners are then shown by their numbers;
// with `--allow-ffi --allow-read=/etc/passwd` by their names. Linux only: macOS can't list them.

import { formatKey, MessageQueue, Segment, SemaphoreSet } from "../mod.ts";
import { main, parse, UsageError } from "./_cli.ts";
import { format, heading, type Table } from "./_table.ts";

const USAGE = `\
Usage: deno run --allow-ffi [--allow-read=/etc/passwd] examples/ipcs.ts [options]

Lists message queues, segments and semaphore sets, with their owners' names if it may read
/etc/passwd.

  -q      message queues
  -m      segments
  -s      semaphore sets
  -a      all three (default)
  -l      the system's limits on them instead
  --help  show this`;

const PASSWD = "/etc/passwd";

await main(USAGE, () => {
  const { flags, args: [surplus] } = parse({ boolean: ["q", "m", "s", "a", "l"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const all = flags.a || !flags.q && !flags.m && !flags.s;
  const owners = flags.l ? new Map<number, string>() : userNames();
  if (flags.q || all) console.log(flags.l ? messageLimits() : format(messageQueues(owners)));
  if (flags.m || all) console.log(flags.l ? segmentLimits() : format(segments(owners)));
  if (flags.s || all) console.log(flags.l ? semaphoreLimits() : format(semaphoreSets(owners)));
  console.log();
});

/** The users' names by their numbers; none without the permission to read them. */
function userNames(): Map<number, string> {
  const { state } = Deno.permissions.querySync({ name: "read", path: PASSWD });
  if (state !== "granted") return new Map();
  const users = Deno.readTextFileSync(PASSWD).split("\n").map((line) => line.split(":"));
  // Where two names share a number the system shows the first, so that is entered last.
  return new Map(users.reverse().map(([name, , uid]) => [Number(uid), name]));
}

/** The owner's name or number, no wider than its column. */
function owner(uid: number, names: Map<number, string>): string {
  return names.get(uid)?.slice(0, 10) ?? `${uid}`;
}

function messageQueues(names: Map<number, string>): Table {
  return {
    title: "Message Queues",
    columns: [
      ["key", 10],
      ["msqid", 10],
      ["owner", 10],
      ["perms", 10],
      ["used-bytes", 12],
      ["messages", 12],
    ],
    rows: MessageQueue.list().map(({ key, id, uid, mode, bytes, messages }) => [
      formatKey(key),
      `${id}`,
      owner(uid, names),
      mode.toString(8),
      `${bytes}`,
      `${messages}`,
    ]),
  };
}

function segments(names: Map<number, string>): Table {
  return {
    title: "Shared Memory Segments",
    columns: [
      ["key", 10],
      ["shmid", 10],
      ["owner", 10],
      ["perms", 10],
      ["bytes", 10],
      ["nattch", 10],
      ["status", 12],
    ],
    rows: Segment.list().map(({ key, id, uid, mode, size, nattch, destroyed, locked }) => [
      formatKey(key),
      `${id}`,
      owner(uid, names),
      mode.toString(8),
      `${size}`,
      `${nattch}`,
      `${(destroyed ? "dest" : "").padEnd(6)} ${(locked ? "locked" : "").padEnd(6)}`,
    ]),
  };
}

function semaphoreSets(names: Map<number, string>): Table {
  return {
    title: "Semaphore Arrays",
    columns: [["key", 10], ["semid", 10], ["owner", 10], ["perms", 10], ["nsems", 10]],
    rows: SemaphoreSet.list().map(({ key, id, uid, mode, nsems }) => [
      formatKey(key),
      `${id}`,
      owner(uid, names),
      mode.toString(8),
      `${nsems}`,
    ]),
  };
}

function messageLimits(): string {
  const { msgmni, msgmax, msgmnb } = MessageQueue.limits();
  return `${heading("Messages Limits")}
max queues system wide = ${msgmni}
max size of message (bytes) = ${msgmax}
default max size of queue (bytes) = ${msgmnb}`;
}

function segmentLimits(): string {
  const { shmmni, shmmax, shmall, shmmin } = Segment.limits();
  return `${heading("Shared Memory Limits")}
max number of segments = ${shmmni}
max seg size (kbytes) = ${shmmax / 1024n}
max total shared memory (pages) = ${shmall}
min seg size (bytes) = ${shmmin}`;
}

function semaphoreLimits(): string {
  const { semmni, semmsl, semmns, semopm, semvmx } = SemaphoreSet.limits();
  return `${heading("Semaphore Limits")}
max number of arrays = ${semmni}
max semaphores per array = ${semmsl}
max semaphores system wide = ${semmns}
max ops per semop call = ${semopm}
semaphore max value = ${semvmx}`;
}
