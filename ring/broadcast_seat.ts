import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, MUTEX_LOCK } from "../ffi/pthread.ts";
import { claimIdentity, clearIdentity, holderAt, isDeadAt, pidAt } from "../sync/identity.ts";
import { BUSY, OWNER_DIED } from "../sync/lock_result.ts";
import { MutexCore } from "../sync/mutex_core.ts";
import { DEAD_PID, DEATHS, SEAT, SENDER } from "./broadcast_layout.ts";
import type { Station } from "./broadcast_station.ts";
import type { Participant } from "./peer_target.ts";

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
    if (result === BUSY && freeAbandoned(words)) result = this.#mutex.tryLock();
    if (result === BUSY) throw occupied(station);
    if (result === OWNER_DIED) {
      Atomics.store(words, DEAD_PID, pidAt(words, SENDER));
      Atomics.add(words, DEATHS, 1);
      this.#mutex.consistent();
    }
    clearIdentity(words, SENDER);
    claimIdentity(words, SENDER);
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
    `Cannot send to the ${place.name}: ${who} is its sender. Close that one first, or end that process`,
  );
}

/**
 * Frees the mutex of one whose end no kernel has seen: in a file, after the machine was restarted.
 */
function freeAbandoned(words: Int32Array<ArrayBufferLike>): boolean {
  const lock = Atomics.load(words, SEAT + MUTEX_LOCK);
  if (!isAbandoned(words, lock)) return false;
  const freed = FUTEX_OWNER_DIED | FUTEX_WAITERS;
  return Atomics.compareExchange(words, SEAT + MUTEX_LOCK, lock, freed) === lock;
}

/** Whether a thread that is no more has the mutex, though the kernel would have freed it. */
function isAbandoned(words: Int32Array<ArrayBufferLike>, lock: number): boolean {
  // The first word of an identity is the thread's id, as in the mutex.
  const tid = lock & FUTEX_TID_MASK;
  return tid !== 0 && tid === Atomics.load(words, SENDER) && isDeadAt(words, SENDER);
}

/** Who is the sender now, if there is one; also one that died and wasn't followed by another. */
export function senderOf({ place: { words } }: Station): Participant | undefined {
  const holder = holderAt(words, SENDER);
  // Who left when its memory was closed already couldn't clear its identity.
  if (Atomics.load(words, SEAT + MUTEX_LOCK) === 0) return undefined;
  return holder && hasDied(words) ? { ...holder, liveness: "dead" } : holder;
}

function hasDied(words: Int32Array<ArrayBufferLike>): boolean {
  return (Atomics.load(words, SEAT + MUTEX_LOCK) & FUTEX_OWNER_DIED) !== 0;
}

/** Whether senders died, for one receiver: each death is told once, or while it lasts. */
export class SenderDeaths {
  readonly #station: Station;
  #told: number;

  constructor(station: Station) {
    this.#station = station;
    const { words } = station.place;
    this.#told = Atomics.load(words, DEATHS) + (hasDied(words) ? 1 : 0) | 0;
  }

  /**
   * The process id of a sender that died: as long as no other came, or once afterwards. What only
   * a look at the processes tells is found out if there is time for it.
   */
  look(thoroughly: boolean): number | undefined {
    const { words } = this.#station.place;
    if (hasDied(words) || (thoroughly && this.#isAbandoned(words))) {
      this.#told = Atomics.load(words, DEATHS) + 1 | 0;
      return pidAt(words, SENDER);
    }
    const deaths = Atomics.load(words, DEATHS);
    if ((deaths - this.#told | 0) <= 0) return undefined;
    this.#told = deaths;
    return Atomics.load(words, DEAD_PID) >>> 0;
  }

  /** As {@linkcode look}, but each death once. */
  lookForNew(): number | undefined {
    const told = this.#told;
    const pid = this.look(true);
    return this.#told === told ? undefined : pid;
  }

  #isAbandoned(words: Int32Array<ArrayBufferLike>): boolean {
    return isAbandoned(words, Atomics.load(words, SEAT + MUTEX_LOCK));
  }
}
