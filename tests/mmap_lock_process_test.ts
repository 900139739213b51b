// The lock of a file between processes: C and Deno, dead holders, and counting under it.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileLock, mapFile } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { tempFile } from "./_files.ts";
import { assertSystemError } from "./_objects.ts";
import { deno, Process, run } from "./_process.ts";

const noC = noCompiler("C programs that lock files");
const PEER = "tests/peers/map_lock_holder.ts";
const FLAGS = ["--allow-ffi", "--allow-read", "--allow-write"];

Deno.test(
  "a lock that C holds keeps this process out, and the other way round",
  { ignore: noC },
  async () => {
    using program = await compile("map_flock");
    using file = tempFile(4);
    using lock = FileLock.open(file.path);
    const tried = async () => (await run(program.file, [file.path, "try"])).stdout.trim();
    {
      await using holder = new Process(program.file, [file.path, "exclusive"]);
      await holder.until("stdout", "holding");
      assertEquals([lock.tryLock(), lock.tryLock({ shared: true })], [undefined, undefined]);
      const error = assertThrows(() => lock.lockSync({ timeout: 20 })) as Error;
      assertSystemError(error, Deno.errors.TimedOut, "EAGAIN", "flock");
      await assertRejects(() => lock.lock({ timeout: 20 }), Deno.errors.TimedOut);
      assertEquals(await tried(), "taken");
    }
    {
      using _guard = await lock.lock();
      assertEquals(await tried(), "taken");
    }
    assertEquals(await tried(), "free");
    await using reader = new Process(program.file, [file.path, "shared"]);
    await reader.until("stdout", "holding");
    using shared = lock.tryLock({ shared: true });
    assertEquals([shared?.held, lock.tryLock()], [true, undefined]);
  },
);

Deno.test(
  "a C program that waits gets the lock when it is given back",
  { ignore: noC },
  async () => {
    using program = await compile("map_flock");
    using file = tempFile(4);
    using lock = FileLock.open(file.path);
    const guard = lock.lockSync();
    await using waiting = new Process(program.file, [file.path, "exclusive"]);
    guard.release();
    await waiting.until("stdout", "holding");
    assertEquals(lock.tryLock(), undefined);
  },
);

Deno.test("when its holder is killed the lock is free, for waits of every form", async () => {
  using file = tempFile(4);
  using lock = FileLock.open(file.path);
  await using holder = deno(PEER, [file.path, "hold"], FLAGS);
  await holder.until("stdout", "holding");
  assertEquals(lock.tryLock(), undefined);
  const here = lock.lock();
  await using sync = deno(PEER, [file.path, "sync"], FLAGS);
  await using async = deno(PEER, [file.path, "async"], FLAGS);
  await Promise.all([sync, async].map((waiting) => waiting.until("stdout", "waiting")));
  holder.kill("SIGKILL");
  (await here).release();
  for (const waiting of [sync, async]) {
    const { code, stdout } = await waiting.output();
    assertEquals([code, stdout], [0, "waiting\ntaken\n"]);
  }
  using again = await lock.lock();
  assert(again.held);
});

Deno.test("a process that ends with the lock held leaves it free", async () => {
  using file = tempFile(4);
  using lock = FileLock.open(file.path);
  for (let round = 0; round < 3; round++) {
    await using holder = deno(PEER, [file.path, "hold"], FLAGS);
    await holder.until("stdout", "holding");
    holder.kill("SIGTERM");
    await holder.output();
    using guard = lock.tryLock();
    assertEquals(guard?.held, true);
  }
});

Deno.test(
  "processes that count under the lock lose no step, C among them",
  { ignore: noC },
  async () => {
    using program = await compile("map_flock");
    using file = tempFile(4);
    const ROUNDS = 300;
    const counting = [
      deno(PEER, [file.path, "count", String(ROUNDS)], FLAGS),
      deno(PEER, [file.path, "count", String(ROUNDS)], FLAGS),
      new Process(program.file, [file.path, "exclusive", String(ROUNDS)]),
    ];
    try {
      for (const process of counting) {
        const { code, stdout, stderr } = await process.output();
        assertEquals([code, stdout], [0, "counted\n"], stderr);
      }
      assertEquals(mapFile(file.path).view.getInt32(0, true), 3 * ROUNDS);
    } finally {
      for (const process of counting) await process[Symbol.asyncDispose]();
    }
  },
);
