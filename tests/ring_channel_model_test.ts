// The logic of a channel against a model: a queue of byte arrays, with random steps.

import { assert, assertEquals } from "@std/assert";
import { mapAnonymous } from "../mod.ts";
import { Channel, type ChannelRole } from "../ring/mod.ts";
import { RECEIVED, SENT } from "../ring/channel_layout.ts";
import { points } from "../ring/test_points.ts";
import { type Random, withRandom } from "./_random.ts";
import { test } from "./_sync.ts";

/** The bytes of a record with its message. */
function size(length: number): number {
  return 8 + Math.ceil(length / 8) * 8;
}

/** Makes random steps with channel and model; they must always agree. */
function play(channel: Channel, below: Random, steps: number): void {
  const { capacity } = channel;
  const queue: Uint8Array[] = [];
  const senders = [channel.sender()];
  const receivers = [channel.receiver()];
  if (channel.senders === "many") senders.push(channel.sender(), channel.sender());
  if (channel.receivers === "many") receivers.push(channel.receiver(), channel.receiver());
  let serial = 0;
  let [sent, received] = [0, 0];
  const message = () => {
    const longest = Math.min(capacity - 8, below(4) === 0 ? capacity : 40);
    const bytes = new Uint8Array(below(longest + 1));
    for (let i = 0; i < bytes.length; i++) bytes[i] = serial + i;
    serial++;
    return bytes;
  };
  // Skipped bytes at the end of the ring may take more room than the messages do.
  const used = () => channel.stat().bytes;
  const put = (bytes: Uint8Array) => {
    queue.push(bytes);
    sent++;
  };
  const expect = (bytes: Uint8Array | undefined) => {
    assertEquals(bytes?.slice(), queue.shift());
    if (bytes !== undefined) received++;
  };
  for (let step = 0; step < steps; step++) {
    const sender = senders[below(senders.length)];
    const receiver = receivers[below(receivers.length)];
    switch (below(12)) {
      case 0:
      case 1: {
        const bytes = message();
        const fits = used() + size(bytes.length) <= capacity;
        assertEquals(sender.trySend(bytes), fits);
        if (fits) put(bytes);
        break;
      }
      case 2: {
        const batch = Array.from({ length: below(5) }, message);
        const count = sender.trySendBatch(batch);
        batch.slice(0, count).forEach(put);
        if (count < batch.length) assert(used() + size(batch[count].length) > capacity);
        break;
      }
      case 3: {
        const bytes = message();
        using claim = sender.tryClaim(bytes.length);
        if (claim === undefined) {
          assert(used() + 2 * size(bytes.length) > capacity);
          break;
        }
        assertEquals(claim.bytes.length, bytes.length);
        claim.bytes.set(bytes);
        const fate = below(3);
        if (fate === 0) break; // aborted by leaving scope
        const length = fate === 1 ? bytes.length : below(bytes.length + 1);
        claim.commit(length);
        put(bytes.slice(0, length));
        break;
      }
      case 4: {
        using batch = sender.tryBatch();
        if (batch === undefined) break;
        const added: Uint8Array[] = [];
        const longest = Math.max(0, capacity / 2 - 8);
        for (let i = below(6); i > 0; i--) {
          const bytes = message().slice(0, longest);
          const at = batch.add(bytes.length);
          if (at < 0) break;
          assertEquals(at % 8, 0);
          batch.bytes.set(bytes, at);
          added.push(bytes);
          if (below(4) === 0) {
            batch.flush();
            added.splice(0).forEach(put);
          }
        }
        assertEquals(batch.count, added.length);
        if (below(3) === 0) break;
        batch.commit();
        added.forEach(put);
        break;
      }
      case 5:
      case 6:
        expect(receiver.tryReceive());
        break;
      case 7: {
        const target = new Uint8Array(new ArrayBuffer(capacity + 8), below(8), capacity);
        const length = receiver.tryReceiveInto(target);
        expect(length === undefined ? undefined : target.subarray(0, length));
        break;
      }
      case 8: {
        const batch = receiver.tryReceiveBatch(1 + below(5));
        batch.forEach(expect);
        break;
      }
      case 9: {
        using peeked = receiver.tryPeek();
        assertEquals(peeked?.bytes.slice(), queue[0]);
        if (peeked === undefined) break;
        if (below(2) === 0) peeked.putBack();
        else expect(peeked.bytes);
        break;
      }
      case 10: {
        using batch = receiver.tryPeekBatch();
        assertEquals(batch === undefined, queue.length === 0);
        const seen: Uint8Array[] = [];
        for (let i = below(6); i > 0 && batch?.next(); i--) {
          seen.push(batch.bytes.slice(batch.offset, batch.offset + batch.length));
        }
        assertEquals(seen, queue.slice(0, seen.length));
        if (below(2) === 0) batch?.putBack();
        else seen.forEach(expect);
        break;
      }
      case 11: { // somebody else comes
        const which = below(2);
        if (which === 0) {
          const i = below(senders.length);
          senders[i].close();
          senders[i] = channel.sender();
        } else {
          const i = below(receivers.length);
          receivers[i].close();
          receivers[i] = channel.receiver();
        }
        break;
      }
    }
    const stat = channel.stat();
    // The room of the last short ones is given back with the next call.
    const late = received - stat.received;
    assert(late >= 0 && late <= (channel.receivers === "one" ? 16 : 0), `${late} are late`);
    assertEquals([stat.sent, stat.messages], [sent, queue.length + late]);
    assert(queue.reduce((sum, { length }) => sum + size(length), 0) <= stat.bytes);
  }
  for (const end of [...senders, ...receivers]) end.close();
  assertEquals([channel.stat().participants, channel.stat().received], [[], received]);
}

const ROLES: [ChannelRole, ChannelRole][] = [
  ["one", "one"],
  ["many", "one"],
  ["one", "many"],
  ["many", "many"],
];

for (const [senders, receivers] of ROLES) {
  for (const near of ["0", "2 ** 31", "2 ** 32"]) {
    test(`${senders} to ${receivers}, from ${near} on: as the model`, async () => {
      for (let seed = 1; seed <= 8; seed++) {
        const capacity = [8, 16, 64, 256, 1024, 8192][seed % 6];
        const length = Channel.byteLength({ capacity, maxParticipants: 8 });
        using mapped = mapAnonymous(length + 16, { shared: true });
        const memory = seed % 2 === 0 ? mapped : new SharedArrayBuffer(length + 16);
        points.start = near === "0" ? 0 : near === "2 ** 31" ? 2 ** 31 - 3000 + 3000 % 8 : -2048;
        points.start &= -8;
        try {
          const options = { capacity, maxParticipants: 8, offset: 8, senders, receivers };
          await withRandom((random) => play(Channel.create(memory, options), random, 1500), seed);
        } finally {
          points.start = 0;
        }
      }
    });
  }
}

test("the counters have 64 bits", () => {
  const memory = new SharedArrayBuffer(8192);
  const channel = Channel.create(memory, { capacity: 64 });
  const words = new Int32Array(memory);
  const start = 2 ** 32 - 3;
  for (const note of [SENT, RECEIVED]) words[note + 1] = start;
  using sender = channel.sender();
  using receiver = channel.receiver();
  for (let i = 0; i < 10; i++) {
    assert(sender.trySend(new Uint8Array([i])));
    assertEquals(receiver.tryReceive()?.[0], i);
  }
  receiver.close();
  const { sent, received } = channel.stat();
  assertEquals([sent, received], [start + 10, start + 10]);
});
