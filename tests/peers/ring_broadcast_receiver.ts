// Receives from a Broadcast in a segment until its end, and prints what came:
//
//   ring_broadcast_receiver.ts <segment id> sync|async|slow|ack
//
// With "ack" it tells, after each message, how many it has, by a Latest behind the Broadcast.
// As a Worker it gets the memory, and posts the same.

import { Segment } from "../../mod.ts";
import { Broadcast, type BroadcastMessage, Latest, type SyncMemory } from "../../ring/mod.ts";
import { isWhole } from "./ring_broadcast_common.ts";

/** What came. */
export interface Received {
  /** How many messages. */
  seen: number;
  /** How many were missed. */
  missed: number;
  /** How many weren't what they should be, or were out of order. */
  bad: number;
}

async function receive(
  memory: SyncMemory,
  mode: string,
  say: (text: string) => void,
): Promise<Received> {
  const broadcast = Broadcast.open(memory);
  using receiver = broadcast.receiver({ from: "oldest" });
  using acks = mode === "ack"
    ? Latest.open(memory, { offset: broadcast.byteLength }).sender()
    : undefined;
  const received = { seen: 0, missed: 0, bad: 0 };
  let next = 0;
  const take = ({ value, sequence, missed }: BroadcastMessage<Uint8Array>) => {
    received.seen++;
    received.missed += missed;
    if (sequence !== next + missed || !isWhole(value, sequence)) received.bad++;
    next = sequence + 1;
  };
  say("receiving");
  if (mode === "async") { for await (const message of receiver) take(message); }
  else {
    for (;;) {
      const message = receiver.receiveSync();
      if (message === undefined) break;
      take(message);
      if (acks !== undefined) {
        const bytes = new Uint8Array(4);
        new DataView(bytes.buffer).setUint32(0, received.seen);
        acks.send(bytes);
      }
      if (mode === "slow" && received.seen % 10 === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
  // What was missed behind the last message that came belongs to none.
  received.missed = receiver.missed;
  return received;
}

if (import.meta.main && Deno.args.length > 0) {
  using memory = Segment.fromId(Number(Deno.args[0])).attach();
  console.log(JSON.stringify(await receive(memory, Deno.args[1], console.log)));
} else {
  const worker = self as unknown as {
    onmessage: (event: MessageEvent<SharedArrayBuffer>) => void;
    postMessage(message: unknown): void;
    close(): void;
  };
  worker.onmessage = async ({ data }) => {
    worker.postMessage(await receive(data, "sync", (text) => worker.postMessage(text)));
    worker.close();
  };
}
