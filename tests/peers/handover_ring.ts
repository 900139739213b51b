// Games with each object of ring/.

import {
  Channel,
  type ChannelReceiver,
  type ChannelSender,
  type CreateChannelOptions,
} from "../../mod.ts";
import { Broadcast, Latest } from "../../ring/mod.ts";
import { DATA, expect, type Game, type Player } from "./handover_player.ts";

type Sender = ChannelSender<Uint8Array>;
type Receiver = ChannelReceiver<Uint8Array>;

/** Where the n-th object lies, each of 16 KiB at most. */
function at(index: number): { offset: number } {
  return { offset: DATA + 16384 * (index + 1) };
}

/** A number that all sides share. */
function countOf({ memory }: Player): Int32Array<ArrayBufferLike> {
  return memory.array(Int32Array, { offset: DATA, length: 1 });
}

/** The longest message, in bytes. */
const LONGEST = 60;

/** How many bytes the message with a number has. */
function lengthOf(number: number): number {
  return 4 + number * 37 % (LONGEST - 3);
}

/** Writes the message with a number. */
function write(bytes: Uint8Array, number: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, number);
}

/** The message with a number. */
function messageOf(number: number): Uint8Array {
  const bytes = new Uint8Array(lengthOf(number));
  write(bytes, number);
  return bytes;
}

/** The number of a message. */
function numberIn(bytes: Uint8Array, length = bytes.length): number {
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  expect(length, lengthOf(number), `the length of message ${number}`);
  return number;
}

/** Sends some messages, the first with a number, in one of the ways; returns how many. */
async function sendSome(
  player: Player,
  sender: Sender,
  first: number,
  most: number,
): Promise<number> {
  const count = 1 + player.random(Math.min(most, 8));
  const length = lengthOf(first);
  switch (player.random(4)) {
    case 0: {
      const all = Array.from({ length: count }, (_, i) => messageOf(first + i));
      // Not to be given up: some would be sent, and some not.
      await player.wait(() => sender.sendBatchSync(all), () => sender.sendBatch(all));
      return count;
    }
    case 1: {
      using batch = await player.wait(
        (options) => sender.batchSync(length, options),
        (options) => sender.batch(length, options),
      );
      let added = 0;
      for (; added < count; added++) {
        const offset = batch.add(lengthOf(first + added));
        if (offset < 0) break;
        batch.view.setUint32(offset, first + added);
      }
      batch.commit();
      return added;
    }
    case 2: {
      using claim = await player.wait(
        (options) => sender.claimSync(LONGEST, options),
        (options) => sender.claim(LONGEST, options),
      );
      if (player.random(4) === 0) return 0; // which aborts it
      write(claim.bytes, first);
      claim.commit(length);
      return 1;
    }
    default:
      await player.wait(
        (options) => sender.sendSync(messageOf(first), options),
        (options) => sender.send(messageOf(first), options),
      );
      return 1;
  }
}

/** Receives some messages, in one of the ways: their numbers. `undefined` at the end. */
async function receiveSome(
  player: Player,
  receiver: Receiver,
  most: number,
): Promise<number[] | undefined> {
  const max = 1 + player.random(Math.min(most, 8));
  switch (player.random(5)) {
    case 0: {
      const all = await player.wait(
        (options) => receiver.receiveBatchSync(max, options),
        (options) => receiver.receiveBatch(max, options),
      );
      return all.length === 0 ? undefined : all.map((bytes) => numberIn(bytes));
    }
    case 1: {
      using batch = await player.wait(
        (options) => receiver.peekBatchSync(options),
        (options) => receiver.peekBatch(options),
      );
      if (batch === undefined) return undefined;
      const numbers: number[] = [];
      while (numbers.length < max && batch.next()) {
        numbers.push(numberIn(batch.bytes.subarray(batch.offset), batch.length));
      }
      return numbers;
    }
    case 2: {
      using message = await player.wait(
        (options) => receiver.peekSync(options),
        (options) => receiver.peek(options),
      );
      if (message === undefined) return undefined;
      if (player.random(4) > 0) return [numberIn(message.bytes)];
      message.putBack();
      return [];
    }
    case 3: {
      const bytes = new Uint8Array(LONGEST);
      const length = await player.wait(
        (options) => receiver.receiveIntoSync(bytes, options),
        (options) => receiver.receiveInto(bytes, options),
      );
      return length === undefined ? undefined : [numberIn(bytes, length)];
    }
    default: {
      const bytes = await player.wait(
        (options) => receiver.receiveSync(options),
        (options) => receiver.receive(options),
      );
      return bytes && [numberIn(bytes)];
    }
  }
}

