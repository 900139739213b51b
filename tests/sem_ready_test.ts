// The classic race: a set exists before it has values. Nobody may take the zeros in between for
// values, and nobody may hang if the creator dies there.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, SemaphoreSet } from "../mod.ts";
import { readiness } from "../sem/ready.ts";
import { compile, noCompiler } from "./_c.ts";
import { assertSystemError, cleanup, freshKey } from "./_objects.ts";
import { deno, Process, run } from "./_process.ts";

const ignore = noCompiler("C programs that create semaphore sets");

Deno.test("a new set is marked ready, for those who wait for sem_otime too", () => {
  for (const values of [[1], [0], [0, 3], [5, 0]]) {
    using set = SemaphoreSet.create(IPC_PRIVATE, values, { removeOnDispose: true });
    assert(set.status().operationTime !== null);
    assertEquals(readiness(set.id), { nsems: values.length, ready: true });
    assertEquals(set.values(), values);
  }
});

Deno.test("readiness() tells a set that is gone", () => {
  const set = SemaphoreSet.create(IPC_PRIVATE, [1]);
  set.remove();
  assertEquals(readiness(set.id), null);
});

Deno.test({
  name: "a set whose creator died before it gave values is a clear error, never a hang",
  ignore,
  async fn() {
    const key = freshKey();
    using _cleanup = cleanup(key);
    using creator = await compile("sem_create");
    const id = Number((await run(creator.file, [String(key >>> 0), "3", "nothing"])).stdout);
    assertEquals(readiness(id), { nsems: 3, ready: false });
    const opens: (() => Promise<SemaphoreSet>)[] = [
      () => SemaphoreSet.open(key, { timeout: 50 }),
      () => SemaphoreSet.openOrCreate(key, [1, 1, 1], { timeout: 50 }),
    ];
    for (const open of opens) {
      const error = await assertRejects(open) as Error;
      assertSystemError(error, Deno.errors.TimedOut, "ETIMEDOUT", "semget");
      assert(error.message.includes("its creator gave it no values within 50 ms"), error.message);
      assert(error.message.includes(`\`ipcrm -s ${id}\``), error.message);
    }
    assertThrows(() => SemaphoreSet.openSync(key, { timeout: 0 }), Deno.errors.TimedOut);
    assertThrows(
      () => SemaphoreSet.openOrCreateSync(key, [1], { timeout: 1 }),
      Deno.errors.TimedOut,
    );
    const signal = AbortSignal.timeout(20);
    await assertRejects(() => SemaphoreSet.open(key, { signal }), DOMException);
    // The recovery that the message names:
    SemaphoreSet.fromId(id).setValues([1, 1, 1]);
    assertEquals((await SemaphoreSet.open(key)).values(), [1, 1, 1]);
  },
});

Deno.test({
  name: "open() waits for the values that a C program sets, one by one",
  ignore,
  async fn() {
    const key = freshKey();
    using _cleanup = cleanup(key);
    using creator = await compile("sem_create");
    await using process = new Process(creator.file, [String(key >>> 0), "2", "values"]);
    await process.until("stdout", "\n");
    const opened = SemaphoreSet.open(key, { timeout: 30_000 });
    const first = await Promise.race([
      opened,
      new Promise((resolve) => setTimeout(resolve, 50, "waiting")),
    ]);
    assertEquals(first, "waiting");
    await process.write("\n");
    assertEquals((await opened).values(), [1, 1]);
  },
});

Deno.test({
  name: "open() goes on to the next set if the one it waits for is removed",
  ignore,
  async fn() {
    const key = freshKey();
    using _cleanup = cleanup(key);
    using creator = await compile("sem_create");
    const id = Number((await run(creator.file, [String(key >>> 0), "1", "nothing"])).stdout);
    const opened = SemaphoreSet.open(key, { timeout: 30_000 })
      .then((set) => set.values(), (error) => error.name);
    const openedOrCreated = SemaphoreSet.openOrCreate(key, [7], { timeout: 30_000 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    SemaphoreSet.fromId(id).remove();
    assertEquals((await openedOrCreated).values(), [7]);
    // The other one found the new set, or none in the moment between the two.
    assert(["7", "NotFound"].includes(String(await opened)), String(await opened));
  },
});

Deno.test("of many processes that open or create a set at once, one creates it and all see its values", async () => {
  for (let round = 0; round < 3; round++) {
    const key = freshKey();
    using _cleanup = cleanup(key);
    const racers = Array.from(
      { length: 6 },
      () => deno("tests/peers/create_race.ts", [String(key)]),
    );
    try {
      const outputs = await Promise.all(racers.map((racer) => racer.output()));
      assertEquals(outputs.map(({ stderr }) => stderr).join(""), "");
      const words = outputs.map(({ stdout }) => stdout.trim()).sort();
      assertEquals(words, ["created", ...Array(5).fill("opened")]);
      assertEquals((await SemaphoreSet.open(key)).values(), [1, 1, 1]);
    } finally {
      for (const racer of racers) await racer[Symbol.asyncDispose]();
    }
  }
});
