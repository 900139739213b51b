import { livenessOf, ownIdentity } from "../ffi/process.ts";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, MUTEX_LOCK } from "../ffi/pthread.ts";
import { claimIdentity, clearIdentity, holderAt, isDeadAt, pidAt } from "../sync/identity.ts";
import { BUSY, OWNER_DIED } from "../sync/lock_result.ts";
import { MutexCore } from "../sync/mutex_core.ts";
import type { Participant } from "./peer_target.ts";
import type { Station } from "./station.ts";
import { DEAD_PID, DEATHS, SEAT, SENDER } from "./station_layout.ts";

// The seat of the one sender: a robust mutex, held for as long as the sender is attached. The
// kernel frees it when the sender's thread ends.

/** The sender's side of it. */
export class SenderSeat {
  readonly #station: Station;
  readonly #mutex: MutexCore;

  /**
   * Takes it.
   *
   * @throws {Deno.errors.Busy} If somebody has it.
   */
  constructor(station: Station) {
    const { place } = station;
    this.#station = station;
    this.#mutex = new MutexCore(place, SEAT);
    const { words } = place;
    let result = this.#mutex.tryLock();
    if (result === BUSY && this.#freeAbandoned()) result = this.#mutex.tryLock();
    if (result === BUSY) throw occupied(station);
    if (result === OWNER_DIED) {
      const pid = pidAt(words, SENDER);
      if (pid !== 0) { // else it hadn't said yet that it is the sender
        Atomics.store(words, DEAD_PID, pid);
        Atomics.add(words, DEATHS, 1);
      }
      this.#mutex.consistent();
    }
    clearIdentity(words, SENDER);
    claimIdentity(words, SENDER);
  }

  /**
   * Frees the mutex of one whose end no kernel has seen: in a file, after the machine was switched
   * off; or of a Worker that was terminated and took its memory along.
   */
  #freeAbandoned(): boolean {
    const { words } = this.#station.place;
    const word = Atomics.load(words, SEAT + MUTEX_LOCK);
    if ((word & FUTEX_TID_MASK) === 0) return true; // it was left meanwhile
    const dead = isNamed(words, word) ? isDeadAt(words, SENDER) : isNobodys(word);
    if (dead) this.#mutex.leaveDead(word);
    return dead;
  }

  /** Leaves it to the next one. */
  leave(): void {
    try {
      clearIdentity(this.#station.place.words, SENDER);
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // the memory was closed before
    } finally {
      this.#mutex.unlock();
    }
  }
}

function occupied({ place }: Station): Error {
  const pid = pidAt(place.words, SENDER);
  const who = pid === 0 ? "another sender" : `process ${pid}`;
  return new Deno.errors.Busy(
    `Cannot send to ${place.name}: ${who} is its sender. Close that one first, or end that process`,
  );
}

/** Whether a thread that is no more has the mutex, though the kernel would have freed it. */
export function isAbandoned(words: Int32Array<ArrayBufferLike>): boolean {
  return isNamed(words, Atomics.load(words, SEAT + MUTEX_LOCK)) && isDeadAt(words, SENDER);
}

/** Whether the thread that has the mutex is the one that is said to be the sender. */
function isNamed(words: Int32Array<ArrayBufferLike>, lock: number): boolean {
  // The first word of an identity is the thread's id, as in the mutex.
  const tid = lock & FUTEX_TID_MASK;
  return tid !== 0 && tid === (Atomics.load(words, SENDER) & FUTEX_TID_MASK);
}

/** Whether a thread that is no more has the mutex, and hadn't come to say that it is the sender. */
function isNobodys(lock: number): boolean {
  const { pid, namespace } = ownIdentity();
  return livenessOf({ pid, tid: lock & FUTEX_TID_MASK, startTime: 0n, namespace }) === "dead";
}

/** Who is the sender now, if there is one; also one that died and wasn't followed by another. */
export function senderOf({ place: { words } }: Station): Participant | undefined {
  const holder = holderAt(words, SENDER);
  // Who left when its memory was closed already couldn't clear its identity.
  if (holder === undefined || Atomics.load(words, SEAT + MUTEX_LOCK) === 0) return undefined;
  return { ...holder, ...(hasDied(words) && { liveness: "dead" }), role: "sender" };
}

/** Whether the kernel saw that the sender died, and no other came. */
export function hasDied(words: Int32Array<ArrayBufferLike>): boolean {
  return (Atomics.load(words, SEAT + MUTEX_LOCK) & FUTEX_OWNER_DIED) !== 0;
}
