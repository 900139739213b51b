// The logic of Broadcast and Latest against a model, in one process: random interleavings, also in
// the middle of a write and of a read, senders that end at any point, and nonsense in the memory.

import { assert, assertEquals, assertGreater, assertInstanceOf, assertThrows } from "@std/assert";
import { mapAnonymous } from "../mod.ts";
import { Landing, NOTHING } from "../ring/landing.ts";
import { FLAGS, INTENT, recordSize, SEAT, SENDER, TAIL } from "../ring/station_layout.ts";
import { RingReader } from "../ring/broadcast_reader.ts";
import { points } from "../ring/test_points.ts";
import { type Species, Station } from "../ring/station.ts";
import { Broadcast, type BroadcastReceiver, Latest, type SyncMemory } from "../ring/mod.ts";
import {
  isWhole,
  makeMessage,
  MAX_LENGTH,
  random,
  startAt,
} from "./peers/ring_broadcast_common.ts";
import { test } from "./_sync.ts";

const CAPACITY = 1024;

/** Kinds of memory. */
const MEMORIES: Record<string, (byteLength: number) => SyncMemory & Partial<Disposable>> = {
  "a SharedArrayBuffer": (byteLength) => new SharedArrayBuffer(byteLength),
  "mapped memory": (byteLength) => mapAnonymous(byteLength, { shared: true }),
};

function wordsOf(memory: SyncMemory): Int32Array<ArrayBufferLike> {
  if (memory instanceof SharedArrayBuffer) return new Int32Array(memory);
  return memory.array(Int32Array);
}

/** A receiver, and what it must see. */
interface Watched {
  readonly receiver: BroadcastReceiver<Uint8Array<ArrayBuffer>>;
  /** The sequence at which it came. */
  start: number;
  next: number;
  seen: number;
}

/** What a random run does. */
interface Run {
  readonly memory: SyncMemory;
  readonly capacity?: number;
  readonly seed: number;
  readonly steps: number;
  /** Where positions and sequences start. */
  readonly start: readonly [position: number, sequence: number];
}

class Killed extends Error {}

