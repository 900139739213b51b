// The ways of bench/ring.ts in which messages go one way: the parent receives and measures, its
// children send.

import { Channel } from "../ring/mod.ts";
import type { Way } from "./case.ts";
import { BASE, type Party, start, warmUpOf } from "./pair.ts";
import { check, Message, type Receiver, type Sender, wordAt } from "./ring_message.ts";

/** The most senders that a way has. */
const MOST_SENDERS = 8;
/** How many messages are written or read in place together. */
const BATCH = 64;
/** How many of several senders are sent together. */
const SMALL_BATCH = 16;
const SIZES: Readonly<Record<string, number>> = {
  "1 KiB": 1024,
  "64 KiB": 65536,
  "1 MiB": 2 ** 20,
};

/** The capacity that goes with messages of a length, as in bench/ring.c. */
function capacityFor(length: number): number {
  return length > 1024 ? 2 ** 22 : 2 ** 20;
}

/** The length of a way's messages. */
export function lengthOf(way: string): number {
  return SIZES[way] ?? 64;
}

/** Sends so many messages; `index` says which sender this is. */
type Send = (sender: Sender, length: number, times: number, index: number) => void;
/** Receives so many messages, and returns the sum of their numbers. */
type Receive = (receiver: Receiver, length: number, times: number) => number | Promise<number>;

function sendAll(sender: Sender, length: number, times: number): void {
  const { bytes, words, last } = new Message(length);
  for (let i = 0; i < times; i++) {
    words[0] = words[last] = i;
    sender.sendSync(bytes);
  }
}

function receiveAll(receiver: Receiver, length: number, times: number): number {
  const { bytes, words, last } = new Message(length);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    receiver.receiveIntoSync(bytes);
    check(words[0], words[last], i);
    sum += i;
  }
  return sum;
}

async function iterate(receiver: Receiver, length: number, times: number): Promise<number> {
  let sum = 0;
  let i = 0;
  for await (const bytes of receiver) {
    check(wordAt(bytes, 0), wordAt(bytes, length - 4), i);
    sum += i;
    if (++i === times) break;
  }
  return sum;
}

/** A ring's bytes as numbers: a `DataView` takes a third longer. */
function numbersIn({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Float64Array {
  return new Float64Array(buffer, byteOffset, byteLength / 8);
}

function sendInPlace(sender: Sender, length: number, times: number): void {
  let batch = sender.batchSync(length);
  const numbers = numbersIn(batch.bytes);
  for (let i = 0; i < times; i++) {
    let at = batch.add(length);
    if (at < 0) {
      batch.commit();
      batch = sender.batchSync(length);
      at = batch.add(length);
    }
    for (let k = at >>> 3, end = at + length >>> 3; k < end; k++) numbers[k] = i;
    if (i % BATCH === BATCH - 1) batch.flush();
  }
  batch.commit();
}

function receiveInPlace(receiver: Receiver, length: number, times: number): number {
  let sum = 0;
  let numbers: Float64Array | undefined;
  for (let i = 0; i < times;) {
    const batch = receiver.peekBatchSync();
    if (batch === undefined) break; // no sender ends the channel
    numbers ??= numbersIn(batch.bytes); // messages that were added are in one piece there
    const end = Math.min(times, i + BATCH);
    for (; i < end && batch.next(); i++) {
      const first = batch.offset >>> 3;
      check(numbers[first], numbers[first + (length >>> 3) - 1], i);
      sum += i;
    }
    batch.release();
  }
  return sum;
}

function sendAsOneOfMany(sender: Sender, length: number, times: number, index: number): void {
  const { bytes, words } = new Message(length);
  words[1] = index;
  for (let i = 0; i < times; i++) {
    words[0] = i;
    sender.sendSync(bytes);
  }
}

function sendBatchesAsOneOfMany(
  sender: Sender,
  length: number,
  times: number,
  index: number,
): void {
  const messages = Array.from({ length: SMALL_BATCH }, () => new Message(length));
  const values = messages.map(({ bytes }) => bytes);
  for (const { words } of messages) words[1] = index;
  for (let i = 0; i < times;) {
    const count = Math.min(SMALL_BATCH, times - i);
    for (let k = 0; k < count; k++) messages[k].words[0] = i++;
    sender.sendBatchSync(count === SMALL_BATCH ? values : values.slice(0, count));
  }
}

function receiveFromMany(receiver: Receiver, length: number, times: number): number {
  const { bytes, words } = new Message(length);
  const expected = new Int32Array(MOST_SENDERS);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    receiver.receiveIntoSync(bytes);
    const number = expected[words[1]]++;
    check(words[0], words[0], number);
    sum += number;
  }
  return sum;
}

/** What both sides of a way do. */
interface OneWay {
  readonly send: Send;
  readonly receive: Receive;
  readonly senders?: number;
  /** Whether a foreign process keeps a processor busy meanwhile. */
  readonly busy?: boolean;
}

const COPYING: OneWay = { send: sendAll, receive: receiveAll };
const MANY: OneWay = { send: sendAsOneOfMany, receive: receiveFromMany };

/** What the ways do. */
export const ONE_WAY: Readonly<Record<string, OneWay>> = {
  "64 B": COPYING,
  "1 KiB": COPYING,
  "64 KiB": COPYING,
  "1 MiB": COPYING,
  "in place, 64 B": { send: sendInPlace, receive: receiveInPlace },
  "for await, 64 B": { send: sendAll, receive: iterate },
  "2 senders, 64 B": { ...MANY, senders: 2 },
  "4 senders, 64 B": { ...MANY, senders: 4 },
  "8 senders, 64 B": { ...MANY, senders: 8 },
  "4 senders, batches, 64 B": { ...MANY, send: sendBatchesAsOneOfMany, senders: 4 },
  "64 B, busy": { ...COPYING, busy: true },
};

function channelIn({ memory, index }: Party, way: string): Channel {
  const capacity = capacityFor(lengthOf(way));
  const senders = (ONE_WAY[way].senders ?? 1) > 1 ? "many" : "one";
  return index < 0
    ? Channel.create(memory, { offset: BASE, capacity, senders })
    : Channel.open(memory, { offset: BASE });
}

/** The parent of a way. */
export function receiving(way: string): Way {
  return async (measure, { times, directory }) => {
    const { receive, senders = 1, busy = false } = ONE_WAY[way];
    const length = lengthOf(way);
    using parent = start({
      way,
      times,
      count: senders,
      byteLength: Channel.byteLength({ capacity: capacityFor(length) }),
    });
    const channel = channelIn(parent, way);
    using receiver = channel.receiver();
    using _busy = busy ? busyProcess(directory) : undefined;
    await parent.openGate();
    await parent.measure(
      measure,
      (times) => receive(receiver, length, times),
      () => receive(receiver, length, warmUpOf(times)),
    );
    await parent.ended();
  };
}

/** A child of a way. */
export function sending(way: string, party: Party, times: number): void {
  const { send, senders = 1 } = ONE_WAY[way];
  const length = lengthOf(way);
  party.gate.pass(); // before, the channel isn't there
  using sender = channelIn(party, way).sender();
  send(sender, length, warmUpOf(times) / senders, party.index);
  party.gate.pass();
  send(sender, length, times / senders, party.index);
}

/** A process that has nothing to do with all this, and takes a processor. */
function busyProcess(directory: string): Disposable {
  const child = new Deno.Command(`${directory}/ring`, { args: ["busy"], stdin: "null" }).spawn();
  return { [Symbol.dispose]: () => child.kill("SIGKILL") };
}
