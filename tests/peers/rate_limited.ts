// A Worker for the tests: counts and asks so many times, together with others, and tells how often
// it was let through.

import { admit, count, type Words } from "../../examples/_rate_limit.ts";

/** What it is told. */
interface Task {
  readonly words: Words;
  readonly place: number;
  readonly times: number;
  readonly now: bigint;
  /** How many threads have come to the start. */
  readonly gate: Int32Array;
  readonly threads: number;
}

addEventListener("message", (event) => {
  const { words, place, times, now, gate, threads } = (event as MessageEvent<Task>).data;
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < threads);
  let admitted = 0;
  for (let time = 0; time < times; time++) {
    count(words, place);
    if (admit(words, () => now) === 0n) admitted++;
  }
  (globalThis as unknown as { postMessage(message: number): void }).postMessage(admitted);
});
