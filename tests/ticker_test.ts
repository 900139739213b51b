// ticker.ts, as a user runs it.

import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Broadcast, ftok, Segment } from "../mod.ts";
import { SIZE } from "../examples/_ticker.ts";
import { cleanup, until } from "./_objects.ts";
import { deno, path, Process } from "./_process.ts";
import { test } from "./_sync.ts";

const ID = 0x74;
const PROGRAM = "examples/ticker.ts";
const LINE =
  /^(\w+): (DENO|LIBC|POSIX|ISTHMUS) \d+\.\d\d \([+-]\d\.\d\d %\), \d+\/s, (\d+) seen, (\d+) missed( \(\d+ just now\))?$/;
const TOTAL = /^(\w+): (\d+) seen, (\d+) missed in all$/;

/** A directory, and so a key, for one test; what it leaves by that key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-ticker-" });
  readonly key = ftok(this.path, ID);
  readonly #cleanup = cleanup(this.key);

  start(...args: string[]): Process {
    const flags = args[0] === "demo" ? ["--allow-ffi", "--allow-run"] : ["--allow-ffi"];
    return deno(PROGRAM, [...args, "--path", this.path], flags);
  }

  /** A sender that sends. */
  async sender(...args: string[]): Promise<Process> {
    const sender = this.start("send", ...args);
    await sender.until("stderr", "prices a second");
    return sender;
  }

  reader(name: string, ...args: string[]): Process {
    return this.start("read", "--name", name, "--interval", "0.02", ...args);
  }

  /** What the broadcast says, as long as there is one. */
  stat() {
    using memory = Segment.open(this.key).attach();
    return Broadcast.open(memory).stat();
  }

  #readers(): number {
    return this.stat().participants.filter(({ role }) => role === "receiver").length;
  }

  /** Waits until so many readers are there. */
  async readers(count: number): Promise<void> {
    await until(() => this.#readers() === count, `there are ${count} readers`);
  }

  assertNothingLeft(): void {
    assertEquals(Segment.list().filter(({ key }) => key === this.key), []);
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

/** Ends a process as Ctrl-C does. */
async function interrupt(process: Process): Promise<string> {
  process.kill("SIGINT");
  const { code, stdout, stderr } = await process.output();
  assertEquals(code, 130, stderr);
  return stdout;
}

/** How many prices a reader saw and missed; all its lines must be right. */
function total(name: string, stdout: string): [seen: number, missed: number] {
  const lines = stdout.trimEnd().split("\n").filter((line) => line.startsWith(`${name}:`));
  const last = TOTAL.exec(lines.pop() ?? "");
  assert(last !== null, stdout);
  for (const line of lines) assertMatch(line, LINE);
  return [Number(last[2]), Number(last[3])];
}

test("ticker.ts shows every reader all prices, or how many it missed", async () => {
  using place = new Place();
  await using sender = await place.sender("--rate", "5000");
  await using quick = place.reader("quick");
  await using slow = place.reader("slow", "--pause", "0.005");
  await place.readers(2);
  await slow.until("stdout", / just now\)/);
  await using old = place.reader("old", "--oldest", "--count", "1000");
  const { code, stdout } = await old.output();
  assertEquals([code, total("old", stdout)[0]], [0, 1000]);
  await place.readers(2);
  await interrupt(sender);
  const [quickSeen] = total("quick", (await quick.output()).stdout);
  const [slowSeen, slowMissed] = total("slow", (await slow.output()).stdout);
  assertGreater(quickSeen, slowSeen);
  assertGreater(slowMissed, SIZE.capacity / 2 / 64);
  assertEquals([(await quick.output()).code, (await slow.output()).code], [0, 0]);
  place.assertNothingLeft();
});

test("ticker.ts counts to the last price", async () => {
  using place = new Place();
  await using early = place.reader("early");
  await early.until("stderr", "early: there is no ticker: waiting for one");
  await using sender = await place.sender("--rate", "1000", "--count", "3000");
  sender.kill("SIGSTOP"); // until the reader has found it
  await place.readers(1);
  const { sent } = place.stat();
  sender.kill("SIGCONT");
  const { code, stderr } = await sender.output();
  assertEquals(code, 0, stderr);
  const { code: ended, stdout } = await early.output();
  const [seen, missed] = total("early", stdout);
  assertEquals(ended, 0);
  // It came a little after the first one, and at the latest then.
  assert(seen + missed <= 3000 && seen + missed >= 3000 - sent, `${seen} + ${missed}`);
  place.assertNothingLeft();
});

test("ticker.ts read waits for the next sender when one is killed, and misses nothing of it", async () => {
  using place = new Place();
  await using first = await place.sender();
  await using reader = place.reader("reader");
  await reader.until("stdout", " seen");
  first.kill("SIGKILL");
  await first.output();
  await reader.until("stderr", `reader: the sender, process ${first.pid}, died: waiting`);
  const { sent } = place.stat();
  await using second = place.start("send", "--count", "500");
  await second.until("stderr", `going on after ${sent} prices`);
  assertEquals((await second.output()).code, 0);
  const { code, stdout } = await reader.output();
  assertEquals(code, 0);
  const [seen, missed] = total("reader", stdout);
  assertGreater(seen + missed, 500);
  place.assertNothingLeft();
});

test("ticker.ts send hears of a reader that is killed, and goes on", async () => {
  using place = new Place();
  await using sender = await place.sender();
  await using dead = place.reader("dead");
  await dead.until("stdout", " seen");
  dead.kill("SIGKILL");
  await dead.output();
  await sender.until("stderr", `reader ${dead.pid} died, and holds nobody up`);
  await using reader = place.reader("reader", "--count", "100");
  assertEquals((await reader.output()).code, 0);
  await interrupt(sender);
  place.assertNothingLeft();
});

test("a second ticker.ts send says that there is one, and leaves it alone", async () => {
  using place = new Place();
  await using sender = await place.sender();
  await using second = place.start("send");
  const { code, stdout, stderr } = await second.output();
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^Busy: Cannot send to the broadcast .*: process \d+ is its sender\..*\n$/);
  assertStringIncludes(stderr, `${sender.pid}`);
  await interrupt(sender);
  place.assertNothingLeft();
});

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  test(`ticker.ts leaves nothing behind on ${signal}`, async () => {
    using place = new Place();
    await using sender = await place.sender();
    await using reader = place.reader("reader");
    await using waiting = place.start("read", "--id", "0x75", "--name", "waiting");
    await waiting.until("stderr", "there is no ticker");
    await reader.until("stdout", " seen");
    for (const process of [reader, waiting, sender]) {
      process.kill(signal);
      const { code, stderr } = await process.output();
      assertEquals(code, exitCode, stderr);
      if (process === reader) await place.readers(0);
    }
    total("reader", (await reader.output()).stdout);
    place.assertNothingLeft();
  });
}

