// How queue_server.ts keeps replies that nobody fetches from filling the queue.

import { isSystemError, type MessageQueue } from "../mod.ts";
import { encodeReply, type Reply, REQUEST } from "./_queue.ts";

// A client that was killed, or gave up, leaves its reply in the queue, where it takes the room of
// others. So of replies there are never more in the queue than the clients of the last seconds:
//
// - A client waits for one reply at a time. What lies there for it when the next is sent, is taken
//   away before.
// - What was sent `keep` seconds ago, or more, is taken away: longer than any client waits.
// - A reply for which there is no room within a second is dropped, and that client gives up. The
//   server never waits for long, whatever the clients do.

/** How long to wait for room, in milliseconds. */
const PATIENCE = 1000;

/** How often to look for old replies, in milliseconds. */
const SWEEP = 500;

/** The replies of one server. */
export class Replies implements Disposable {
  readonly #queue: MessageQueue;
  readonly #keep: number;
  /** When the last reply to a process was sent, of those that may lie in the queue. */
  readonly #sent = new Map<number, number>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** Sends to a queue; replies stay there for `keep` seconds. */
  constructor(queue: MessageQueue, keep: number) {
    this.#queue = queue;
    this.#keep = 1000 * keep;
    this.#timer = setInterval(() => this.#sweep(), SWEEP);
  }

  /** Sends a reply to a process; `false` if there is no room for it. */
  async send(pid: number, reply: Reply, signal: AbortSignal): Promise<boolean> {
    this.#discard(pid);
    try {
      await this.#queue.send(pid, encodeReply(reply), { signal, timeout: PATIENCE });
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
    this.#sent.set(pid, performance.now());
    return true;
  }

  /** Takes charge of what an earlier server left, as if it had been sent just now. */
  adopt(): void {
    for (let index = 0;; index++) {
      const message = this.#queue.peek(index);
      if (message === undefined) return;
      // C programs may send with types above the safe integers, which nobody waits for.
      const { type } = message;
      if (type !== REQUEST && Number.isSafeInteger(type)) this.#sent.set(type, performance.now());
    }
  }

  /** Takes away what lies in the queue for a process. */
  #discard(pid: number): void {
    while (this.#queue.tryReceive({ type: pid, maxLength: 0, truncate: true }) !== undefined);
    this.#sent.delete(pid);
  }

  #sweep(): void {
    const limit = performance.now() - this.#keep;
    try {
      for (const [pid, time] of this.#sent) if (time <= limit) this.#discard(pid);
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // whoever receives hears of it
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Whether there was no room in time, or never will be: somebody may have made the queue small. */
function isFull(error: unknown): boolean {
  if (error instanceof Deno.errors.BadResource) return false; // it is gone
  return error instanceof Deno.errors.TimedOut || isSystemError(error) && error.code === "EINVAL";
}
