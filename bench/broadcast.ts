// Broadcast and Latest between processes, beside bench/broadcast.c.

import { mapAnonymous } from "../mod.ts";
import {
  Broadcast,
  type BroadcastReceiver,
  type BroadcastSender,
  Latest,
  type LatestReceiver,
  type LatestSender,
} from "../ring/mod.ts";
import { type Case, type Group, measureOne, type Way } from "./case.ts";
import { BASE, joined, type Party, spinUntil, start, warmUpOf } from "./pair.ts";
import { check, Message, wordAt } from "./ring_message.ts";

function toReceivers(count: number, more: Partial<Case> = {}): Case {
  return {
    name: count === 1 ? "1 receiver, 64 B" : `${count} receivers, 64 B`,
    times: 2_000_000,
    rate: {},
    what: "the same to so many, each of which receives all: what does each one more cost?",
    ...more,
  };
}

/** The group. */
export const BROADCAST: Group = {
  name: "broadcast",
  permissions: ["--allow-ffi", "--allow-run", "--allow-sys"],
  cases: [
    toReceivers(1, {
      what: "send() and receiveSync(), as fast as nothing is missed; C: a ring of seqlocks",
    }),
    toReceivers(2),
    toReceivers(4),
    toReceivers(8),
    {
      name: "latest, store",
      times: 2_000_000,
      what: "send() of 64 B; C: a seqlock",
    },
    {
      name: "latest, load",
      times: 2_000_000,
      what: "newest() of 64 B, into an array of its own; C: a seqlock, copied out",
    },
    {
      name: "latest, load, stored",
      times: 2_000_000,
      what: "the same while another process stores on and on",
    },
  ],
};

const LENGTH = 64;

// As in bench/broadcast.c: how far the sender is ahead at most, and every how many messages both
// sides tell or ask how far they are.
const [AHEAD, STEP] = [8192, 1024];
/** Room for more than that. */
const SIZE = { capacity: 2 ** 20 };

// ---- a broadcast: values count on from one turn to the next ----

const BROADCAST_BYTES = Broadcast.byteLength(SIZE);

/** The receivers' own words and sums, each on a cache line. */
const LINE = 64;

/** Behind the broadcast: how many messages each receiver has received, and what they came to. */
class Progress {
  readonly #counts: Int32Array;
  readonly #sums: Float64Array;
  readonly #receivers: number;

  constructor({ memory }: Party, receivers: number) {
    const offset = BASE + BROADCAST_BYTES;
    this.#counts = memory.array(Int32Array, { offset });
    this.#sums = memory.array(Float64Array, { offset });
    this.#receivers = receivers;
  }

