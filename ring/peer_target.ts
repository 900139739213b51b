import { describe } from "../ffi/check.ts";
import type { Liveness } from "../ffi/process.ts";

/** What a process is attached as. */
export type PeerRole = "sender" | "receiver";

/** A process that is attached to something, by what the object says. */
export interface Participant {
  /** Its process id, in its own pid namespace. */
  readonly pid: number;
  /** Whether it lives; of a process in another pid namespace (container) that is unknown. */
  readonly liveness: Liveness;
  /** Whether it sends or receives. */
  readonly role: PeerRole;
}

/** A process that died while it was attached. */
export interface PeerDeath {
  /** Its process id. */
  readonly pid: number;
  /** What it was. */
  readonly role: PeerRole;
}

/** What listens to the death of peers. */
export type PeerDeathListener = (event: CustomEvent<PeerDeath>) => void;

/** What to do when one at the other end has died: wait for the next one, or throw. */
export type PeerDeathPolicy = "ignore" | "throw";

/** Checks what to do about a death at the other end. */
export function checkPeerDeath(value: unknown): PeerDeathPolicy {
  if (value === undefined || value === "ignore" || value === "throw") return value ?? "ignore";
  throw new TypeError(`peerDeath must be "ignore" or "throw": received ${describe(value)}`);
}

/** How often to look for deaths while somebody listens, in milliseconds. */
const PERIOD = 100;

const TYPE = "peerdeath";

/**
 * One end of a connection, which hears of the death of those at the other end: by the event
 * `"peerdeath"`, a `CustomEvent` whose `detail` says who died. While somebody listens it looks
 * about every 100 ms, and that alone doesn't keep the process alive.
 */
export abstract class PeerTarget extends EventTarget {
  /** Those who listen, and whether for one event only. */
  readonly #listeners = new Map<unknown, boolean>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Who died since it was asked the last time. */
  protected abstract newDeaths(): readonly PeerDeath[];

  /** Listens. */
  override addEventListener(
    type: "peerdeath",
    listener: PeerDeathListener | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  /** Listens to events of any other type, which only others dispatch. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: unknown,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | null, options);
    if (type !== TYPE || listener === null) return;
    const { once = false, signal } = typeof options === "object" ? options : {};
    if (signal?.aborted) return;
    this.#listeners.set(listener, once);
    signal?.addEventListener("abort", () => this.#forget(listener), { once: true });
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#look(), PERIOD);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  /** Stops listening. */
  override removeEventListener(
    type: "peerdeath",
    listener: PeerDeathListener | null,
    options?: boolean | EventListenerOptions,
  ): void;
  /** Stops listening to events of any other type. */
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: unknown,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener as EventListener | null, options);
    if (type === TYPE) this.#forget(listener);
  }

  /** For when it is closed. */
  protected stopLooking(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #forget(listener: unknown): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.stopLooking();
  }

  #look(): void {
    let deaths: readonly PeerDeath[];
    try {
      deaths = this.newDeaths();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      this.stopLooking(); // the memory is gone
      return;
    }
    if (deaths.length === 0) return;
    const done = [...this.#listeners].filter(([, once]) => once);
    for (const detail of deaths) this.dispatchEvent(new CustomEvent(TYPE, { detail }));
    for (const [listener] of done) this.#forget(listener);
  }
}
