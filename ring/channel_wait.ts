import type { WaitOptions } from "../ffi/wait.ts";
import { Patience } from "../sync/patience.ts";
import type { SharedPlace } from "../sync/place.ts";
import { wait } from "../sync/wait_async.ts";
import type { Waitable } from "../sync/waitable.ts";
import { waitSync } from "../sync/wait_sync.ts";
import { type Deaths, SENDER } from "./channel_deaths.ts";
import { addAtomically, type ChannelEnd } from "./channel_end.ts";
import { ASLEEP, HEAD, RECEIVERS_WAITED, SENDERS_WAITED, TAIL } from "./channel_layout.ts";
import type { PeerDeath } from "./peer_target.ts";

/** How often to look for deaths while there is no need to wait, in milliseconds. */
const LOOK_EVERY = 100;

/** Sees to it that a death at the other end is an error, where that was asked for. */
export class DeathWatch {
  readonly #place: SharedPlace;
  readonly #deaths: Deaths;
  /** Deaths that no error told yet. */
  readonly #found: PeerDeath[] = [];
  #looked = performance.now();

  constructor(place: SharedPlace, deaths: Deaths) {
    this.#place = place;
    this.#deaths = deaths;
  }

  /** Looks; `true` if somebody died. */
  look(): boolean {
    this.#looked = performance.now();
    this.#found.push(...this.#deaths.look());
    return this.#found.length > 0;
  }

  /** The same, unless that was just done. */
  lookAgain(): boolean {
    if (performance.now() - this.#looked >= LOOK_EVERY) this.look();
    return this.#found.length > 0;
  }

  /** Throws if somebody was found to have died, once for each. */
  check(): void {
    const death = this.#found.shift();
    if (death === undefined) return;
    const { pid, role } = death;
    throw new Deno.errors.BrokenPipe(
      `Cannot go on with ${this.#place.name}: its ${role}, process ${pid}, died without closing it. Start it again`,
    );
  }
}

/** How one end waits for the other. */
export class ChannelWait implements Waitable<true> {
  readonly place: SharedPlace;
  readonly index: number;
  readonly patience: Patience = new Patience();
  readonly #end: ChannelEnd;
  readonly #waited: number;
  readonly #ready: () => boolean;
  readonly #watch: DeathWatch | undefined;
  /** From when on the time waited isn't added yet. */
  #since = 0;

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
    this.#add(); // as it goes on
    // SYNC POINT: pairs with the exchange of the word in publish(), which finds the flag and wakes.
    const asleep = value | ASLEEP;
    const { words } = this.place;
    if (value !== asleep && Atomics.compareExchange(words, this.index, value, asleep) !== value) {
      return undefined;
    }
    // What it had written before is received first.
    return this.#watch?.look() ? undefined : asleep;
  }

  /** Blocks the thread until an attempt is worth it; `false` if the time is over. */
  waitSync(timeout: number | undefined): boolean {
    this.#since = performance.now();
    try {
      return waitSync(this, timeout) ?? false;
    } finally {
      this.#add();
    }
  }

  /** The same, without blocking the thread. */
  async wait(options: WaitOptions): Promise<boolean> {
    this.#since = performance.now();
    try {
      return await wait(this, options) ?? false;
    } finally {
      this.#add();
    }
  }

  /** Adds to the time waited, for `stat()`. */
  #add(): void {
    const { words } = this.#end;
    const now = performance.now();
    const microseconds = Math.min(2 ** 31, Math.round((now - this.#since) * 1000));
    this.#since = now;
    if (words.length > 0 && microseconds > 0) addAtomically(words, this.#waited, microseconds);
  }
}
