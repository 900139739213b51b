// The ways of bench/ring.ts in which the parent sends and measures, and several children receive,
// each message one of them.

import { Channel } from "../ring/mod.ts";
import type { Way } from "./case.ts";
import { BASE, type Party, start, warmUpOf } from "./pair.ts";
import { Message, type Receiver, type Sender } from "./ring_message.ts";

const LENGTH = 64;
const SIZE = { capacity: 2 ** 20 };

/** How many receivers the ways have. */
export const TO_MANY: Readonly<Record<string, number>> = {
  "2 receivers, 64 B": 2,
  "4 receivers, 64 B": 4,
  "8 receivers, 64 B": 8,
};

/** The number of a message after which its receiver gets no more. */
const STOP = -1;

function send(sender: Sender, receivers: number, times: number): void {
  const { bytes, words, last } = new Message(LENGTH);
  for (let i = 0; i < times; i++) {
    words[0] = words[last] = i;
    sender.sendSync(bytes);
  }
  words[0] = words[last] = STOP;
  for (let i = 0; i < receivers; i++) sender.sendSync(bytes);
}

/** Receives what it gets, and returns the sum of its numbers. */
function receive(receiver: Receiver): number {
  const { bytes, words, last } = new Message(LENGTH);
  let sum = 0;
  for (let before = -1;;) {
    receiver.receiveIntoSync(bytes);
    const number = words[0];
    if (number === STOP) return sum;
    if (number <= before || words[last] !== number) {
      throw new Error(`after message ${before} came ${number}, which ends with ${words[last]}`);
    }
    sum += number;
    before = number;
  }
}

/** Where the receivers write their sums, behind the channel. */
function sumsIn({ memory }: Party): Float64Array {
  return memory.array(Float64Array, { offset: BASE + Channel.byteLength(SIZE) });
}

/** The parent of a way. */
export function sendingToMany(way: string): Way {
  return async (measure, { times }) => {
    const receivers = TO_MANY[way];
    const byteLength = Channel.byteLength(SIZE) + 8 * receivers;
    using parent = start({ way, times, count: receivers, byteLength });
    const channel = Channel.create(parent.memory, { ...SIZE, offset: BASE, receivers: "many" });
    using sender = channel.sender();
    const sums = sumsIn(parent);
    await parent.openGate();
    await parent.measure(measure, (times) => {
      send(sender, receivers, times);
      parent.gate.open(receivers); // they have received all
      return sums.reduce((sum, each) => sum + each);
    }, () => send(sender, receivers, warmUpOf(times)));
    await parent.ended();
  };
}

/** A child of a way. */
export function receivingAsOneOfMany(party: Party): void {
  party.gate.pass(); // before, the channel isn't there
  using receiver = Channel.open(party.memory, { offset: BASE }).receiver();
  receive(receiver); // to warm up
  party.gate.pass();
  sumsIn(party)[party.index] = receive(receiver);
  party.gate.pass();
}
