import { futexWake } from "../ffi/futex.ts";
import {
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  MUTEX_KIND,
  MUTEX_LOCK,
  MUTEX_NEXT,
  MUTEX_NODE,
  MUTEX_PREVIOUS,
  type MutexCalls,
  mutexCalls,
  mutexConsistent,
  mutexTimedlock,
} from "../ffi/pthread.ts";
import { platform } from "../ffi/platform.ts";
import { wordsAt } from "../ffi/robust_list.ts";
import type { WaitOptions } from "../ffi/wait.ts";
import { checkMutex, isUsable, MUTEX_OWNER, MUTEX_WORDS, NOT_RECOVERABLE } from "./mutex_bytes.ts";
import { announce, leaveDead, remind, revive } from "./mutex_words.ts";
import { lostMutex, mutexError, relocked } from "./mutex_errors.ts";
import { Patience } from "./patience.ts";
import type { SharedPlace } from "./place.ts";
import { bitsOf, type HeldMutexes, heldMutexes, type RobustNode } from "./robust_list.ts";
import { fulfilled, wait } from "./waiter.ts";
import { RECHECK, sleeping, spin, type Waitable } from "./waiting.ts";
import { wordOf } from "./waiting_words.ts";

// A mutex without its guards: what Mutex, RwLock, Once and the rings lock with. Nothing is
// allocated to lock and unlock it.

/** What comes of an attempt to lock. */
export const BUSY = 0;
/** This thread has it from now on. */
export const LOCKED = 1;
/** So it has, and the last owner died with it. */
export const OWNER_DIED = 2;

/** What comes of an attempt to lock. */
export type LockResult = typeof BUSY | typeof LOCKED | typeof OWNER_DIED;

/** What locking gave, if it did. */
export type Locked = Exclude<LockResult, typeof BUSY>;

/** How long to sleep at first before looking again, in milliseconds. */
const FIRST_SLICE = 1;

/** How often to pause between two looks, while spinning: about a microsecond in all. */
const PAUSES = 32;

const NONE = new Int32Array(0);
const NO_POINTERS = new Float64Array(0);

/** Where the pointers are in a mutex, if that consists of doubles. */
const PREVIOUS = MUTEX_PREVIOUS / 2;
const NEXT = MUTEX_NEXT / 2;

/** A mutex at a place, for this thread. */
export class MutexCore implements RobustNode, Waitable<Locked> {
  readonly place: SharedPlace;
  /** The place's word that is locked, the mutex's first. */
  readonly index: number;
  readonly patience: Patience = new Patience();
  node = 0n;
  bits = 0;
  older: RobustNode | undefined;
  foreign: bigint | undefined = undefined;
  readonly #thread: HeldMutexes;
  readonly #tid: number;
  readonly #trylock: MutexCalls["trylock"];
  readonly #unlock: MutexCalls["unlock"];
  readonly #errno = platform().errno;
  readonly #asyncPatience = new Patience();
  #words: Int32Array<ArrayBufferLike> = NONE;
  #pointers: Float64Array<ArrayBufferLike> = NO_POINTERS;
  #address = 0n;

