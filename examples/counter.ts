// Several processes add to one number in shared memory. A number that is read, increased and written
// back by two at once is increased only once; a semaphore keeps them apart.
//
// Start it with `deno run --allow-ffi --allow-run examples/counter.ts`, then once more with
// --no-guard. Running the processes takes --allow-run.

import { IPC_PRIVATE, Segment, type Semaphore, SemaphoreSet } from "../mod.ts";
import { startAgain, success } from "./_child.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run examples/counter.ts [options]

Starts processes that each add 1 to the same integer in a segment, and prints the total.

  --processes <number>  how many processes (default: 4)
  --times <number>      how many times each adds 1 (default: 10000)
  --no-guard            use no semaphore: updates get lost
  --help                show this`;

/** The semaphore that guards the count. It holds 1: who takes it may count. */
const GUARD = 0;
/** The semaphore at which all wait for each other. It holds how many have yet to come. */
const GATE = 1;

/** The first argument of a worker; `work()` tells the others. */
const WORKER = "--worker";

/** How long adding 1 takes, in milliseconds: as if it were a longer calculation. */
const CALCULATION = 0.005;

const MAX_PROCESSES = 100;
const MAX_COUNT = 2 ** 31 - 1; // of an Int32Array's element, C's int

if (Deno.args[0] === WORKER) work(Deno.args.slice(1).map(Number));
else await main(USAGE, count);

async function count(signal: AbortSignal): Promise<void> {
  const { flags, args: [surplus] } = parse({
    boolean: ["no-guard"],
    string: ["processes", "times"],
  });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const processes = integer("--processes", flags.processes ?? "4", 1, MAX_PROCESSES);
  const times = integer("--times", flags.times ?? "10000", 1, Math.floor(MAX_COUNT / processes));
  const guarded = !flags["no-guard"];

  using segment = Segment.create(IPC_PRIVATE, Int32Array.BYTES_PER_ELEMENT, {
    removeOnDispose: true,
  });
  using set = SemaphoreSet.create(IPC_PRIVATE, [1, processes], { removeOnDispose: true });
  using memory = segment.attach();
  console.error(`counting in segment ${segment.id} with semaphore set ${set.id}`);

  const args = [WORKER, ...[segment.id, set.id, times, Number(guarded)].map(String)];
  const workers = Array.from(
    { length: processes },
    () => startAgain(import.meta.url, args, signal),
  );
  await Promise.all(workers.map(async (worker) => {
    try {
      await success("a worker", worker, signal);
    } catch (error) {
      if (signal.aborted) return;
      console.error((error as Error).message);
      Deno.exitCode = 1;
      // If it never came to the gate, the others still wait there for it.
      set.at(GATE).tryAcquire();
    }
  }));
  signal.throwIfAborted();

  const [total] = memory.array(Int32Array);
  const lost = processes * times - total;
  console.log(`total ${total} of ${processes * times}${lost > 0 ? `, ${lost} were lost` : ""}`);
}

/**
 * What each process does. It listens for no signal: it couldn't hear one while it waits in the kernel.
 * So a signal ends it, and the kernel gives back the guard if it held it.
 */
function work([segmentId, setId, times, guarded]: number[]): void {
  using set = SemaphoreSet.fromId(setId);
  using memory = Segment.fromId(segmentId).attach();
  const counter = memory.array(Int32Array);
  const guard = set.at(GUARD);
  passGate(set.at(GATE));
  for (let time = 0; time < times; time++) {
    if (guarded) {
      using _guard = guard.lockSync();
      addOne(counter);
    } else {
      addOne(counter);
    }
  }
}

/** Waits until all are there: without that, the first may be ready before the last has started. */
function passGate(gate: Semaphore): void {
  gate.tryAcquire(); // false if one died, and the gate was opened without it
  gate.waitForZeroSync();
}

/** Adds 1 as no process should without a guard: what others write in the meantime is lost. */
function addOne(counter: Int32Array): void {
  const value = counter[0];
  const start = performance.now();
  while (performance.now() - start < CALCULATION);
  counter[0] = value + 1;
}
