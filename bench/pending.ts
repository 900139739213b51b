// What many pending promises cost: threads of Deno's pool, a processor's time, and what
// Deno.readTextFile() takes beside them, which needs such a thread as well. Start it with
// `deno run --allow-all bench/pending.ts [rounds]`. Each figure is of a process of its own.

import process from "node:process";
import { fileURLToPath } from "node:url";
import { asyncWaiting, FutexSemaphore, mapAnonymous } from "../mod.ts";
import { platform } from "../ffi/platform.ts";
import { sleep } from "../ffi/wait.ts";
import { median, run } from "./laboratory.ts";

/** How many semaphores, each in a cache line of its own, are waited for. */
const COUNTS = [0, 1, 250, 10_000];
const [STRIDE, OFFSET] = [128, 128];
const READS = 400;
/** For so long nothing is done while the processor's time is measured, in milliseconds. */
const IDLE = 2000;

interface Found {
  /** By how many threads the process grew: none, where its pool had an idle one. */
  readonly threads: number;
  /** How many threads are in the kernel to wait for words. */
  readonly waiting: number;
  /** Which part of a processor it used, in percent. */
  readonly processor: number;
  /** How long Deno.readTextFile() took, in milliseconds: the median and the 95th percentile. */
  readonly read: number;
  readonly slowRead: number;
  /** How long it took from the first release to the last settled promise, in milliseconds. */
  readonly wake: number;
  readonly mode: string;
}

function threads(): number {
  return Number(/^Threads:\s*(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
}

/** How many threads are in `futex_waitv`: the pool has others, which wait for work. */
function waitingThreads(): number {
  return Array.from(Deno.readDirSync("/proc/self/task")).filter(({ name }) => {
    const call = Deno.readTextFileSync(`/proc/self/task/${name}/syscall`);
    return Number.parseInt(call) === platform().syscalls?.futex_waitv;
  }).length;
}

async function readTimes(): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < READS; i++) {
    const start = performance.now();
    await Deno.readTextFile(new URL(import.meta.url));
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

async function measure(count: number): Promise<Found> {
  using memory = mapAnonymous(OFFSET + STRIDE * count, { shared: true });
  const semaphores = Array.from(
    { length: count },
    (_, i) => FutexSemaphore.create(memory, 0, { offset: OFFSET + STRIDE * i }),
  );
  await sleep(1500); // what starts with the process has started
  const before = threads();
  const waits = semaphores.map((semaphore) => semaphore.acquire());
  await sleep(500);
  const [during, waiting] = [threads(), waitingThreads()];
  const used = process.cpuUsage();
  await sleep(IDLE);
  const { user, system } = process.cpuUsage();
  await readTimes(); // to warm up
  const times = await readTimes();
  const start = performance.now();
  for (const semaphore of semaphores) semaphore.release();
  await Promise.all(waits);
  return {
    threads: during - before,
    waiting,
    processor: (user + system - used.user - used.system) / 1000 / IDLE * 100,
    read: median(times),
    slowRead: times[Math.floor(0.95 * READS)],
    wake: performance.now() - start,
    mode: asyncWaiting(),
  };
}

async function compare(rounds: number): Promise<void> {
  const found = new Map(COUNTS.map((count): [number, Found[]] => [count, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [count, list] of found) {
      const args = ["run", "--allow-all", fileURLToPath(import.meta.url), "--one", `${count}`];
      list.push(JSON.parse(await run(Deno.execPath(), ...args)));
    }
  }
  console.log(
    "pending  new threads  in futex_waitv  processor  readTextFile()  95 % within  all woken",
  );
  for (const [count, list] of found) {
    const of = (key: Exclude<keyof Found, "mode">) => median(list.map((one) => one[key]));
    console.log([
      `${count}`.padStart(7),
      `${of("threads")}`.padStart(11),
      `${of("waiting")}`.padStart(14),
      `${of("processor").toFixed(1)} %`.padStart(9),
      `${(1000 * of("read")).toFixed(0)} us`.padStart(14),
      `${(1000 * of("slowRead")).toFixed(0)} us`.padStart(11),
      `${of("wake").toFixed(1)} ms`.padStart(9),
    ].join("  "));
  }
  console.log(`waiting by ${found.get(COUNTS[0])?.[0].mode}; ${rounds} rounds`);
}

if (Deno.args[0] === "--one") console.log(JSON.stringify(await measure(Number(Deno.args[1]))));
else await compare(Number(Deno.args[0] ?? "5"));
