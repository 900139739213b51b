import { futexWake } from "../ffi/futex.ts";
import type { FutexVector } from "../ffi/futex.ts";
import type { SharedPlace } from "./place.ts";
import type { Waitable } from "./waitable.ts";

/** Somebody who waits asynchronously. */
export interface Waiter<T = unknown> {
  readonly waitable: Waitable<T>;
  readonly resolve: (result: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** Where a word is that the kernel watches, until that is over. */
interface Watch {
  readonly place: SharedPlace;
  readonly address: bigint;
  readonly announced: readonly Waitable<unknown>[];
  /** Whether somebody left meanwhile, or was served: who was to be woken, perhaps. */
  departed: boolean;
}

/** How often to try to announce a wait on a word that changes all the time. */
const ANNOUNCEMENTS = 100;

/**
 * One word that somebody in this thread waits for, with all who do, in the order of their coming.
 */
export class AsyncWord {
  /** Its address. */
  readonly key: number;
  /** Since when it is waited for. */
  readonly since: number = performance.now();
  /** Whether the kernel watched it in vain for as long as it ever does. */
  settled = false;
  // By kind; those without one are together.
  readonly #queues = new Map<string | undefined, Set<Waiter>>();
  /** Its value before the last attempts. */
  #seen: number | undefined;
  #watch: Watch | undefined;

  constructor(key: number) {
    this.key = key;
  }

  /** Whether nobody waits any more. */
  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  /** Whether the kernel watches it: for tests. */
  get isWatched(): boolean {
    return this.#watch !== undefined;
  }

  /** Whether somebody waits whom a newcomer must not overtake. */
  isBehind({ kind }: Waitable<unknown>): boolean {
    return kind !== undefined && this.#queues.has(kind);
  }

  /**
   * Whether the kernel watches it in vain, or others don't know yet that somebody is to be woken.
   */
  get isOutdated(): boolean {
    if (this.#watch === undefined) return false;
    if (this.isEmpty) return true;
    const { announced } = this.#watch;
    for (const waitable of this.#announcing()) if (!announced.includes(waitable)) return true;
    return false;
  }

  /**
   * Lets somebody wait. The memory stays where it is for so long: the word is known by its address.
   */
  join(waiter: Waiter): void {
    const { kind, place } = waiter.waitable;
    place.pin();
    const queue = this.#queues.get(kind);
    if (queue === undefined) this.#queues.set(kind, new Set([waiter]));
    else queue.add(waiter);
  }

  /** Ends a wait; tells whether it was one still. */
  leave(waiter: Waiter): boolean {
    const { kind, place } = waiter.waitable;
    const queue = this.#queues.get(kind);
    if (queue === undefined || !queue.delete(waiter)) return false;
    if (queue.size === 0) this.#queues.delete(kind);
    place.unpin();
    this.#departed();
    return true;
  }

  /**
   * Gives those who wait what is there for them, or the error of their attempt; tells whether there
   * was something.
   */
  serve(): boolean {
    let served = false;
    for (const [kind, queue] of this.#queues) {
      for (const waiter of queue) {
        if (!attempt(waiter)) {
          if (kind === undefined) continue;
          break;
        }
        queue.delete(waiter);
        waiter.waitable.place.unpin();
        served = true;
      }
      if (queue.size === 0) this.#queues.delete(kind);
    }
    if (served) {
      this.#seen = undefined; // that changed the word, and somebody may change it back
      this.#departed();
    }
    return served;
  }

  /** Serves if the word changed since the last time, or anyway; tells whether that helped. */
  sweep(anyway: boolean): boolean {
    if (anyway && this.#expel()) return true;
    const value = this.#value();
    if (value === this.#seen && value !== undefined && !anyway) return false;
    this.#seen = value;
    return this.serve();
  }

  /**
   * Makes ready for the kernel to watch it, after attempts that were in vain, and adds it to what
   * it is to watch; `false` if nobody waits any more.
   */
  watch(vector: FutexVector): boolean {
    for (let round = 0; !this.isEmpty; round++) {
      const waiter = this.#first();
      try {
        const watch = this.#prepare(waiter.waitable, round, vector);
        if (watch === undefined) continue;
        this.#watch = watch;
        return true;
      } catch (error) { // of the memory, which is gone
        this.leave(waiter);
        waiter.reject(error);
      }
    }
    return false;
  }

  /** Undoes `watch()`; `woken` says that the kernel may have woken somebody for this word. */
  unwatch(woken: boolean): void {
    if (this.#watch === undefined) return;
    const { place, address, announced, departed } = this.#watch;
    this.#watch = undefined;
    retire(announced);
    // It may have been for one who left meanwhile, and of no use to the others: another thread's
    // turn.
    if (woken && departed) futexWake(address, 1);
    place.unpin();
  }

  #departed(): void {
    if (this.#watch !== undefined) this.#watch.departed = true;
  }

  #prepare(
    { place, index }: Waitable<unknown>,
    round: number,
    vector: FutexVector,
  ): Watch | undefined {
    const seen = this.#seen = Atomics.load(place.words, index);
    // What was taken changed the word. Those served may change it back before the kernel looks.
    const changed = this.serve();
    if (this.isEmpty || (changed && round < ANNOUNCEMENTS)) return undefined;
    const announced: Waitable<unknown>[] = [];
    place.pin();
    let expected: number | undefined;
    try {
      if (!changed) expected = this.#announce(seen, announced);
      // Not to be held up for ever: from this the kernel returns at once, and all begins anew.
      if (expected === undefined && round === ANNOUNCEMENTS) expected = ~seen;
    } finally {
      if (expected === undefined) {
        retire(announced);
        place.unpin();
      }
    }
    if (expected === undefined) return undefined;
    const address = place.address + BigInt(4 * index);
    vector.add(address, expected);
    return { place, address, announced, departed: false };
  }

  /** Announces those who wait; `undefined` if the word changed meanwhile. */
  #announce(seen: number, announced: Waitable<unknown>[]): number | undefined {
    let expected: number | undefined = seen;
    for (const waitable of this.#announcing()) {
      expected = waitable.announce?.(expected);
      if (expected === undefined) return undefined;
      announced.push(waitable);
    }
    return expected;
  }

  /** What is to be announced: of a kind the first stands for all. */
  *#announcing(): Generator<Waitable<unknown>> {
    for (const [kind, queue] of this.#queues) {
      for (const { waitable } of queue) {
        if (waitable.announce !== undefined) yield waitable;
        if (kind !== undefined) break;
      }
    }
  }

  /**
   * Rejects whoever waits in memory that is gone, also if it reads as zeros; whether it was all.
   */
  #expel(): boolean {
    for (const queue of [...this.#queues.values()]) {
      for (const waiter of queue) {
        const { place } = waiter.waitable;
        if (!place.gone) continue;
        try {
          place.pin(); // throws why
          place.unpin();
        } catch (error) {
          this.leave(waiter);
          waiter.reject(error);
        }
      }
    }
    return this.isEmpty;
  }

  /** Its value; `undefined` if the memory is gone, which the attempts tell. */
  #value(): number | undefined {
    const { place, index } = this.#first().waitable;
    try {
      // Not atomic, which takes longer: a change that isn't seen now is seen the next time.
      return place.words[index];
    } catch {
      return undefined;
    }
  }

  #first(): Waiter {
    for (const queue of this.#queues.values()) {
      for (const waiter of queue) return waiter;
    }
    throw new Error("Nobody waits");
  }
}

/** Whether somebody's wait is over. */
function attempt({ waitable, resolve, reject }: Waiter): boolean {
  try {
    const result = waitable.attempt();
    if (result === undefined) return false;
    resolve(result);
  } catch (error) {
    reject(error);
  }
  return true;
}

function retire(announced: readonly Waitable<unknown>[]): void {
  for (const waitable of announced) {
    // Also of memory that was closed meanwhile: it is pinned until that is done.
    if (waitable.retire !== undefined) waitable.place.revive(() => waitable.retire?.());
  }
}
