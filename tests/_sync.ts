// Memory of every kind for tests of sync/, and words in it to wait for.

import {
  type Attachment,
  IPC_PRIVATE,
  mapAnonymous,
  Segment,
  SharedMemory,
  type SyncMemory,
} from "../mod.ts";
import { ALL, futexWake } from "../ffi/futex.ts";
import { ownIdentity } from "../ffi/process.ts";
import { FUTEX_WAITERS, hasRobustMutex } from "../ffi/pthread.ts";
import { Patience } from "../sync/patience.ts";
import { placeOf, type SharedPlace } from "../sync/place.ts";
import { timing, type Waitable } from "../sync/waitable.ts";
import { waitingStatus } from "../sync/async_words.ts";
import { until } from "./_objects.ts";

/** Memory that ends with its scope. */
export interface TestMemory extends Disposable {
  readonly memory: SyncMemory;
}

/** A maker of memory of one kind. */
export type MemoryKind = readonly [name: string, make: (size: number) => TestMemory];

/** Every kind of memory that sync/ takes. */
export const MEMORIES: readonly MemoryKind[] = [
  ["an anonymous map", (size) => {
    const memory = mapAnonymous(size, { shared: true });
    return { memory, [Symbol.dispose]: () => memory[Symbol.dispose]() };
  }],
  ["a segment", (size) => {
    using segment = Segment.create(IPC_PRIVATE, size, { removeOnDispose: true });
    const memory = segment.attach();
    return { memory, [Symbol.dispose]: () => memory.detach() };
  }],
  ["a SharedArrayBuffer", (size) => {
    return { memory: new SharedArrayBuffer(size), [Symbol.dispose]: () => {} };
  }],
  ["a SharedMemory", (size) => {
    const memory = SharedMemory.from(mapAnonymous(size, { shared: true }));
    return { memory, [Symbol.dispose]: () => memory[Symbol.dispose]() };
  }],
];

/** A word that is 0 until it is set, to wait for. */
export interface Flag {
  readonly waitable: Waitable<number>;
  /** Sets the word, and wakes all who sleep on it. */
  set(value: number): void;
}

/** The place of all words of some memory. */
export function placeIn(memory: SyncMemory): SharedPlace {
  return placeOf({ name: "test", memory, offset: 0 });
}

/** How often it was asked for the words of {@linkcode flagAt}. */
let attempts = 0;

/**
 * How often it is asked for each of so many words of {@linkcode flagAt} in the time after which
 * they have to be asked for anew, on average over some milliseconds.
 */
export async function attemptsPerRecheck(words: number, milliseconds: number): Promise<number> {
  const [before, start] = [attempts, performance.now()];
  await turn(milliseconds);
  return (attempts - before) / words / ((performance.now() - start) / timing.recheck);
}

/** A word to wait for: an attempt takes the value and leaves 0. */
export function flagAt(place: SharedPlace, index: number, kind?: string): Flag {
  return {
    waitable: {
      place,
      index,
      kind,
      patience: new Patience(),
      attempt() {
        attempts++;
        return Atomics.exchange(place.words, index, 0) || undefined;
      },
    },
    set(value) {
      Atomics.store(place.words, index, value);
      futexWake(place.address + BigInt(4 * index), ALL);
    },
  };
}

/** Waits until nothing of this thread is in the kernel any more. */
export async function settled(): Promise<void> {
  const nothing = () => Object.values(waitingStatus()).every((count) => count === 0);
  await until(nothing, "the thread left the kernel");
}

/** Until the end of the scope what got lost stays lost, and isn't found after 100 ms. */
export function withoutHealing(): Disposable {
  const { recheck } = timing;
  timing.recheck = 1e6;
  return { [Symbol.dispose]: () => void (timing.recheck = recheck) };
}

/** Lets timers and other processes have a turn. */
export async function turn(milliseconds = 0): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Whether there are the objects of sync/ and ring/ here: on Linux with glibc. */
export const HAS_LOCKS: boolean = Deno.build.os === "linux" && hasRobustMutex();

if (!HAS_LOCKS) console.log("skipped, there are no robust mutexes here: locks and channels");

/** How a test is registered. */
interface Register {
  (name: string, test: (t: Deno.TestContext) => void | Promise<void>): void;
  (definition: Omit<Deno.TestDefinition, "only">): void;
}

/** Registers a test of sync/ or ring/, which is skipped where there can't be such objects. */
export const test: Register = HAS_LOCKS ? Deno.test : Deno.test.ignore;

/** A segment of its own with something in it, which both end with the scope. */
export interface Shared<T> extends Disposable {
  readonly segment: Segment;
  readonly memory: Attachment;
  /** What lies in it. */
  readonly object: T;
  /** The segment's id, as an argument for other processes. */
  readonly id: string;
}

/** Makes a segment, and something in it. */
export function sharedSegment<T>(
  size: number,
  make: (memory: Attachment) => T,
): Shared<T> {
  using stack = new DisposableStack();
  const segment = stack.use(Segment.create(IPC_PRIVATE, size, { removeOnDispose: true }));
  const memory = stack.use(segment.attach());
  const object = make(memory);
  const owned = stack.move();
  return { segment, memory, object, id: `${segment.id}`, [Symbol.dispose]: () => owned.dispose() };
}

/** Waits until somebody sleeps on a mutex that begins at a word. */
export async function untilContended(
  words: Int32Array<ArrayBufferLike>,
  at: number,
): Promise<void> {
  await until(
    () => (Atomics.load(words, at) & FUTEX_WAITERS) !== 0,
    "somebody waits for the mutex",
  );
}

/** Pretends that the identity at a word is that of a thread of this pid that died. */
export function bury(words: Int32Array<ArrayBufferLike>, at: number, pid: number): void {
  const { tid, namespace } = ownIdentity();
  // This thread started at another time: it isn't the one that had the number then.
  words.set([tid, pid, 1, 0, namespace], at);
}

/** Pretends that the identity at a word is that of a thread of this pid that lives: this one. */
export function animate(words: Int32Array<ArrayBufferLike>, at: number, pid: number): void {
  const { tid, startTime, namespace } = ownIdentity();
  const start = [Number(BigInt.asIntN(32, startTime)), Number(startTime >> 32n)];
  words.set([tid, pid, ...start, namespace], at);
}

/** Pretends that the identity at a word is of a container that nobody here can look into. */
export function elsewhere(words: Int32Array<ArrayBufferLike>, at: number): void {
  words.set([1, 1, 1, 0, ownIdentity().namespace ^ 1], at);
}
