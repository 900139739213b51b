import type { Patience } from "./patience.ts";
import type { SharedPlace } from "./place.ts";

/**
 * The longest that anybody sleeps before asking again, in milliseconds. A process that is killed
 * between its store and its wake-up leaves nobody asleep for longer, and what no futex tells, such
 * as the death of a peer, is noticed then.
 */
export const RECHECK = 100;

/** The same as it is kept to: for tests, which would find nothing if everything healed itself. */
export const timing: { recheck: number } = { recheck: RECHECK };

/**
 * Something to wait for, in a 32-bit word of shared memory. Whatever makes an attempt succeed
 * changes the word, and then wakes those who sleep on it.
 */
export interface Waitable<T> {
  /** Where the word lies. */
  readonly place: SharedPlace;
  /** Which word of the place it is. */
  readonly index: number;
  /** How long to spin. */
  readonly patience: Patience;
  /**
   * Tells apart what is waited for on one word. If one can't have it, those of the same kind who
   * came after it aren't asked, and never get it before it does. Without it each is asked each
   * time, in their order: with thousands that takes its time.
   */
  readonly kind?: string;
  /**
   * Takes it if it is there, without blocking; `undefined` if it isn't. Throws if it never will.
   */
  attempt(): T | undefined;
  /**
   * Sees to it that others wake whoever sleeps from now on, and returns the value of the word to
   * sleep on; `undefined` if it changed meanwhile. Without it, others always wake. For those of a
   * kind that wait asynchronously, one announcement stands for all.
   *
   * Where the word can go back to what it was, it must refuse a value with which the attempt would
   * succeed: the word was loaded before that, and may have been another one in between.
   */
  announce?(value: number): number | undefined;
  /** Undoes an announcement, after the sleep. */
  retire?(): void;
}
