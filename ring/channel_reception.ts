import { deadlineOf, timeLeft, type WaitOptions } from "../ffi/wait.ts";
import { Deaths, RECEIVER, SENDER } from "./channel_deaths.ts";
import { fulfilled } from "../sync/fulfilled.ts";
import type { Attempt } from "./channel_end.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { TAIL } from "./channel_layout.ts";
import { ReceiveEnd } from "./channel_receive_end.ts";
import { Turns } from "./channel_turns.ts";
import { ChannelWait, DeathWatch } from "./channel_wait.ts";
import type { PeerDeath, PeerDeathPolicy } from "./peer_target.ts";

/**
 * How a receiver gets at its end of a channel: attempts to receive something, each made while the
 * side is locked if others share it, and waits until one succeeds.
 */
export class ChannelReception {
  readonly end: ReceiveEnd;
  readonly #watch: DeathWatch | undefined;
  readonly #events: Deaths;
  readonly #turns = new Turns();
  readonly #syncWait: ChannelWait;
  readonly #asyncWait: ChannelWait;

  constructor(frame: ChannelFrame, policy: PeerDeathPolicy) {
    this.#events = new Deaths(frame, SENDER);
    const watch = this.#watch = policy === "throw"
      ? new DeathWatch(frame.place, new Deaths(frame, SENDER))
      : undefined;
    const end = this.end = new ReceiveEnd(frame); // last: what fails before attaches nothing
    this.#syncWait = new ChannelWait(end, RECEIVER, () => end.hasMessage, watch);
    this.#asyncWait = new ChannelWait(end, RECEIVER, () => end.hasMessage, watch);
  }

  /** Whether the next message may be taken at once: there is no lock, and nobody came before. */
  get free(): boolean {
    return !this.end.shared && !this.#turns.busy;
  }

  /** Leaves the channel; what waits is over. */
  close(): void {
    this.end.close(this.#turns.busy ? TAIL : undefined);
  }

  /** Which senders died, of those not told yet. */
  newDeaths(): readonly PeerDeath[] {
    return this.end.closed ? [] : this.#events.look();
  }

  /** Nothing is there: an error if that is because somebody died, where that was asked for. */
  nothing(): undefined {
    const watch = this.#watch;
    if (watch === undefined || this.end.ended) return undefined;
    // In this order: what was sent before a death is received before the error.
    if (watch.lookAgain() && !this.end.hasMessage) watch.check();
    return undefined;
  }

  /** Tries it now. */
  try<R>(attempt: Attempt<R>): R | undefined {
    return this.#try(attempt) ?? this.nothing();
  }

  /** The length of the next message, if it may be taken at once and is there soon; else -1. */
  soon(): number {
    const { end } = this;
    if (!this.free) return -1;
    end.checkIdle();
    const length = end.next();
    if (length >= 0 || end.ended || !end.spin() && !end.spin()) return length;
    return end.next();
  }

  /** The first attempt of something asynchronous, unless others wait that came before. */
  early<R>(attempt: Attempt<R>): R | undefined {
    if (this.#turns.busy) return undefined;
    const first = this.try(attempt);
    if (first !== undefined || this.end.ended || !this.end.spin()) return first;
    return this.#try(attempt);
  }

  /**
   * Blocks the thread until it succeeds; `undefined` at the end of the stream. It is tried again
   * and again, since other receivers do so too.
   */
  untilSync<R>(timeout: number | undefined, attempt: Attempt<R>): R | undefined {
    const deadline = deadlineOf(timeout);
    const { end } = this;
    const first = this.#try(attempt);
    if (first !== undefined || end.ended) return first;
    end.wakeSenders();
    for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
      if (!end.spin() && !this.#syncWait.waitSync(left)) break;
      if (!end.enterSync(timeLeft(deadline))) throw end.lockedError(timeout);
      const result = end.run(attempt);
      if (result !== undefined || end.ended) return result;
    }
    this.nothing();
    throw this.#timedOut(timeout);
  }

  /**
   * The same, without blocking the thread, in the order of the calls. What it gives is finished at
   * once, after the side was unlocked: a codec may take its time.
   */
  until<R, S>(
    options: WaitOptions,
    attempt: Attempt<R>,
    finish: (result: R) => S,
  ): Promise<S | undefined> {
    const timedOut = () => this.#timedOut(options.timeout);
    const { end } = this;
    return this.#turns.take(options, timedOut, async ({ signal, timeout }) => {
      const first = this.#try(attempt);
      if (first !== undefined) return await fulfilled(finish(first));
      if (end.ended) return undefined;
      end.wakeSenders();
      const deadline = deadlineOf(timeout);
      for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
        if (!await this.#asyncWait.wait({ signal, timeout: left })) break;
        const rest = { signal, timeout: timeLeft(deadline) };
        const entered = await end.enterFor(rest, attempt, finish);
        if (entered === undefined) throw end.lockedError(options.timeout);
        if (entered.result !== undefined || end.ended) return entered.result;
      }
      this.nothing();
      throw timedOut();
    });
  }

  #try<R>(attempt: Attempt<R>): R | undefined {
    return this.end.tryEnter() ? this.end.run(attempt) : undefined;
  }

  #timedOut(timeout: number | undefined): Error {
    return new Deno.errors.TimedOut(
      `Cannot receive from ${this.end.place.name}: nothing came for ${timeout} ms. Wait longer, or see what the senders do`,
    );
  }
}
