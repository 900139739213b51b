// The work that bench/peer.c does, through Isthmus: `peer.ts <case> <times>` prints nanoseconds
// for one. With a set's id as a third argument it is the second process of a case that needs two.

import { IPC_PRIVATE, Segment, type Semaphore, SemaphoreSet } from "../mod.ts";

/** Enough for the optimising compiler to have seen the loop. */
const WARM_UP = 20_000;

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

function attach(segment: Segment, times: number): void {
  for (let i = 0; i < times; i++) {
    using memory = segment.attach();
    memory.bytes[0] = i;
  }
}

function copy(segment: Segment, times: number): void {
  using memory = segment.attach();
  const block = new Uint8Array(65536);
  memory.bytes.fill(1);
  for (let i = 0; i < times; i++) {
    block[i % block.length]++;
    memory.bytes.set(block);
  }
}

/** Starts the second process, on this set; `started` is when it is warm. */
function second(name: string, times: number, set: SemaphoreSet): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-ffi", import.meta.filename ?? "", name, String(times), String(set.id)],
  }).spawn();
}

async function measure(name: string, times: number): Promise<number> {
  const first = name === "round trip" ? 0 : 1;
  using set = SemaphoreSet.create(IPC_PRIVATE, [first, 0, 0], { removeOnDispose: true });
  using segment = Segment.create(IPC_PRIVATE, 65536, { removeOnDispose: true });
  const [one, two, gate] = [set.at(0), set.at(1), set.at(2)];
  const work: Record<string, (times: number) => void | Promise<void>> = {
    "lock": (times) => lock(one, times),
    "lock, release()": (times) => lockWithoutUsing(one, times),
    "lock, await": (times) => lockAsync(one, times),
    "contend": (times) => lock(one, times),
    "round trip": (times) => roundTrip(one, two, times),
    "attach": (times) => attach(segment, times),
    "copy 64 KiB": (times) => copy(segment, times),
  };
  const needsTwo = name === "contend" || name === "round trip";
  const child = needsTwo ? second(name, times, set) : undefined;
  // The other process warms up by itself and opens the gate.
  if (needsTwo) await gate.acquire();
  await work[name](Math.min(times, WARM_UP));
  const start = performance.now();
  await work[name](times);
  const nanoseconds = (performance.now() - start) * 1e6 / times;
  await child?.status;
  return nanoseconds;
}

/** The second process of a case that needs two. */
function accompany(name: string, times: number, id: number): void {
  const set = SemaphoreSet.fromId(id);
  const [one, two, gate] = [set.at(0), set.at(1), set.at(2)];
  gate.release();
  const all = Math.min(times, WARM_UP) + times;
  if (name === "contend") lock(one, all);
  else bounce(one, two, all);
}

const [name, times, id] = Deno.args;
if (id === undefined) console.log(await measure(name, Number(times)));
else accompany(name, Number(times), Number(id));
