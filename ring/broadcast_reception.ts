import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { Patience } from "../sync/patience.ts";
import type { SharedPlace } from "../sync/place.ts";
import { wait } from "../sync/waiter.ts";
import { RECHECK, type Waitable, waitSync } from "../sync/waiting.ts";
import { SLEEPERS, TAIL } from "./broadcast_layout.ts";
import { Attendance } from "./broadcast_participants.ts";
import { SenderDeaths } from "./broadcast_seat.ts";
import type { Station } from "./broadcast_station.ts";
import type { PeerDeath, PeerDeathPolicy } from "./peer_target.ts";
import { point } from "./test_points.ts";

/** How many messages an iteration takes before it looks whether other tasks are waiting. */
const UNATTENDED = 64;

/** For tests: a point at which nothing was found, before the look for deaths. */
export const NOTHING_FOUND = 9;

/** In place of a message: there are no more. */
export const END = Symbol("end");

/** How a receiver of a Broadcast or a Latest waits; `M` is what it receives. */
export class Reception<M> implements Waitable<M | typeof END> {
  readonly place: SharedPlace;
  readonly index = TAIL;
  readonly patience: Patience = new Patience();
  readonly #station: Station;
  readonly #next: () => M | undefined;
  readonly #throws: boolean;
  readonly #deaths: SenderDeaths;
  readonly #events: SenderDeaths;
  readonly #attendance: Attendance;
  #looked = -Infinity;
  #closed = false;
  #ended = false;

  /** `next` receives what is there, without a wait. */
  constructor(station: Station, policy: PeerDeathPolicy, next: () => M | undefined) {
    this.place = station.place;
    this.#station = station;
    this.#next = next;
    this.#throws = policy === "throw";
    this.#attendance = new Attendance(station);
    this.#deaths = new SenderDeaths(station);
    this.#events = new SenderDeaths(station);
  }

  /** Whether the last look found the end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Receives what is there; `undefined` if nothing is, now or any more. */
  tryReceive(): M | undefined {
    const message = this.attempt();
    return message === END ? undefined : message;
  }

  attempt(): M | typeof END | undefined {
    const message = this.#closed ? undefined : this.#next();
    if (message === undefined) return this.#why();
    this.#ended = false;
    return message;
  }

  announce(value: number): number {
    // SYNC POINT: pairs with the load of SLEEPERS in publish(). Whoever sleeps on the tail does so
    // only if it is still what it was before this.
    Atomics.store(this.place.words, SLEEPERS, 1);
    return value;
  }

  receiveSync(options: WaitSyncOptions): M | undefined {
    const { timeout } = checkedWait(options);
    return this.#outcome(waitSync(this, timeout), timeout);
  }

  async receive(options: WaitOptions): Promise<M | undefined> {
    const wanted = checkedWait(options);
    return this.#outcome(await wait(this, wanted), wanted.timeout);
  }

  async *iterate(options: WaitOptions): AsyncGenerator<M, void, undefined> {
    const wanted = checkedWait(options);
    for (let i = 1;; i++) {
      wanted.signal?.throwIfAborted();
      // A wait that is over at once lets other tasks of the thread run now and then.
      const message = (i % UNATTENDED === 0 ? undefined : this.attempt()) ??
        this.#outcome(await wait(this, wanted), wanted.timeout);
      if (message === END || message === undefined) return;
      yield message;
    }
  }

  readable(): ReadableStream<M> {
    const cancelled = new AbortController();
    const { signal } = cancelled;
    return new ReadableStream<M>({
      pull: async (controller) => {
        // Taken and passed on in one go: a stream that is cancelled in between would lose it.
        const attempt = () => {
          signal.throwIfAborted();
          const message = this.attempt();
          if (message !== undefined && message !== END) controller.enqueue(message);
          return message;
        };
        const { place, index, patience } = this;
        const announce = (value: number) => this.announce(value);
        try {
          const message = await wait({ place, index, patience, attempt, announce }, { signal });
          if (message === END) controller.close();
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      },
      cancel: (reason) => cancelled.abort(reason),
    }, { highWaterMark: 0 });
  }

  newDeaths(): PeerDeath[] {
    if (this.#closed) return [];
    const pid = this.#events.look(true);
    if (pid === undefined) return [];
    this.#events.tell();
    return [{ pid, role: "sender" }];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#attendance.leave();
  }

  /** Throws if it was closed. */
  checkOpen(): void {
    if (!this.#closed) return;
    throw new Deno.errors.BadResource(
      `Cannot receive from the ${this.place.name}: this receiver was closed`,
    );
  }

  /** Why there is nothing. */
  #why(): M | typeof END | undefined {
    this.checkOpen();
    this.#ended = false;
    const over = this.#station.ended;
    const dead = over || !this.#throws ? undefined : this.#lookForDeath();
    if (!over && dead === undefined) return undefined;
    // It may have sent something just before, and that comes first.
    const late = this.#next();
    if (late !== undefined) return late;
    if (dead !== undefined) throw this.#broken(dead);
    this.#ended = this.#station.ended;
    return this.#ended ? END : undefined;
  }

  #lookForDeath(): number | undefined {
    point(NOTHING_FOUND);
    // To look at the processes takes its time: whoever sleeps does so now and then.
    const now = performance.now();
    const thoroughly = now - this.#looked >= RECHECK;
    if (thoroughly) this.#looked = now;
    return this.#deaths.look(thoroughly);
  }

  #broken(pid: number): Error {
    this.#deaths.tell();
    return new Deno.errors.BrokenPipe(
      `Cannot receive from the ${this.place.name}: its sender, process ${pid}, died. Receive again to wait for the next one`,
    );
  }

  #outcome(message: M | typeof END | undefined, timeout: number | undefined): M | undefined {
    if (message === END) return undefined;
    if (message !== undefined) return message;
    throw new Deno.errors.TimedOut(
      `Cannot receive from the ${this.place.name}: nothing came within ${timeout} ms`,
    );
  }
}
