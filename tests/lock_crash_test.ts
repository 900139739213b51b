// lock_crash.ts, as a user runs it.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Segment } from "../mod.ts";
import { deno, type Output } from "./_process.ts";
import { test } from "./_sync.ts";

async function lockCrash(...args: string[]): Promise<Output> {
  await using process = deno("examples/lock_crash.ts", args, ["--allow-ffi", "--allow-run"]);
  return await process.output();
}

/** What was printed, without the process ids. */
function story(stdout: string): string[] {
  return stdout.trimEnd().split("\n").map((line) =>
    line.replace(/^\d+: /, "").replace(/^kill -9 \d+$/, "kill -9 PID")
  );
}

test("lock_crash.ts: the next one recovers, as one can see", async () => {
  const { code, stdout, stderr } = await lockCrash();
  assertEquals([code, stderr], [0, ""]);
  const lines = story(stdout);
  const [timeout] = lines.splice(2, 1);
  assertStringIncludes(timeout, "lockSync({ timeout: 100 }): TimedOut: Cannot lock");
  assertEquals(lines, [
    "started; left 100, right 100",
    "locked the mutex, and took 10 out of the left purse; left 90, right 100",
    "waits for the mutex",
    "kill -9 PID",
    "locked it: ownerDied is true; left 90, right 100",
    "repaired it; left 90, right 110",
    "markConsistent(), and released it",
    "locked it: ownerDied is false; left 90, right 110",
  ]);
  const id = Number(/segment (\d+)/.exec(timeout)?.[1]);
  assertEquals(Segment.list().some((segment) => segment.id === id), false);
});

test("lock_crash.ts --no-repair: nobody can lock it, until it is recovered", async () => {
  const { code, stdout, stderr } = await lockCrash("--no-repair");
  assertEquals([code, stderr], [0, ""]);
  const lines = story(stdout).slice(-6);
  assertStringIncludes(lines.splice(2, 1)[0], "lockSync(): BadResource");
  assertEquals(lines, [
    "locked it: ownerDied is true; left 90, right 100",
    "released it without markConsistent()",
    "recover(): ownerDied is true",
    "repaired it; left 90, right 110",
    "locked it: ownerDied is false; left 90, right 110",
  ]);
});

test("lock_crash.ts explains itself, and refuses nonsense", async () => {
  assertStringIncludes((await lockCrash("--help")).stdout, "--no-repair");
  assertEquals((await lockCrash("surplus")).code, 2);
});
