// What the games have in common in which processes hand over to each other: who plays, in which of
// many ways to wait, and where each of them is.

import type { Attachment, WaitOptions, WaitSyncOptions } from "../../mod.ts";
import { sleepSync } from "../../ffi/wait.ts";
import { waitingStatus } from "../../sync/async_words.ts";
import type { Random } from "../_random.ts";
import { busy, pause, sleepsSoFar } from "./handover_delays.ts";

/** How to wait: in one way, sync on one side and async on the other, or now this and now that. */
export const FORMS = ["sync", "async", "across", "mixed"] as const;

/** How to wait. */
export type Form = (typeof FORMS)[number];

/** One of the ways to play a game. */
export interface Combination {
  readonly form: Form;
  /** Whether to give up now and then, after a moment, and to wait anew. */
  readonly givesUp: boolean;
  readonly spinning: boolean;
  readonly delays: boolean;
}

/** All ways to play a game. */
export const COMBINATIONS: readonly Combination[] = [false, true].flatMap((delays) =>
  [true, false].flatMap((spinning) =>
    [false, true].flatMap((givesUp) => FORMS.map((form) => ({ form, givesUp, spinning, delays })))
  )
);

/** What a combination is called where it is told which one failed. */
export function nameOf({ form, givesUp, spinning, delays }: Combination): string {
  return `${form}${givesUp ? ", giving up" : ""}, ${spinning ? "spinning" : "asleep"}${
    delays ? ", with delays" : ""
  }`;
}

/**
 * How many waits of a combination there are for one of another: those that take a tenth of the time
 * are ten times as many.
 */
function weightOf({ form, givesUp, spinning, delays }: Combination): number {
  return (form === "sync" ? 2 : 1) * (givesUp ? 1 : 2) * (spinning ? 2 : 1) * (delays ? 1 : 2);
}

const ALL_WEIGHTS = COMBINATIONS.reduce((sum, combination) => sum + weightOf(combination), 0);

/**
 * Whether sleepers are to look again after 100 ms nonetheless. A thread that gave up an
 * asynchronous wait and then blocks may have been woken in between, and can't pass that on.
 */
export function heals({ form, givesUp }: Combination): boolean {
  return form === "mixed" && givesUp;
}

/** How many rounds to play in a way, if there are to be so many waits of a game in all ways. */
export function roundsOf(combination: Combination, waits: number, perRound: number): number {
  return Math.ceil(waits * weightOf(combination) / ALL_WEIGHTS / perRound);
}

/** The first byte in the segment that isn't the players' own. */
export const DATA = 4096;

/** The bytes of the segment. */
export const SIZE = 1 << 20;

/** The word that counts who has come to a meeting. */
const MEETINGS = 0;

/** Words of each side, from {@linkcode sideAt} on: */
const WORDS = 16;

/** ... which combination it plays, by its index ... */
export const COMBINATION = 0;

/** ... how many waits of that are over ... */
export const WAITS = 1;

/** ... and how many in all, and how often it slept. */
export const TOTAL = 2;
export const SLEEPS = 3;

/** The first word of a side. */
export function sideAt(side: number): number {
  return WORDS * (side + 1);
}

// As they are without delays.
const { add, load } = Atomics;

/** One of the processes that play a game. */
export class Player {
  readonly memory: Attachment;
  readonly side: number;
  readonly sides: number;
  combination: Combination = COMBINATIONS[0];
  /** How many rounds there are. */
  rounds = 0;
  random: Random = () => 0;
  readonly #words: Int32Array<ArrayBufferLike>;
  #meetings = 0;

  constructor(memory: Attachment, side: number, sides: number) {
    this.memory = memory;
    this.side = side;
    this.sides = sides;
    this.#words = memory.array(Int32Array, { length: DATA / 4 });
  }

  /** Whether this is the side that prepares what all play with. */
  get first(): boolean {
    return this.side === 0;
  }

  /** How many tasks of this process may wait at a time: one that blocks the thread blocks all. */
  get tasks(): number {
    const { form } = this.combination;
    return form === "async" || (form === "across" && this.side % 2 === 1) ? 2 : 1;
  }

