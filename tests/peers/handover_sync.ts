// Games with each object of sync/.

import {
  Barrier,
  Condition,
  Event,
  FutexSemaphore,
  Latch,
  Mutex,
  type MutexGuard,
  Once,
  type ReadGuard,
  RwLock,
  type WriteGuard,
} from "../../mod.ts";
import { DATA, expect, type Game, type Player } from "./handover_player.ts";

/** Where the n-th object lies, each of 512 bytes at most. */
function at(index: number): { offset: number } {
  return { offset: DATA + 512 * index };
}

/** A number that all sides share, where no object is. */
function numberOf({ memory }: Player, index = 0): Int32Array<ArrayBufferLike> {
  return memory.array(Int32Array, { offset: DATA + 512 * (64 + index), length: 1 });
}

/** As many as there are sides, and one more. */
function places({ sides }: Player): number[] {
  return Array.from({ length: sides + 1 }, (_, i) => i);
}

/** Does something in as many tasks as may wait at a time. */
async function inTasks(player: Player, task: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: player.tasks }, task));
}

/**
 * Goes round from one lock to the next, and lets go of each only when it has the next: nobody can
 * overtake, so each waits for the one before.
 */
async function handOverHand(
  player: Player,
  lock: (index: number) => Promise<{ release(): void }>,
): Promise<void> {
  let held = await lock(player.side);
  player.meet();
  for (let round = 1; round <= player.rounds; round++) {
    const next = await lock((player.side + round) % (player.sides + 1));
    held.release();
    held = next;
  }
  held.release();
}

const mutexInTurns: Game = {
  name: "Mutex, hand over hand",
  sides: 2,
  waits: 2,
  make: (player) => places(player).forEach((i) => Mutex.create(player.memory, at(i))),
  async play(player) {
    const mutexes = places(player).map((i) => Mutex.open(player.memory, at(i)));
    await handOverHand(player, (i) =>
      player.wait<MutexGuard>(
        (options) => mutexes[i].lockSync(options),
        (options) => mutexes[i].lock(options),
      ));
  },
};

const mutexContended: Game = {
  name: "Mutex, contended",
  sides: 3,
  waits: 3,
  make: ({ memory }) => void Mutex.create(memory, at(0)),
  async play(player) {
    const mutex = Mutex.open(player.memory, at(0));
    const count = numberOf(player);
    const rounds = Math.ceil(player.rounds / player.tasks);
    player.meet();
    await inTasks(player, async () => {
      for (let round = 0; round < rounds; round++) {
        using _guard = await player.wait(
          (options) => mutex.lockSync(options),
          (options) => mutex.lock(options),
        );
        const before = count[0];
        player.work();
        count[0] = before + 1;
      }
    });
    Atomics.add(numberOf(player, 1), 0, rounds * player.tasks);
  },
  check: (player) => expect(numberOf(player)[0], numberOf(player, 1)[0], "the count"),
};

function lockToRead(player: Player, lock: RwLock): Promise<ReadGuard> {
  return player.wait(
    (options) => lock.lockReadSync(options),
    (options) => lock.lockRead(options),
  );
}

function lockToWrite(player: Player, lock: RwLock): Promise<WriteGuard> {
  return player.wait(
    (options) => lock.lockWriteSync(options),
    (options) => lock.lockWrite(options),
  );
}

const rwLockInTurns: Game = {
  name: "RwLock, a writer and readers hand over hand",
  sides: 3,
  waits: 3,
  make: (player) =>
    places(player).forEach((i) => RwLock.create(player.memory, { ...at(i), readers: 3 })),
  async play(player) {
    const locks = places(player).map((i) => RwLock.open(player.memory, at(i)));
    const take = player.first ? lockToWrite : lockToRead;
    await handOverHand(player, (i) => take(player, locks[i]));
  },
};

const rwLockContended: Game = {
  name: "RwLock, contended",
  sides: 3,
  waits: 3,
  // One reader too few: they wait for each other as well.
  make: ({ memory }) => void RwLock.create(memory, { ...at(0), readers: 2 }),
  async play(player) {
    const lock = RwLock.open(player.memory, at(0));
    const pair = player.memory.array(Int32Array, { offset: DATA + 32768, length: 2 });
    player.meet();
    for (let round = 0; round < player.rounds; round++) {
      if (player.random(2) === 0) {
        using _guard = await lockToWrite(player, lock);
        pair[0]++;
        player.work();
        pair[1]++;
      } else {
        using _guard = await lockToRead(player, lock);
        expect(pair[1], pair[0], "what is read while nobody writes");
      }
    }
  },
};

function acquire(player: Player, semaphore: FutexSemaphore, amount = 1): Promise<void> {
  return player.wait(
    (options) => semaphore.acquireSync({ ...options, amount }),
    (options) => semaphore.acquire({ ...options, amount }),
  );
}

