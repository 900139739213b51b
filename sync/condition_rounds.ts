import { deadlineOf, timeLeft } from "../ffi/wait.ts";
import type { MutexGuard } from "./mutex_guard.ts";
import { timedOut } from "./object.ts";
import type { SharedPlace } from "./place.ts";

/** Waits for notifications until a predicate is true. */
export class Rounds {
  readonly #place: SharedPlace;
  readonly #guard: MutexGuard;
  readonly #predicate: () => boolean;
  readonly #timeout: number | undefined;
  readonly #deadline: number | undefined;
  #waited = false;
  #late = false;

  constructor(
    place: SharedPlace,
    guard: MutexGuard,
    predicate: () => boolean,
    timeout: number | undefined,
  ) {
    this.#place = place;
    this.#guard = guard;
    this.#predicate = predicate;
    this.#timeout = timeout;
    this.#deadline = deadlineOf(timeout);
  }

  /** Whether the predicate is true; throws if there is to be no other round. */
  done(): boolean {
    if (this.#waited && this.#guard.ownerDied) {
      throw new Deno.errors.Interrupted(
        `Stopped waiting for the ${this.#place.name}: the mutex's last owner died meanwhile. ` +
          "Bring in order what it guards, call markConsistent(), and wait again",
      );
    }
    if (this.#predicate()) return true;
    if (this.#late) throw timedOut("wait for", this.#place, this.#timeout);
    this.#waited = true;
    return false;
  }

  /** How many milliseconds are left for the next round. */
  left(): number | undefined {
    return timeLeft(this.#deadline);
  }

  /** Takes what a round threw: after the last one the predicate decides, but for an abort. */
  caught(error: unknown, signal?: AbortSignal): void {
    const aborted = signal?.aborted === true && error === signal.reason;
    if (aborted || !(error instanceof Deno.errors.TimedOut)) throw error;
    this.#late = true;
  }
}