/** Sends so many messages. */
async function sendAll(player: Player, sender: Sender, count: number): Promise<void> {
  for (let sent = 0; sent < count;) {
    sent += await sendSome(player, sender, sent, count - sent);
  }
}

function makeChannels(count: number, options: CreateChannelOptions): (player: Player) => void {
  return ({ memory }) => {
    for (let i = 0; i < count; i++) Channel.create(memory, { ...options, ...at(i) });
  };
}

const channelEmpty: Game = {
  name: "Channel, to and fro through empty rings",
  sides: 2,
  waits: 4,
  make: makeChannels(2, { capacity: 4096 }),
  async play(player) {
    const [from, to] = [player.side, 1 - player.side]
      .map((i) => Channel.open(player.memory, at(i)));
    using sender = to.sender();
    using receiver = from.receiver();
    const send = async (number: number) => {
      while (await sendSome(player, sender, number, 1) === 0);
    };
    const receive = async (number: number) => {
      for (;;) {
        const numbers = await receiveSome(player, receiver, 1);
        if (numbers?.length !== 0) return expect(numbers?.[0], number, "the message");
      }
    };
    player.meet();
    for (let round = 0; round < player.rounds; round++) {
      if (player.first) await send(round);
      await receive(round);
      if (!player.first) await send(round);
    }
  },
};

const channelFull: Game = {
  name: "Channel, through a full ring",
  sides: 2,
  waits: 1,
  make: makeChannels(1, { capacity: 256 }),
  async play(player) {
    const channel = Channel.open(player.memory, at(0));
    using sender = player.first ? channel.sender() : undefined;
    using receiver = player.first ? undefined : channel.receiver();
    player.meet();
    if (sender !== undefined) await sendAll(player, sender, player.rounds);
    if (receiver === undefined) return;
    for (let next = 0; next < player.rounds;) {
      const numbers = await receiveSome(player, receiver, player.rounds);
      for (const number of numbers ?? [-1]) expect(number, next++, "the message");
    }
  },
};

/** Who gives work that two share, and gets back what is done. */
const channelMany: Game = {
  name: "Channel, of many, work to and fro",
  sides: 3,
  waits: 6,
  make: makeChannels(2, { capacity: 1024, senders: "many", receivers: "many" }),
  async play(player) {
    const [work, done] = [0, 1].map((i) => Channel.open(player.memory, at(i)));
    using sender = (player.first ? work : done).sender();
    using receiver = (player.first ? done : work).receiver();
    const count = 2 * player.rounds;
    player.meet();
    if (!player.first) {
      for (;;) {
        const numbers = await receiveSome(player, receiver, 2);
        if (numbers === undefined) return;
        for (const number of numbers) {
          while (await sendSome(player, sender, number, 1) === 0);
        }
      }
    }
    let [given, back, sum] = [0, 0, 0];
    while (back < count) {
      // No more than there is room for in any case.
      if (given < count && given - back < 4) {
        given += await sendSome(player, sender, given, Math.min(4 - (given - back), count - given));
        if (player.random(2) === 0) continue;
      }
      if (back === given) continue;
      for (const number of await receiveSome(player, receiver, 4) ?? []) {
        sum += number;
        back++;
      }
    }
    expect(sum, count * (count - 1) / 2, "the sum of all numbers");
    sender.end();
  },
};