test("ticker.ts read ends when nobody reads its lines any more", async () => {
  using place = new Place();
  await using sender = await place.sender();
  const read = ["--allow-ffi", path(PROGRAM), "read", "--path", place.path, "--interval", "0.02"];
  const script = '("$@"; echo "code $?" >&2) | head -1';
  const command = [Deno.execPath(), "run", "--no-prompt", ...read];
  await using shell = new Process("sh", ["-c", script, "sh", ...command]);
  const { stdout, stderr } = await shell.output();
  assertMatch(stdout, /^\d+: .* seen.*\n$/);
  assertEquals(stderr, "code 141\n");
  await interrupt(sender);
  place.assertNothingLeft();
});

test("ticker.ts demo shows a reader that keeps up, one that is slow, and one that leaves", async () => {
  using place = new Place();
  await using demo = place.start("demo", "--seconds", "4");
  const { code, stdout, stderr } = await demo.output();
  assertEquals(code, 0, stderr);
  const [[steady, missed], [slow, slowMissed], [late]] = ["steady", "slow", "late"].map((name) =>
    total(name, stdout)
  );
  assert(steady + missed <= 4000 && steady > slow, stdout);
  assertGreater(slowMissed, 0);
  assertEquals(late, 400);
  place.assertNothingLeft();
});

test("ticker.ts demo ends all of its processes on Ctrl-C", async () => {
  using place = new Place();
  await using demo = place.start("demo", "--seconds", "30");
  await demo.until("stdout", /late: .* seen/);
  await interrupt(demo);
  await until(
    () => Segment.list().every(({ key }) => key !== place.key),
    "the sender has removed its segment",
  );
});

test("ticker.ts explains itself on --help, and needs no permission for that", async () => {
  await using process = deno(PROGRAM, ["--help"], []);
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Usage: deno run --allow-ffi ${PROGRAM} send [options]`);
});

test("ticker.ts refuses a command line that makes no sense", async () => {
  using place = new Place();
  for (
    const [args, message] of [
      [["listen"], "Say send, read or demo"],
      [["read", "more"], "There is no argument more"],
      [["read", "--size", "1"], "There is no option --size"],
      [["read", "--count", "0"], "--count must be a whole number from 1"],
      [["read", "--pause", "soon"], "--pause must be a number of seconds"],
      [["send", "--rate", "0"], "--rate must be a whole number from 1"],
      [["send", "--id", "256"], "--id must be a whole number from 1 to 255"],
      [["demo", "--seconds", "1"], "--seconds must be a whole number from 2"],
    ] as const
  ) {
    await using process = place.start(...args);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, message);
  }
  place.assertNothingLeft();
});

test("ticker.ts says what is wrong with a segment of another program", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, Broadcast.byteLength(SIZE), { removeOnDispose: true });
  using memory = segment.attach();
  memory.bytes.fill(255);
  for (const role of ["send", "read"]) {
    await using process = place.start(role);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^InvalidData: Cannot (create|open) (the )?broadcast .*: something else is there.*\n$/,
    );
  }
});
