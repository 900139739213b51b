// Who lives: pid, start time and pid namespace.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { livenessOf, ownIdentity, type ProcessIdentity } from "../ffi/process.ts";
import { until } from "./_objects.ts";
import { path, Process, run } from "./_process.ts";
import { TestWorker } from "./_workers.ts";

const IDENTITY = new URL("../ffi/process.ts", import.meta.url);

/** A Worker that says who it is. */
async function startWorker(): Promise<{ worker: TestWorker; identity: ProcessIdentity }> {
  const code = `
    import { ownIdentity } from "${IDENTITY}";
    postMessage(ownIdentity());
  `;
  using stack = new DisposableStack();
  const worker = stack.use(new TestWorker(code));
  const identity = await worker.message() as ProcessIdentity;
  stack.move();
  return { worker, identity };
}

/** The identity of a thread, by the fields of its `stat`. */
function identityOf(tid: number): ProcessIdentity {
  const stat = Deno.readTextFileSync(`/proc/${tid}/stat`);
  const startTime = BigInt(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return { pid: tid, tid, startTime, namespace: ownIdentity().namespace };
}

Deno.test("this thread knows who it is, and that it lives", () => {
  const own = ownIdentity();
  assertEquals(own, { ...identityOf(own.tid), pid: Deno.pid });
  assert(own.namespace !== 0);
  assertEquals(livenessOf(own), "alive");
});

Deno.test("a number that another process has by now is no sign of life", () => {
  const own = ownIdentity();
  assertEquals(livenessOf({ ...own, startTime: own.startTime - 1n }), "dead");
  assertEquals(livenessOf({ ...own, tid: 0 }), "dead");
  assertEquals(livenessOf({ ...own, tid: 0xffffffff }), "dead");
});

Deno.test("of another pid namespace nothing is known", () => {
  const own = ownIdentity();
  assertEquals(livenessOf({ ...own, tid: 1, namespace: own.namespace + 1 }), "unknown");
});

Deno.test("a process that was killed is dead, also before its parent asked for it", async () => {
  await using process = new Process("sleep", ["60"]);
  const identity = identityOf(process.pid);
  assertEquals(livenessOf(identity), "alive");
  process.kill("SIGSTOP");
  assertEquals(livenessOf(identity), "alive");
  process.kill("SIGKILL");
  await until(() => livenessOf(identity) === "dead", "its death");
  await process.output();
  assertEquals(livenessOf(identity), "dead");
});

Deno.test("a zombie is dead", async () => {
  // The shell becomes a program that never asks for its child. Before that it must not end.
  await using process = new Process("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"]);
  const pid = Number(await process.until("stdout", "\n"));
  const name = () => Deno.readTextFileSync(`/proc/${process.pid}/comm`);
  const state = () => / ([A-Z]) /.exec(Deno.readTextFileSync(`/proc/${pid}/stat`))?.[1];
  await until(() => name() === "sleep\n", "the shell's exec");
  Deno.kill(pid, "SIGKILL");
  await until(() => state() === "Z", "a zombie");
  assertEquals(livenessOf(identityOf(pid)), "dead");
});

Deno.test("a Worker is a thread of its own, and dead when it was terminated", async () => {
  const { worker, identity } = await startWorker();
  try {
    assertEquals(identity.pid, Deno.pid);
    assertNotEquals(identity.tid, ownIdentity().tid);
    assertEquals(livenessOf(identity), "alive");
  } finally {
    worker.terminate();
  }
  await until(() => livenessOf(identity) === "dead", "its death");
});

/** Whether this system lets a test have namespaces of its own. */
function hasNamespaces(...kinds: string[]): boolean {
  try {
    return new Deno.Command("unshare", { args: [...kinds, "--fork", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "where /proc has other processes' numbers, nobody who lives is called dead",
  ignore: !hasNamespaces("--pid"),
  async fn() {
    await using outside = new Process("sleep", ["60"]);
    const { stdout, stderr } = await run("unshare", [
      ...["--pid", "--fork", "--kill-child", Deno.execPath(), "run", "--quiet", "-A"],
      ...[path("tests/peers/process_namespace.ts"), String(outside.pid)],
    ]);
    assertEquals([stderr, JSON.parse(stdout)], ["", {
      same: true,
      own: "alive",
      alive: ["unknown", "unknown"],
      dead: ["dead", "dead"],
    }]);
  },
});

Deno.test({
  name: "of another time namespace, where start times are other numbers, nothing is known",
  ignore: !hasNamespaces("--time"),
  async fn() {
    const code = `
      import { ownIdentity } from "${IDENTITY}";
      const { startTime, ...identity } = ownIdentity();
      console.log(JSON.stringify({ ...identity, startTime: String(startTime) }));
      setTimeout(() => {}, 60_000);
    `;
    await using process = new Process("unshare", [
      ...["--time", "--boottime", "100000", "--fork", "--kill-child", Deno.execPath(), "run"],
      ...["--quiet", "-A", `data:text/javascript,${encodeURIComponent(code)}`],
    ]);
    const identity = JSON.parse(await process.until("stdout", "\n"));
    assertEquals(livenessOf({ ...identity, startTime: BigInt(identity.startTime) }), "unknown");
  },
});
