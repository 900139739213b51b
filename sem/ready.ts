import { systemError } from "../ffi/errors.ts";
import { getNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";
import { semctl, semop } from "../ffi/sysv_sem.ts";
import { describeObject, isGone, type ObjectOrigin, readRecord } from "../sysv/object.ts";
import { batch } from "./batch.ts";
import { SEMAPHORE_SET } from "./kind.ts";
import type { Steps } from "./steps.ts";

// A new set exists before it has values: semget and SETALL are two calls. A second process
// must not take the zeros in between for values, so it waits until the set is ready.

/**
 * Gives a new set its values, and marks it as ready for those who follow
 * Stevens and wait for `sem_otime`: with an operation that changes nothing.
 *
 * @returns 0, or a negated error number.
 */
export function initialise(id: number, values: Uint16Array<ArrayBuffer>): number {
  const { constants: { SETALL }, errno: { EAGAIN } } = platform();
  const set = semctl(id, 0, SETALL, values);
  if (set < 0) return set;
  const mark = values[0] === 0
    ? batch([{ index: 0, change: 0 }])
    : batch([{ index: 0, change: -1 }, { index: 0, change: 1 }]);
  const marked = semop(id, mark.sopsNoWait, mark.nsops);
  // EAGAIN: another process saw the values and changed them first, which marked the set.
  return marked === -EAGAIN ? 0 : marked;
}

/** What can be seen of a set: how many semaphores it has, and whether they have their values. */
export interface Readiness {
  readonly nsems: number;
  readonly ready: boolean;
}

/** How far a set is; `null` if it is gone, a negated error number if that can't be learned. */
export function readiness(id: number): Readiness | null | number {
  const { constants: { IPC_STAT }, layouts: { semid_ds: { fields } } } = platform();
  const record = readRecord(SEMAPHORE_SET, id, IPC_STAT);
  if (typeof record === "number") return isGone(-record) ? null : record;
  const nsems = getNumber(record, fields.sem_nsems);
  const ready = getNumber(record, fields.sem_otime) !== 0 || hasValues(id, nsems);
  return { nsems, ready };
}

/**
 * Whether each semaphore was given a value, though none was ever waited for: a C program may leave
 * it at that. Setting a value leaves the process id on the semaphore, if that is visible from here.
 */
function hasValues(id: number, nsems: number): boolean {
  const { GETPID, GETVAL } = platform().constants;
  for (let index = 0; index < nsems; index++) {
    if (semctl(id, index, GETPID, null) <= 0 && semctl(id, index, GETVAL, null) <= 0) return false;
  }
  return true;
}

/** The first pause between two looks, and the longest, in milliseconds. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 16;

/**
 * Waits until a set is ready, and returns how many semaphores it has; `null` if it was removed
 * meanwhile.
 *
 * @throws {Deno.errors.TimedOut} If it isn't ready at `deadline`, `timeout` milliseconds after the
 * wait began.
 */
export function* untilReady(
  { id, key }: ObjectOrigin,
  { timeout, deadline }: { timeout: number; deadline: number },
): Steps<number | null> {
  const action = `open ${describeObject(SEMAPHORE_SET, id, key)}`;
  for (let pause = FIRST_PAUSE;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const state = readiness(id);
    if (typeof state === "number") throw systemError({ errno: -state, syscall: "semctl", action });
    if (state === null) {
      yield FIRST_PAUSE; // whoever removed it may be about to make another
      return null;
    }
    if (state.ready) return state.nsems;
    const remaining = deadline - performance.now();
    if (remaining <= 0) throw neverReady(id, action, timeout);
    yield Math.min(pause, Math.ceil(remaining));
  }
}

function neverReady(id: number, action: string, timeout: number): Error {
  return systemError({
    errno: platform().errno.ETIMEDOUT,
    syscall: "semget",
    action,
    advice: {
      ETIMEDOUT: [
        `its creator gave it no values within ${timeout} ms, and has probably died`,
        `Remove it (\`ipcrm -s ${id}\`, SemaphoreSet.remove(${id})) and start again, ` +
        `or give it its values with SemaphoreSet.fromId(${id}).setValues().`,
      ],
    },
  });
}
