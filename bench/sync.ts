// Locks in shared memory, beside bench/sync.c.

import { mapAnonymous, type Memory } from "../mod.ts";
import { Condition, FutexSemaphore, Mutex, RwLock } from "../sync/mod.ts";
import { setSpinning } from "../sync/patience.ts";
import { besideSpinning, type Case, type Group, measureOne, type Way } from "./case.ts";
import { BASE, joined, type Party, pin, start, warmUpOf } from "./pair.ts";

const CONTENDED: Case = {
  name: "mutex, contended",
  times: 1_000_000,
  what: "two processes increment a counter, each so often; C: its own mutex, never spinning",
  promise: { beside: "c", times: 1.5 },
};

const SEMAPHORE_HANDOVER: Case = {
  name: "semaphore handover",
  times: 20_000,
  what: "wake the other process and be woken; C: sem_t, which never spins",
};

const CONDITION_HANDOVER: Case = {
  name: "condition handover",
  times: 20_000,
  what: "take turns by a condition and a robust mutex, each so often; C: none of them spins",
};

/** The group. Ways with two processes have one on each of two processors. */
export const SYNC: Group = {
  name: "sync",
  permissions: ["--allow-ffi", "--allow-run", "--allow-sys"],
  cases: [
    {
      name: "mutex",
      times: 2_000_000,
      what: "lockSync() and release(), uncontended; C: a robust pthread_mutex_t in shared memory",
      promise: { beside: "c", times: 2 },
    },
    {
      name: "mutex, using",
      times: 2_000_000,
      c: ["mutex"],
      what: "the same with `using`",
      promise: { beside: "c", times: 2 },
    },
    { name: "mutex, try", times: 2_000_000, c: ["mutex"], what: "tryLock() and release()" },
    {
      name: "mutex, await",
      times: 500_000,
      c: ["mutex"],
      what: "lock(), which returns a promise, and release()",
    },
    CONTENDED,
    besideSpinning(CONTENDED),
    {
      name: "rwlock, read",
      times: 1_000_000,
      what: "lockReadSync() and release(); C: pthread_rwlock_t, which no death gives back",
    },
    { name: "semaphore", times: 2_000_000, what: "release() and acquireSync(); C: sem_t" },
    SEMAPHORE_HANDOVER,
    besideSpinning(SEMAPHORE_HANDOVER),
    {
      name: "semaphore handover, asleep",
      times: 20_000,
      c: ["semaphore handover"],
      what: "the same without spinning",
    },
    {
      name: "semaphore handover, await",
      times: 20_000,
      c: ["semaphore handover, spinning"],
      what: "the same by acquire(), which returns a promise; C spins, too",
    },
    {
      name: "semaphore handover, await, asleep",
      times: 20_000,
      c: ["semaphore handover"],
      what: "the same without spinning",
    },
    CONDITION_HANDOVER,
    besideSpinning(CONDITION_HANDOVER),
    {
      name: "condition handover, asleep",
      times: 20_000,
      c: ["condition handover"],
      what: "the same without spinning",
    },
  ],
};

/** Where the words are that a lock guards. */
const [COUNTER, TURN] = [0, 16];

/** What the work is done on. */
interface Bench<Lock> {
  readonly lock: Lock;
  readonly words: Int32Array;
}

/** Does it so many times; `first` in the parent. */
type Work<Lock> = (bench: Bench<Lock>, times: number, first: boolean) => void | Promise<void>;

/** Makes the objects, or opens those that were made. */
type Make<Lock> = (memory: Memory, offset: number, create: boolean) => Lock;

const LOCKS = 1024;

function increment({ lock, words }: Bench<Mutex>, times: number): void {
  for (let i = 0; i < times; i++) {
    const guard = lock.lockSync();
    words[COUNTER]++;
    guard.release();
  }
}

function incrementUsing({ lock, words }: Bench<Mutex>, times: number): void {
  for (let i = 0; i < times; i++) {
    using _guard = lock.lockSync();
    words[COUNTER]++;
  }
}

function incrementTrying({ lock, words }: Bench<Mutex>, times: number): void {
  for (let i = 0; i < times; i++) {
    const guard = lock.tryLock();
    words[COUNTER]++;
    guard?.release();
  }
}

async function incrementAsync({ lock, words }: Bench<Mutex>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const guard = await lock.lock();
    words[COUNTER]++;
    guard.release();
  }
}

function readLock({ lock, words }: Bench<RwLock>, times: number): void {
  for (let i = 0; i < times; i++) {
    const guard = lock.lockReadSync();
    words[COUNTER]++;
    guard.release();
  }
}

/** Two semaphores, in two processes: each takes one and gives the other. */
type Semaphores = readonly [FutexSemaphore, FutexSemaphore];

function giveAndTake({ lock: [semaphore], words }: Bench<Semaphores>, times: number): void {
  for (let i = 0; i < times; i++) {
    semaphore.release();
    semaphore.acquireSync();
    words[COUNTER]++;
  }
}

function handOver({ lock, words }: Bench<Semaphores>, times: number, first: boolean): void {
  const [give, take] = first ? lock : lock.toReversed();
  if (!first) {
    for (let i = 0; i < times; i++) {
      take.acquireSync();
      words[COUNTER]++;
      give.release();
    }
    return;
  }
  for (let i = 0; i < times; i++) {
    give.release();
    take.acquireSync();
    words[COUNTER]++;
  }
}

