// System V segments and semaphores, beside bench/sysv.c.

import { IPC_PRIVATE, Segment, type Semaphore, SemaphoreSet } from "../mod.ts";
import { besideSpinning, type Case, type Group, measureOne, type Way } from "./case.ts";
import { BASE, joined, type Party, pin, start, warmUpOf } from "./pair.ts";

const CONTEND: Case = {
  name: "contend",
  times: 50_000,
  what: "as `lock`, while another process does too; Isthmus first tries for 15 us",
};

const ROUND_TRIP: Case = {
  name: "round trip",
  times: 30_000,
  what: "wake the other process and be woken; Isthmus first tries for 15 us",
};

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
    CONTEND,
    besideSpinning(CONTEND),
    ROUND_TRIP,
    besideSpinning(ROUND_TRIP),
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
type Work = (one: Semaphore, two: Semaphore, times: number) => void;

/** What both processes do, in the ways that need two, and with what the first semaphore begins. */
interface Pair {
  readonly parent: Work;
  readonly child: Work;
  readonly initial: number;
}

const lockFirst: Work = (one, _two, times) => lock(one, times);

const PAIRS: Readonly<Record<string, Pair>> = {
  "contend": { parent: lockFirst, child: lockFirst, initial: 1 },
  "round trip": { parent: roundTrip, child: bounce, initial: 0 },
};

/** Where the parent tells its child which set it is. */
function idIn({ memory }: Party): Int32Array {
  return memory.array(Int32Array, { offset: BASE, length: 1 });
}

/** A way with two processes, one on each of two processors, that ends when both are done. */
function together(way: string): Way {
  return async (measure, { times }) => {
    const { parent: work, initial } = PAIRS[way];
    using set = SemaphoreSet.create(IPC_PRIVATE, [initial, 0], { removeOnDispose: true });
    using parent = start({ way, times, byteLength: 64 });
    idIn(parent)[0] = set.id;
    await parent.openGate();
    pin(0);
    const [one, two] = [set.at(0), set.at(1)];
    await parent.measure(measure, (times) => {
      work(one, two, times);
      parent.gate.open(1); // the child is done as well
      return times;
    }, () => work(one, two, warmUpOf(times)));
    await parent.ended();
  };
}

/** The child of such a way. */
function accompany(way: string, party: Party, times: number): void {
  pin(1);
  party.gate.pass(); // before, the set isn't there
  const set = SemaphoreSet.fromId(idIn(party)[0]);
  const work = (times: number) => PAIRS[way].child(set.at(0), set.at(1), times);
  work(warmUpOf(times));
  party.gate.pass();
  work(times);
  party.gate.pass();
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
  ...Object.fromEntries(Object.keys(PAIRS).map((way) => [way, together(way)])),
  "attach": withSegment(attach),
  "copy 64 KiB": withSegment(copy),
};

if (import.meta.main) {
  const party = joined(Deno.args);
  if (party === undefined) await measureOne(WAYS, Deno.args);
  else accompany(Deno.args[0], party, Number(Deno.args[1]));
}
