import { livenessOf, ownIdentity } from "../ffi/process.ts";
import { FUTEX_TID_MASK } from "../ffi/pthread.ts";
import { deadlineOf, timeLeft, type WaitOptions } from "../ffi/wait.ts";
import { BUSY, LOCKED, type LockResult } from "../sync/lock_result.ts";
import { MutexCore } from "../sync/mutex_core.ts";
import type { Entry } from "../sync/participants.ts";
import { Patience } from "../sync/patience.ts";
import { roleName, SENDER } from "./channel_deaths.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { RECEIVERS_MUTEX, SENDERS_MUTEX } from "./channel_layout.ts";
import { lockPatiently } from "./channel_lock.ts";

/** Tries of those who don't wait: whoever has the lock has it for well under a microsecond. */
const TRIES = 4;

/** After how long to ask whether the one who has the lock still lives, in milliseconds. */
const STUCK = 500;

/** How often an only role is asked for again whose holder's death the kernel hasn't told yet. */
const ATTEMPTS = 3;

/**
 * One end of a channel in the table of who is attached, and at the mutex of its side: the only one
 * of its role has that all the time, others take it for each operation. The memory stays mapped for
 * it.
 */
export class Seat {
  /** Whether there may be others of its role. */
  readonly shared: boolean;
  readonly #frame: ChannelFrame;
  readonly #role: number;
  readonly #mutex: MutexCore;
  readonly #patience = new Patience();
  readonly #entry: Entry;

  /**
   * Attaches.
   *
   * @throws {Deno.errors.Busy} If the role is taken, or the table is full.
   */
  constructor(frame: ChannelFrame, role: number) {
    this.#frame = frame;
    this.#role = role;
    this.shared = role === SENDER ? frame.manySenders : frame.manyReceivers;
    this.#mutex = new MutexCore(frame.place, role === SENDER ? SENDERS_MUTEX : RECEIVERS_MUTEX);
    frame.place.pin();
    try {
      // First, so that whoever has the mutex has an entry: see #freeIfDead().
      this.#entry = this.#join();
      try {
        if (!this.shared) this.#takeRole();
      } catch (error) {
        this.#entry.leave();
        throw error;
      }
    } catch (error) {
      frame.place.unpin();
      throw error;
    }
  }

  /** Locks the side if it is free: for those who share it. */
  tryLock(): boolean {
    let result = this.#mutex.tryLock();
    if (result === LOCKED) return true;
    for (let i = 1; i < TRIES && result === BUSY; i++) {
      Atomics.pause();
      result = this.#mutex.tryLock();
    }
    return this.#accept(result);
  }

  /** Locks the side; `false` if the time, in milliseconds, is over. */
  lockSync(timeout?: number): boolean {
    if (this.#mutex.isMine) throw this.#ownError();
    const deadline = deadlineOf(timeout);
    for (let left = timeout;; left = timeLeft(deadline)) {
      const slice = Math.min(left ?? STUCK, STUCK);
      const result = lockPatiently(this.#mutex, this.#patience, slice);
      if (result !== BUSY || left === slice) return this.#accept(result);
      this.#freeIfDead();
    }
  }

  /**
   * Locks the side as soon as it can, and does something in the same step; `undefined` if the time
   * is over.
   */
  async lock<R>(options: WaitOptions, use: () => R): Promise<R | undefined> {
    const { place } = this.#frame;
    const timer = setInterval(() => place.gone || this.#freeIfDead(), STUCK);
    try {
      return await this.#mutex.lockFor(options, (locked) => {
        this.#accept(locked);
        return use();
      });
    } finally {
      clearInterval(timer);
    }
  }

  /** Unlocks the side. */
  unlock(): void {
    this.#mutex.unlock();
  }

  /** Leaves; the side must not be locked by one who shares it. */
  leave(): void {
    const { place } = this.#frame;
    try {
      this.#entry.leave();
      if (!this.shared) this.#mutex.unlock();
    } finally {
      place.unpin();
    }
  }

  #accept(result: LockResult): boolean {
    if (result === BUSY) return false;
    // Whoever died had published nothing that isn't whole: positions are moved last.
    if (result !== LOCKED) this.#mutex.consistent();
    return true;
  }

  #takeRole(): void {
    for (let i = 0; i < ATTEMPTS; i++) {
      if (this.#accept(this.#mutex.tryLock())) return;
      if (!this.#freeIfDead()) break;
    }
    const name = roleName(this.#role);
    throw new Deno.errors.Busy(
      `Cannot attach a ${name} to ${this.#frame.place.name}: ${this.#holder()} is its only ${name}. ` +
        `Close that one first, or create the channel with ${name}s: "many"`,
    );
  }

  /**
   * The kernel frees the mutex of a process that dies. But one in a file may have been left locked
   * by a system that was switched off; and a Worker that is terminated takes the memory away before
   * the kernel looks, if nobody else in the process has it.
   */
  #freeIfDead(): boolean {
    const { place: { words }, participants } = this.#frame;
    const word = Atomics.load(words, this.#mutex.index);
    const tid = word & FUTEX_TID_MASK;
    if (tid === 0) return true; // unlocked meanwhile
    const holders = this.#frame.having(this.#role).filter(({ slot }) =>
      slot !== this.#entry.slot && Atomics.load(words, participants.wordOf(slot)) === tid
    );
    const { pid, namespace } = ownIdentity();
    const dead = holders.length > 0
      // By its start: after the system was started anew somebody else may have its number.
      ? holders.every(({ liveness }) => liveness === "dead")
      : livenessOf({ pid, tid, startTime: 0n, namespace }) === "dead";
    if (dead) this.#mutex.leaveDead(word);
    return dead;
  }

  #ownError(): Error {
    const name = roleName(this.#role);
    return new Deno.errors.Busy(
      `Cannot wait for another ${name} of ${this.#frame.place.name}: it is this thread's, and has something open. Commit or release that first`,
    );
  }

  #holder(): string {
    if (this.#mutex.isMine) return "this thread";
    const found = this.#frame.having(this.#role).find(({ liveness, slot }) =>
      liveness !== "dead" && slot !== this.#entry.slot
    );
    return found === undefined ? "another thread" : `process ${found.pid}`;
  }

  #join(): Entry {
    const { participants, place } = this.#frame;
    const entry = participants.join(this.#role);
    if (entry !== undefined) return entry;
    throw new Deno.errors.Busy(
      `Cannot attach to ${place.name}: it has room for ${participants.size} participants, and all of them are there. Close one, or create it with more`,
    );
  }
}