  /** The mutex that begins at a word of a place. It need not be one yet. */
  constructor(place: SharedPlace, index = 0) {
    this.place = place;
    this.index = index;
    this.older = this.#thread = heldMutexes();
    this.#tid = this.#thread.tid;
    ({ trylock: this.#trylock, unlock: this.#unlock } = mutexCalls());
  }

  /** Whether this thread has it: also by another handle, or at another address. */
  get isMine(): boolean {
    return (this.#current()[MUTEX_LOCK] & FUTEX_TID_MASK) === this.#tid;
  }

  /**
   * Locks it if it is free.
   *
   * @throws {Deno.errors.InvalidData} If it isn't a mutex, or not any more.
   * @throws {Deno.errors.BadResource} If nobody can lock it any more, or the memory is gone.
   */
  tryLock(): LockResult {
    const words = this.#words.length > 0 ? this.#words : this.#locate();
    const word = words[MUTEX_LOCK];
    if (word !== 0 && (word & FUTEX_OWNER_DIED) === 0) return BUSY;
    const thread = this.#thread;
    if (
      !isUsable(words[MUTEX_KIND]) || word === 0 && words[MUTEX_OWNER] === NOT_RECOVERABLE
    ) this.#refuse();
    const { foreign } = thread;
    const result = this.#trylock(this.#address);
    if (result !== 0) return this.#notLocked(result, foreign);
    thread.add(this, foreign);
    if (thread.isTooLong) this.#tooMany();
    return LOCKED;
  }

  /**
   * Locks it, and blocks the thread until it can, for some milliseconds at most: then it is
   * {@linkcode BUSY}.
   *
   * @throws {Deno.errors.Busy} If this thread has it.
   */
  lockSync(timeout?: number): LockResult {
    const first = this.tryLock();
    if (first !== BUSY) return first;
    return this.#lockLong(timeout);
  }

  /** Locks it as soon as it can; `undefined` if the time is over. */
  lock(options: WaitOptions): Promise<Locked | undefined> {
    return this.lockFor(options, (locked) => locked);
  }

  /**
   * Locks it as soon as it can, and does something with it in the same step: a promise would leave
   * other tasks time to find it locked by their own thread. What that gives must not be `undefined`,
   * which says that the time is over.
   */
  lockFor<R>(options: WaitOptions, use: (locked: Locked) => R): Promise<R | undefined> {
    try {
      const waiting = this.#waitingFor(use);
      // Those of this thread who came before have it before.
      const mayTry = options.signal?.aborted !== true &&
        wordOf(waiting)?.isBehind(waiting) !== true;
      const first = mayTry ? this.tryLock() : BUSY;
      return first === BUSY ? wait(waiting, options) : fulfilled(use(first));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #waitingFor<R>(use: (locked: Locked) => R): Waitable<R> {
    return {
      place: this.place,
      index: this.index,
      patience: this.#asyncPatience,
      kind: "mutex", // all wait for the same
      attempt: () => {
        const result = this.tryLock();
        if (result === BUSY) return undefined;
        remind(this.#words);
        return use(result);
      },
      announce: (value) => announce(this.#current(), value),
    };
  }

  /**
   * As {@linkcode tryLock}, for those who spin, after a moment: each look takes the mutex's cache
   * line away from who is working with it.
   */
  attempt(): Locked | undefined {
    for (let i = 0; i < PAUSES; i++) Atomics.pause();
    const result = this.tryLock();
    return result === BUSY ? undefined : result;
  }

  /**
   * Unlocks it; this thread must have it.
   *
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten meanwhile. This thread doesn't
   * have it any more then, either.
   */
  unlock(): void {
    const words = this.#words;
    const thread = this.#thread;
    const pointers = this.#pointers;
    const older = this.older ?? thread;
    if (
      words.length === 0 || thread.newest !== this ||
      (words[MUTEX_LOCK] & FUTEX_TID_MASK) !== this.#tid ||
      !isUsable(words[MUTEX_KIND]) ||
      pointers[PREVIOUS] !== thread.bits || pointers[NEXT] !== older.bits
    ) return this.#unlockStranger();
    this.#unlock(this.#address);
    thread.remove(this);
  }

  /** Says that the state which a dead owner left is repaired. */
  consistent(): void {
    const result = mutexConsistent(this.#address);
    if (result !== 0) throw mutexError(this.place, "pthread_mutex_consistent", -result);
  }

  /**
   * Makes it, if nobody can lock it any more, a mutex whose owner died: the next one is told. That
   * is one step, by which nobody loses anything, so anybody may try it at any time.
   */
  revive(): void {
    if (revive(this.#current())) futexWake(this.#address, 1);
  }

  /** Does what the kernel does for an owner who died, if the lock's word still is what it was. */
  leaveDead(word: number): void {
    if (leaveDead(this.#current(), word)) futexWake(this.#address, 1);
  }

  #lockLong(timeout = Infinity): LockResult {
    if (this.isMine) throw relocked(this.place);
    if (timeout === 0) return BUSY;
    const deadline = performance.now() + timeout;
    const early = spin(this);
    if (early !== undefined) return early;
    for (let slice = FIRST_SLICE;; slice = Math.min(2 * slice, RECHECK)) {
      const left = Math.min(slice, deadline - performance.now());
      // Whatever C could not be asked is found out by this.
      const result = this.tryLock();
      if (result !== BUSY || left <= 0) return result;
      sleeping.prepare();
      const { foreign } = this.#thread;
      // In slices: a Deno process that was just woken in its stead may be killed, or busy; or it
      // was a call of this thread's own, for a wait that ended a moment ago, which can't pass it on
      // now.
      const late = this.#notLocked(-mutexTimedlock(this.#address, left), foreign);
      if (late !== BUSY) return late;
    }
  }

  /** What C's result means, but for the most frequent one of pthread_mutex_trylock. */
  #notLocked(result: number, foreign: bigint | undefined): LockResult {
    const { EBUSY, ETIMEDOUT, EOWNERDEAD, ENOTRECOVERABLE } = this.#errno;
    if (result === EBUSY || result === ETIMEDOUT) return BUSY;
    if (result === 0 || result === EOWNERDEAD) {
      this.#thread.add(this, foreign);
      if (result === 0 && this.#thread.isTooLong) this.#tooMany();
      return result === 0 ? LOCKED : OWNER_DIED;
    }
    if (result === ENOTRECOVERABLE) this.#letGo();
    throw mutexError(this.place, "pthread_mutex_lock", result);
  }

  /**
   * glibc's pthread_mutex_trylock leaves the thread's id in a mutex that is not recoverable, as if
   * it were locked, without having it in the thread's list (seen in 2.36).
   */
  #letGo(): void {
    const words = this.#words;
    if ((words[MUTEX_LOCK] & FUTEX_TID_MASK) !== this.#tid) return;
    if ((Atomics.exchange(words, MUTEX_LOCK, 0) & FUTEX_WAITERS) !== 0) futexWake(this.#address, 1);
  }

  /** Says why C may not be asked to lock it: with nonsense in it, that ends the process. */
  #refuse(): never {
    checkMutex(this.place, this.index, "lock");
    throw mutexError(this.place, "pthread_mutex_lock", this.#errno.ENOTRECOVERABLE);
  }

  /** Unlocks what the system wouldn't give back if this thread died. */
  #tooMany(): never {
    this.unlock();
    throw mutexError(this.place, "pthread_mutex_lock", this.#errno.EAGAIN);
  }

  /** Whether C may be asked to unlock it: it follows the pointers. */
  #isIntact(words: Int32Array<ArrayBufferLike>): boolean {
    return (words[MUTEX_LOCK] & FUTEX_TID_MASK) === this.#tid && isUsable(words[MUTEX_KIND]) &&
      this.#thread.isPlausible(this, words, MUTEX_PREVIOUS);
  }

  /** Unlocks it when the memory was closed, or its bytes overwritten. */
  #unlockStranger(): void {
    // It is still mapped: these are its bytes, also if the views ended with the memory.
    const words = this.#words.length > 0 ? this.#words : wordsAt(this.#address, MUTEX_WORDS);
    const intact = this.#isIntact(words);
    if (intact) this.#unlock(this.#address);
    else this.#thread.unlink(this);
    this.#thread.remove(this);
    try {
      if (!intact) this.#abandon(words);
    } finally {
      if (this.place.closed) this.place.unpin(); // see addKeeper()
    }
  }

  /**
   * Leaves it to the next one, as the kernel would if this thread had died: who knows what else was
   * overwritten.
   */
  #abandon(words: Int32Array<ArrayBufferLike>): void {
    const word = Atomics.load(words, MUTEX_LOCK);
    if ((word & FUTEX_TID_MASK) === this.#tid && isUsable(words[MUTEX_KIND])) {
      words.fill(0, MUTEX_PREVIOUS, MUTEX_WORDS);
      Atomics.store(words, MUTEX_LOCK, FUTEX_OWNER_DIED | FUTEX_WAITERS);
      futexWake(this.#address, 1);
    }
    throw lostMutex(this.place);
  }

  /** Its words, for now. */
  #current(): Int32Array<ArrayBufferLike> {
    return this.#words.length > 0 ? this.#words : this.#locate();
  }

  #locate(): Int32Array<ArrayBufferLike> {
    const { words, address } = this.place;
    this.#words = words.subarray(this.index, this.index + MUTEX_WORDS);
    this.#address = address + BigInt(4 * this.index);
    this.node = this.#address + BigInt(MUTEX_NODE);
    this.bits = bitsOf(this.node);
    this.#pointers = new Float64Array(this.#words.buffer, this.#words.byteOffset, MUTEX_WORDS / 2);
    return this.#words;
  }
}
