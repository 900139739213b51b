import { platform } from "../ffi/platform.ts";
import { sleep } from "../ffi/wait.ts";
import { type Lane, LONGEST_SLICE, POLL, type Settle, SLICE } from "./lanes.ts";
import type { PosixPlace } from "./posix_place.ts";
import { bestWaiting, type Waiting } from "./posix_wait.ts";

// C has no wait for a POSIX semaphore that takes nothing. So the kernel always takes for the lane,
// and what it took when nobody waits any more is given back. Nobody else does that: a process that
// dies between the two keeps the unit.

/** The waits for one POSIX semaphore, through one handle. */
export class PosixLane implements Lane {
  readonly key: string;
  readonly place: PosixPlace;
  readonly waiting = new Set<Settle>();
  taking = false;
  readonly #how: Waiting;
  #slice = SLICE;
  #turns = 0;

  constructor(key: string, place: PosixPlace, how: Waiting = bestWaiting()) {
    this.key = key;
    this.place = place;
    this.#how = how;
  }

  /** Lets the first waits have what is there; tells all of them of an error. */
  serve(): void {
    for (const settle of this.waiting) {
      const result = this.place.tryTake();
      if (result === -platform().errno.EAGAIN) return;
      this.#end(settle, result);
    }
  }

  /** Waits in the kernel for one slice, and serves. */
  async wait(): Promise<void> {
    const sem = this.place.locate();
    if (typeof sem === "number") return this.serve();
    const turns = this.#turns;
    // Whatever happens to the handle and the memory meanwhile: the thread is on its address.
    const letGo = this.place.hold();
    this.taking = this.#how.elsewhere;
    const start = performance.now();
    const taken = await this.#how.waitElsewhere(sem, this.#slice);
    if (taken) this.#grant();
    this.taking = false;
    letGo();
    if (!taken && performance.now() - start < SLICE / 2) await sleep(POLL);
    this.serve();
    const inVain = this.#turns === turns;
    const contended = inVain && this.place.othersWait();
    this.#slice = contended ? Math.min(2 * this.#slice, LONGEST_SLICE) : SLICE;
  }

  /** Passes on what the kernel took for this lane, or gives it back if nobody waits any more. */
  #grant(): void {
    const [settle] = this.waiting;
    if (settle === undefined) this.place.giveBack();
    else this.#end(settle, 0);
  }

  #end(settle: Settle, result: number): void {
    this.#turns++;
    this.waiting.delete(settle);
    settle(result);
  }
}
