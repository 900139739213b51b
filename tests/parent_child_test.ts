// parent_child.ts, as a user runs it.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Segment } from "../mod.ts";
import { until } from "./_objects.ts";
import { deno, type Output, path, Process } from "./_process.ts";

const EXAMPLE = "examples/parent_child.ts";
const FLAGS = ["--allow-ffi", "--allow-run"];

async function parentChild(...args: string[]): Promise<Output> {
  await using process = deno(EXAMPLE, args, FLAGS);
  return await process.output();
}

/** The id of the segment that the parent names when it has written its text. */
function segmentId(stderr: string): number {
  const match = stderr.match(/to segment (\d+)/);
  if (match === null) throw new Error(`parent_child.ts names no segment: ${stderr}`);
  return Number(match[1]);
}

function exists(segmentId: number): boolean {
  return Segment.list().some(({ id }) => id === segmentId);
}

Deno.test("parent_child.ts prints in the child what the parent wrote, and leaves nothing behind", async () => {
  for (const text of ["hello", "", "two words, é and 🦕"]) {
    const { code, stdout, stderr } = await parentChild(text);
    assertEquals([code, stdout], [0, `Client get ${text}\n`], stderr);
    assertEquals(exists(segmentId(stderr)), false);
  }
});

Deno.test("parent_child.ts has a text of its own", async () => {
  const { code, stdout } = await parentChild();
  assertEquals([code, stdout], [0, "Client get hello from the parent\n"]);
});

Deno.test("parent_child.ts explains itself on --help", async () => {
  const { code, stdout, stderr } = await parentChild("--help");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Usage: deno run --allow-ffi --allow-run ${EXAMPLE} [text]`);
});

Deno.test("parent_child.ts refuses a command line that makes no sense", async () => {
  for (
    const [args, message] of [
      [["one", "two"], "There is no argument two"],
      [["--text=one"], "There is no option --text=one"],
    ] as const
  ) {
    const { code, stdout, stderr } = await parentChild(...args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, message);
  }
});

Deno.test("parent_child.ts fails without --allow-run, and leaves nothing behind", async () => {
  await using process = deno(EXAMPLE, ["text"]);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "--allow-run");
  assertEquals(exists(segmentId(stderr)), false);
});

/**
 * A parent whose child has attached the segment and can't go on: it prints more than a pipe holds, into
 * one that nobody reads.
 */
class Stuck implements AsyncDisposable {
  private constructor(
    readonly parent: Process,
    readonly segmentId: number,
    readonly childPid: number,
  ) {}

  static async start(): Promise<Stuck> {
    const fifo = Deno.makeTempFileSync({ prefix: "isthmus-fifo-" });
    const script = 'rm "$0" && mkfifo "$0" && exec 3<>"$0" && rm "$0" && exec "$@" >&3';
    const text = "x".repeat(100_000);
    const command = [Deno.execPath(), "run", "--no-prompt", ...FLAGS, path(EXAMPLE), text];
    const parent = new Process("sh", ["-c", script, fifo, ...command]);
    try {
      const segment = Segment.fromId(segmentId(await parent.until("stderr", /segment \d+\n/)));
      const lastPid = () => segment.status().lastPid;
      await until(() => lastPid() !== parent.pid, "the child attaches the segment");
      return new Stuck(parent, segment.id, lastPid());
    } catch (error) {
      await parent[Symbol.asyncDispose]();
      throw error;
    }
  }

  killChild(): void {
    Deno.kill(this.childPid, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.killChild();
    } catch {
      // It has ended.
    }
    await this.parent[Symbol.asyncDispose]();
  }
}

const ignore = Deno.build.os !== "linux"; // only there are segments listed

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test({
    name: `parent_child.ts ends its child on ${signal}, and leaves nothing behind`,
    ignore,
    async fn() {
      await using stuck = await Stuck.start();
      stuck.parent.kill(signal);
      const { code, stderr } = await stuck.parent.output();
      assertEquals(code, exitCode, stderr);
      assertEquals(exists(stuck.segmentId), false);
      assertThrows(() => Deno.statSync(`/proc/${stuck.childPid}`), Deno.errors.NotFound);
    },
  });
}

Deno.test({
  name: "parent_child.ts tells how its child failed, and leaves nothing behind",
  ignore,
  async fn() {
    await using stuck = await Stuck.start();
    stuck.killChild();
    const { code, stderr } = await stuck.parent.output();
    assertEquals(code, 1);
    assertStringIncludes(
      stderr,
      `the child failed: process ${stuck.childPid} was ended by SIGKILL`,
    );
    assertEquals(exists(stuck.segmentId), false);
  },
});
