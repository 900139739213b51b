import { platform } from "../ffi/platform.ts";
import { hasSemtimedop, semop, semtimedopNonblocking, timespec } from "../ffi/sysv_sem.ts";
import { type Batch, onlyTakes, probe, reversal } from "./batch.ts";
import { sleep } from "./steps.ts";

// Asynchronous waits. A wait in the kernel takes a thread of the pool that Deno's
// files and DNS need too, and can't be cancelled. So the waits for one thing form a
// lane; only the first of a lane is in the kernel, for one short slice after the
// other, and only a few lanes are at once. The others are tried whenever a slice ends.
//
// The kernel first only tells when to try: it waits with a batch that changes nothing
// in the end. Then an abort has nothing to take back. But between the kernel's word and our
// try others may be faster, time after time. A lane that lost once lets the kernel do
// the batch itself, which gives it a place in the kernel's queue; its last wait then
// can't leave before the slice ends, since the kernel may have taken for it.

/** How many pool threads all waits may use together. Deno has 32. */
const MAX_THREADS = 4;

/**
 * How long a lane stays in the kernel, in milliseconds: how late a lane without a
 * thread may notice its turn, and how long a thread can outlive an abort.
 */
const SHORTEST_SLICE = 20;

/**
 * A slice that ended in vain doubles up to this, while no lane lacks a thread:
 * each slice queues anew in the kernel, behind all who wait there by then, so
 * short ones would never get their turn among others that hold for long.
 */
const LONGEST_SLICE = 160;

/** How often to look where the kernel can't wait for a limited time (macOS), in milliseconds. */
const POLL = 2;

/** Ends one wait: with 0 if its batch was done, else with a negated error number. */
type Settle = (result: number) => void;

/** The waits for one batch on one set, in the order of their coming. */
class Lane {
  readonly key: string;
  readonly #id: number;
  readonly #batch: Batch;
  readonly #probe: Batch;
  readonly #waiting = new Set<Settle>();
  /** What is to happen when the slice in which the kernel may take ends. */
  readonly #leaving: (() => void)[] = [];
  #lost = false;
  #taking = false;
  #slice = SHORTEST_SLICE;

  constructor(key: string, id: number, batch: Batch) {
    this.key = key;
    this.#id = id;
    this.#batch = batch;
    this.#probe = probe(batch);
  }

  /** Whether nobody waits. */
  get empty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Joins the queue. */
  join(settle: Settle): void {
    this.#waiting.add(settle);
  }

  /** Leaves the queue, and calls `left` as soon as the kernel can no longer take for this wait. */
  leave(settle: Settle, left: () => void): void {
    this.#waiting.delete(settle);
    if (this.#taking && this.empty) this.#leaving.push(left);
    else left();
  }

  /** Lets the first waits have what is there; tells all of them of an error. */
  serve(): void {
    for (const settle of this.#waiting) {
      const result = tryNow(this.#id, this.#batch);
      if (result === -platform().errno.EAGAIN) return;
      this.#end(settle, result);
    }
  }

  /** Waits in the kernel for one slice, and serves. */
  async wait(crowded: boolean): Promise<void> {
    if (!hasSemtimedop()) {
      await sleep(POLL);
      return this.serve();
    }
    // What gives can't be taken back without waiting: somebody may have used it.
    this.#taking = this.#lost && onlyTakes(this.#batch);
    const { sops, nsops } = this.#taking ? this.#batch : this.#probe;
    const slice = crowded ? SHORTEST_SLICE : this.#slice;
    const done = await semtimedopNonblocking(this.#id, sops, nsops, timespec(slice));
    this.#slice = done ? SHORTEST_SLICE : Math.min(2 * this.#slice, LONGEST_SLICE);
    const took = done && this.#taking;
    this.#taking = false;
    if (took) this.#grant();
    for (const left of this.#leaving.splice(0)) left();
    const waiting = this.#waiting.size;
    this.serve();
    const served = took || this.#waiting.size < waiting;
    this.#lost = !served && (done || this.#lost);
  }

  /** Passes on what the kernel took for this lane, or gives it back if nobody waits any more. */
  #grant(): void {
    const [settle] = this.#waiting;
    if (settle !== undefined) return this.#end(settle, 0);
    // This never waits; and if the set was removed there is nothing to give back to.
    const back = reversal(this.#batch);
    if (back !== null) semop(this.#id, back.sopsNoWait, back.nsops);
  }

  #end(settle: Settle, result: number): void {
    this.#waiting.delete(settle);
    settle(result);
  }
}

/** Every lane that somebody waits in, or that is in the kernel. */
const lanes = new Map<string, Lane>();
/** Those of them that have no thread, the longest without one first. */
const idle = new Set<Lane>();
let threads = 0;

/** Gives threads to lanes, in turn, as long as there are both. */
function schedule(): void {
  for (const lane of idle) {
    if (threads === MAX_THREADS) return;
    idle.delete(lane);
    threads++;
    void lane.wait(idle.size > 0).finally(() => {
      threads--;
      idle.add(lane);
      serveIdle();
      schedule();
    });
  }
}

/** Serves every lane without a thread, and forgets those in which nobody waits any more. */
function serveIdle(): void {
  for (const lane of idle) {
    lane.serve();
    if (!lane.empty) continue;
    idle.delete(lane);
    lanes.delete(lane.key);
  }
}

/** Does a batch if that needs no waiting; returns 0 or a negated error number. */
export function tryNow(id: number, { sopsNoWait, nsops }: Batch): number {
  const { EINTR } = platform().errno;
  for (;;) {
    const result = semop(id, sopsNoWait, nsops);
    if (result !== -EINTR) return result;
  }
}

/** Limits of a wait. */
export interface WaitLimits {
  readonly signal?: AbortSignal;
  /** In milliseconds. */
  readonly timeout?: number;
}

/**
 * Does a batch as soon as it can be done. The promise is fulfilled with 0, or with a
 * negated error number; `-EAGAIN` says that it couldn't be done in time.
 *
 * It is rejected with the signal's reason as soon as that aborts. A wait that was aborted
 * or timed out has changed nothing.
 */
export async function perform(id: number, batch: Batch, limits: WaitLimits): Promise<number> {
  const { signal, timeout } = limits;
  signal?.throwIfAborted();
  const { EAGAIN } = platform().errno;
  const key = `${id}:${batch.key}`;
  let lane = lanes.get(key);
  // Behind others one doesn't push to the front.
  if (lane === undefined || lane.empty) {
    const result = tryNow(id, batch);
    if (result !== -EAGAIN) return result;
  }
  if (timeout === 0) return -EAGAIN;
  if (lane === undefined) {
    lane = new Lane(key, id, batch);
    lanes.set(key, lane);
    idle.add(lane);
  }
  const promise = waitIn(lane, limits);
  schedule();
  return await promise;
}

/** Waits in a lane. */
function waitIn(lane: Lane, { signal, timeout }: WaitLimits): Promise<number> {
  return new Promise((resolve, reject) => {
    const settle = (result: number) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      resolve(result);
    };
    const onAbort = () => {
      clearTimeout(timer);
      lane.leave(settle, () => reject(signal?.reason));
    };
    const onTimeout = () => lane.leave(settle, () => settle(-platform().errno.EAGAIN));
    const timer = timeout === undefined ? undefined : setTimeout(onTimeout, timeout);
    signal?.addEventListener("abort", onAbort, { once: true });
    lane.join(settle);
  });
}