/** Makes random steps, and checks every message. Returns how much was seen and missed. */
function runBroadcast(
  { memory, capacity = CAPACITY, seed, steps, start: [position, first] }: Run,
) {
  const rnd = random(seed);
  const broadcast = Broadcast.create(memory, { capacity, maxReceivers: 8 });
  startAt(wordsOf(memory), position, first);
  let sent = first;
  let sender = broadcast.sender();
  const watched = new Set<Watched>();
  const totals = { seen: 0, missed: 0, killed: 0 };

  const join = () => {
    const from = rnd(2) === 0 ? "newest" : "oldest";
    const receiver = (rnd(2) === 0 ? broadcast : Broadcast.open(memory)).receiver({ from });
    const start = from === "newest" ? broadcast.stat().sent : NaN;
    watched.add({ receiver, start, next: start, seen: 0 });
  };
  const receive = (one: Watched) => {
    const message = one.receiver.tryReceive();
    if (message === undefined) return false;
    const { value, sequence, missed } = message;
    if (Number.isNaN(one.next)) one.start = one.next = sequence - missed; // the oldest there was
    assertEquals(sequence, one.next + missed);
    // Nothing is missed that must still be there: but for what a batch has written already, a
    // message that is being written, what is filled at the ring's end and the writer's reserve.
    if (missed > 0) {
      let bytes = capacity / 4 + 3 * recordSize(MAX_LENGTH) + capacity / 32;
      const { sent } = broadcast.stat();
      for (let i = one.next; i < sent && bytes <= capacity; i++) {
        bytes += recordSize(makeMessage(i).length);
      }
      assertGreater(bytes, capacity);
    }
    assert(isWhole(value, sequence), `message ${sequence}`);
    one.next = sequence + 1;
    one.seen++;
    return true;
  };
  const leave = (one: Watched) => {
    while (receive(one)) { /* all that is left */ }
    const { sent } = broadcast.stat();
    if (!Number.isNaN(one.start)) {
      assertEquals(one.seen + one.receiver.missed, sent - one.start);
    }
    totals.seen += one.seen;
    totals.missed += one.receiver.missed;
    one.receiver.close();
    watched.delete(one);
  };
  const someReceive = () => {
    for (const one of watched) {
      for (let i = rnd(12); i > 0; i--) if (!receive(one)) break;
    }
  };
  const send = () => {
    switch (rnd(4)) {
      case 0: {
        const count = rnd(40);
        assertEquals(
          sender.sendBatch((function* () {
            for (let i = 0; i < count; i++) yield makeMessage(sent + i);
          })()),
          count,
        );
        sent += count;
        break;
      }
      case 1: {
        const message = makeMessage(sent);
        using claim = sender.claim(message.length + rnd(20));
        if (rnd(2) === 0) claim.bytes.fill(rnd(256));
        if (rnd(3) === 0) break;
        claim.bytes.set(message);
        assertEquals(claim.commit(message.length), sent++);
        break;
      }
      default:
        assertEquals(sender.send(makeMessage(sent)), sent);
        sent++;
    }
  };
  const someBatchKilled = () => {
    const before = points.hook;
    points.hook = (reached) => {
      if (reached === 5) throw new Killed();
    };
    const never = () => new Uint8Array(rnd(40)).fill(0xdd);
    try {
      sender.sendBatch(Array.from({ length: 1 + rnd(20) }, never));
    } catch (error) {
      assertInstanceOf(error, Killed);
    } finally {
      points.hook = before;
    }
    sender.close();
    sender = Broadcast.open(memory).sender();
    assertEquals(sender.sent, sent);
  };
  const sendKilled = () => {
    if (rnd(2) === 0) return someBatchKilled();
    const [point, before] = [1 + rnd(8), points.hook];
    points.hook = (reached) => {
      if (reached === point) throw new Killed();
    };
    try {
      sender.send(makeMessage(sent));
      sent++; // it didn't come to that point
    } catch (error) {
      assertInstanceOf(error, Killed);
      if (point === 8) sent++;
      totals.killed++;
    } finally {
      points.hook = before;
    }
    sender.close(); // as the kernel does
    someReceive();
    sender = Broadcast.open(memory).sender();
    assertEquals(sender.sent, sent);
  };
  points.hook = () => {
    if (rnd(8) === 0) someReceive();
  };
  try {
    for (let step = 0; step < steps; step++) {
      const choice = rnd(100);
      if (choice < 55) send();
      else if (choice < 85) someReceive();
      else if (choice < 90) { if (watched.size < 8) join(); }
      else if (choice < 93) { for (const one of [...watched].slice(0, 1)) leave(one); }
      else if (choice < 96) sendKilled();
      else assertEquals(broadcast.stat().sent, sent);
    }
    for (const one of [...watched]) leave(one);
  } finally {
    points.hook = undefined;
    sender.close();
  }
  return totals;
}

for (const [name, allocate] of Object.entries(MEMORIES)) {
  test(`Broadcast follows the model, in ${name}`, () => {
    let [seen, missed, killed] = [0, 0, 0];
    for (let seed = 1; seed <= 30; seed++) {
      const memory = allocate(Broadcast.byteLength({ capacity: CAPACITY, maxReceivers: 8 }));
      const totals = runBroadcast({ memory, seed, steps: 1500, start: [0, 0] });
      seen += totals.seen;
      missed += totals.missed;
      killed += totals.killed;
      memory[Symbol.dispose]?.();
    }
    assertGreater(Math.min(seen, missed), 1000);
    assertGreater(killed, 100);
    const memory = allocate(Broadcast.byteLength({ capacity: 16384, maxReceivers: 8 }));
    const large = runBroadcast({ memory, capacity: 16384, seed: 31, steps: 10_000, start: [0, 0] });
    assertGreater(Math.min(large.seen, large.missed), 100);
    memory[Symbol.dispose]?.();
  });

  test(`Broadcast follows the model where all counters wrap around, in ${name}`, () => {
    for (
      const start of [
        [2 ** 32 - 16, 0],
        [2 ** 32 - 4096, 2 ** 32 - 100],
        [0x7fffffe0, 2 ** 31 - 9],
        [
          2 ** 32 - 1040,
          2 ** 40 - 50,
        ],
      ] as const
    ) {
      for (let seed = 100; seed < 105; seed++) {
        const memory = allocate(Broadcast.byteLength({ capacity: CAPACITY, maxReceivers: 8 }));
        runBroadcast({ memory, seed, steps: 1500, start });
        memory[Symbol.dispose]?.();
      }
    }
  });

  test(`Latest follows the model, in ${name}`, () => {
    const size = 470;
    for (const [seed, tail, first] of [[1, 0, 0], [2, 0, 0], [3, 2 ** 32 - 160, 2 ** 32 - 10]]) {
      const rnd = random(seed);
      const memory = allocate(Latest.byteLength(size));
      const latest = Latest.create(memory, size);
      if (first > 0) startAt(wordsOf(memory), tail, first);
      const words = wordsOf(memory);
      if (first > 0) words[INTENT] = first | 0;
      let sender = latest.sender();
      const receivers = Array.from({ length: 3 }, () => latest.receiver());
      const newest = receivers.map(() => first - 1);
      let sent = first;
      const receive = () => {
        const { sent } = latest.stat(); // in the middle of a write it isn't yet what is being sent
        const index = rnd(3);
        if (rnd(3) === 0 && sent > first) {
          assert(isWhole(receivers[index].newest() ?? new Uint8Array(1), sent - 1));
        }
        const value = receivers[index].tryReceive();
        if (sent - 1 === newest[index]) return assertEquals(value, undefined);
        assert(value !== undefined && isWhole(value, sent - 1));
        assertEquals(receivers[index].sequence, sent - 1);
        newest[index] = sent - 1;
      };
      try {
        for (let step = 0; step < 5000; step++) {
          const die = rnd(10) === 0 ? 1 + rnd(8) : 0;
          points.hook = (point) => {
            if (rnd(4) === 0 && sent > first) receive();
            if (point === die) throw new Killed();
          };
          try {
            sender.send(makeMessage(sent));
            sent++;
          } catch (error) {
            assertInstanceOf(error, Killed);
            if (die === 8) sent++;
            sender.close();
            sender = Latest.open(memory).sender();
          }
          assertEquals(sender.sent, sent);
          while (rnd(2) === 0) if (sent > first) receive();
        }
      } finally {
        points.hook = undefined;
        sender.close();
        for (const receiver of receivers) receiver.close();
        memory[Symbol.dispose]?.();
      }
    }
  });
}

