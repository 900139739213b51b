import { platform } from "../ffi/platform.ts";
import { type Batch, mayWait, takesFrom } from "./batch.ts";
import { Lane, SLICE, tryNow } from "./lane.ts";
import type { WaitOptions } from "./wait_options.ts";

// Asynchronous waits. A wait in the kernel takes a thread of the pool that Deno's
// files and DNS need too, and can't be cancelled. So the waits for one thing form a
// lane; only the first of a lane is in the kernel, for one short slice after the
// other, and only a few lanes are at once. The others are tried now and then.

/** How many pool threads all waits of this JavaScript thread may use together. Deno has 32 for each. */
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

/**
 * Whether to block for a batch could be to wait for what this very thread is to pass on: the kernel
 * may at this moment take it for a wait of the thread, which learns of it on the event loop alone.
 * What the kernel takes for a wait that was aborted, others may need before they let this one go.
 */
export function couldDeadlock(id: number, batch: Batch): boolean {
  if (busy.size === 0 || !mayWait(batch)) return false;
  const wanted = takesFrom(batch);
  const overlaps = (lane: Lane) =>
    lane.id === id && takesFrom(lane.batch).some((index) => wanted.includes(index));
  return [...busy].some((lane) => lane.taking && (lane.waiting.size === 0 || overlaps(lane)));
}

/**
 * Does a batch as soon as it can be done. The promise is fulfilled with 0, or with a
 * negated error number; `-EAGAIN` says that it couldn't be done in time.
 *
 * It is rejected with the signal's reason as soon as that aborts. A wait that was aborted
 * or timed out has changed nothing; what the kernel takes for it later is given back as soon as the
 * event loop runs.
 */
export async function perform(id: number, batch: Batch, options: WaitOptions): Promise<number> {
  const { signal, timeout } = options;
  signal?.throwIfAborted();
  const { EAGAIN } = platform().errno;
  const key = `${id}:${batch.key}`;
  let lane = lanes.get(key);
  // Behind others one doesn't push to the front.
  if (lane === undefined || lane.waiting.size === 0) {
    const result = tryNow(id, batch);
    if (result !== -EAGAIN) return result;
  }
  if (timeout === 0) return -EAGAIN;
  if (lane === undefined) {
    lane = new Lane(key, id, batch);
    lanes.set(key, lane);
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
