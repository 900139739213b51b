// Programs transfer money between accounts in shared memory, under one mutex: this one, and bank.c,
// in C. The sum never changes, whichever is killed, and when: each writes down what it is about to
// do, and the next one who gets the mutex finishes what a dead one began.
//
// Start it with `deno run --allow-ffi examples/bank.ts --transfers 0`, and at the same time
// `cc -O2 examples/bank.c -o bank -lrt -lpthread && ./bank --transfers 0`. Kill one with `kill -9`
// and start it again; --check tells the sum.

import { Mutex, PosixSharedMemory } from "../mod.ts";
import { bankAt, type BankRecord, found, lock, SIZE, sum, TOTAL, transfer } from "./_bank.ts";
import { integer, main, parse, pause, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/bank.ts [options]

Transfers money between accounts in POSIX shared memory, together with any number of programs like
it, and prints how many transfers there were and the sum. Whoever comes first opens the accounts.

  --transfers <number>  how many transfers to make; 0: until Ctrl-C (default: 100000)
  --name <name>         the name of the memory (default: /isthmus-bank)
  --check               only print the sum
  --remove              only remove the memory
  --die-at <1..7>       kill itself at that step of a transfer (7: before it repairs what somebody
                        left)
  --help                show this`;

const MAX_TRANSFERS = 2 ** 31 - 1;

/** After how many transfers it listens for signals, which it can't hear while it is at work. */
const BATCH = 1000;

/** How long to wait, in seconds, for somebody who is opening the accounts. */
const PATIENCE = 2;

await main(USAGE, async (signal) => {
  const { flags, args: [surplus] } = parse({
    boolean: ["check", "remove"],
    string: ["transfers", "name", "die-at"],
  });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  const { name = "/isthmus-bank" } = flags;
  const times = integer("--transfers", flags.transfers ?? "100000", 0, MAX_TRANSFERS);
  const last = integer("--die-at", flags["die-at"] ?? "0", 0, 7);
  if (flags.remove) return PosixSharedMemory.remove(name);

  using object = flags.check
    ? PosixSharedMemory.open(name)
    : PosixSharedMemory.openOrCreate(name, SIZE);
  using memory = object.map();
  const bank = bankAt(memory);
  if (object.created) Mutex.create(memory);
  if (object.created) found(bank);
  for (let waited = 0; bank.ready.load() !== 1; waited += 0.01) {
    if (waited > PATIENCE) throw new Error(`${name} is not ready: use --remove, and start again`);
    await pause(0.01, signal);
  }
  const mutex = Mutex.open(memory);

  // At a random moment among many, if told to die; or the first time that it finds a dead owner.
  let lives = last === 7 ? 0 : Math.floor(Math.random() * 200);
  const atStep = (step: number) => {
    if (step === last && lives-- === 0) Deno.kill(Deno.pid, "SIGKILL");
  };
  for (let done = 0; !flags.check && (times === 0 || done < times); done++) {
    if (done % BATCH === 0) await pause(0, signal).catch(() => {});
    if (signal.aborted) break;
    using _guard = lock(bank, mutex, console.error, atStep);
    transfer(bank, atStep);
  }
  report(bank, mutex);
});

/** Prints the sum, and fails if it is wrong. */
function report(bank: BankRecord, mutex: Mutex): void {
  using _guard = lock(bank, mutex, console.error, () => {});
  const total = sum(bank);
  console.log(`${bank.transfers} transfers, total ${total}`);
  if (total === TOTAL) return;
  console.error(`the total should be ${TOTAL}`);
  Deno.exitCode = 1;
}
