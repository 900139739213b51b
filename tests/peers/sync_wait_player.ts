// Plays ping-pong over two words of a segment, or hands units of a semaphore on: arguments are the
// segment's id, what to do, how often, and how ("sync", "async", "mixed"), with "asleep" behind it
// to spin never.
import { FutexSemaphore, Segment } from "../../mod.ts";
import { setSpinning } from "../../sync/patience.ts";
import { timing } from "../../sync/waitable.ts";

const [id, what, countText, how, asleep] = Deno.args;
const count = Number(countText);
timing.recheck = 1e6; // what gets lost stays lost
if (asleep === "asleep") setSpinning(false);
using memory = Segment.fromId(Number(id)).attach();

/** Takes a unit in the way asked for, giving up now and then where that is part of the game. */
async function take(semaphore: FutexSemaphore, round: number): Promise<void> {
  if (how === "sync" || (how === "mixed" && round % 3 === 0)) return semaphore.acquireSync();
  for (;;) {
    try {
      const impatient = what === "contend" && round % 5 === 0;
      return await semaphore.acquire(impatient ? { timeout: round % 4 } : {});
    } catch (error) {
      if (!(error instanceof Deno.errors.TimedOut)) throw error;
    }
  }
}

console.log("ready");
if (what === "pong") {
  const ping = FutexSemaphore.open(memory);
  const pong = FutexSemaphore.open(memory, { offset: 128 });
  for (let round = 0; round < count; round++) {
    await take(ping, round);
    pong.release();
  }
} else if (what === "contend") {
  const lock = FutexSemaphore.open(memory);
  const counter = memory.array(Int32Array, { offset: 256, length: 1 });
  const task = async () => {
    for (let round = 0; round < count; round++) {
      await take(lock, round);
      counter[0]++; // not atomic: the lock makes it so
      lock.release();
    }
  };
  const tasks = how === "sync" ? 1 : 3;
  await Promise.all(Array.from({ length: tasks }, task));
} else if (what === "wait") {
  timing.recheck = 100;
  const semaphore = FutexSemaphore.open(memory);
  if (how === "sync") semaphore.acquireSync({ amount: count });
  else await semaphore.acquire({ amount: count });
} else if (what === "abort") {
  const abort = new AbortController();
  const waits = [0, 128].map((offset) =>
    FutexSemaphore.open(memory, { offset }).acquire({ signal: abort.signal })
  );
  await Deno.stdin.read(new Uint8Array(1));
  abort.abort();
  for (const wait of waits) await wait.catch(({ name }) => console.log(name));
}
console.log("done");
