// Processes hand over to each other by every object of sync/ and ring/, in every way to wait, and
// no wake-up is lost. What would heal by itself after 100 ms, as it does in programs, is switched
// off: whoever isn't woken sleeps for ever, and the test tells where.
//
// HANDOVERS=1000000 deno test --allow-all tests/handover_test.ts
//
// asks for so many handovers in all, and tells how many there were; SEED=... repeats a failure, as
// far as processes can be made to do the same once more.

import { assert } from "@std/assert";
import { Event, FutexSemaphore, IPC_PRIVATE, Segment, type WaitSyncOptions } from "../mod.ts";
import { HEADER_WORDS } from "../sync/header.ts";
import { setSpinning } from "../sync/patience.ts";
import { deno, LIMIT, type Process } from "./_process.ts";
import { withRandom } from "./_random.ts";
import { settled, test, withoutHealing } from "./_sync.ts";
import { GAMES } from "./peers/handover_games.ts";
import {
  COMBINATION,
  COMBINATIONS,
  DATA,
  type Game,
  nameOf,
  sideAt,
  SIZE,
  SLEEPS,
  TOTAL,
  WAITS,
} from "./peers/handover_player.ts";

const ASKED = Deno.env.get("HANDOVERS");

/** How many waits there are in all: each ends because another process does something. */
const HANDOVERS = Number(ASKED ?? 200_000);

/** How long nobody gets anywhere before that is a failure, in milliseconds. */
const WATCHDOG = 30_000;

/** How many handovers, and sleeps, there were in all tests so far. */
const totals = { waits: 0, sleeps: 0 };

/** What one side has come to. */
function sideOf(words: Int32Array<ArrayBufferLike>, side: number) {
  const at = sideAt(side);
  return {
    combination: COMBINATIONS[words[at + COMBINATION]],
    waits: words[at + WAITS],
    total: words[at + TOTAL],
    sleeps: words[at + SLEEPS],
  };
}

/** Says which combination it is that hangs, and how far everybody came. */
function describe({ name, sides }: Game, words: Int32Array<ArrayBufferLike>): string {
  const all = Array.from({ length: sides }, (_, side) => sideOf(words, side));
  const where = all.map(({ waits, combination }, side) =>
    `side ${side} has done ${waits} waits of "${nameOf(combination)}"`
  );
  const objects = Array.from(words.subarray(DATA / 4), (word, i) => [i, word])
    .filter(([, word]) => word !== 0).slice(0, 200);
  return `${name}: nobody got anywhere for ${WATCHDOG / 1000} s. ${where.join(", ")}. The words ` +
    `are ${objects.map(([i, word]) => `${i}: 0x${(word >>> 0).toString(16)}`).join(", ")}`;
}

/** Rejects once nobody has got anywhere for long. */
function watch(game: Game, words: Int32Array<ArrayBufferLike>): Disposable & {
  readonly hangs: Promise<never>;
} {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {}); // whoever waits for it is told
  let [sum, since] = [-1, performance.now()];
  const timer = setInterval(() => {
    let now = 0;
    for (let side = 0; side < game.sides; side++) {
      const { total, combination } = sideOf(words, side);
      now += total + COMBINATIONS.indexOf(combination);
    }
    if (now !== sum) [sum, since] = [now, performance.now()];
    else if (performance.now() - since > WATCHDOG) reject(new Error(describe(game, words)));
  }, 500);
  return { hangs: promise, [Symbol.dispose]: () => clearInterval(timer) };
}

/** Waits for a process that has to end well. */
async function success(process: Process): Promise<void> {
  const { code, stderr } = await process.output();
  if (code !== 0 || stderr !== "") throw new Error(`a process ended with ${code}: ${stderr}`);
}

