import { platform } from "../ffi/platform.ts";
import type { WaitOptions } from "../ffi/wait.ts";

// Asynchronous waits. A wait in the kernel takes a thread of the pool that Deno's
// files and DNS need too, and can't be cancelled. So the waits for one thing form a
// lane; only the first of a lane is in the kernel, for one short slice after the
// other, and only a few lanes are at once. The others are tried now and then.

/** How long a lane stays in the kernel, in milliseconds: how long a thread can outlive an abort. */
export const SLICE = 20;

/**
 * A contended lane's slice doubles up to this as long as it ends in vain: each slice queues
 * anew in the kernel, behind all who wait there by then, so with short ones it would
 * never get its turn among others that hold for long.
 */
export const LONGEST_SLICE = 1280;

/** How often to look where the kernel doesn't wait for a limited time, in milliseconds. */
export const POLL = 2;

/** Ends one wait: with 0 if it got what it wanted, else with a negated error number. */
export type Settle = (result: number) => void;

/** The waits for one thing, in the order of their coming. */
export interface Lane {
  /** The same for the same thing. */
  readonly key: string;
  readonly waiting: Set<Settle>;
  /** Whether the kernel may take for this lane at this moment. */
  readonly taking: boolean;
  /** Lets the first waits have what is there; tells all of them of an error. */
  serve(): void;
  /** Waits in the kernel for one slice, and serves. */
  wait(): Promise<void>;
}

/** Something to wait for. */
export interface Wanted {
  /** The same for the same thing. */
  readonly key: string;
  /** Takes it if it is there: 0, or a negated error number; `-EAGAIN` says that it isn't. */
  tryNow(): number;
  /** Makes the lane of those who wait for it. */
  newLane(): Lane;
}

/**
 * How many pool threads all waits of this JavaScript thread may use together. Deno has 32 for each.
 */
const MAX_THREADS = 4;

/** How often the lanes that have no thread are tried, in milliseconds. */
const PATROL = SLICE;

/** Every lane that somebody waits in, or that is in the kernel. */
const lanes = new Map<string, Lane>();
/** Those of them that have no thread, the longest without one first. */
const idle = new Set<Lane>();
/** Those of them that have one. */
const busy = new Set<Lane>();
/** The timer after which the idle ones are tried. */
let patrol: ReturnType<typeof setTimeout> | undefined;

/** Gives threads to lanes, in turn, and looks after those for which none is left. */
function schedule(): void {
  for (const lane of idle) {
    if (busy.size === MAX_THREADS) break;
    if (lane.waiting.size === 0) {
      retire(lane);
      continue;
    }
    idle.delete(lane);
    busy.add(lane);
    void lane.wait().finally(() => {
      busy.delete(lane);
      idle.add(lane);
      retire(lane);
      schedule();
    });
  }
  if (idle.size === 0) {
    clearTimeout(patrol);
    patrol = undefined;
  } else patrol ??= setTimeout(serveIdle, PATROL);
}

/** Serves every lane without a thread. */
function serveIdle(): void {
  patrol = undefined;
  for (const lane of idle) {
    lane.serve();
    retire(lane);
  }
  schedule();
}

/** Forgets a lane in which nobody waits any more. */
function retire(lane: Lane): void {
  if (lane.waiting.size > 0) return;
  idle.delete(lane);
  lanes.delete(lane.key);
}

/** The lanes that have something to wait for, or are in the kernel. */
export function currentLanes(): readonly Lane[] {
  return [...lanes.values()];
}

/**
 * Whether to block for something could be to wait for what this very thread is to pass on: the
 * kernel may at this moment take it for a wait of the thread, which learns of it on the event loop
 * alone. What the kernel takes for a wait that was aborted, others may need before they let this
 * one go.
 *
 * @param overlaps Whether a lane waits for what is to be blocked for.
 */
export function mayTake(overlaps: (lane: Lane) => boolean): boolean {
  if (busy.size === 0) return false;
  return [...busy].some((lane) => lane.taking && (lane.waiting.size === 0 || overlaps(lane)));
}

/**
 * Takes something as soon as it is there. The promise is fulfilled with 0, or with a
 * negated error number; `-EAGAIN` says that it wasn't there in time.
 *
 * It is rejected with the signal's reason as soon as that aborts. A wait that was aborted
 * or timed out has changed nothing; what the kernel takes for it later is given back as soon as the
 * event loop runs.
 */
export async function waitFor(wanted: Wanted, options: WaitOptions): Promise<number> {
  const { signal, timeout } = options;
  signal?.throwIfAborted();
  const { EAGAIN } = platform().errno;
  let lane = lanes.get(wanted.key);
  // Behind others one doesn't push to the front.
  if (lane === undefined || lane.waiting.size === 0) {
    const result = wanted.tryNow();
    if (result !== -EAGAIN) return result;
  }
  if (timeout === 0) return -EAGAIN;
  if (lane === undefined) {
    lane = wanted.newLane();
    lanes.set(wanted.key, lane);
    idle.add(lane);
  }
  const promise = waitIn(lane, options);
  // All that begin to wait on this turn of the event loop are in the slice that starts after it.
  queueMicrotask(schedule);
  return await promise;
}

/** Waits in a lane. */
function waitIn({ waiting }: Lane, { signal, timeout }: WaitOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const settle = (result: number) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      resolve(result);
    };
    const onAbort = () => {
      clearTimeout(timer);
      waiting.delete(settle);
      reject(signal?.reason);
    };
    const onTimeout = () => {
      waiting.delete(settle);
      settle(-platform().errno.EAGAIN);
    };
    const timer = timeout === undefined ? undefined : setTimeout(onTimeout, timeout);
    signal?.addEventListener("abort", onAbort, { once: true });
    waiting.add(settle);
  });
}

/** Ends every wait for something with the same result. */
export function endWaits(key: string, result: number): void {
  const waiting = lanes.get(key)?.waiting ?? new Set<Settle>();
  for (const settle of waiting) settle(result);
  waiting.clear();
}
