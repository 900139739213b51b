// Memory of every kind for tests of sync/, and words in it to wait for.

import process from "node:process";

import { IPC_PRIVATE, mapAnonymous, Segment, SharedMemory, type SyncMemory } from "../mod.ts";
import { ALL, futexWake } from "../ffi/futex.ts";
import { Patience } from "../sync/patience.ts";
import { placeOf, type SharedPlace } from "../sync/place.ts";
import { timing, type Waitable } from "../sync/waiting.ts";
import { waitingStatus } from "../sync/waiting_words.ts";
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

/** A word to wait for: an attempt takes the value and leaves 0. */
export function flagAt(place: SharedPlace, index: number, kind?: string): Flag {
  return {
    waitable: {
      place,
      index,
      kind,
      patience: new Patience(),
      attempt: () => Atomics.exchange(place.words, index, 0) || undefined,
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

/** Microseconds of processor time that this process takes in some milliseconds. */
export async function cpuTime(milliseconds: number): Promise<number> {
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Lets timers and other processes have a turn. */
export async function turn(milliseconds = 0): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Does something only on Linux, where alone there are these objects. */
export const onLinux = { ignore: Deno.build.os !== "linux" };