const channelManySenders: Game = {
  name: "Channel, of many senders, through a full ring",
  sides: 3,
  waits: 2,
  make: makeChannels(1, { capacity: 256, senders: "many" }),
  async play(player) {
    const channel = Channel.open(player.memory, at(0));
    using sender = player.first ? undefined : channel.sender();
    using receiver = player.first ? channel.receiver() : undefined;
    player.meet();
    if (sender !== undefined) await sendAll(player, sender, player.rounds);
    if (receiver === undefined) return;
    let [count, sum] = [0, 0];
    while (count < 2 * player.rounds) {
      for (const number of await receiveSome(player, receiver, player.rounds) ?? []) {
        sum += number;
        count++;
      }
    }
    expect(sum, player.rounds * (player.rounds - 1), "the sum of all numbers");
  },
};

const channelManyReceivers: Game = {
  name: "Channel, of many receivers, through a full ring",
  sides: 3,
  waits: 1,
  make: makeChannels(1, { capacity: 256, receivers: "many" }),
  async play(player) {
    const channel = Channel.open(player.memory, at(0));
    using sender = player.first ? channel.sender() : undefined;
    using receiver = player.first ? undefined : channel.receiver();
    player.meet();
    if (sender !== undefined) {
      await sendAll(player, sender, player.rounds);
      sender.end();
    }
    if (receiver === undefined) return;
    for (;;) {
      const numbers = await receiveSome(player, receiver, player.rounds);
      if (numbers === undefined) return;
      Atomics.add(countOf(player), 0, numbers.length);
    }
  },
  check: (player) => expect(countOf(player)[0], player.rounds, "the count of what was received"),
};

/** Each in turn sends to all others, who wait for it. */
const broadcast: Game = {
  name: "Broadcast, each in turn to all others",
  sides: 3,
  waits: 2,
  make({ memory, sides }) {
    for (let i = 0; i < sides; i++) Broadcast.create(memory, { capacity: 4096, ...at(i) });
  },
  async play(player) {
    const { memory, side, sides, rounds } = player;
    const all = Array.from({ length: sides }, (_, i) => Broadcast.open(memory, at(i)));
    using stack = new DisposableStack();
    const sender = stack.use(all[side].sender());
    const receivers = all.map((one) => stack.use(one.receiver()));
    player.meet();
    for (let round = 0; round < rounds; round++) {
      if (round % sides === side) {
        if (player.random(2) === 0) sender.send(messageOf(round));
        else {
          using claim = sender.claim(LONGEST);
          write(claim.bytes, round);
          claim.commit(lengthOf(round));
        }
        continue;
      }
      const receiver = receivers[round % sides];
      const message = await player.wait(
        (options) => receiver.receiveSync(options),
        (options) => receiver.receive(options),
      );
      expect(message && numberIn(message.value), round, "the message");
    }
  },
};

const latest: Game = {
  name: "Latest, each in turn to all others",
  sides: 3,
  waits: 2,
  make({ memory, sides }) {
    for (let i = 0; i < sides; i++) Latest.create(memory, LONGEST, at(i));
  },
  async play(player) {
    const { memory, side, sides, rounds } = player;
    const all = Array.from({ length: sides }, (_, i) => Latest.open(memory, at(i)));
    using stack = new DisposableStack();
    const sender = stack.use(all[side].sender());
    const receivers = all.map((one) => stack.use(one.receiver()));
    player.meet();
    for (let round = 0; round < rounds; round++) {
      if (round % sides === side) {
        sender.send(messageOf(round));
        continue;
      }
      const receiver = receivers[round % sides];
      const value = await player.wait(
        (options) => receiver.receiveSync(options),
        (options) => receiver.receive(options),
      );
      expect(value && numberIn(value), round, "the value");
    }
  },
};

/** All games with objects of ring/. */
export const RING_GAMES: readonly Game[] = [
  channelEmpty,
  channelFull,
  channelMany,
  channelManySenders,
  channelManyReceivers,
  broadcast,
  latest,
];