async function handOverAsync(
  { lock, words }: Bench<Semaphores>,
  times: number,
  first: boolean,
): Promise<void> {
  const [give, take] = first ? lock : lock.toReversed();
  for (let i = 0; i < times; i++) {
    if (first) give.release();
    await take.acquire();
    words[COUNTER]++;
    if (!first) give.release();
  }
}

interface Turns {
  readonly mutex: Mutex;
  readonly condition: Condition;
}

function takeTurns({ lock, words }: Bench<Turns>, times: number, first: boolean): void {
  const self = first ? 1 : 2; // TURN says who had the last one
  for (let i = 0; i < times; i++) {
    const guard = lock.mutex.lockSync();
    while (words[TURN] === self) lock.condition.waitSync(guard);
    words[TURN] = self;
    words[COUNTER]++;
    lock.condition.notifyOne();
    guard.release();
  }
}

/** The same work without spinning, as C's. */
function asleep<Lock>(work: Work<Lock>): Work<Lock> {
  return (bench, times, first) => {
    setSpinning(false);
    return work(bench, times, first);
  };
}

const mutexAt: Make<Mutex> = (memory, offset, create) =>
  create ? Mutex.create(memory, { offset }) : Mutex.open(memory, { offset });

const rwLockAt: Make<RwLock> = (memory, offset, create) =>
  create ? RwLock.create(memory, { offset }) : RwLock.open(memory, { offset });

const semaphoresAt: Make<Semaphores> = (memory, offset, create) => {
  const at = (offset: number) =>
    create ? FutexSemaphore.create(memory, 0, { offset }) : FutexSemaphore.open(memory, { offset });
  return [at(offset), at(offset + 128)];
};

const turnsAt: Make<Turns> = (memory, offset, create) => ({
  mutex: mutexAt(memory, offset, create),
  condition: create
    ? Condition.create(memory, { offset: offset + 128 })
    : Condition.open(memory, { offset: offset + 128 }),
});

/** A way that needs nobody else; its checksum is by how much the counter grew. */
function alone<Lock>(make: Make<Lock>, work: Work<Lock>): Way {
  return async (measure, { times }) => {
    using memory = mapAnonymous(65536, { shared: true });
    const bench = { lock: make(memory, LOCKS, true), words: memory.array(Int32Array) };
    await measure(async (times) => {
      bench.words[COUNTER] = 0;
      await work(bench, times, true);
      return bench.words[COUNTER];
    }, () => work(bench, warmUpOf(times), true));
  };
}

/**
 * A way with two processes, one on each of two processors, that ends when both are done; its
 * checksum is by how much the counter grew, to which both add.
 */
function together<Lock>(name: string, make: Make<Lock>, work: Work<Lock>): Way {
  return async (measure, { times }) => {
    using parent = start({ way: name, times, byteLength: 65536 });
    const bench = benchOf(parent, make, true);
    await parent.openGate();
    pin(0);
    await parent.measure(measure, async (times) => {
      await work(bench, times, true);
      parent.gate.open(1); // the child is done as well
      return bench.words[COUNTER] - 2 * warmUpOf(times);
    }, () => work(bench, warmUpOf(times), true));
    await parent.ended();
  };
}

function benchOf<Lock>({ memory }: Party, make: Make<Lock>, create: boolean): Bench<Lock> {
  return {
    lock: make(memory, BASE + LOCKS, create),
    words: memory.array(Int32Array, { offset: BASE }),
  };
}

/** What the other process does. */
function accompany<Lock>(make: Make<Lock>, work: Work<Lock>) {
  return async (party: Party, times: number): Promise<void> => {
    pin(1);
    party.gate.pass(); // before, the objects aren't there
    const bench = benchOf(party, make, false);
    await work(bench, warmUpOf(times), false);
    party.gate.pass();
    await work(bench, times, false);
    party.gate.pass();
  };
}

type Both = readonly [Way, ReturnType<typeof accompany>];

/** A way's name and both its processes. */
function both<Lock>(name: string, make: Make<Lock>, work: Work<Lock>): [string, Both] {
  return [name, [together(name, make, work), accompany(make, work)]];
}

const PAIRS: Readonly<Record<string, Both>> = Object.fromEntries([
  both("mutex, contended", mutexAt, increment),
  both("semaphore handover", semaphoresAt, handOver),
  both("semaphore handover, await", semaphoresAt, handOverAsync),
  both("semaphore handover, asleep", semaphoresAt, asleep(handOver)),
  both("semaphore handover, await, asleep", semaphoresAt, asleep(handOverAsync)),
  both("condition handover", turnsAt, takeTurns),
  both("condition handover, asleep", turnsAt, asleep(takeTurns)),
]);

const WAYS: Readonly<Record<string, Way>> = {
  "mutex": alone(mutexAt, increment),
  "mutex, using": alone(mutexAt, incrementUsing),
  "mutex, try": alone(mutexAt, incrementTrying),
  "mutex, await": alone(mutexAt, incrementAsync),
  "rwlock, read": alone(rwLockAt, readLock),
  "semaphore": alone(semaphoresAt, giveAndTake),
  ...Object.fromEntries(Object.entries(PAIRS).map(([name, [way]]) => [name, way])),
};

if (import.meta.main) {
  const party = joined(Deno.args);
  if (party === undefined) await measureOne(WAYS, Deno.args);
  else await PAIRS[Deno.args[0]][1](party, Number(Deno.args[1]));
}
