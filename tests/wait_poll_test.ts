import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { pollSync, spin } from "../wait/pause.ts";
import { PollQueue } from "../wait/poll_queue.ts";

const LATE = new Error("too late");

/** Things of several kinds that are waited for. */
class Things {
  readonly queue = new PollQueue<string>();
  readonly there: string[] = [];
  tries = 0;

  /** Waits for a thing; the key is its first letter. */
  wait(key: string, options: { signal?: AbortSignal; timeout?: number } = {}): Promise<string> {
    const attempt = () => {
      this.tries++;
      const index = this.there.findIndex((thing) => thing.startsWith(key));
      return index === -1 ? undefined : this.there.splice(index, 1)[0];
    };
    return this.queue.wait({ key, attempt }, options, () => LATE);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

Deno.test("PollQueue.wait() takes what is there without waiting", async () => {
  const things = new Things();
  things.there.push("a1");
  assertEquals(await things.wait("a"), "a1");
  assertEquals([things.tries, things.queue.isEmpty], [1, true]);
});

Deno.test("PollQueue serves in the order of coming, and each kind by itself", async () => {
  const things = new Things();
  const order: string[] = [];
  const waits = ["a", "b", "a", "a", "b"].map((key, index) =>
    things.wait(key).then((thing) => order.push(`${index}:${thing}`))
  );
  await pause(20);
  things.there.push("a1", "a2", "b1");
  await Promise.all([waits[0], waits[1], waits[2]]);
  assertEquals(order.toSorted(), ["0:a1", "1:b1", "2:a2"]);
  things.there.push("b2", "a3");
  await Promise.all(waits);
  assertEquals(order.slice(3).toSorted(), ["3:a3", "4:b2"]);
  assert(things.queue.isEmpty);
});

Deno.test("nobody pushes to the front, not even without time", async () => {
  const things = new Things();
  const first = things.wait("a");
  things.there.push("a1", "a2");
  assertEquals(await things.wait("a", { timeout: 0 }), "a2");
  assertEquals(await first, "a1");
  const second = things.wait("a");
  things.there.push("a3");
  assertStrictEquals(await assertRejects(() => things.wait("a", { timeout: 0 })), LATE);
  assertEquals(await second, "a3");
});

Deno.test("a round asks once for what many wait for", async () => {
  const things = new Things();
  const waits = Array.from({ length: 1000 }, () => things.wait("a"));
  await pause(50);
  const rounds = things.tries;
  assert(rounds < 1000, `${rounds} tries`);
  things.there.push(...Array(1000).fill("a"));
  await Promise.all(waits);
});

Deno.test("an abort ends a wait at once, with the signal's reason", async () => {
  const things = new Things();
  const abort = new AbortController();
  const wait = things.wait("a", { signal: abort.signal });
  const other = things.wait("a");
  const reason = new Error("enough");
  abort.abort(reason);
  assertStrictEquals(await assertRejects(() => wait), reason);
  things.there.push("a1");
  assertEquals(await other, "a1");
  const late = things.wait("a", { signal: abort.signal });
  assertStrictEquals(await assertRejects(() => late), reason);
  assertEquals(things.there, []);
});

Deno.test("a wait that timed out takes nothing, and one whose turn it is takes a last look", async () => {
  const things = new Things();
  const first = things.wait("a", { timeout: 30 });
  const second = assertRejects(() => things.wait("a", { timeout: 30 }));
  await pause(0);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60); // nothing is asked meanwhile
  things.there.push("a1");
  assertEquals(await first, "a1");
  assertStrictEquals(await second, LATE);
  assert(things.queue.isEmpty);
});

Deno.test("a failed attempt ends that wait alone, and rejectAll() all", async () => {
  const queue = new PollQueue<string>();
  let broken = false;
  const attempt = () => {
    if (broken) throw new Error("broken");
    return undefined;
  };
  const bad = queue.wait({ key: "bad", attempt }, {}, () => LATE);
  const good = queue.wait({ key: "good", attempt: () => undefined }, {}, () => LATE);
  const refused = assertRejects(() => bad, Error, "broken");
  broken = true;
  await refused;
  const ended = assertRejects(() => good, Error, "closed");
  queue.rejectAll(new Error("closed"));
  await ended;
  assert(queue.isEmpty);
});

Deno.test("wake() makes the next look come on the next turn of the event loop", async () => {
  const things = new Things();
  const wait = things.wait("a");
  await pause(60); // the pauses are long by now
  const before = things.tries;
  things.queue.wake();
  await new Promise((resolve) => setImmediate(resolve));
  assert(things.tries > before);
  things.there.push("a1");
  assertEquals(await wait, "a1");
});

Deno.test("pollSync() and spin() try until it is there or the time is over", () => {
  let left = 100;
  const attempt = () => --left > 0 ? undefined : "there";
  assertEquals(spin(attempt), undefined);
  assert(left < 100 && left > 0);
  assertEquals(pollSync(() => left === 0 ? "there" : void left--, 10_000), "there");
  let tries = 0;
  assertEquals(pollSync(() => void tries++, 0), undefined);
  assertEquals(tries, 1);
  const start = performance.now();
  assertEquals(pollSync(() => undefined, 20), undefined);
  assert(performance.now() - start >= 20);
});
