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
export function initialise(id: number, values: readonly number[]): number {
  const { constants: { SETALL }, errno: { EAGAIN } } = platform();
  const set = semctl(id, 0, SETALL, new Uint16Array(values));
  if (set < 0) return set;
  const mark = values[0] === 0
    ? batch([{ index: 0, change: 0 }])
    : batch([{ index: 0, change: -1 }, { index: 0, change: 1 }]);
  const marked = semop(id, mark.sopsNoWait, mark.nsops);
  // EAGAIN: another process saw the values and changed them first, which marked the set.
  return marked === -EAGAIN ? 0 : marked;
}

/** How far a set is; a negated error number if that can't be learned. */
export function readiness(id: number): "ready" | "empty" | "gone" | number {
  const { constants: { IPC_STAT, GETPID }, layouts: { semid_ds: { fields } } } = platform();
  const record = readRecord(SEMAPHORE_SET, id, IPC_STAT);
  if (typeof record === "number") return isGone(-record) ? "gone" : record;
  if (getNumber(record, fields.sem_otime) !== 0) return "ready";
  // A C program may have set the values and be content with that. Setting them leaves its
  // process id on each semaphore.
  const nsems = getNumber(record, fields.sem_nsems);
  for (let index = 0; index < nsems; index++) {
    const pid = semctl(id, index, GETPID, null);
    if (pid < 0) return isGone(-pid) ? "gone" : pid;
    if (pid === 0) return "empty";
  }
  return "ready";
}

/** The first pause between two looks, and the longest, in milliseconds. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 16;

/**
 * Waits until a set is ready; returns `false` if it was removed meanwhile.
 *
 * @throws {Deno.errors.TimedOut} If it isn't ready at `deadline`, `timeout` milliseconds after the wait began.
 */
export function* untilReady(
  { id, key }: ObjectOrigin,
  { timeout, deadline }: { timeout: number; deadline: number },
): Steps<boolean> {
  for (let pause = FIRST_PAUSE;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const state = readiness(id);
    if (state === "ready") return true;
    if (state === "gone") return false;
    const action = `open ${describeObject(SEMAPHORE_SET, id, key)}`;
    if (state !== "empty") throw systemError({ errno: -state, syscall: "semctl", action });
    const remaining = deadline - performance.now();
    if (remaining <= 0) {
      const { EAGAIN } = platform().errno;
      throw systemError({
        errno: EAGAIN,
        syscall: "semctl",
        action,
        class: Deno.errors.TimedOut,
        advice: {
          EAGAIN: [
            `its creator gave it no values within ${timeout} ms, and has probably died`,
            `Remove it (\`ipcrm -s ${id}\`) and start again, or give it its values with SemaphoreSet.fromId(${id}).setValues().`,
          ],
        },
      });
    }
    yield Math.min(pause, Math.ceil(remaining));
  }
}
