// Ways that need several processes: the measuring one starts the others, which run the same program
// with a role in place of the directory. They share a segment, whose first page is the gate.

import { type Attachment, IPC_PRIVATE, Segment } from "../mod.ts";
import { sleep } from "../ffi/wait.ts";
import type { Body, Measure } from "./case.ts";

/** Where in the segment the memory starts that the ways work with. */
export const BASE = 4096;

// Words of the gate.
const [READY, ROUND] = [0, 16];

const affinity = { parameters: ["i32", "usize", "buffer"], result: "i32" } as const;
const { symbols: c } = Deno.dlopen("libc.so.6", {
  sched_getaffinity: affinity,
  sched_setaffinity: affinity,
  sched_yield: { parameters: [], result: "i32" },
});

/**
 * How often something is done before it is measured, on all sides: enough for the optimising
 * compiler, and a multiple of the number of processes.
 */
export function warmUpOf(times: number): number {
  return Math.floor(Math.min(times / 4, 500_000) / 8) * 8;
}

/** Who waits for another process lets others run after so many looks, as in bench/together.h. */
const SPINS = 4000;

/** Waits until something is so: spins, and lets others run when that takes long. */
export function spinUntil(isSo: () => boolean): void {
  for (let tries = 1; !isSo(); tries++) {
    if (tries < SPINS) Atomics.pause();
    else c.sched_yield();
  }
}

/** Holds processes back until all are ready, as often as needed. */
export class Gate {
  readonly #words: Int32Array;
  #round = 0;

  constructor(memory: Attachment) {
    this.#words = memory.array(Int32Array, { length: BASE / 4 });
  }

  /** For the children: says that this one is ready, and waits until the gate is opened. */
  pass(): void {
    this.#round++;
    Atomics.add(this.#words, READY, 1);
    spinUntil(() => Atomics.load(this.#words, ROUND) >= this.#round);
  }

  /** For the parent: whether so many children are ready. */
  isReady(children: number): boolean {
    return Atomics.load(this.#words, READY) >= children * (this.#round + 1);
  }

  /** Waits until so many children are ready, and lets them pass. */
  open(children: number): void {
    spinUntil(() => this.isReady(children));
    Atomics.store(this.#words, ROUND, ++this.#round);
  }
}

/** What a process of several has. */
export interface Party extends Disposable {
  /** The segment: the gate up to {@linkcode BASE}, then zeros. */
  readonly memory: Attachment;
  readonly gate: Gate;
  /** Which child it is, from 0; -1 is the parent. */
  readonly index: number;
}

/** The parent. */
export interface Parent extends Party {
  /** Waits until all children are ready, and lets them pass. */
  openGate(): Promise<void>;
  /**
   * Measures what comes behind a gate, which is opened when this process and all children have
   * warmed up: the children pass it, too.
   */
  measure(measure: Measure, body: Body, warmUp: () => unknown): Promise<void>;
  /** Waits until the children have ended; throws if one of them failed. */
  ended(): Promise<void>;
}

function party(segment: Segment, index: number): Party {
  const memory = segment.attach();
  return { memory, gate: new Gate(memory), index, [Symbol.dispose]: () => memory.detach() };
}

/** What the children are started with. */
export interface Start {
  readonly way: string;
  readonly times: number;
  /** How many children. Default: 1. */
  readonly count?: number;
  /** How much memory they share. */
  readonly byteLength: number;
}

/** Starts the children of a way, and returns this process's part. */
export function start({ way, times, count = 1, byteLength }: Start): Parent {
  const segment = Segment.create(IPC_PRIVATE, BASE + byteLength);
  const own = party(segment, -1);
  segment.remove(); // it ends with the last of the processes, whatever befalls them
  const children = Array.from({ length: count }, (_, index) => {
    const args = ["run", "--allow-ffi", Deno.mainModule, way, `${times}`, `${segment.id}:${index}`];
    return new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
  });
  const statuses = children.map(({ status }) => status);
  for (const status of statuses) {
    // A child that fails leaves this process waiting: so it says so, where it can.
    status.then(({ success }) => success || fail());
  }
  const { gate } = own;
  const ready = async () => {
    while (!gate.isReady(count)) await sleep(1);
  };
  return {
    ...own,
    openGate: async () => {
      await ready();
      gate.open(count);
    },
    measure: (measure, body, warmUp) =>
      measure((times) => {
        gate.open(count);
        return body(times);
      }, async () => {
        await warmUp();
        await ready();
      }),
    ended: async () => {
      await Promise.all(statuses);
    },
  };
}

function fail(): never {
  console.error("a child failed");
  Deno.exit(1);
}

/** The part of a child, from its arguments; `undefined` in the measuring process. */
export function joined(args: readonly string[]): Party | undefined {
  const role = /^(\d+):(\d+)$/.exec(args[2] ?? "");
  if (role === null) return undefined;
  return party(Segment.fromId(Number(role[1])), Number(role[2]));
}

// A cpu_set_t has 1024 bits.
const CPU_SET_SIZE = 128;

/**
 * Keeps this thread on the first or second processor that the process may use, as bench/pin.h does:
 * who waits asleep is often woken on its waker's processor, or isn't, as the scheduler likes, which
 * makes a factor of ten.
 */
export function pin(which: 0 | 1): void {
  const set = new Uint8Array(new ArrayBuffer(CPU_SET_SIZE));
  if (c.sched_getaffinity(0, BigInt(CPU_SET_SIZE), set) < 0) return;
  const allowed = Array.from({ length: 8 * CPU_SET_SIZE }, (_, cpu) => cpu)
    .filter((cpu) => set[cpu >> 3] >> (cpu & 7) & 1);
  const cpu = allowed[which % allowed.length];
  set.fill(0)[cpu >> 3] = 1 << (cpu & 7);
  c.sched_setaffinity(0, BigInt(CPU_SET_SIZE), set);
}