const semaphorePingPong: Game = {
  name: "FutexSemaphore, amounts to and fro",
  sides: 2,
  waits: 2,
  make: ({ memory }) => [0, 1].forEach((i) => FutexSemaphore.create(memory, 0, at(i))),
  async play(player) {
    const [ours, theirs] = [player.side, 1 - player.side]
      .map((i) => FutexSemaphore.open(player.memory, at(i)));
    const give = (amount: number) => {
      if (player.random(2) === 0) theirs.release(amount);
      else for (; amount > 0; amount--) theirs.release();
    };
    player.meet();
    for (let round = 0; round < player.rounds; round++) {
      const amount = 1 + round % 5 % 3;
      if (player.first) give(amount);
      await acquire(player, ours, amount);
      if (!player.first) give(amount);
    }
  },
};

const semaphoreTwoTasks: Game = {
  name: "FutexSemaphore, two tasks of a thread for one unit",
  sides: 2,
  waits: 4,
  make: ({ memory }) => [0, 1].forEach((i) => FutexSemaphore.create(memory, 0, at(i))),
  async play(player) {
    const [ping, pong] = [0, 1].map((i) => FutexSemaphore.open(player.memory, at(i)));
    const [from, to] = player.first ? [ping, pong] : [pong, ping];
    const tasks = player.first ? 2 : 1;
    player.meet();
    if (!player.first) to.release(2);
    // The other side has one task: it never blocks while another one of it has a unit in hand.
    await Promise.all(Array.from({ length: tasks }, async () => {
      for (let round = 0; round < player.rounds * 2 / tasks; round++) {
        await acquire(player, from);
        to.release();
      }
    }));
  },
};

const semaphoreContended: Game = {
  name: "FutexSemaphore, contended",
  sides: 3,
  waits: 3,
  make: ({ memory }) => void FutexSemaphore.create(memory, 4, at(0)),
  async play(player) {
    const semaphore = FutexSemaphore.open(player.memory, at(0));
    player.meet();
    await inTasks(player, async () => {
      for (let round = 0; round < player.rounds / player.tasks; round++) {
        const amount = 1 + player.random(4);
        await acquire(player, semaphore, amount);
        player.work();
        semaphore.release(amount);
      }
    });
  },
  check: ({ memory }) => expect(FutexSemaphore.open(memory, at(0)).value(), 4, "the value"),
};

function waitFor(player: Player, event: Event): Promise<void> {
  return player.wait((options) => event.waitSync(options), (options) => event.wait(options));
}

const events: Game = {
  name: "Event, one with a manual reset for all, automatic ones back",
  sides: 3,
  waits: 4,
  make({ memory }) {
    for (const i of [0, 1, 2]) Event.create(memory, { ...at(i), reset: "automatic" });
    for (const i of [3, 4]) Event.create(memory, { ...at(i), reset: "manual" });
  },
  async play(player) {
    const [, ...all] = places(player).concat(4).map((i) => Event.open(player.memory, at(i)));
    const [answers, calls] = [all.slice(0, 2), all.slice(2)];
    player.meet();
    for (let round = 0; round < player.rounds; round++) {
      const [now, next] = [calls[round % 2], calls[1 - round % 2]];
      if (player.first) {
        next.clear(); // all have answered to it
        now.set();
        for (const answer of answers) await waitFor(player, answer);
      } else {
        await waitFor(player, now);
        answers[player.side - 1].set();
      }
    }
  },
};

const eventForOne: Game = {
  name: "Event, an automatic reset releases one of two",
  sides: 3,
  waits: 4,
  make({ memory }) {
    Event.create(memory, { ...at(0), reset: "automatic" });
    FutexSemaphore.create(memory, 0, at(1));
  },
  async play(player) {
    const event = Event.open(player.memory, at(0));
    const taken = FutexSemaphore.open(player.memory, at(1));
    player.meet();
    for (let round = 0; round < player.rounds * (player.first ? 2 : 1); round++) {
      if (player.first) {
        event.set();
        await acquire(player, taken);
      } else {
        await waitFor(player, event);
        taken.release();
      }
    }
  },
};

/** Locks a mutex, and waits for a condition with it. */
async function lockWhen(
  player: Player,
  mutex: Mutex,
  condition: Condition,
  predicate: () => boolean,
): Promise<MutexGuard> {
  const guard = await player.wait<MutexGuard>(
    (options) => mutex.lockSync(options),
    (options) => mutex.lock(options),
  );
  await player.wait(
    (options) => condition.waitUntilSync(guard, predicate, options),
    (options) => condition.waitUntil(guard, predicate, options),
  );
  return guard;
}