  tell(index: number, count: number): void {
    Atomics.store(this.#counts, index * LINE / 4, count);
  }

  /** Waits until all have received so many. */
  await(count: number): void {
    for (let i = 0; i < this.#receivers; i++) {
      spinUntil(() => Atomics.load(this.#counts, i * LINE / 4) >= count);
    }
  }

  setSum(index: number, sum: number): void {
    this.#sums[index * LINE / 8 + 1] = sum;
  }

  sum(): number {
    let sum = 0;
    for (let i = 0; i < this.#receivers; i++) sum += this.#sums[i * LINE / 8 + 1];
    return sum;
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

function sendAll(
  sender: BroadcastSender<Uint8Array>,
  progress: Progress,
  first: number,
  end: number,
): void {
  const { bytes, words, last } = new Message(LENGTH);
  for (let i = first; i < end; i++) {
    if (i % STEP === 0) progress.await(i - AHEAD);
    words[0] = words[last] = i;
    sender.send(bytes);
  }
}

function receiveAll(
  receiver: BroadcastReceiver<Bytes>,
  progress: Progress,
  index: number,
  first: number,
  end: number,
): void {
  let sum = 0;
  for (let i = first; i < end; i++) {
    const message = receiver.receiveSync();
    if (message === undefined || message.missed > 0) throw new Error(`message ${i} is missed`);
    const { value } = message;
    check(wordAt(value, 0), wordAt(value, LENGTH - 4), i);
    sum += i;
    if (i % STEP === STEP - 1) progress.tell(index, i + 1);
  }
  progress.setSum(index, sum);
}

function receiversOf(way: string): number {
  return Number.parseInt(way);
}

/** The parent of a way: it sends. */
function sending(way: string): Way {
  return async (measure, { times }) => {
    const count = receiversOf(way);
    const byteLength = BROADCAST_BYTES + LINE * count;
    using parent = start({ way, times, count, byteLength });
    const progress = new Progress(parent, count);
    using sender = Broadcast.create(parent.memory, { ...SIZE, offset: BASE }).sender();
    const warmUp = warmUpOf(times);
    await parent.openGate();
    await parent.openGate(); // before, the receivers aren't there
    await parent.measure(measure, (times) => {
      sendAll(sender, progress, warmUp, warmUp + times);
      parent.gate.open(count); // they have received all
      return progress.sum();
    }, () => sendAll(sender, progress, 0, warmUp));
    await parent.ended();
  };
}

/** A child of such a way. */
function receiving(way: string, party: Party, times: number): void {
  const progress = new Progress(party, receiversOf(way));
  const warmUp = warmUpOf(times);
  party.gate.pass(); // before, the broadcast isn't there
  using receiver = Broadcast.open(party.memory, { offset: BASE }).receiver();
  party.gate.pass();
  receiveAll(receiver, progress, party.index, 0, warmUp);
  party.gate.pass();
  receiveAll(receiver, progress, party.index, warmUp, warmUp + times);
  party.gate.pass();
}

// ---- the newest value ----

function store(sender: LatestSender<Uint8Array>, times: number): void {
  const { bytes, words, last } = new Message(LENGTH);
  for (let i = 0; i < times; i++) {
    words[0] = words[last] = i;
    sender.send(bytes);
  }
}

/** Loads so often, and returns the last value. */
function load(receiver: LatestReceiver<Bytes>, times: number): number {
  let number = 0;
  for (let i = 0; i < times; i++) {
    const value = receiver.newest();
    if (value === undefined) throw new Error("there is no value");
    number = wordAt(value, 0);
    check(number, wordAt(value, LENGTH - 4), number);
  }
  return number;
}

/** A way without another process: first one value is stored. */
function alone(
  work: (sender: LatestSender<Uint8Array>, receiver: LatestReceiver<Bytes>, times: number) => void,
): Way {
  return async (measure, { times }) => {
    using memory = mapAnonymous(Latest.byteLength(LENGTH), { shared: true });
    const latest = Latest.create(memory, LENGTH);
    using sender = latest.sender();
    using receiver = latest.receiver();
    store(sender, 1);
    await measure((times) => {
      work(sender, receiver, times);
      return load(receiver, 1);
    }, () => work(sender, receiver, warmUpOf(times)));
  };
}

const LATEST_BYTES = Latest.byteLength(LENGTH);

/** Behind the value: whether the child is to stop. */
function stopWordIn({ memory }: Party): Int32Array {
  return memory.array(Int32Array, { offset: BASE + LATEST_BYTES, length: 1 });
}

/** The parent of a way in which its child stores on and on; its checksum is how often it loaded. */
const loadingWhileStored: Way = async (measure, { times }) => {
  const way = "latest, load, stored";
  using parent = start({ way, times, byteLength: LATEST_BYTES + 64 });
  const latest = Latest.create(parent.memory, LENGTH, { offset: BASE });
  {
    using sender = latest.sender();
    store(sender, 1);
  }
  using receiver = latest.receiver();
  await parent.openGate();
  await parent.measure(measure, (times) => {
    load(receiver, times);
    return times;
  }, () => load(receiver, warmUpOf(times)));
  Atomics.store(stopWordIn(parent), 0, 1);
  await parent.ended();
};

/** The child of that way. */
function storing(party: Party, times: number): void {
  party.gate.pass(); // before, the value isn't there
  using sender = Latest.open(party.memory, { offset: BASE }).sender();
  store(sender, warmUpOf(times));
  party.gate.pass();
  const word = stopWordIn(party);
  while (Atomics.load(word, 0) === 0) store(sender, STEP);
}

const TO_RECEIVERS = ["1 receiver, 64 B", ...[2, 4, 8].map((count) => `${count} receivers, 64 B`)];

const WAYS: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(TO_RECEIVERS.map((way) => [way, sending(way)])),
  "latest, store": alone((sender, _, times) => store(sender, times)),
  "latest, load": alone((_, receiver, times) => load(receiver, times)),
  "latest, load, stored": loadingWhileStored,
};

if (import.meta.main) {
  const party = joined(Deno.args);
  const [way, times] = [Deno.args[0], Number(Deno.args[1])];
  if (party === undefined) await measureOne(WAYS, Deno.args);
  else if (TO_RECEIVERS.includes(way)) receiving(way, party, times);
  else storing(party, times);
}
