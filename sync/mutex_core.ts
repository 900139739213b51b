import { futexWake } from "../ffi/futex.ts";
import {
  FUTEX_OWNER_DIED,
  FUTEX_TID_MASK,
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
import { deadlineOf, timeLeft, type WaitOptions } from "../ffi/wait.ts";
import { BUSY, LOCKED, type Locked, type LockResult, OWNER_DIED } from "./lock_result.ts";
import { checkMutex, isUsable, MUTEX_OWNER, MUTEX_WORDS, NOT_RECOVERABLE } from "./mutex_bytes.ts";
import { mutexError, relocked } from "./mutex_errors.ts";
import { abandon, freeIfDead, leaveDead, letGo, revive, unlockStranger } from "./mutex_rescue.ts";
import { announce, remind } from "./mutex_words.ts";
import { Patience } from "./patience.ts";
import type { SharedPlace } from "./place.ts";
import { type HeldMutexes, heldMutexes, RobustEntry } from "./held_mutexes.ts";
import { fulfilled } from "./fulfilled.ts";
import { wait } from "./wait_async.ts";
import { RECHECK, type Waitable } from "./waitable.ts";
import { sleeping, spin } from "./wait_sync.ts";
import { wordOf } from "./async_words.ts";

// A mutex without its guards: what Mutex, RwLock, Once and the rings lock with. Nothing is
// allocated to lock and unlock it.

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
export class MutexCore extends RobustEntry {
  readonly place: SharedPlace;
  /** The place's word that is locked, the mutex's first. */
  readonly index: number;
  readonly #patience = new Patience();
  readonly #thread: HeldMutexes;
  readonly #tid: number;
  readonly #trylock: MutexCalls["trylock"];
  readonly #unlock: MutexCalls["unlock"];
  readonly #errno = platform().errno;
  readonly #asyncPatience = new Patience();
  #words: Int32Array<ArrayBufferLike> = NONE;
  #pointers: Float64Array<ArrayBufferLike> = NO_POINTERS;
  #address = 0n;
  #ended = false;

  /** The mutex that begins at a word of a place. It need not be one yet. */
  constructor(place: SharedPlace, index = 0) {
    const thread = heldMutexes();
    super(thread);
    this.place = place;
    this.index = index;
    this.#thread = thread;
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
    // First: whoever finds it busy asks C to wait for it.
    if (!isUsable(words[MUTEX_KIND])) this.#refuse();
    const word = words[MUTEX_LOCK];
    if (word !== 0 && (word & FUTEX_OWNER_DIED) === 0) return BUSY;
    if (word === 0 && words[MUTEX_OWNER] === NOT_RECOVERABLE) this.#refuse();
    const thread = this.#thread;
    if (thread.isFull) this.#tooMany();
    const { foreign } = thread;
    const result = this.#trylock(this.#address);
    if (result !== 0) return this.#notLocked(result, foreign);
    thread.add(this, foreign);
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

  /** Locks it if that can be done within some microseconds, which it spins for. */
  lockSoon(): LockResult {
    const attempt = () => {
      // After a moment: each look takes the mutex's cache line away from who is working with it.
      for (let i = 0; i < PAUSES; i++) Atomics.pause();
      const result = this.tryLock();
      return result === BUSY ? undefined : result;
    };
    const { place, index } = this;
    return spin({ place, index, patience: this.#patience, attempt }) ?? BUSY;
  }

  /** Locks it as soon as it can; `undefined` if the time is over. */
  lock(options: WaitOptions): Promise<Locked | undefined> {
    return this.lockFor(options, (locked) => locked);
  }

  /**
   * Locks it as soon as it can, and does something with it in the same step: a promise would leave
   * other tasks time to find it locked by their own thread. What that gives must not be
   * `undefined`, which says that the time is over.
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
   * Unlocks it; this thread must have it.
   *
   * @throws {Deno.errors.InvalidData} If its bytes were overwritten meanwhile. This thread doesn't
   * have it any more then, either.
   */
  unlock(): void {
    const words = this.#words;
    const thread = this.#thread;
    const pointers = this.#pointers;
    if (
      words.length === 0 || !thread.isNewest(this, pointers[PREVIOUS], pointers[NEXT]) ||
      (words[MUTEX_LOCK] & FUTEX_TID_MASK) !== this.#tid || !isUsable(words[MUTEX_KIND])
    ) return this.#ended ? undefined : unlockStranger(this, words, this.#address);
    this.#unlock(this.#address);
    thread.remove(this);
  }

  /** Leaves it to the next one, who is told, as the kernel would if this thread had died. */
  abandon(): void {
    abandon(this, this.#words, this.#address);
  }

  /**
   * Leaves it to the next one if its memory is JavaScript's own, which is freed: glibc would follow
   * the list there as long as the thread lives. Unlocking it does nothing then.
   */
  override end(): void {
    if (!this.place.onHeap) return;
    this.#ended = true;
    this.abandon();
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
    revive(this.#current(), this.#address);
  }

  /** Makes it one that can be locked, if its owner is no more or left it as nobody can. */
  recover(): void {
    checkMutex(this.place, this.index, "lock");
    freeIfDead(this.#current(), this.#address);
    this.revive();
  }

  /** Does what the kernel does for an owner who died, if the lock's word still is what it was. */
  leaveDead(word: number): void {
    leaveDead(this.#current(), this.#address, word);
  }

  #lockLong(timeout?: number): LockResult {
    if (this.isMine) throw relocked(this.place);
    if (timeout === 0) return BUSY;
    if (this.#thread.isFull) this.#tooMany();
    const deadline = deadlineOf(timeout);
    const early = this.lockSoon();
    if (early !== BUSY) return early;
    for (let slice = FIRST_SLICE;; slice = Math.min(2 * slice, RECHECK)) {
      const left = Math.min(slice, timeLeft(deadline) ?? slice);
      // Whatever C could not be asked is found out by this.
      const result = this.tryLock();
      if (result !== BUSY || left === 0) return result;
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
      return result === 0 ? LOCKED : OWNER_DIED;
    }
    if (result === ENOTRECOVERABLE) letGo(this.#words, this.#address);
    throw mutexError(this.place, "pthread_mutex_lock", result);
  }

  /** Says why C may not be asked to lock it: with nonsense in it, that ends the process. */
  #refuse(): never {
    checkMutex(this.place, this.index, "lock");
    futexWake(this.#address, 1); // the next one who sleeps is to be refused, too
    throw mutexError(this.place, "pthread_mutex_lock", this.#errno.ENOTRECOVERABLE);
  }

  /** Refuses what the system wouldn't give back if this thread died. */
  #tooMany(): never {
    futexWake(this.#address, 1); // this thread may have been woken for it: another one's turn
    throw mutexError(this.place, "pthread_mutex_lock", this.#errno.EAGAIN);
  }

  /** Its words, for now. */
  #current(): Int32Array<ArrayBufferLike> {
    return this.#words.length > 0 ? this.#words : this.#locate();
  }

  #locate(): Int32Array<ArrayBufferLike> {
    const { words, address } = this.place;
    this.#words = words.subarray(this.index, this.index + MUTEX_WORDS);
    this.#address = address + BigInt(4 * this.index);
    this.lieAt(this.#address + BigInt(MUTEX_NODE));
    this.#pointers = new Float64Array(this.#words.buffer, this.#words.byteOffset, MUTEX_WORDS / 2);
    return this.#words;
  }
}
