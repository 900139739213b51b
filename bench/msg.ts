// System V message queues, beside bench/msg.c.

import { IPC_PRIVATE, MessageQueue } from "../msg/mod.ts";
import { type Group, measureOne, WARM_UP, type Way } from "./case.ts";

const SIZE = 64;

/** The group. */
export const MSG: Group = {
  name: "msg",
  permissions: ["--allow-ffi", "--allow-run", "--allow-sys"],
  cases: [
    {
      name: "send, receive",
      times: 200_000,
      what: "send 64 bytes and receive them, an array each, in one process",
      promise: { beside: "c", times: 1.5 },
    },
    {
      name: "send, receive, into",
      times: 200_000,
      c: ["send, receive"],
      what: "the same into one array",
      promise: { beside: "c", times: 1.5 },
    },
    {
      name: "send, receive, try",
      times: 200_000,
      c: ["send, receive"],
      what: "the same by trySend() and tryReceive()",
    },
    {
      name: "send, receive, await",
      times: 100_000,
      c: ["send, receive"],
      what: "the same by send() and receive(), which return promises",
    },
    {
      name: "round trip",
      times: 30_000,
      what: "send to another process and receive its answer; Isthmus first tries for 15 us",
    },
  ],
};

/** Sends and receives, and returns the sum of one byte of each message that came. */
type Work = (queue: MessageQueue, bytes: Uint8Array<ArrayBuffer>, times: number) => unknown;

function sendReceive(queue: MessageQueue, bytes: Uint8Array, times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    bytes[0] = i;
    queue.sendSync(1, bytes);
    sum += queue.receiveSync().bytes[0];
  }
  return sum;
}

function sendReceiveInto(queue: MessageQueue, bytes: Uint8Array, times: number): number {
  const into = new Uint8Array(SIZE);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    bytes[0] = i;
    queue.sendSync(1, bytes);
    sum += queue.receiveSync({ into }).bytes[0];
  }
  return sum;
}

function trySendReceive(queue: MessageQueue, bytes: Uint8Array, times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    bytes[0] = i;
    queue.trySend(1, bytes);
    sum += queue.tryReceive()?.bytes[0] ?? NaN;
  }
  return sum;
}

async function sendReceiveAsync(
  queue: MessageQueue,
  bytes: Uint8Array,
  times: number,
): Promise<number> {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    bytes[0] = i;
    await queue.send(1, bytes);
    sum += (await queue.receive()).bytes[0];
  }
  return sum;
}

const [THERE, BACK] = [1, 2];

function roundTrip(queue: MessageQueue, bytes: Uint8Array, times: number): number {
  const options = { type: BACK, into: new Uint8Array(SIZE) };
  let sum = 0;
  for (let i = 0; i < times; i++) {
    bytes[0] = i;
    queue.sendSync(THERE, bytes);
    sum += queue.receiveSync(options).bytes[0];
  }
  return sum;
}

/** What the other process does. */
function bounce(queue: MessageQueue, times: number): void {
  const options = { type: THERE, into: new Uint8Array(SIZE) };
  for (let i = 0; i < times; i++) queue.sendSync(BACK, queue.receiveSync(options).bytes);
}

function alone(work: (...args: Parameters<Work>) => number | Promise<number>): Way {
  return async (measure) => {
    using queue = MessageQueue.create(IPC_PRIVATE, { removeOnDispose: true });
    const bytes = new Uint8Array(SIZE);
    await measure((times) => work(queue, bytes, times));
  };
}

const WAYS: Readonly<Record<string, Way>> = {
  "send, receive": alone(sendReceive),
  "send, receive, into": alone(sendReceiveInto),
  "send, receive, try": alone(trySendReceive),
  "send, receive, await": alone(sendReceiveAsync),
  "round trip": async (measure, { times }) => {
    using queue = MessageQueue.create(IPC_PRIVATE, { removeOnDispose: true });
    const args = ["run", "--allow-ffi", import.meta.filename ?? "", `${queue.id}`, `${times}`];
    const child = new Deno.Command(Deno.execPath(), { args }).spawn();
    const bytes = new Uint8Array(SIZE);
    // The other process starts meanwhile, and warms up with this one.
    await measure((times) => roundTrip(queue, bytes, times));
    await child.status;
  },
};

if (import.meta.main) {
  const [first, times] = Deno.args;
  if (/^\d+$/.test(first)) {
    bounce(MessageQueue.fromId(Number(first)), Math.min(Number(times), WARM_UP) + Number(times));
  } else await measureOne(WAYS, Deno.args);
}
