import { platform } from "../ffi/platform.ts";
import { hasSemtimedop, semctl, semop, semtimedopNonblocking, timespec } from "../ffi/sysv_sem.ts";
import {
  type Batch,
  changesNothing,
  keep,
  onlyTakes,
  probe,
  reversal,
  takesFrom,
  withUndo,
} from "./batch.ts";
import { sleep } from "./steps.ts";

// Asynchronous waits. A wait in the kernel takes a thread of the pool that Deno's
// files and DNS need too, and can't be cancelled. So the waits for one thing form a
// lane; only the first of a lane is in the kernel, for one short slice after the
// other, and only a few lanes are at once. The others are tried now and then.
//
// The kernel first only tells when to try: it waits with a batch that changes nothing
// in the end, so that an abort has nothing to take back. But while others wait in the
// kernel too, what is given goes on to the next of them before we can try. Such a
// contended lane lets the kernel take for it, which gives it a place in the kernel's queue. If
// nobody waits any more when the kernel has taken, it is given back.

/** How many pool threads all waits may use together. Deno has 32. */
const MAX_THREADS = 4;

/**
 * How long a lane stays in the kernel, in milliseconds: how long a thread can outlive an
 * abort. Also how often the lanes that have no thread are tried.
 */
const SLICE = 20;

/**
 * A contended lane's slice doubles up to this as long as it ends in vain: each slice queues
 * anew in the kernel, behind all who wait there by then, so with short ones it would
 * never get its turn among others that hold for long.
 */
const LONGEST_SLICE = 1280;

/** How often to look where the kernel doesn't wait for a limited time, in milliseconds. */
const POLL = 2;

/** Ends one wait: with 0 if its batch was done, else with a negated error number. */
type Settle = (result: number) => void;

/** The waits for one batch on one set, in the order of their coming. */
class Lane {
  readonly key: string;
  readonly id: number;
  readonly batch: Batch;
  readonly waiting = new Set<Settle>();
  /** Whether the kernel may take for this lane at this moment. */
  taking = false;
  #contended = false;
  #slice = SLICE;
  #turns = 0;

  constructor(key: string, id: number, batch: Batch) {
    this.key = key;
    this.id = id;
    this.batch = batch;
  }

  /** Lets the first waits have what is there; tells all of them of an error. */
  serve(): void {
    for (const settle of this.waiting) {
      const result = tryNow(this.id, this.batch);
      if (result === -platform().errno.EAGAIN) return;
      this.#end(settle, result);
    }
  }

  /** Waits in the kernel for one slice, and serves. */
  async wait(): Promise<void> {
    const before = [...this.waiting];
    const turns = this.#turns;
    this.taking = this.#contended;
    const start = performance.now();
    const done = await waitInKernel(
      this.id,
      this.taking ? withUndo(this.batch) : probe(this.batch),
      this.#slice,
    );
    // A batch of which the kernel won't do twice as many operations, or any with a limit.
    if (!done && performance.now() - start < SLICE / 2) await sleep(POLL);
    if (done && this.taking) this.#grant();
    // For zeros the kernel's word is the thing itself: the next moment they may be gone.
    if (done && changesNothing(this.batch)) this.#endAll(before);
    this.taking = false;
    this.serve();
    const served = this.#turns > turns;
    this.#contended = onlyTakes(this.batch) && !served && (done || this.#othersWait());
    this.#slice = this.#contended ? Math.min(2 * this.#slice, LONGEST_SLICE) : SLICE;
  }

  /** Passes on what the kernel took for this lane, or gives it back if nobody waits any more. */
  #grant(): void {
    const [settle] = this.waiting;
    // Taken with undo, so that nothing is lost if the process ends before this line. None of
    // this waits; and if the set was removed there is nothing to keep or to give back.
    const rest = settle === undefined ? reversal(this.batch) : keep(this.batch);
    if (rest !== null) semop(this.id, rest.sopsNoWait, rest.nsops);
    if (settle !== undefined) this.#end(settle, 0);
  }

  #endAll(waits: readonly Settle[]): void {
    for (const settle of waits) {
      if (this.waiting.has(settle)) this.#end(settle, 0);
    }
  }

  #end(settle: Settle, result: number): void {
    this.#turns++;
    this.waiting.delete(settle);
    settle(result);
  }

  /** Whether others wait in the kernel for what this lane waits for. */
  #othersWait(): boolean {
    const { GETNCNT } = platform().constants;
    return takesFrom(this.batch).some((index) => semctl(this.id, index, GETNCNT, null) > 0);
  }
}

/** Waits in the kernel, on another thread, until a batch is done or the slice ends. */
async function waitInKernel(id: number, { sops, nsops }: Batch, slice: number): Promise<boolean> {
  return hasSemtimedop() && await semtimedopNonblocking(id, sops, nsops, timespec(slice));
}

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
    idle.delete(lane);
    busy.add(lane);
    void lane.wait().finally(() => {
      busy.delete(lane);
      idle.add(lane);
      retire(lane);
      schedule();
    });
  }
  if (idle.size > 0) patrol ??= setTimeout(serveIdle, SLICE);
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

/** Does a batch if that needs no waiting; returns 0 or a negated error number. */
export function tryNow(id: number, { sopsNoWait, nsops }: Batch): number {
  const { EINTR } = platform().errno;
  for (;;) {
    const result = semop(id, sopsNoWait, nsops);
    if (result !== -EINTR) return result;
  }
}

/**
 * Whether the kernel may at this moment take for a wait of this thread what a batch wants. The
 * thread must not block for it then: the kernel's answer reaches it on the event loop alone.
 */
export function isTaking(id: number, batch: Batch): boolean {
  const wanted = takesFrom(batch);
  return [...busy].some((lane) =>
    lane.id === id && lane.taking && takesFrom(lane.batch).some((index) => wanted.includes(index))
  );
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
 * or timed out has changed nothing; what the kernel takes for it later is given back at once.
 */
export async function perform(id: number, batch: Batch, limits: WaitLimits): Promise<number> {
  const { signal, timeout } = limits;
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
  const promise = waitIn(lane, limits);
  // All that begin to wait on this turn of the event loop are in the slice that starts after it.
  queueMicrotask(schedule);
  return await promise;
}

/** Waits in a lane. */
function waitIn({ waiting }: Lane, { signal, timeout }: WaitLimits): Promise<number> {
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