/** Has processes play a game, in all ways. */
async function play(game: Game, waits: number, seed: number): Promise<void> {
  using segment = Segment.create(IPC_PRIVATE, SIZE, { removeOnDispose: true });
  using memory = segment.attach();
  const words = memory.array(Int32Array);
  await using players = new AsyncDisposableStack();
  using watchdog = watch(game, words);
  const ends = Array.from({ length: game.sides }, (_, side) => {
    const args = [segment.id, game.name, side, waits, seed].map(String);
    return success(players.use(deno("tests/peers/handover.ts", args)));
  });
  await Promise.race([Promise.all(ends), watchdog.hangs]);
  let [done, sleeps] = [0, 0];
  for (let side = 0; side < game.sides; side++) {
    done += sideOf(words, side).total;
    sleeps += sideOf(words, side).sleeps;
  }
  if (sleeps === 0) throw new Error("nobody slept: nothing was tested");
  totals.waits += done;
  totals.sleeps += sleeps;
  if (ASKED === undefined) return;
  console.log(
    `${game.name}: ${done} handovers, ${sleeps} sleeps (so far ${totals.waits}, ${totals.sleeps})`,
  );
}

/** How many waits of a game its processes can do well within the time that they have. */
const LAP = 100_000;

for (const game of GAMES) {
  test(`${game.name}: no wake-up is lost`, async () => {
    await withRandom(async (random) => {
      for (let left = HANDOVERS / GAMES.length; left > 0; left -= LAP) {
        await play(game, Math.min(left, LAP), random(2 ** 31));
      }
    });
  });
}

/**
 * Has another process, as it were, move the first word behind a header to and fro: whoever loads it
 * finds these values, one after the other, and after the last one it is 1.
 */
function moving(words: Int32Array<ArrayBufferLike>, ...values: number[]): Disposable {
  const steps = Atomics as { load: (array: typeof words, index: number) => number };
  const { load } = steps;
  steps.load = (array, index) => {
    if (index !== HEADER_WORDS || values.length === 0) return load(array, index);
    const [value] = values.splice(0, 1);
    words[HEADER_WORDS] = values.length === 0 ? 1 : value;
    return value;
  };
  return { [Symbol.dispose]: () => void (steps.load = load) };
}

/** Something of which another process takes what there is, and gives it back at once. */
interface Contended {
  readonly name: string;
  /** How often a wait of either kind looks before it thinks of sleeping. */
  readonly looks: { readonly sync: number; readonly async: number };
  make(memory: SharedArrayBuffer): {
    sync(options: WaitSyncOptions): void;
    async(options: WaitSyncOptions): Promise<void>;
  };
}

const CONTENDED: readonly Contended[] = [{
  name: "FutexSemaphore",
  looks: { sync: 1, async: 1 },
  make(memory) {
    const semaphore = FutexSemaphore.create(memory, 0);
    return {
      sync: (options) => semaphore.acquireSync(options),
      async: (options) => semaphore.acquire(options),
    };
  },
}, {
  name: "Event",
  looks: { sync: 2, async: 1 },
  make(memory) {
    const event = Event.create(memory, { reset: "automatic" });
    return {
      sync: (options) => event.waitSync(options),
      async: (options) => event.wait(options),
    };
  },
}];

for (const { name, looks, make } of CONTENDED) {
  for (const how of ["sync", "async"] as const) {
    test(`${name}, ${how}: what is taken and given back meanwhile isn't overlooked`, async () => {
      const memory = new SharedArrayBuffer(128);
      const object = make(memory);
      using _ = withoutHealing();
      setSpinning(false);
      const start = performance.now();
      try {
        // It is there when the word is read on which to sleep, not at the attempt, and then again.
        using _ = moving(new Int32Array(memory), ...Array(looks[how]).fill(0), 1, 0);
        await object[how](LIMIT);
      } finally {
        setSpinning(navigator.hardwareConcurrency > 1);
      }
      // At the end of that time it would be found.
      assert(performance.now() - start < LIMIT.timeout, "it slept beside it");
      await settled();
    });
  }
}
