import type { WaitOptions } from "../ffi/wait.ts";
import { PollQueue, type Wanted } from "../wait/poll_queue.ts";
import type { QueueMessage } from "./message.ts";

/** The asynchronous waits of this thread for something of message queues, by the queues' ids. */
class Waits<T> {
  readonly #queues = new Map<number, PollQueue<T>>();

  /** How many queues are waited for. */
  get size(): number {
    return this.#queues.size;
  }

  /** Waits behind those of this thread who wait for the same queue already. */
  async wait(
    id: number,
    wanted: Wanted<T>,
    options: WaitOptions,
    timedOut: () => Error,
  ): Promise<T> {
    const queue = this.#queues.get(id) ?? new PollQueue<T>();
    this.#queues.set(id, queue);
    try {
      return await queue.wait(wanted, options, timedOut);
    } finally {
      if (queue.isEmpty && this.#queues.get(id) === queue) this.#queues.delete(id);
    }
  }

  /** Says that this thread has just changed the queue. */
  wake(id: number): void {
    if (this.#queues.size > 0) this.#queues.get(id)?.wake();
  }
}

/** Waits for room. */
export const sendWaits = new Waits<true>();

/** Waits for messages. */
export const receiveWaits = new Waits<QueueMessage>();
