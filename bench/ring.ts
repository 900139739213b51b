// Channels between two processes, beside bench/ring.c. The parent receives and measures, its
// children send.

import { Channel, type ChannelReceiver, type ChannelSender } from "../ring/mod.ts";
import { setSpinning } from "../sync/patience.ts";
import { type Case, type Group, measureOne, type Way } from "./case.ts";
import { BASE, joined, type Parent, type Party, pin, start } from "./pair.ts";

type Sender = ChannelSender<Uint8Array>;
type Receiver = ChannelReceiver<Uint8Array<ArrayBuffer>>;

const SENDERS = 4;
const BATCH = 64;
const SIZES: Readonly<Record<string, number>> = {
  "1 KiB": 1024,
  "64 KiB": 65536,
  "1 MiB": 2 ** 20,
};

/** The capacity that goes with messages of a length, as in bench/ring.c. */
function capacityFor(length: number): number {
  return length > 1024 ? 2 ** 22 : 2 ** 20;
}

function oneWay(name: string, times: number, rate: number, more: Partial<Case> = {}): Case {
  const bytes = lengthOf(name);
  return {
    name,
    times,
    rate: bytes < 65536 ? {} : { bytes },
    what: `messages of ${name} from one process to another, copied in and out`,
    promise: { beside: "c", rate },
    ...more,
  };
}

/** The length of a way's messages. */
function lengthOf(way: string): number {
  return SIZES[way] ?? 64;
}

/** The group. */
export const RING: Group = {
  name: "ring",
  permissions: ["--allow-ffi", "--allow-run", "--allow-sys"],
  cases: [
    {
      name: "round trip, spin",
      times: 200_000,
      isthmus: ["round trip, spin", "round trip, try"],
      what: "8 bytes there and back, copied in and out on both sides; nobody sleeps",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "round trip, asleep",
      times: 10_000,
      what: "the same, where both sleep in the kernel each time",
      promise: { beside: "c", times: 1.2 },
    },
    {
      name: "round trip, await",
      times: 100_000,
      c: ["round trip, spin"],
      what: "the same by promises, where the answer comes while one still spins",
      promise: { nanoseconds: 2000 },
    },
    {
      name: "round trip, await, asleep",
      times: 10_000,
      c: ["round trip, asleep"],
      what: "the same by promises, both really asleep",
      promise: { nanoseconds: 35_000 },
    },
    oneWay("64 B", 10_000_000, 0.3, { memory: true }),
    oneWay("1 KiB", 2_000_000, 0.5),
    oneWay("64 KiB", 50_000, 0.9),
    oneWay("1 MiB", 3000, 0.9),
    {
      name: "in place, 64 B",
      times: 20_000_000,
      rate: {},
      what: "written and read where they lie, 64 at a time",
      promise: { beside: "c", rate: 0.5 },
    },
    {
      name: "for await, 64 B",
      times: 5_000_000,
      rate: {},
      c: ["64 B"],
      what: "received by the asynchronous iterator, an array each",
      promise: { perSecond: 3e6 },
    },
    {
      name: "4 senders, 64 B",
      times: 4_000_000,
      rate: {},
      what: "from four processes at once, by their robust mutex",
      promise: { beside: { case: "64 B" }, rate: 0.5 },
    },
    oneWay("64 B, busy", 10_000_000, 1 / 3, {
      what: "the same as 64 B, while a foreign process keeps a processor busy",
      promise: { beside: { case: "64 B" }, rate: 1 / 3 },
    }),
  ],
};

// ---- messages: a number in the first and in the last four bytes ----

/** A message, and its words. */
class Message {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
  readonly last: number;

  constructor(length: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(length));
    this.words = new Int32Array(this.bytes.buffer);
    this.last = this.words.length - 1;
  }
}

function check(first: number, last: number, expected: number): void {
  if (first !== expected || last !== expected) {
    throw new Error(`message ${expected} is lost, or torn: it says ${first} and ${last}`);
  }
}

// ---- one way ----

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

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
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

function sendInPlace(sender: Sender, length: number, times: number): void {
  let batch = sender.batchSync(length);
  for (let i = 0; i < times; i++) {
    let at = batch.add(length);
    if (at < 0) {
      batch.commit();
      batch = sender.batchSync(length);
      at = batch.add(length);
    }
    const { view } = batch;
    for (const end = at + length; at < end; at += 8) view.setFloat64(at, i, true);
    if (i % BATCH === BATCH - 1) batch.flush();
  }
  batch.commit();
}

