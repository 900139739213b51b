// A process is killed inside the critical section, and the next one recovers: each step is printed.
//
// Start it with `deno run --allow-ffi --allow-run examples/lock_crash.ts`, then once more with
// --no-repair. Running the processes takes --allow-run.

import { IPC_PRIVATE, type Memory, Mutex, Segment } from "../mod.ts";
import { failure, startAgain } from "./_child.ts";
import { main, parse, pause, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi --allow-run examples/lock_crash.ts [options]

Two purses hold 100 each, under a mutex. A process takes 10 out of one and is killed before it puts
them into the other. The next process learns that, puts things right, and goes on.

  --no-repair  the next process doesn't: nobody can lock the mutex any more, until it is recovered
  --help       show this`;

/** Where the mutex lies; before it are the purses, and how far the first process is. */
const OFFSET = 64;
const [LEFT, RIGHT, PROGRESS] = [0, 1, 2];
const SUM = 200;

/** The first argument of the processes that are started; then the segment's id follows. */
const ROLES = { "--thief": thief, "--next": next, "--careless": careless };

const role = ROLES[Deno.args[0] as keyof typeof ROLES];
if (role !== undefined) {
  using memory = Segment.fromId(Number(Deno.args[1])).attach();
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

  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using memory = segment.attach();
  const mutex = Mutex.create(memory, { offset: OFFSET });
  const purse = purses(memory);
  purse.set([SUM / 2, SUM / 2]);
  say(`started; ${contents(purse)}`);
  const start = (role: keyof typeof ROLES) =>
    startAgain(import.meta.url, [role, String(segment.id)], signal);

  const first = start("--thief");
  await reached(1, purse, first, signal);
  say(`lockSync({ timeout: 100 }): ${nameOf(() => mutex.lockSync({ timeout: 100 }))}`);
  const second = start(flags["no-repair"] ? "--careless" : "--next");
  await reached(2, purse, second, signal);
  await pause(0.2, signal); // it waits now
  say(`kill -9 ${first.pid}`);
  first.kill("SIGKILL");
  await first.status;
  const ended = await second.status;
  if (!ended.success) throw new Error(failure(second.pid, ended));

  if (flags["no-repair"]) {
    say(`lockSync(): ${nameOf(() => mutex.lockSync())}`);
    using guard = mutex.recover();
    say(`recover(): ownerDied is ${guard.ownerDied}`);
    repair(purse);
    guard.markConsistent();
  }
  using guard = await mutex.lock({ signal });
  say(`locked it: ownerDied is ${guard.ownerDied}; ${contents(purse)}`);
}

/** Waits until a process has got so far; throws if it ended before. */
async function reached(
  progress: number,
  purse: Int32Array,
  { pid, status }: Deno.ChildProcess,
  signal: AbortSignal,
): Promise<void> {
  let ended: Deno.CommandStatus | undefined;
  status.then((how) => ended = how);
  while (Atomics.load(purse, PROGRESS) !== progress) {
    if (ended !== undefined) throw new Error(`${failure(pid, ended)}, before it got so far`);
    await pause(0.01, signal);
  }
}

/** The name of the error that something throws. */
function nameOf(call: () => unknown): string {
  try {
    call();
    return "no error";
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
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // for ever
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