function makeConditions({ memory }: Player): void {
  Mutex.create(memory, at(0));
  for (const i of [1, 2]) Condition.create(memory, at(i));
}

/** All take turns, who are told one or all at a time. */
function conditionInTurns(notify: "notifyOne" | "notifyAll", sides: number): Game {
  return {
    name: `Condition, in turns by ${notify}`,
    sides,
    waits: 2 * sides,
    make: makeConditions,
    async play(player) {
      const mutex = Mutex.open(player.memory, at(0));
      const condition = Condition.open(player.memory, at(1));
      const turn = numberOf(player);
      player.meet();
      for (let round = 0; round < player.rounds; round++) {
        using _guard = await lockWhen(player, mutex, condition, () => turn[0] === player.side);
        turn[0] = (player.side + 1) % sides;
        condition[notify]();
      }
    },
  };
}

const conditionBuffer: Game = {
  name: "Condition, one gives and two take by notifyOne",
  sides: 3,
  waits: 8,
  make: makeConditions,
  async play(player) {
    const mutex = Mutex.open(player.memory, at(0));
    const [space, items] = [1, 2].map((i) => Condition.open(player.memory, at(i)));
    const count = numberOf(player);
    player.meet();
    for (let round = 0; round < player.rounds * (player.first ? 2 : 1); round++) {
      if (player.first) {
        using _guard = await lockWhen(player, mutex, space, () => count[0] < 2);
        count[0]++;
        items.notifyOne();
      } else {
        using _guard = await lockWhen(player, mutex, items, () => count[0] > 0);
        count[0]--;
        space.notifyOne();
      }
    }
  },
  check: (player) => expect(numberOf(player)[0], 0, "the count"),
};

const barrier: Game = {
  name: "Barrier",
  sides: 3,
  waits: 3,
  make: ({ memory, sides }) => void Barrier.create(memory, sides, at(0)),
  async play(player) {
    using participant = Barrier.open(player.memory, at(0)).join();
    const count = numberOf(player);
    player.meet();
    for (let round = 0; round < player.rounds; round++) {
      Atomics.add(count, 0, 1);
      await player.wait(
        (options) => participant.arriveSync(options),
        (options) => participant.arrive(options),
      );
      const arrived = Atomics.load(count, 0) - player.sides * (round + 1);
      if (arrived < 0 || arrived >= player.sides) throw new Error(`${arrived} are ahead`);
    }
  },
};

/** How many objects that can be used once are made together. */
const LAP = 256;

const latch: Game = {
  name: "Latch",
  sides: 3,
  waits: 3,
  make: () => {},
  async play(player) {
    const { memory, sides } = player;
    for (let round = 0; round < player.rounds; round++) {
      const lap = round % LAP;
      if (lap === 0) {
        await player.renew(() => {
          // By turns all count down, and one alone.
          for (let i = 0; i < LAP; i++) Latch.create(memory, i % 2 === 0 ? sides : 1, at(i));
        });
      }
      const latch = Latch.open(memory, at(lap));
      player.pause();
      if (lap % 2 === 0 || (lap >> 1) % sides === player.side) latch.countDown();
      await player.wait((options) => latch.waitSync(options), (options) => latch.wait(options));
      expect(latch.count, 0, "what is left");
    }
  },
};

const once: Game = {
  name: "Once, which all create and initialise",
  sides: 3,
  waits: 3,
  make: () => {},
  async play(player) {
    let mine = 0;
    for (let round = 0; round < player.rounds; round++) {
      if (round % LAP === 0) await player.renew(() => {});
      const object = Once.openOrCreate(player.memory, 8, at(round % LAP));
      const initialise = (bytes: Uint8Array<ArrayBufferLike>) => {
        expect(bytes[0], 0, "the first byte");
        bytes[0] = 1;
        mine++;
        if (player.random(2) === 0) player.linger();
        bytes[7] = 1 + round % 200;
      };
      const value = await player.wait(
        (options) => object.getSync(initialise, options),
        (options) =>
          object.get(async (bytes) => {
            initialise(bytes);
            await undefined;
          }, options),
      );
      expect(value[7], 1 + round % 200, "the last byte");
    }
    await player.renew(() => {});
    Atomics.add(numberOf(player), 0, mine);
  },
  check: (player) =>
    expect(numberOf(player)[0], player.rounds, "the count of those who initialised"),
};

/** All games with objects of sync/. */
export const SYNC_GAMES: readonly Game[] = [
  mutexInTurns,
  mutexContended,
  rwLockInTurns,
  rwLockContended,
  semaphorePingPong,
  semaphoreTwoTasks,
  semaphoreContended,
  events,
  eventForOne,
  conditionInTurns("notifyOne", 2),
  conditionInTurns("notifyAll", 3),
  conditionBuffer,
  barrier,
  latch,
  once,
];
