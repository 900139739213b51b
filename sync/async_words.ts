import { AsyncWord, type Waiter } from "./async_word.ts";
import { AsyncCall } from "./async_call.ts";
import { asyncWaiting } from "./async_mode.ts";
import { timing, type Waitable } from "./waitable.ts";
import { sleeping } from "./wait_sync.ts";

// All words that this thread waits for asynchronously. Two calls of the kernel watch them, which
// take two threads of the pool that Deno's files and DNS need too. The first keeps those that
// have been waited for for long; the second has the newcomers, so that in most cases a wait begins
// and ends without the first being disturbed. What finds no room in both is swept by a timer:
// its values are compared every few milliseconds, and it takes turns in the calls.

/** The least and the most time between two sweeps, in milliseconds. */
const SWEEP = { least: 4, most: 32 };

/** Between sweeps where nothing else tells, in milliseconds: it doubles while nothing happens. */
const POLL = { least: 1, most: 16 };

/** Between two sweeps there is so much more time than one takes. */
const SWEEP_SHARE = 20;

/**
 * After how many microtasks without a newcomer the calls begin: those whom a call served wait anew
 * a few microtasks later, and all of them are to be in the next one.
 */
const HOPS = 4;

/** Even if newcomers come without end, after so many. */
const MOST_HOPS = 1000;

const words = new Map<number, AsyncWord>();
/** Those of them that came after the calls were arranged for the last time. */
const fresh = new Set<AsyncWord>();
/** Those that no call watches, the longest ago first. */
const resting = new Set<AsyncWord>();

let calls: readonly AsyncCall[] = [];
/** Whether the calls may watch something in vain, or without having announced it. */
let outdated = false;
/** Whether somebody came after the calls were arranged for the last time. */
let joined = false;
let planned = false;
let hops = 0;
let allHops = 0;

let timer: ReturnType<typeof setTimeout> | undefined;
let pause = POLL.least;
let rechecked = 0;

/** What this thread waits for: for tests. */
export function waitingStatus(): { words: number; calls: number; swept: number } {
  return {
    words: words.size,
    calls: calls.filter((call) => call.running).length,
    swept: fresh.size + resting.size,
  };
}

/** Whether somebody began to wait on this turn of the event loop: others are to have theirs. */
export function isBusy(): boolean {
  return joined;
}

/** The word of something, if somebody waits for it. */
export function wordOf({ place, index }: Waitable<unknown>): AsyncWord | undefined {
  return words.size === 0 ? undefined : words.get(keyOf(place.address, index));
}

function keyOf(address: bigint, index: number): number {
  return Number(address) + 4 * index; // exact: an address has 57 bits at the most, in fact 47
}

/** Lets somebody wait, and returns the word. */
export function join(waiter: Waiter): AsyncWord {
  const { waitable } = waiter;
  const key = keyOf(waitable.place.address, waitable.index);
  let word = words.get(key);
  if (word === undefined) {
    word = new AsyncWord(key);
    words.set(key, word);
    fresh.add(word);
  }
  word.join(waiter);
  if (word.isOutdated) outdated = true;
  joined = true;
  plan();
  return word;
}

/** Ends a wait before its time; tells whether it was one still. */
export function leave(word: AsyncWord, waiter: Waiter): boolean {
  if (!word.leave(waiter)) return false;
  tidy(word);
  return true;
}

/** Gives those who wait for a word what is there for them. */
export function serve(word: AsyncWord): void {
  word.serve();
  tidy(word);
}

/** After somebody may have left a word: nobody is to be woken for it in vain. */
function tidy(word: AsyncWord): void {
  if (!word.isEmpty && !word.isOutdated) return;
  outdated = true;
  plan();
}

/** Sees to it, soon, that exactly what is waited for is watched. */
function plan(): void {
  hops = HOPS;
  if (planned) return;
  planned = true;
  allHops = MOST_HOPS;
  queueMicrotask(hop);
}

function hop(): void {
  if (--hops > 0 && --allHops > 0) return queueMicrotask(hop);
  planned = false;
  arrange();
}

function arrange(): void {
  joined = false;
  if (outdated) bringUpToDate();
  const polling = asyncWaiting() === "polling";
  if (!polling) useCalls();
  else if (fresh.size > 0) hurry();
  for (const word of fresh) resting.add(word);
  fresh.clear();
  sweepLater();
}

/** Drops what nobody waits for any more. */
function bringUpToDate(): void {
  outdated = false;
  for (const call of calls) if (call.isOutdated) call.interrupt();
  for (const idle of [fresh, resting]) {
    for (const word of idle) {
      if (!word.isEmpty) continue;
      idle.delete(word);
      words.delete(word.key);
    }
  }
}

function useCalls(): void {
  if (fresh.size + resting.size === 0) return;
  if (calls.length === 0) calls = [new AsyncCall(), new AsyncCall()];
  const [first, second] = calls;
  if (!first.running) fill(first, fresh, resting);
  if (fresh.size + resting.size === 0) return;
  if (second.running) {
    // The one that has room, else the one that newcomers are to be in.
    const full = second.room < fresh.size && first.room >= fresh.size;
    if (fresh.size > 0) (full ? first : second).interrupt();
  } else if (first.room >= resting.size && resting.values().some(({ settled }) => settled)) {
    first.interrupt(); // it takes them all, and the second is free for newcomers
    fill(second, fresh);
  } else fill(second, fresh, resting);
}

/** Begins a call for as many words as it can watch. */
function fill(call: AsyncCall, ...sources: readonly Set<AsyncWord>[]): void {
  call.prepare();
  for (const source of sources) {
    for (const word of source) {
      if (call.room === 0) break;
      source.delete(word);
      if (!call.add(word)) words.delete(word.key);
    }
  }
  if (call.words.size > 0) call.run(returned);
}

function returned(watched: readonly AsyncWord[]): void {
  const now = performance.now();
  for (const word of watched) {
    word.serve();
    if (word.isEmpty) words.delete(word.key);
    else {
      word.settled = now - word.since >= timing.recheck;
      resting.add(word);
    }
  }
  plan();
}

/** Makes the next sweep come soon; those who come one after the other don't put it off. */
function hurry(): void {
  if (timer !== undefined && pause === POLL.least) return;
  pause = POLL.least;
  clearTimeout(timer);
  timer = undefined;
}

function sweepLater(): void {
  if (resting.size > 0) timer ??= setTimeout(sweep, pause);
  else if (timer !== undefined) {
    clearTimeout(timer);
    timer = undefined;
  }
}

function sweep(): void {
  timer = undefined;
  const start = performance.now();
  const anyway = start - rechecked >= timing.recheck;
  if (anyway) rechecked = start;
  let served = false;
  for (const word of resting) {
    if (word.sweep(anyway)) served = true;
    if (!word.isEmpty) continue;
    resting.delete(word);
    words.delete(word.key);
  }
  if (asyncWaiting() === "polling") pause = served ? POLL.least : Math.min(2 * pause, POLL.most);
  else {
    const fair = SWEEP_SHARE * (performance.now() - start);
    pause = Math.min(SWEEP.most, Math.max(SWEEP.least, Math.ceil(fair)));
  }
  sweepLater();
}

// While this thread sleeps it can't pass on what it is woken for: that is for others then.
sleeping.prepare = () => {
  for (const call of calls) call.interrupt();
};
