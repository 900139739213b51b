// Futexes, as the kernel has them.

import { assert, assertEquals } from "@std/assert";
import { ALL, FUTEX_WAITV_MAX, FutexVector, futexWait, futexWake } from "../ffi/futex.ts";
import { platform } from "../ffi/platform.ts";
import { addressOfShared } from "../ffi/wasm.ts";
import { until } from "./_objects.ts";

const { EAGAIN, EINVAL, ETIMEDOUT } = platform().errno;

/** Words that never move, and their addresses. */
function shared(length: number): { words: Int32Array; address(index: number): bigint } {
  const words = new Int32Array(new SharedArrayBuffer(4 * length));
  const first = addressOfShared(words.buffer);
  return { words, address: (index) => first + BigInt(4 * index) };
}

Deno.test("futexWait() sleeps only while the word has the value, and no longer than told", () => {
  const { words, address } = shared(1);
  assertEquals(futexWait(address(0), 1, 10_000), -EAGAIN);
  assertEquals(futexWait(address(0), 0, 0), -ETIMEDOUT);
  const start = performance.now();
  assertEquals(futexWait(address(0), 0, 20.5), -ETIMEDOUT);
  assert(performance.now() - start >= 20);
  words[0] = -1; // what C takes for 2 ** 32 - 1
  assertEquals(futexWait(address(0), -1, 1), -ETIMEDOUT);
  assertEquals(futexWake(address(0), ALL), 0);
});

Deno.test("futexWake() wakes whom it says", async () => {
  const { address } = shared(2);
  const vector = new FutexVector();
  vector.add(address(0), 0);
  vector.add(address(1), 0);
  assertEquals(vector.length, 2);
  const woken = vector.waitNonblocking(60_000);
  await until(() => futexWake(address(1), 1) === 1, "it waits in the kernel");
  assertEquals(await woken, 1);
  assertEquals(futexWake(address(0), 1), 0); // nobody is left in the kernel
});

Deno.test("a vector waits for as many words as the kernel takes, with any values", () => {
  const { words, address } = shared(FUTEX_WAITV_MAX);
  words.fill(0x80000001 | 0);
  const vector = new FutexVector();
  assertEquals(vector.wait(0), -EINVAL); // for none
  for (let i = 0; i < FUTEX_WAITV_MAX; i++) vector.add(address(i), words[i]);
  assertEquals(vector.wait(1), -ETIMEDOUT);
  words[FUTEX_WAITV_MAX - 1] = 0;
  assertEquals(vector.wait(10_000), -EAGAIN);
  vector.clear();
  assertEquals(vector.length, 0);
});
