import { checkedWait, type WaitOptions, type WaitSyncOptions } from "../ffi/wait.ts";
import { Patience } from "../sync/patience.ts";
import type { SharedPlace } from "../sync/place.ts";
import { wait } from "../sync/wait_async.ts";
import { wordOf } from "../sync/async_words.ts";
import { RECHECK, type Waitable } from "../sync/waitable.ts";
import { waitSync } from "../sync/wait_sync.ts";
import type { Received, Source } from "./iteration.ts";
import type { PeerDeath, PeerDeathPolicy } from "./peer_target.ts";
import { readableOf } from "./readable.ts";
import type { Station } from "./station.ts";
import { SenderDeaths } from "./station_deaths.ts";
import { ASLEEP, TAIL } from "./station_layout.ts";
import { Attendance } from "./station_participants.ts";
import { point } from "./test_points.ts";

/** For tests: a point at which nothing was found, before the look for deaths. */
export const NOTHING_FOUND = 9;

/** In place of a message: there are no more. */
const END = Symbol("end");

/** How many there were in this thread. */
let receptions = 0;

/** How a receiver of a Broadcast or a Latest waits; `M` is what it receives. */
export class Reception<M> implements Waitable<M | typeof END> {
  readonly place: SharedPlace;
  readonly index = TAIL;
  readonly patience: Patience = new Patience();
  /** Calls of one receiver get their messages in order. */
  readonly kind: string = `reception ${++receptions}`;
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

  announce(value: number): number | undefined {
    // SYNC POINT: pairs with the exchange of the word in publish(), which finds the flag and wakes.
    const asleep = value | ASLEEP;
    if (value === asleep) return asleep;
    const found = Atomics.compareExchange(this.place.words, TAIL, value, asleep);
    return found === value ? asleep : undefined;
  }

  receiveSync(options: WaitSyncOptions): M | undefined {
    const { timeout } = checkedWait(options);
    return this.#outcome(waitSync(this, timeout), timeout);
  }

  async receive(options: WaitOptions): Promise<M | undefined> {
    const wanted = checkedWait(options);
    return this.#outcome(await wait(this, wanted), wanted.timeout);
  }

  /** What `select` makes of each message, for a loop. */
  source<T>(select: (message: M) => T): Source<T> {
    const received = (message: M | undefined): Received<T> | undefined =>
      message === undefined ? undefined : { done: false, value: select(message) };
    return {
      now: () => received(this.#soon()),
      later: async (limits) => received(await this.receive(limits)),
    };
  }

  /** A stream of what `select` makes of each message. */
  readable<T>(select: (message: M) => T): ReadableStream<T> {
    const { place, index, patience, kind } = this;
    const announce = (value: number) => this.announce(value);
    return readableOf<T>(async (pass, signal) => {
      const attempt = () => {
        signal.throwIfAborted();
        const message = this.attempt();
        if (message !== undefined && message !== END) pass(select(message));
        return message;
      };
      return await wait({ place, index, patience, kind, attempt, announce }, { signal }) !== END;
    });
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
  checkAttached(): void {
    if (!this.#closed) return;
    throw new Deno.errors.BadResource(
      `Cannot receive from ${this.place.name}: this receiver was closed`,
    );
  }

  /**
   * What is there, unless calls wait for it that came before; else, and at the end, `undefined`.
   */
  #soon(): M | undefined {
    return wordOf(this)?.isBehind(this) ? undefined : this.tryReceive();
  }

  /** Why there is nothing. */
  #why(): M | typeof END | undefined {
    this.checkAttached();
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
      `Cannot receive from ${this.place.name}: its sender, process ${pid}, died. Receive again to wait for the next one`,
    );
  }

  #outcome(message: M | typeof END | undefined, timeout: number | undefined): M | undefined {
    if (message === END) return undefined;
    if (message !== undefined) return message;
    throw new Deno.errors.TimedOut(
      `Cannot receive from ${this.place.name}: nothing came for ${timeout} ms. Wait longer, or see what the sender does`,
    );
  }
}
