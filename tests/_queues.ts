// Message queues for tests.

import { IPC_PRIVATE, MessageQueue, type QueueMessage } from "../mod.ts";

/** A queue that is removed when it leaves scope. */
export function makeQueue(): MessageQueue {
  return MessageQueue.create(IPC_PRIVATE, { removeOnDispose: true });
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function textOf(message: QueueMessage | undefined): string | undefined {
  return message && new TextDecoder().decode(message.bytes);
}

/** A message as a tuple of its type and its text. */
export function read(message: QueueMessage | undefined): [number, string] | undefined {
  return message && [message.type, textOf(message) ?? ""];
}

/** Sends messages, each of one type and one text. */
export function fill(queue: MessageQueue, ...messages: [type: number, text: string][]): void {
  for (const [type, text] of messages) queue.sendSync(type, bytesOf(text));
}

/** Whether the kernel copies messages without giving them out; says once if not. */
export function hasPeek(): boolean {
  if (Deno.build.os !== "linux") return false;
  using queue = makeQueue();
  try {
    queue.peek();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotSupported)) throw error;
    console.log("skipped, this kernel has no MSG_COPY: peek()");
    return false;
  }
}
