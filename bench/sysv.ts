// System V segments and semaphores, beside bench/sysv.c.

import { IPC_PRIVATE, Segment, type Semaphore, SemaphoreSet } from "../mod.ts";
import { type Group, measureOne, WARM_UP, type Way } from "./case.ts";

/** The group. C has no promises and no `using`: its plain lock is what to compare with. */
export const SYSV: Group = {
  name: "sysv",
  permissions: ["--allow-ffi", "--allow-run", "--allow-sys"],
  cases: [
    {
      name: "lock",
      times: 300_000,
      what: "take and give a free semaphore, with undo and `using`",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "lock, release()",
      times: 300_000,
      c: ["lock"],
      what: "the same without `using`",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "lock, await",
      times: 100_000,
      c: ["lock"],
      what: "the same by `using` and lock(), which returns a promise",
    },
    {
      name: "contend",
      times: 50_000,
      what: "as `lock`, while another process does too; Isthmus first tries for 15 us",
    },
    {
      name: "round trip",
      times: 30_000,
      what: "wake the other process and be woken; Isthmus first tries for 15 us",
    },
    { name: "attach", times: 50_000, what: "attach a segment, write a byte, detach" },
    { name: "copy 64 KiB", times: 50_000, what: "copy a block into a segment" },
  ],
};

function lock(mutex: Semaphore, times: number): void {
  for (let i = 0; i < times; i++) {
    using _guard = mutex.lockSync();
  }
}

/** What `using` costs by itself is what this lacks. */
function lockWithoutUsing(mutex: Semaphore, times: number): void {
  for (let i = 0; i < times; i++) {
    const guard = mutex.lockSync();
    guard.release();
  }
}

async function lockAsync(mutex: Semaphore, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    using _guard = await mutex.lock();
  }
}

function roundTrip(there: Semaphore, back: Semaphore, times: number): void {
  for (let i = 0; i < times; i++) {
    there.release();
    back.acquireSync();
  }
}

function bounce(there: Semaphore, back: Semaphore, times: number): void {
  for (let i = 0; i < times; i++) {
    there.acquireSync();
    back.release();
  }
}

function attach(segment: Segment, times: number): number {
  let last = 0;
  for (let i = 0; i < times; i++) {
    using memory = segment.attach();
    memory.bytes[0] = i;
    last = memory.bytes[0];
  }
  return last;
}

function copy(segment: Segment, times: number): number {
  using memory = segment.attach();
  const block = new Uint8Array(65536);
  memory.bytes.fill(1);
  for (let i = 0; i < times; i++) {
    block[i % block.length]++;
    memory.bytes.set(block);
  }
  return memory.bytes.reduce((sum, byte) => sum + byte);
}

/** A way that locks alone; its checksum is the semaphore's value. */
function alone(work: (mutex: Semaphore, times: number) => void | Promise<void>): Way {
  return async (measure) => {
    using set = SemaphoreSet.create(IPC_PRIVATE, [1], { removeOnDispose: true });
    await measure(async (times) => {
      await work(set.at(0), times);
      return set.at(0).value();
    });
  };
}

/** What a process does with two semaphores, so many times. */
type Pair = (one: Semaphore, two: Semaphore, times: number) => void;

/** What the second process does, in the ways that need one. */
const OTHERS: Record<string, Pair> = {
  "contend": (one, _two, times) => lock(one, times),
  "round trip": bounce,
};

/** A way that needs a second process; its checksum is how often it was done. */
function together(name: string, initial: number, work: Pair): Way {
  return async (measure, { times }) => {
    using set = SemaphoreSet.create(IPC_PRIVATE, [initial, 0, 0], { removeOnDispose: true });
    const args = ["run", "--allow-ffi", import.meta.filename ?? "", name, `${times}`, `${set.id}`];
    const child = new Deno.Command(Deno.execPath(), { args }).spawn();
    // The other process warms up by itself and opens the gate.
    await set.at(2).acquire();
    await measure((times) => {
      work(set.at(0), set.at(1), times);
      return times;
    });
    await child.status;
  };
}

/** A way with a segment. */
function withSegment(work: (segment: Segment, times: number) => number): Way {
  return async (measure) => {
    using segment = Segment.create(IPC_PRIVATE, 65536, { removeOnDispose: true });
    await measure((times) => work(segment, times));
  };
}

const WAYS: Record<string, Way> = {
  "lock": alone(lock),
  "lock, release()": alone(lockWithoutUsing),
  "lock, await": alone(lockAsync),
  "contend": together("contend", 1, (one, _two, times) => lock(one, times)),
  "round trip": together("round trip", 0, roundTrip),
  "attach": withSegment(attach),
  "copy 64 KiB": withSegment(copy),
};

/** The second process of a way that needs two. */
function accompany(name: string, times: number, id: number): void {
  const set = SemaphoreSet.fromId(id);
  set.at(2).release();
  OTHERS[name](set.at(0), set.at(1), Math.min(times, WARM_UP) + times);
}

if (import.meta.main) {
  const [name, times, third] = Deno.args;
  if (/^\d+$/.test(third)) accompany(name, Number(times), Number(third));
  else await measureOne(WAYS, Deno.args);
}
