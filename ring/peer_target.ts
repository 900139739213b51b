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

/** How somebody listens. */
interface Listening {
  /** For one event only. */
  readonly once: boolean;
  /** Lets go of its signal. */
  readonly forget: () => void;
}

/**
 * One end of a connection, which hears of the death of those at the other end: by the event
 * `"peerdeath"`, a `CustomEvent` whose `detail` says who died. While somebody listens it looks
 * about every 100 ms, and that alone doesn't keep the process alive. Of processes in another pid
 * namespace (container) nothing is told.
 *
 * @example
 * ```ts
 * import { Channel, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(65536, { shared: true });
 * using receiver = Channel.create(memory).receiver();
 * receiver.addEventListener("peerdeath", ({ detail: { pid, role } }) => {
 *   console.error(`the ${role}, process ${pid}, died`);
 * });
 * ```
 */
export abstract class PeerTarget extends EventTarget {
  /** Those who listen: in the phase of capture, and in the other one. */
  readonly #listeners = {
    capture: new Map<unknown, Listening>(),
    bubble: new Map<unknown, Listening>(),
  };
  #closed = false;
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
    const listeners = this.#listenersFor(options);
    if (signal?.aborted || listeners.has(listener)) return;
    const onAbort = () => this.#forget(listeners, listener);
    signal?.addEventListener("abort", onAbort);
    const forget = () => signal?.removeEventListener("abort", onAbort);
    listeners.set(listener, { once, forget });
    if (this.#timer !== undefined || this.#closed) return;
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
    if (type === TYPE) this.#forget(this.#listenersFor(options), listener);
  }

  /** For when it is closed. */
  protected stopLooking(): void {
    this.#closed = true;
    this.#rest();
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #listenersFor(options: boolean | EventListenerOptions | undefined): Map<unknown, Listening> {
    const { capture, bubble } = this.#listeners;
    return (typeof options === "object" ? options.capture : options) ? capture : bubble;
  }

  #forget(listeners: Map<unknown, Listening>, listener: unknown): void {
    // Added anew later it is another one, which isn't this signal's.
    listeners.get(listener)?.forget();
    listeners.delete(listener);
    const { capture, bubble } = this.#listeners;
    if (capture.size + bubble.size === 0) this.#rest();
  }

  #look(): void {
    let deaths: readonly PeerDeath[];
    try {
      deaths = this.newDeaths();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      this.#rest(); // the memory is gone
      return;
    }
    if (deaths.length === 0) return;
    const { capture, bubble } = this.#listeners;
    const done = [capture, bubble].flatMap((listeners) =>
      [...listeners].filter(([, { once }]) => once)
        .map(([listener, listening]) => ({ listeners, listener, listening }))
    );
    for (const detail of deaths) this.dispatchEvent(new CustomEvent(TYPE, { detail }));
    for (const { listeners, listener, listening } of done) {
      if (listeners.get(listener) === listening) this.#forget(listeners, listener);
    }
  }
}
