import type { WaitOptions } from "../ffi/wait.ts";
import { Patience } from "../sync/patience.ts";
import type { SharedPlace } from "../sync/place.ts";
import { wait } from "../sync/waiter.ts";
import { type Waitable, waitSync } from "../sync/waiting.ts";
import { type Deaths, SENDER } from "./channel_deaths.ts";
import { addAtomically, type ChannelEnd } from "./channel_end.ts";
import {
  HEAD,
  RECEIVERS_ASLEEP,
  RECEIVERS_WAITED,
  SENDERS_ASLEEP,
  SENDERS_WAITED,
  TAIL,
} from "./channel_layout.ts";
import type { PeerDeath } from "./peer_target.ts";

/** How often to look for deaths while there is no need to wait, in milliseconds. */
const LOOK_EVERY = 100;

/** Sees to it that a death at the other end is an error, where that was asked for. */
export class DeathWatch {
  readonly #place: SharedPlace;
  readonly #deaths: Deaths;
  #found: PeerDeath | undefined;
  #looked = performance.now();

  constructor(place: SharedPlace, deaths: Deaths) {
    this.#place = place;
    this.#deaths = deaths;
  }

  /** Looks; `true` if somebody died. */
  look(): boolean {
    this.#looked = performance.now();
    return (this.#found ??= this.#deaths.look()[0]) !== undefined;
  }

  /** Looks unless that was just done, and throws if somebody died. */
  poll(): void {
    if (performance.now() - this.#looked >= LOOK_EVERY) this.look();
    this.check();
  }

  /** Throws if somebody was found to have died, once. */
  check(): void {
    if (this.#found === undefined) return;
    const { pid, role } = this.#found;
    this.#found = undefined;
    throw new Deno.errors.BrokenPipe(
      `The ${this.#place.name} is broken: its ${role}, process ${pid}, died without closing it. Start it again`,
    );
  }
}

/** How one end waits for the other. */
export class ChannelWait implements Waitable<true> {
  readonly place: SharedPlace;
  readonly index: number;
  readonly patience: Patience = new Patience();
  readonly #end: ChannelEnd;
  readonly #flag: number;
  readonly #waited: number;
  readonly #ready: () => boolean;
  readonly #watch: DeathWatch | undefined;

  /** `ready` tells whether an attempt of the end is worth it. */
  constructor(
    end: ChannelEnd,
    role: number,
    ready: () => boolean,
    watch: DeathWatch | undefined,
  ) {
    const sends = role === SENDER;
    this.place = end.place;
    this.index = sends ? HEAD : TAIL;
    this.#end = end;
    this.#flag = sends ? SENDERS_ASLEEP : RECEIVERS_ASLEEP;
    this.#waited = sends ? SENDERS_WAITED : RECEIVERS_WAITED;
    this.#ready = ready;
    this.#watch = watch;
  }

  attempt(): true | undefined {
    if (this.#ready()) return true;
    this.#watch?.check();
    return undefined;
  }

  announce(value: number): number | undefined {
    // SYNC POINT: pairs with the load of the flag after the store of the word, in publish(). Who
    // sleeps does so only if the word still is what it was before this.
    Atomics.store(this.place.words, this.#flag, 1);
    // What it had written before is received first.
    return this.#watch?.look() ? undefined : value;
  }

  /** Blocks the thread until an attempt is worth it; `false` if the time is over. */
  waitSync(timeout: number | undefined): boolean {
    const start = performance.now();
    try {
      return waitSync(this, timeout) ?? false;
    } finally {
      this.#add(start);
    }
  }

  /** The same, without blocking the thread. */
  async wait(options: WaitOptions): Promise<boolean> {
    const start = performance.now();
    try {
      return await wait(this, options) ?? false;
    } finally {
      this.#add(start);
    }
  }

  #add(start: number): void {
    const { words } = this.#end;
    const microseconds = Math.min(2 ** 31, Math.round((performance.now() - start) * 1000));
    if (words.length > 0 && microseconds > 0) addAtomically(words, this.#waited, microseconds);
  }
}