const SPECIES: Species = {
  kind: "broadcast",
  option: "capacity",
  dataBytes: (capacity) => capacity,
  isLength: () => true,
};

/** Has others do something after the length was read, and before the bytes are copied. */
class DisturbedLanding extends Landing {
  disturb = () => {};

  override reserve(length: number): void {
    this.disturb();
    super.reserve(length);
  }
}

test("what a sender that died never showed is never received", () => {
  const create = () => {
    const memory = new SharedArrayBuffer(Broadcast.byteLength({ capacity: CAPACITY }));
    return Broadcast.create(memory, { capacity: CAPACITY });
  };
  const message = (fill: number, length = 16) => new Uint8Array(length).fill(fill);
  const sendAndDie = (broadcast: Broadcast, count: number) => {
    const sender = broadcast.sender();
    for (let i = 0; i < count; i++) sender.send(message(1));
    points.hook = (point) => {
      if (point === 5) throw new Killed();
    };
    try {
      assertThrows(() => sender.sendBatch(Array.from({ length: 6 }, () => message(0xdd))), Killed);
    } finally {
      points.hook = undefined;
      sender.close();
    }
  };
  const check = (receiver: BroadcastReceiver<Uint8Array>, sent: number) => {
    let next = -1;
    for (let come; (come = receiver.tryReceive()) !== undefined;) {
      assert(next < 0 || come.sequence === next);
      assert(come.value[0] < 3, `message ${come.sequence}`);
      next = come.sequence + 1;
    }
    assertEquals(next, sent);
  };
  { // The end of the ring has to be filled, where they lie.
    const broadcast = create();
    sendAndDie(broadcast, 56);
    using sender = broadcast.sender();
    sender.send(message(2, 400));
    for (let i = 0; i < 12; i++) sender.send(message(2));
    using receiver = broadcast.receiver({ from: "oldest" });
    check(receiver, 69);
  }
  { // They lie in a claim, which isn't written to the end.
    const broadcast = create();
    using receiver = broadcast.receiver();
    sendAndDie(broadcast, 35);
    using sender = broadcast.sender();
    {
      using claim = sender.claim(300);
      claim.bytes.fill(2, 0, 8);
      claim.commit();
    }
    while (sender.sent < 45) sender.send(message(2));
    check(receiver, 45);
  }
});

