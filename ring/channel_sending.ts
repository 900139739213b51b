import { deadlineOf, timeLeft, type WaitOptions } from "../ffi/wait.ts";
import { Deaths, RECEIVER, SENDER } from "./channel_deaths.ts";
import { type Attempt, sentBefore } from "./channel_end.ts";
import type { ChannelFrame } from "./channel_frame.ts";
import { HEAD } from "./channel_layout.ts";
import { SendEnd } from "./channel_send_end.ts";
import { Turns } from "./channel_turns.ts";
import { ChannelWait, DeathWatch } from "./channel_wait.ts";
import type { PeerDeath, PeerDeathPolicy } from "./peer_target.ts";

/** Something to send that is waiting for room. */
export interface Delivery<R> {
  /** Sends it if that is possible now, while the side is locked if others share it. */
  readonly attempt: Attempt<R>;
  /** For a message of which length there must be room. */
  length(): number;
  /** Whether that room is to be in one piece. Default: `false`. */
  readonly whole?: boolean;
  /** How many messages were sent before: for the error when time is over. */
  sent?(): number;
}

/**
 * How a sender gets at its end of a channel: attempts to send something, each made while the side
 * is locked if others share it, and waits for room until one succeeds.
 */
export class ChannelSending {
  readonly end: SendEnd;
  readonly #watch: DeathWatch | undefined;
  readonly #events: Deaths;
  readonly #turns = new Turns();
  /** What the blocked thread, and what is asynchronous, waits for. */
  #syncReady = () => true;
  #asyncReady = () => true;
  readonly #syncWait: ChannelWait;
  readonly #asyncWait: ChannelWait;

  constructor(frame: ChannelFrame, policy: PeerDeathPolicy) {
    this.#events = new Deaths(frame, RECEIVER);
    const watch = this.#watch = policy === "throw"
      ? new DeathWatch(frame.place, new Deaths(frame, RECEIVER))
      : undefined;
    const end = this.end = new SendEnd(frame); // last: what fails before attaches nothing
    this.#syncWait = new ChannelWait(end, SENDER, () => this.#syncReady(), watch);
    this.#asyncWait = new ChannelWait(end, SENDER, () => this.#asyncReady(), watch);
  }

  /** Whether asynchronous operations that came before are under way. */
  get busy(): boolean {
    return this.#turns.busy;
  }

  /** Leaves the channel; what waits is over. */
  close(): void {
    this.end.close(this.#turns.busy ? HEAD : undefined);
  }

  /** Which receivers died, of those not told yet. */
  newDeaths(): readonly PeerDeath[] {
    return this.end.closed ? [] : this.#events.look();
  }

  /** Throws if a receiver died, where that was asked for. */
  checkPeers(): void {
    if (this.#watch?.lookAgain()) this.#watch.check();
  }

  /** Tries it now. */
  try<R>(attempt: Attempt<R>): R | undefined {
    return this.end.tryEnter() ? this.end.run(attempt) : undefined;
  }

  /** The first attempt of something asynchronous, unless others wait that came before. */
  early<R>(attempt: Attempt<R>): R | undefined {
    return this.#turns.busy ? undefined : this.try(attempt);
  }

  /**
   * Blocks the thread until it succeeds. It is tried again and again, since other senders do so
   * too.
   */
  untilSync<R>(timeout: number | undefined, delivery: Delivery<R>): R {
    const deadline = deadlineOf(timeout);
    const { end } = this;
    // What is in the way may be the lock alone.
    let early = end.shared;
    for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
      const length = delivery.length();
      end.checkLength(length);
      this.#syncReady = () => end.hasRoom(length, delivery.whole === true);
      if (!early && !end.spin(length) && !this.#syncWait.waitSync(left)) break;
      early = false;
      if (!end.enterSync(timeLeft(deadline))) throw end.lockedError(timeout, delivery.sent?.());
      const result = end.run(delivery.attempt);
      if (result !== undefined) return result;
    }
    throw this.#timedOut(timeout, delivery);
  }

  /** The same, without blocking the thread, in the order of the calls. */
  until<R>(options: WaitOptions, delivery: Delivery<R>): Promise<R> {
    const timedOut = () => this.#timedOut(options.timeout, delivery);
    const { end } = this;
    return this.#turns.take(options, timedOut, async ({ signal, timeout }) => {
      const deadline = deadlineOf(timeout);
      for (let left = timeout; left !== 0; left = timeLeft(deadline)) {
        const length = delivery.length();
        end.checkLength(length);
        this.#asyncReady = () => end.hasRoom(length, delivery.whole === true);
        if (!await this.#asyncWait.wait({ signal, timeout: left })) break;
        const { attempt } = delivery;
        const rest = { signal, timeout: timeLeft(deadline) };
        const entered = await end.enterFor(rest, attempt, (result) => result);
        if (entered === undefined) throw end.lockedError(options.timeout, delivery.sent?.());
        if (entered.result !== undefined) return entered.result;
      }
      throw timedOut();
    });
  }

  #timedOut(timeout: number | undefined, { sent }: Delivery<unknown>): Error {
    return new Deno.errors.TimedOut(
      `Cannot send to ${this.end.place.name}: there was no room for it for ${timeout} ms${
        sentBefore(sent?.())
      }. Wait longer, or see what the receivers do`,
    );
  }
}
