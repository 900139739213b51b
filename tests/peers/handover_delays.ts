// Delays at odd places: before each atomic step and each system call of the library, at the points
// of ring/, and where a test asks for one. Most races are so narrow that they don't happen within a
// million rounds unless somebody is held up just there, as the scheduler does now and then.

import { FutexVector } from "../../ffi/futex.ts";
import { libc } from "../../ffi/libc.ts";
import { sleepSync } from "../../ffi/wait.ts";
import { points } from "../../ring/test_points.ts";
import type { Random } from "../_random.ts";

/** A function whose arguments and result nobody here looks at. */
type Plain = (...args: unknown[]) => unknown;

/** The steps of which programs that share memory consist. */
const STEPS = ["load", "store", "exchange", "compareExchange", "add", "sub", "and", "or"] as const;

const atomics = Atomics as unknown as Record<string, Plain>;
const natives = new Map<string, Plain>(STEPS.map((step) => [step, atomics[step]]));

/** How often this process went to sleep in the kernel, or had a thread of the pool do so. */
let sleeps = 0;

/** How often this process went to sleep so far. */
export function sleepsSoFar(): number {
  return sleeps;
}

/** What is done before each step. */
let before: (() => void) | undefined;

/** Whether a thread that sleeps on a mutex looks again by itself. */
let mutexesHeal = true;

/** Whether a thread that sleeps on a mutex looks again after some milliseconds, as it does. */
export function setMutexHealing(on: boolean): void {
  mutexesHeal = on;
}

/** Keeps the thread busy for some microseconds. */
export function busy(microseconds: number): void {
  const end = performance.now() + microseconds / 1000;
  while (performance.now() < end);
}

/** Holds the thread up: seldom, and for longer the more seldom. */
function holdUp(random: Random): void {
  const dice = random(2048);
  if (dice < 128) busy(random(3));
  else if (dice < 160) busy(random(100)); // as long as it takes to wake a thread
  else if (dice === 160) sleepSync(random(10) / 10); // as if another process got the processor
}

/** Holds the thread up between two operations. */
export function pause(random: Random): void {
  if (before !== undefined && random(4) === 0) busy(random(60));
}

/** Has the library be held up everywhere; without random numbers, nowhere any more. */
export function setDelays(random: Random | undefined): void {
  before = random && (() => holdUp(random));
  points.hook = before;
  for (const [step, native] of natives) {
    if (random === undefined) atomics[step] = native;
    else {
      atomics[step] = (array, index, value, replacement) => {
        holdUp(random);
        return native(array, index, value, replacement);
      };
    }
  }
}

/** Counts the sleeps, and stands where delays are to be before system calls. Before any object. */
export function watchSystemCalls(): void {
  wrap(libc().c, "pthread_mutex_trylock");
  wrap(libc().c, "pthread_mutex_unlock");
  wrap(libc().c, "syscall_futex", ([, , operation]) => void (operation === 0 && sleeps++));
  wrap(FutexVector.prototype, "waitNonblocking", () => void sleeps++);
  wrap(libc().c, "pthread_mutex_clocklock", ([, , deadline]) => {
    sleeps++;
    if (!mutexesHeal) (deadline as BigInt64Array)[0] += 1_000_000n;
  });
}

/** Does something before each call of a function. */
function wrap(target: object, name: string, prepare?: (args: unknown[]) => void): void {
  const functions = target as Record<string, Plain>;
  const native = functions[name];
  functions[name] = function (...args) {
    before?.();
    prepare?.(args);
    return native.apply(this, args);
  };
}