test("a reader that is overtaken in the middle of a copy doesn't take it", () => {
  const memory = new SharedArrayBuffer(Broadcast.byteLength({ capacity: CAPACITY }));
  const broadcast = Broadcast.create(memory, { capacity: CAPACITY });
  using sender = broadcast.sender();
  const rnd = random(5);
  const landing = new DisturbedLanding(true);
  const station = Station.open(SPECIES, memory, {});
  const reader = new RingReader(station, landing, "newest");
  let [sent, seen, next, deep] = [0, 0, 0, false];
  landing.disturb = () => {
    if (deep || rnd(3) > 0) return;
    deep = true;
    for (let i = rnd(60); i > 0; i--) sender.send(makeMessage(sent++));
    deep = false;
  };
  for (let step = 0; step < 20_000; step++) {
    for (let i = rnd(4); i > 0; i--) sender.send(makeMessage(sent++));
    const length = reader.read();
    if (length === NOTHING) continue;
    seen++;
    assertEquals(reader.sequence, next + reader.missed);
    assert(isWhole(landing.take(length), reader.sequence), `message ${reader.sequence}`);
    next = reader.sequence + 1;
  }
  while (reader.read() !== NOTHING) seen++;
  assertEquals(seen + reader.missedTotal, sent);
  assertGreater(reader.missedTotal, 1000);
});

test("a receiver that was away while the position went around once finds that out", () => {
  const memory = new SharedArrayBuffer(Broadcast.byteLength({ capacity: CAPACITY }));
  const words = new Int32Array(memory);
  const broadcast = Broadcast.create(memory, { capacity: CAPACITY });
  using receiver = broadcast.receiver();
  {
    using sender = broadcast.sender();
    sender.send(makeMessage(0));
    assertEquals(receiver.tryReceive()?.sequence, 0);
  }
  // 2 ** 32 bytes and a million messages later.
  const tail = Atomics.load(words, TAIL) & ~FLAGS;
  startAt(words, tail, 1_000_000);
  assertEquals(receiver.tryReceive(), undefined);
  using sender = broadcast.sender();
  sender.send(makeMessage(1_000_000));
  const { sequence, missed } = receiver.tryReceive() ?? {};
  assertEquals([sequence, missed], [1_000_000, 999_999]);
});

test("nonsense in the memory is an error or a miss, and never a hang", () => {
  const errors = new Set<string>();
  for (let seed = 1; seed <= 400; seed++) {
    const rnd = random(seed);
    const memory = new SharedArrayBuffer(Broadcast.byteLength({ capacity: CAPACITY }));
    const words = new Int32Array(memory);
    const broadcast = Broadcast.create(memory, { capacity: CAPACITY });
    let sender = broadcast.sender();
    using receiver = broadcast.receiver();
    let sent = 0;
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        assertInstanceOf(error, Deno.errors.InvalidData);
        errors.add(error.message.replace(/\d+/g, "N"));
      }
    };
    for (let step = 0; step < 50; step++) {
      for (let i = rnd(8); i > 0; i--) sender.send(makeMessage(sent++));
      // Anything but the mutex and the sender's identity, which are others' to test.
      let at = 10 + rnd(words.length - 10);
      if (rnd(3) === 0) at = TAIL + rnd(16);
      if (at < SEAT || at >= SENDER + 5) {
        words[at] = [rnd(2 ** 32), rnd(100), -1, 0x7fffffff, words[at] + 16, words[at] ^ 1][rnd(6)];
      }
      for (let i = rnd(8); i > 0; i--) attempt(() => receiver.tryReceive());
      attempt(() => broadcast.stat());
      attempt(() => Broadcast.open(memory).receiver({ from: "oldest" }).close());
      if (rnd(4) > 0) continue;
      sender.close();
      attempt(() => {
        sender = broadcast.sender();
        sent = sender.sent;
      });
      try {
        sender.send(makeMessage(sent++));
      } catch (error) {
        assertInstanceOf(error, Deno.errors.BadResource);
        break;
      }
    }
    sender.close();
  }
  assertGreater(errors.size, 2);
});

test("nonsense in a Latest is an error, and never a hang", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const rnd = random(seed);
    const memory = new SharedArrayBuffer(Latest.byteLength(100));
    const words = new Int32Array(memory);
    const latest = Latest.create(memory, 100);
    using sender = latest.sender();
    using receiver = latest.receiver();
    for (let step = 0; step < 20; step++) {
      sender.send(new Uint8Array(rnd(101)));
      let at = 10 + rnd(words.length - 10);
      if (rnd(3) === 0) at = TAIL + rnd(16);
      if (at < SEAT || at >= SENDER + 5) words[at] = [rnd(2 ** 32), rnd(100), -1][rnd(3)];
      try {
        receiver.tryReceive();
        receiver.newest();
      } catch (error) {
        assertInstanceOf(error, Deno.errors.InvalidData);
      }
    }
  }
});
