import { platform } from "../ffi/platform.ts";
import { hasSemtimedop, semctl, semop, semtimedopNonblocking, timespec } from "../ffi/sysv_sem.ts";
import { sleep } from "../ffi/wait.ts";
import {
  type Batch,
  changesNothing,
  forgetUndo,
  onlyTakes,
  probe,
  reversal,
  takesFrom,
  withUndo,
} from "./batch.ts";
import { type Lane, LONGEST_SLICE, POLL, type Settle, SLICE } from "./lanes.ts";

// The kernel first only tells when to try: it waits with a batch that changes nothing
// in the end, so that an abort has nothing to take back. But while others wait in the
// kernel too, what is given goes on to the next of them before we can try. Such a
// contended lane lets the kernel take for it, which gives it a place in the kernel's queue. If
// nobody waits any more when the kernel has taken, it is given back.

/** The waits for one batch on one set. */
export class SetLane implements Lane {
  readonly key: string;
  readonly id: number;
  readonly batch: Batch;
  readonly waiting = new Set<Settle>();
  readonly #probe: Batch;
  readonly #withUndo: Batch;
  taking = false;
  #contended = false;
  #slice = SLICE;
  #turns = 0;

  constructor(key: string, id: number, batch: Batch) {
    this.key = key;
    this.id = id;
    this.batch = batch;
    this.#probe = probe(batch);
    this.#withUndo = withUndo(batch);
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
    const batch = this.taking ? this.#withUndo : this.#probe;
    const done = await waitInKernel(this.id, batch, this.#slice);
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
    // It was taken with undo, so that nothing is lost if the process ends before this line.
    const [settle] = this.waiting;
    if (settle === undefined) {
      const back = reversal(this.batch);
      semop(this.id, back.sopsNoWait, back.nsops);
      return;
    }
    const { ERANGE } = platform().errno;
    for (const [form, otherForm] of forgetUndo(this.batch)) {
      const result = tryNow(this.id, form);
      if (result === -ERANGE) tryNow(this.id, otherForm);
    }
    this.#end(settle, 0);
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

/** Does a batch if that needs no waiting; returns 0 or a negated error number. */
export function tryNow(id: number, { sopsNoWait, nsops }: Batch): number {
  const { EINTR } = platform().errno;
  for (;;) {
    const result = semop(id, sopsNoWait, nsops);
    if (result !== -EINTR) return result;
  }
}
