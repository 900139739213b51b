// A process is killed inside the critical section, and the next one recovers: each step is printed.
//
// Start it with `deno run --allow-ffi --allow-run examples/lock_crash.ts`, then once more with
// --no-repair. Running the processes takes --allow-run.

import { mapMemfd, Memfd, type Memory, Mutex, type MutexGuard } from "../mod.ts";
import { startAgain, success } from "./_child.ts";
import { main, parse, pause, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run examples/lock_crash.ts [options]

Two purses hold 100 each, under a mutex. A process takes 10 out of one and is killed before it puts
them into the other. The next process learns that, puts things right, and goes on.

  --no-repair  the next process doesn't: nobody can lock the mutex any more, until it is recovered
  --help       show this`;

/** Where the mutex lies; before it are the purses, and how far the others are. */
const OFFSET = 64;
const [LEFT, RIGHT, PROGRESS] = [0, 1, 2];
const SUM = 200;

/** Where another mutex lies, which the first process has as long as it lives. */
const LIFELINE = 128;

/** The first argument of the processes that are started; then what finds the memory follows. */
const ROLES = new Map([["--thief", thief], ["--next", next], ["--careless", careless]]);

const role = ROLES.get(Deno.args[0]);
if (role !== undefined) {
  using memory = mapMemfd(Deno.args[1]);
  role(memory);
} else await main(USAGE, crash);

function say(text: string): void {
  console.log(`${Deno.pid}: ${text}`);
}

function purses(memory: Memory): Int32Array {
  return memory.array(Int32Array, { length: 3 });
}

function contents([left, right]: Int32Array): string {
  return `left ${left}, right ${right}`;
}

async function crash(signal: AbortSignal): Promise<void> {
  const { flags, args: [surplus] } = parse({ boolean: ["no-repair"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);

  // Memory without a name: however the processes end, nothing of it stays.
  using memfd = Memfd.create(4096);
  using memory = memfd.map();
  using _lifeline = Mutex.create(memory, { offset: LIFELINE }).lockSync();
  const mutex = Mutex.create(memory, { offset: OFFSET });
  const purse = purses(memory);
  purse.set([SUM / 2, SUM / 2]);
  say(`started; ${contents(purse)}`);
  const start = (role: string) => startAgain(import.meta.url, [role, memfd.inherit()], signal);

  const first = start("--thief");
  const robbed = success("the thief", first, signal);
  await reached(1, purse, robbed, signal);
  const refusal = refused(() => mutex.lockSync({ timeout: 100 }));
  if (refusal === undefined) await robbed; // it has died before its time
  say(`lockSync({ timeout: 100 }): ${refusal}`);

  const second = start(flags["no-repair"] ? "--careless" : "--next");
  const recovered = success("the next one", second, signal);
  await reached(2, purse, recovered, signal);
  await Promise.race([pause(0.2, signal), robbed, recovered]); // it waits now
  say(`kill -9 ${first.pid}`);
  first.kill("SIGKILL");
  await recovered;

  if (flags["no-repair"]) {
    say(`lockSync(): ${refused(() => mutex.lockSync())}`);
    using guard = mutex.recover();
    say(`recover(): ownerDied is ${guard.ownerDied}`);
    repair(purse);
    guard.markConsistent();
  }
  using guard = await mutex.lock({ signal });
  say(`locked it: ownerDied is ${guard.ownerDied}; ${contents(purse)}`);
}

/** Waits until a process has got so far; throws if it ends before. */
async function reached(
  progress: number,
  purse: Int32Array,
  end: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (Atomics.load(purse, PROGRESS) !== progress) {
    await Promise.race([pause(0.01, signal), end]);
  }
}

/** Says why a mutex can't be locked; `undefined` if it can. */
function refused(lock: () => MutexGuard): string | undefined {
  try {
    using _guard = lock();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `${error.name}: ${error.message}`;
  }
}

/** Locks, does half of what it has to do, and never gets further. */
function thief(memory: Memory): void {
  const purse = purses(memory);
  using _guard = Mutex.open(memory, { offset: OFFSET }).lockSync();
  purse[LEFT] -= 10;
  say(`locked the mutex, and took 10 out of the left purse; ${contents(purse)}`);
  Atomics.store(purse, PROGRESS, 1);
  // For as long as there is somebody to kill it.
  using _lifeline = Mutex.open(memory, { offset: LIFELINE }).lockSync();
}

/** Locks, and does as one should. */
function next(memory: Memory): void {
  const purse = purses(memory);
  using guard = wait(memory);
  if (!guard.ownerDied) return;
  repair(purse);
  guard.markConsistent();
  say("markConsistent(), and released it");
}

/** Locks, and doesn't care. */
function careless(memory: Memory): void {
  using _guard = wait(memory);
  say("released it without markConsistent()");
}

function wait(memory: Memory) {
  say("waits for the mutex");
  Atomics.store(purses(memory), PROGRESS, 2);
  const guard = Mutex.open(memory, { offset: OFFSET }).lockSync();
  say(`locked it: ownerDied is ${guard.ownerDied}; ${contents(purses(memory))}`);
  return guard;
}

/** What is missing belongs into the right purse. */
function repair(purse: Int32Array): void {
  purse[RIGHT] = SUM - purse[LEFT];
  say(`repaired it; ${contents(purse)}`);
}