function receiveInPlace(receiver: Receiver, length: number, times: number): number {
  let sum = 0;
  for (let i = 0; i < times;) {
    const batch = receiver.peekBatchSync();
    if (batch === undefined) break;
    const end = Math.min(times, i + BATCH);
    for (; i < end && batch.next(); i++) {
      const { view, offset } = batch;
      check(view.getFloat64(offset, true), view.getFloat64(offset + length - 8, true), i);
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

function receiveFromMany(receiver: Receiver, length: number, times: number): number {
  const { bytes, words } = new Message(length);
  const expected = new Int32Array(SENDERS);
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

const ONE_WAY: Readonly<Record<string, OneWay>> = {
  "64 B": COPYING,
  "1 KiB": COPYING,
  "64 KiB": COPYING,
  "1 MiB": COPYING,
  "in place, 64 B": { send: sendInPlace, receive: receiveInPlace },
  "for await, 64 B": { send: sendAll, receive: iterate },
  "4 senders, 64 B": { send: sendAsOneOfMany, receive: receiveFromMany, senders: SENDERS },
  "64 B, busy": { ...COPYING, busy: true },
};

/** How many messages to send before anything is measured. */
function warmUpOf(times: number): number {
  return Math.min(Math.ceil(times / 10 / SENDERS) * SENDERS, 500_000);
}

function channelIn({ memory, index }: Party, way: string): Channel {
  const capacity = capacityFor(lengthOf(way));
  const senders = (ONE_WAY[way].senders ?? 1) > 1 ? "many" : "one";
  return index < 0
    ? Channel.create(memory, { offset: BASE, capacity, senders })
    : Channel.open(memory, { offset: BASE });
}

function receiving(way: string): Way {
  return async (measure, { times, directory }) => {
    const { receive, senders = 1, busy = false } = ONE_WAY[way];
    const length = lengthOf(way);
    using parent = startFor(
      way,
      times,
      Channel.byteLength({ capacity: capacityFor(length) }),
      senders,
    );
    const channel = channelIn(parent, way);
    using receiver = channel.receiver();
    using _busy = busy ? busyProcess(directory) : undefined;
    await parent.gate.whenReady(senders);
    parent.gate.open(senders);
    await measure(
      (times) => {
        parent.gate.open(senders);
        return receive(receiver, length, times);
      },
      () => receive(receiver, length, warmUpOf(times)),
    );
    await parent.ended();
  };
}

function sending(way: string, party: Party, times: number): void {
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

// ---- there and back ----

/** One side of a round trip. */
interface Post {
  readonly out: Sender;
  readonly back: Receiver;
}

/** Asks so often, and returns the sum of the answers; or, without `first`, answers. */
type Talk = (post: Post, times: number, first: boolean) => number | Promise<number>;

function talk({ out, back }: Post, times: number, first: boolean): number {
  const { bytes, words } = new Message(8);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (first) words[0] = i;
    else {
      back.receiveIntoSync(bytes);
      words[0]++;
    }
    out.sendSync(bytes);
    if (first) {
      back.receiveIntoSync(bytes);
      sum += words[0];
    }
  }
  return sum;
}

function talkTrying({ out, back }: Post, times: number, first: boolean): number {
  const { bytes, words } = new Message(8);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (first) words[0] = i;
    else {
      while (back.tryReceiveInto(bytes) === undefined);
      words[0]++;
    }
    while (!out.trySend(bytes));
    if (first) {
      while (back.tryReceiveInto(bytes) === undefined);
      sum += words[0];
    }
  }
  return sum;
}

async function talkAsync({ out, back }: Post, times: number, first: boolean): Promise<number> {
  const { bytes, words } = new Message(8);
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (first) words[0] = i;
    else {
      await back.receiveInto(bytes);
      words[0]++;
    }
    await out.send(bytes);
    if (first) {
      await back.receiveInto(bytes);
      sum += words[0];
    }
  }
  return sum;
}

/** How both sides of a way talk. */
interface RoundTrip {
  readonly talk: Talk;
  readonly asleep?: boolean;
  readonly warmUp: number;
}

const ROUND_TRIP: Readonly<Record<string, RoundTrip>> = {
  "round trip, spin": { talk, warmUp: 50_000 },
  "round trip, try": { talk: talkTrying, warmUp: 50_000 },
  "round trip, asleep": { talk, asleep: true, warmUp: 2000 },
  "round trip, await": { talk: talkAsync, warmUp: 50_000 },
  "round trip, await, asleep": { talk: talkAsync, asleep: true, warmUp: 2000 },
};

const POST_CAPACITY = 65536;

/** Both channels' ends of a process. */
function postIn({ memory, index }: Party): Post {
  const options = { capacity: POST_CAPACITY };
  const [there, back] = [0, 1].map((which) => {
    const offset = BASE + which * Channel.byteLength(options);
    return index < 0
      ? Channel.create(memory, { ...options, offset })
      : Channel.open(memory, { offset });
  });
  return index < 0
    ? { out: there.sender(), back: back.receiver() }
    : { out: back.sender(), back: there.receiver() };
}

function calm(asleep = false, which: 0 | 1): void {
  if (!asleep) return;
  setSpinning(false);
  pin(which);
}

function asking(way: string): Way {
  return async (measure, { times }) => {
    const { talk, asleep, warmUp } = ROUND_TRIP[way];
    using parent = startFor(way, times, 2 * Channel.byteLength({ capacity: POST_CAPACITY }), 1);
    const post = postIn(parent);
    await parent.gate.whenReady(1);
    calm(asleep, 0);
    parent.gate.open(1);
    await measure((times) => {
      parent.gate.open(1);
      return talk(post, times, true);
    }, () => talk(post, warmUp, true));
    await parent.ended();
  };
}

async function answering(way: string, party: Party, times: number): Promise<void> {
  const { talk, asleep, warmUp } = ROUND_TRIP[way];
  calm(asleep, 1);
  party.gate.pass();
  const post = postIn(party);
  await talk(post, warmUp, false);
  party.gate.pass();
  await talk(post, times, false);
}

function startFor(way: string, times: number, byteLength: number, count: number): Parent {
  const { permissions } = RING;
  return start({ file: import.meta.filename ?? "", permissions, way, times, count, byteLength });
}

const WAYS: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(Object.keys(ROUND_TRIP).map((way) => [way, asking(way)])),
  ...Object.fromEntries(Object.keys(ONE_WAY).map((way) => [way, receiving(way)])),
};

if (import.meta.main) {
  const party = joined(Deno.args);
  const [way, times] = [Deno.args[0], Number(Deno.args[1])];
  if (party === undefined) await measureOne(WAYS, Deno.args);
  else if (way in ONE_WAY) sending(way, party, times);
  else await answering(way, party, times);
}
