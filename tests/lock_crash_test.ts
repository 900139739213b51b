// lock_crash.ts, as a user runs it.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { allEnded, interruptAll } from "./_family.ts";
import { deno, type Output, type Process } from "./_process.ts";
import { test } from "./_sync.ts";

function start(...args: string[]): Process {
  return deno("examples/lock_crash.ts", args, ["--allow-ffi", "--allow-run"]);
}

async function lockCrash(...args: string[]): Promise<Output> {
  await using process = start(...args);
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

/** What is printed before the one who took the money is killed. */
const STEPS = ["started", "took 10 out", "lockSync({ timeout: 100 })", "waits for the mutex"];

for (const step of STEPS) {
  test(`lock_crash.ts ends all its processes on Ctrl-C after "${step}"`, async () => {
    await using process = start();
    await process.until("stdout", step);
    interruptAll(process);
    const { code, stdout, stderr } = await allEnded(process);
    assertEquals([code, stderr], [130, ""], stdout);
    // "started" may be followed by what was on its way, but by nothing that isn't so.
    for (const line of story(stdout)) {
      assertMatch(line, /^(started|locked the|lockSync\(.*TimedOut|waits)/);
    }
  });

  test(`lock_crash.ts leaves nobody behind when it is killed after "${step}"`, async () => {
    await using process = start();
    await process.until("stdout", step);
    process.kill("SIGKILL");
    await allEnded(process);
  });
}
