import { deadlineOf, timeLeft, type WaitOptions } from "../ffi/wait.ts";
import { BUSY, type LockResult, OWNER_DIED } from "./lock_result.ts";
import { MutexCore } from "./mutex_core.ts";
import type { SharedPlace } from "./place.ts";
import { INCONSISTENT, LINE_WORDS, SLOTS, TURNSTILE } from "./rwlock_layout.ts";

// A reader passes the turnstile and takes one of the slots. A writer keeps the turnstile, so that
// no more readers come, and takes all slots, as the readers leave them. Each is a robust mutex:
// whoever dies, the kernel gives back what it held.

/** How long to wait for one slot while another may become free, in milliseconds. */
const SLICE = 5;

/** How long to wait for one slot now, in milliseconds. */
function slice(deadline: number | undefined): number {
  return Math.min(SLICE, timeLeft(deadline) ?? SLICE);
}

/** A lock without its guards. */
export class RwLockCore {
  readonly place: SharedPlace;
  readonly #turnstile: MutexCore;
  readonly #slots: MutexCore[];
  /** The slot to try first: the one that this handle had the last time. */
  #first: number;

  constructor(place: SharedPlace, readers: number) {
    this.place = place;
    this.#turnstile = new MutexCore(place, TURNSTILE);
    this.#slots = Array.from(
      { length: readers },
      (_, i) => new MutexCore(place, SLOTS + LINE_WORDS * i),
    );
    this.#first = Math.floor(Math.random() * readers);
  }

  /** Whether a writer died, and what it left wasn't repaired yet. */
  get isInconsistent(): boolean {
    return Atomics.load(this.place.words, INCONSISTENT) !== 0;
  }

  /** Says that what a dead writer left is repaired. Only for a writer. */
  markConsistent(): void {
    Atomics.store(this.place.words, INCONSISTENT, 0);
  }

  /** Frees what those have who are no more, which the kernel couldn't know. */
  recover(): void {
    for (const mutex of [this.#turnstile, ...this.#slots]) mutex.recover();
  }

  /** Takes a slot to read; `undefined` if it would have to wait. */
  tryRead(): MutexCore | undefined {
    if (!this.#passed(this.#try(this.#turnstile))) return undefined;
    try {
      return this.#freeSlot();
    } finally {
      this.#turnstile.unlock();
    }
  }

  /** Takes a slot to read; `undefined` if the time is over. */
  readSync(timeout?: number): MutexCore | undefined {
    const deadline = deadlineOf(timeout);
    if (!this.#passed(this.#lockSync(this.#turnstile, timeout))) return undefined;
    // While all slots are taken, it keeps the turnstile: those behind it couldn't have one, either.
    try {
      let slot = this.#freeSlot();
      for (let i = 0; slot === undefined && timeLeft(deadline) !== 0; i++) {
        const next = this.#slots[i % this.#slots.length];
        // One that this thread has isn't given back meanwhile: an error if it has all.
        if (next.isMine && this.#slots.some((other) => !other.isMine)) continue;
        if (this.#ready(next, this.#lockSync(next, slice(deadline)))) slot = next;
      }
      return slot;
    } finally {
      this.#turnstile.unlock();
    }
  }

  /** Takes a slot to read; `undefined` if the time is over. */
  async read({ signal, timeout }: WaitOptions): Promise<MutexCore | undefined> {
    const deadline = deadlineOf(timeout);
    if (!this.#passed(await this.#lock(this.#turnstile, { signal, timeout }))) return undefined;
    try {
      let slot = this.#freeSlot();
      for (let i = 0; slot === undefined && timeLeft(deadline) !== 0; i++) {
        const next = this.#slots[i % this.#slots.length];
        const locked = await this.#lock(next, { signal, timeout: slice(deadline) });
        if (this.#ready(next, locked)) slot = next;
      }
      return slot;
    } finally {
      this.#turnstile.unlock();
    }
  }

  /** Gives a slot back. */
  endRead(slot: MutexCore): void {
    slot.unlock();
  }

  /** Takes everything to write; `false` if it would have to wait. */
  tryWrite(): boolean {
    if (!this.#entered(this.#try(this.#turnstile))) return false;
    let taken = 0;
    try {
      for (const slot of this.#slots) {
        if (!this.#ready(slot, this.#try(slot))) break;
        taken++;
      }
    } finally {
      this.#finish(taken);
    }
    return taken === this.#slots.length;
  }

  /** Takes everything to write; `false` if the time is over. */
  writeSync(timeout?: number): boolean {
    const deadline = deadlineOf(timeout);
    if (!this.#entered(this.#lockSync(this.#turnstile, timeout))) return false;
    let taken = 0;
    try {
      for (const slot of this.#slots) {
        if (!this.#ready(slot, this.#lockSync(slot, timeLeft(deadline)))) break;
        taken++;
      }
    } finally {
      this.#finish(taken);
    }
    return taken === this.#slots.length;
  }

  /** Takes everything to write; `false` if the time is over. */
  async write({ signal, timeout }: WaitOptions): Promise<boolean> {
    const deadline = deadlineOf(timeout);
    if (!this.#entered(await this.#lock(this.#turnstile, { signal, timeout }))) return false;
    let taken = 0;
    try {
      for (const slot of this.#slots) {
        const locked = await this.#lock(slot, { signal, timeout: timeLeft(deadline) });
        if (!this.#ready(slot, locked)) break;
        taken++;
      }
    } finally {
      this.#finish(taken);
    }
    return taken === this.#slots.length;
  }

  /** Gives everything back. */
  endWrite(): void {
    this.#leave(this.#slots.length);
  }

  /** Gives everything back unless it has all of it. */
  #finish(taken: number): void {
    if (taken < this.#slots.length) this.#leave(taken);
  }

  #leave(taken: number): void {
    try {
      for (let i = taken - 1; i >= 0; i--) this.#slots[i].unlock();
    } finally {
      this.#turnstile.unlock();
    }
  }

  #freeSlot(): MutexCore | undefined {
    const { length } = this.#slots;
    for (let i = 0; i < length; i++) {
      const index = (this.#first + i) % length;
      const slot = this.#slots[index];
      if (!this.#ready(slot, this.#try(slot))) continue;
      this.#first = index;
      return slot;
    }
  }

  // A mutex of these is never lost: what one of them guards is in INCONSISTENT, or nothing.

  #try(mutex: MutexCore): LockResult {
    mutex.revive();
    return mutex.tryLock();
  }

  #lockSync(mutex: MutexCore, timeout: number | undefined): LockResult {
    mutex.revive();
    return mutex.lockSync(timeout);
  }

  #lock(mutex: MutexCore, options: WaitOptions): Promise<LockResult | undefined> {
    mutex.revive();
    return mutex.lock(options);
  }

  /**
   * Whether it has the turnstile, to read. Another reader has that for a moment only: it is worth
   * some more looks.
   */
  #passed(locked: LockResult | undefined): boolean {
    return this.#entered(locked || this.#turnstile.lockSoon());
  }

  /**
   * Whether it has the turnstile. Whoever died with it may have been a writer: that is noted first,
   * so that it isn't forgotten if this one dies, too.
   */
  #entered(locked: LockResult | undefined): boolean {
    if (locked === OWNER_DIED) {
      try {
        Atomics.store(this.place.words, INCONSISTENT, 1);
      } catch (error) { // the memory was closed meanwhile
        this.#turnstile.abandon();
        throw error;
      }
      this.#turnstile.consistent();
    }
    return locked !== BUSY && locked !== undefined;
  }

  /** Whether it has a slot. That a reader died with it changes nothing. */
  #ready(slot: MutexCore, locked: LockResult | undefined): boolean {
    if (locked === OWNER_DIED) slot.consistent();
    return locked !== BUSY && locked !== undefined;
  }
}