  /** Begins to play in another way. */
  start(index: number, rounds: number, random: Random): void {
    this.combination = COMBINATIONS[index];
    this.rounds = rounds;
    this.random = random;
    this.#words[sideAt(this.side) + WAITS] = 0;
    this.#words[sideAt(this.side) + COMBINATION] = index;
  }

  /** Waits for all sides, by nothing that is to be tested here. */
  meet(): void {
    this.#words[sideAt(this.side) + SLEEPS] = sleepsSoFar();
    add(this.#words, MEETINGS, 1);
    const all = ++this.#meetings * this.sides;
    while (load(this.#words, MEETINGS) < all) sleepSync(0.1);
  }

  /** Fills what all play with anew, once nobody plays any more, nor the kernel watches it. */
  async renew(make: () => void): Promise<void> {
    while (Object.values(waitingStatus()).some((count) => count > 0)) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.meet();
    if (this.first) {
      this.memory.array(Uint8Array, { offset: DATA, length: SIZE - DATA }).fill(0);
      make();
    }
    this.meet();
  }

  /** Has something for so long that others come and wait for it, now and then. */
  work(): void {
    if (this.random(4) === 0) busy(this.random(80));
  }

  /** Has something until all others have come as far, and wait for it, or for a moment. */
  linger(): void {
    const waits = this.#words[sideAt(this.side) + WAITS];
    const late = performance.now() + 0.2;
    for (let side = 0; side < this.sides; side++) {
      while (load(this.#words, sideAt(side) + WAITS) < waits && performance.now() < late);
    }
    busy(this.random(60));
  }

  /** Takes some time, or none. */
  pause(): void {
    pause(this.random);
  }

  /** Waits for something in the way that is to be tested now; counts it. */
  async wait<T>(
    sync: (options: WaitSyncOptions) => T,
    async: (options: WaitOptions) => Promise<T>,
  ): Promise<T> {
    this.pause();
    const blocks = this.#blocks();
    const brief = this.combination.givesUp && this.random(4) === 0;
    const result = (brief ? await this.#briefly(sync, async) : undefined) ??
      { value: blocks ? sync({}) : await async({}) };
    const at = sideAt(this.side);
    this.#words[at + WAITS]++;
    this.#words[at + TOTAL]++;
    this.pause();
    return result.value;
  }

  /** Whether to block the thread this time. */
  #blocks(): boolean {
    const { form } = this.combination;
    if (form === "across") return this.side % 2 === 0;
    return form === "mixed" ? this.random(2) === 0 : form === "sync";
  }

  /** Waits for a moment; `undefined` if that was in vain. */
  async #briefly<T>(
    sync: (options: WaitSyncOptions) => T,
    async: (options: WaitOptions) => Promise<T>,
  ): Promise<{ value: T } | undefined> {
    const limit = { timeout: this.random(3) };
    const abort = new AbortController();
    try {
      if (this.#blocks()) return { value: sync(limit) };
      if (this.random(2) === 0) return { value: await async(limit) };
      return { value: await this.#aborted(async({ signal: abort.signal }), abort) };
    } catch (error) {
      if (error === abort.signal.reason || error instanceof Deno.errors.TimedOut) return undefined;
      throw error;
    }
  }

  /** Aborts something soon, after the steps of other tasks or events. */
  async #aborted<T>(promise: Promise<T>, abort: AbortController): Promise<T> {
    promise.catch(() => {}); // which is for the caller
    for (let hops = this.random(12); hops > 0; hops--) await undefined;
    if (this.random(4) === 0) await new Promise((resolve) => setTimeout(resolve));
    abort.abort();
    return await promise;
  }
}

/** A game: something that processes hand over to each other, with an object of the library. */
export interface Game {
  readonly name: string;
  /** How many processes play. */
  readonly sides: number;
  /** How many waits there are in a round, of all sides; about so many, where that is left open. */
  readonly waits: number;
  /** Makes the objects, in memory of zeros. */
  make(player: Player): void;
  /** What each side does. It attaches, meets the others, and then plays all rounds. */
  play(player: Player): Promise<void>;
  /** Checks what is there after all have played. */
  check?(player: Player): void;
}

/** Throws unless something is as it has to be. */
export function expect(found: unknown, expected: unknown, what: string): void {
  if (found !== expected) throw new Error(`${what} is ${found}, and not ${expected}`);
}
