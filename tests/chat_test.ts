import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FIRST_TURN, FREE, FULL, passOn, take } from "../examples/_chat.ts";
import { ftok, IPC_PRIVATE, Segment, type SemaphoreOperation, SemaphoreSet } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { cleanup, until } from "./_objects.ts";
import { deno, Process } from "./_process.ts";

const NO_COMPILER = noCompiler("the chat with C programs");

const ID = 0x66;

/** A directory, and so a key, for one test; what it leaves by that key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-chat-" });
  readonly key = ftok(this.path, ID);
  readonly #cleanup = cleanup(this.key);

  server(...args: string[]): Process {
    return deno("examples/chat_server.ts", ["--path", this.path, ...args]);
  }

  client(...args: string[]): Process {
    return deno("examples/chat_client.ts", ["--path", this.path, ...args]);
  }

  /** A C program that wants the path and the id first. */
  peer(file: string, ...args: string[]): Process {
    return new Process(file, [this.path, `${ID}`, ...args]);
  }

  /** How many objects there are by the key. */
  count(): { segments: number; sets: number } {
    return {
      segments: Segment.list().filter(({ key }) => key === this.key).length,
      sets: SemaphoreSet.list().filter(({ key }) => key === this.key).length,
    };
  }

  assertNothingLeft(): void {
    assertEquals(this.count(), { segments: 0, sets: 0 });
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

const WAITING = "waiting for a client";

/** What the server prints for a client's messages. */
function printed(pid: number, first: number, last: number): string[] {
  return Array.from(
    { length: last - first + 1 },
    (_, index) =>
      `client say:hello server, I am another process, communicating with you[pid:${pid}][message number:${
        first + index
      }]`,
  );
}

function lines(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

async function assertSuccess(...processes: Process[]): Promise<void> {
  for (const process of processes) {
    const { code, stderr } = await process.output();
    assertEquals(code, 0, stderr);
  }
}

Deno.test("chat_server.ts and chat_client.ts agree on the current directory by default", async () => {
  using place = new Place();
  const options = { cwd: place.path };
  await using server = deno("examples/chat_server.ts", [], ["--allow-ffi"], options);
  await server.until("stderr", WAITING);
  const { size, mode } = Segment.open(place.key).status();
  assertEquals({ size, mode }, { size: 4096, mode: 0o600 });
  assertEquals(SemaphoreSet.openSync(place.key).status().mode, 0o600);

  const args = ["--interval", "0.01"];
  await using client = deno("examples/chat_client.ts", args, ["--allow-ffi"], options);
  await assertSuccess(client, server);
  assertEquals(lines((await server.output()).stdout), printed(client.pid, 1, 5));
  assertEquals((await client.output()).stdout, "");
  place.assertNothingLeft();
});

Deno.test("chat_server.ts prints every message exactly once and in order", async () => {
  using place = new Place();
  await using server = place.server("--count", "50");
  await server.until("stderr", WAITING);
  await using client = place.client("--count", "50", "--interval", "0");
  await assertSuccess(client, server);
  assertEquals(lines((await server.output()).stdout), printed(client.pid, 1, 50));
  place.assertNothingLeft();
});

Deno.test("chat_server.ts serves several clients one after the other", async () => {
  using place = new Place();
  await using server = place.server("--count", "6");
  await server.until("stderr", WAITING);
  const expected = [];
  for (let turn = 0; turn < 3; turn++) {
    await using client = place.client("--count", "2", "--interval", "0.01");
    await assertSuccess(client);
    expected.push(...printed(client.pid, 1, 2));
  }
  await assertSuccess(server);
  assertEquals(lines((await server.output()).stdout), expected);
  place.assertNothingLeft();
});

Deno.test("chat_server.ts loses and doubles nothing when several clients write at once", async () => {
  using place = new Place();
  await using server = place.server("--count", "30");
  await server.until("stderr", WAITING);
  const args = ["--count", "10", "--interval", "0"];
  await using first = place.client(...args);
  await using second = place.client(...args);
  await using third = place.client(...args);
  await assertSuccess(first, second, third, server);
  const output = lines((await server.output()).stdout);
  assertEquals(output.length, 30);
  for (const { pid } of [first, second, third]) {
    assertEquals(output.filter((line) => line.includes(`[pid:${pid}]`)), printed(pid, 1, 10));
  }
  place.assertNothingLeft();
});

Deno.test("chat_client.ts says so when the server leaves before the last message", async () => {
  using place = new Place();
  await using server = place.server("--count", "1");
  await server.until("stderr", WAITING);
  await using client = place.client("--count", "2", "--interval", "0");
  await assertSuccess(server);
  const { code, stderr } = await client.output();
  assertEquals(code, 1);
  assertMatch(
    stderr,
    /^BadResource: the server has ended. Cannot .* semaphore set \d+ .*: it was removed meanwhile/m,
  );
  assertEquals(lines((await server.output()).stdout), printed(client.pid, 1, 1));
  place.assertNothingLeft();
});

Deno.test("chat_client.ts says that the server must be started first", async () => {
  using place = new Place();
  for (const args of [[], ["--unguarded"]]) {
    await using client = place.client(...args);
    const { code, stdout, stderr } = await client.output();
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    assertMatch(stderr, /^NotFound: no server is running\. Start chat_server\.ts first/);
  }
});

Deno.test("chat_client.ts gives its turn back when its message does not fit", async () => {
  using place = new Place();
  await using server = place.server("--size", "16", "--count", "1");
  await server.until("stderr", WAITING);
  await using client = place.client("--size", "16");
  const { code, stderr } = await client.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "RangeError: text takes");
  assertEquals(SemaphoreSet.openSync(place.key).values(), [1, 0]);
});

Deno.test("chat_client.ts refuses a segment that is smaller than it was told", async () => {
  using place = new Place();
  await using server = place.server("--size", "1000");
  await server.until("stderr", WAITING);
  await using client = place.client();
  const { code, stderr } = await client.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "it has 1000 bytes, fewer than the 4096 asked for");
});

// Processes that are killed.

Deno.test("passOn() cancels what take() lets the kernel undo", async () => {
  using set = SemaphoreSet.create(IPC_PRIVATE, FIRST_TURN, { removeOnDispose: true });
  /** Does operations in a process that is killed right after. */
  const doAndDie = async (...batches: SemaphoreOperation[][]) => {
    const code = `
      import { SemaphoreSet } from "${new URL("../mod.ts", import.meta.url)}";
      const set = SemaphoreSet.fromId(${set.id});
      for (const batch of ${JSON.stringify(batches)}) set.opSync(batch);
      console.log(set.values().join());
      setInterval(() => {}, 1000);
    `;
    await using process = new Process(Deno.execPath(), ["eval", code]);
    await process.until("stdout", "\n");
    process.kill("SIGKILL");
    return { before: (await process.output()).stdout.trim(), after: set.values().join() };
  };
  for (
    const [from, to, start, end] of [[FREE, FULL, "1,0", "0,1"], [
      FULL,
      FREE,
      "0,1",
      "1,0",
    ]] as const
  ) {
    assertEquals(await doAndDie(take(from)), { before: "0,0", after: start });
    assertEquals(await doAndDie(take(from), passOn(from, to)), { before: end, after: end });
  }
});

Deno.test("chat_server.ts loses nothing when it is killed and the next takes over", async () => {
  using place = new Place();
  await using first = place.server("--count", "1000");
  await first.until("stderr", WAITING);
  await using client = place.client("--count", "40", "--interval", "0.005");
  await first.until("stdout", "[message number:10]");
  first.kill("SIGKILL");
  const { stdout, signal } = await first.output();
  assertEquals(signal, "SIGKILL");

  await using second = place.server("--count", "1000");
  await second.until("stderr", WAITING);
  await assertSuccess(client);
  await second.until("stdout", "[message number:40]");
  second.kill("SIGINT");
  const { stdout: rest, stderr } = await second.output();
  assertStringIncludes(stderr, "taking over");
  const before = lines(stdout);
  const after = lines(rest);
  // The kill may have come after a message was printed and before the turn was passed on.
  if (after[0] === before.at(-1)) after.shift();
  assertEquals([...before, ...after], printed(client.pid, 1, 40));
  place.assertNothingLeft();
});

Deno.test("chat_server.ts prints a message that was left for a killed one", async () => {
  using place = new Place();
  {
    await using killed = place.server();
    await killed.until("stderr", WAITING);
    killed.kill("SIGKILL");
    await killed.output();
  }
  assertEquals(place.count(), { segments: 1, sets: 1 });
  await using early = place.client("--count", "1");
  await assertSuccess(early);
  await using late = place.client("--count", "1");
  const set = SemaphoreSet.openSync(place.key);
  await until(() => set.waiting(FREE) > 0, "the second client waits for the server");

  await using server = place.server("--count", "2");
  await assertSuccess(server, late);
  const expected = [...printed(early.pid, 1, 1), ...printed(late.pid, 1, 1)];
  assertEquals(lines((await server.output()).stdout), expected);
  place.assertNothingLeft();
});

Deno.test("chat_server.ts says so when what it finds is no text", async () => {
  using place = new Place();
  await using server = place.server();
  await server.until("stderr", WAITING);
  using memory = Segment.open(place.key).attach();
  memory.bytes.fill(0x61);
  SemaphoreSet.openSync(place.key).opSync([...take(FREE), ...passOn(FREE, FULL)]);
  const { code, stderr } = await server.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "InvalidData: Cannot read text at offset 0: there is no NUL");
  place.assertNothingLeft();
});

Deno.test("chat_server.ts makes a new set when the segment was removed behind its back", async () => {
  using place = new Place();
  {
    await using killed = place.server();
    await killed.until("stderr", WAITING);
    killed.kill("SIGKILL");
    await killed.output();
  }
  const old = SemaphoreSet.openSync(place.key);
  old.opSync([...take(FREE), ...passOn(FREE, FULL)]);
  Segment.open(place.key).remove();

  await using server = place.server("--count", "1");
  await server.until("stderr", WAITING);
  await using client = place.client("--count", "1");
  await assertSuccess(client, server);
  assertEquals(lines((await server.output()).stdout), printed(client.pid, 1, 1));
  place.assertNothingLeft();
});

Deno.test("chat_server.ts leaves a segment alone that is not of its size", async () => {
  using place = new Place();
  using segment = Segment.create(place.key, 100, { removeOnDispose: true });
  await using server = place.server();
  const { code, stderr } = await server.output();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "it has 100 bytes, not the 4096 asked for");
  assertEquals(segment.status().size, 100);
});

Deno.test({
  name: "a guarded chat client in C that is killed in its turn frees the others",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("chat_client_guarded");
    await using server = place.server("--count", "3");
    await server.until("stderr", WAITING);
    await using holder = place.peer(program.file, "1", "hold");
    await holder.until("stdout", "holding");
    await using client = place.client("--count", "2", "--interval", "0");
    const set = SemaphoreSet.openSync(place.key);
    await until(() => set.waiting(FREE) > 0, "the client waits for its turn");
    holder.kill("SIGKILL");
    await assertSuccess(client);
    await using last = place.client("--count", "1");
    await assertSuccess(last, server);
    const expected = [...printed(client.pid, 1, 2), ...printed(last.pid, 1, 1)];
    assertEquals(lines((await server.output()).stdout), expected);
    place.assertNothingLeft();
  },
});

// Ctrl-C.

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`chat_server.ts leaves nothing behind on ${signal}`, async () => {
    for (const args of [[], ["--unguarded", "--interval", "1000"]]) {
      using place = new Place();
      await using server = place.server(...args);
      await server.until("stderr", WAITING);
      server.kill(signal);
      assertEquals((await server.output()).code, exitCode);
      place.assertNothingLeft();
    }
  });

  Deno.test(`chat_client.ts leaves the turn to others on ${signal}`, async () => {
    using place = new Place();
    await using server = place.server("--count", "2");
    await server.until("stderr", WAITING);
    await using client = place.client("--interval", "1000");
    await server.until("stdout", "[message number:1]");
    await client.until("stderr", "sent message number 1");
    client.kill(signal);
    const { code, stderr } = await client.output();
    assertEquals({ code, stderr }, { code: exitCode, stderr: "sent message number 1\n" });

    await using next = place.client("--count", "1");
    await assertSuccess(next, server);
    place.assertNothingLeft();
  });
}

Deno.test("chat_client.ts ends on SIGINT while it waits for its turn", async () => {
  using place = new Place();
  await using server = place.server();
  await server.until("stderr", WAITING);
  const set = SemaphoreSet.openSync(place.key);
  set.opSync([{ index: FREE, change: -1 }]);
  await using client = place.client();
  await until(() => set.waiting(FREE) > 0, "the client waits for its turn");
  client.kill("SIGINT");
  assertEquals((await client.output()).code, 130);
  assertEquals(set.values(), [0, 0]);
});

// Without semaphores.

/**
 * Checks what a server saw of `count` messages without semaphores: at first nothing, or as much of
 * the first message as was there; then each message any number of times, but never an
 * earlier one again; at last the last.
 */
function assertSeen(output: string[], pid: number, count: number): void {
  const messages = printed(pid, 1, count);
  let newest = 0;
  for (const line of output) {
    const number = messages.indexOf(line);
    if (number === -1) assert(newest === 0 && messages[0].startsWith(line), line);
    else assert(number >= newest, `${line} came again after ${messages[newest]}`);
    newest = Math.max(newest, number);
  }
  assertEquals(output.at(-1), messages.at(-1));
}

Deno.test({
  name: "chat_client.ts --unguarded writes for a server in C",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("chat_server");
    await using server = place.peer(program.file, "1000000", "1");
    await server.until("stdout", "client say:\n");
    await using client = place.client("--unguarded", "--count", "9", "--interval", "0.02");
    await assertSuccess(client);
    await server.until("stdout", "[message number:9]\n");
    server.kill("SIGTERM");
    await assertSuccess(server);
    assertSeen(lines((await server.output()).stdout), client.pid, 9);
    place.assertNothingLeft();
  },
});

Deno.test({
  name: "chat_server.ts --unguarded reads what a client in C writes",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("chat_client");
    await using server = place.server("--unguarded", "--count", "1000000", "--interval", "0.001");
    await server.until("stdout", "client say:\n");
    await using client = place.peer(program.file, "9", "20");
    await assertSuccess(client);
    await server.until("stdout", "[message number:9]\n");
    server.kill("SIGINT");
    const { code, stdout } = await server.output();
    assertEquals(code, 130);
    assertSeen(lines(stdout), client.pid, 9);
    place.assertNothingLeft();
  },
});

Deno.test("chat_server.ts --unguarded prints what is there, --count times", async () => {
  using place = new Place();
  await using server = place.server("--unguarded", "--count", "3", "--interval", "0");
  const { code, stdout } = await server.output();
  assertEquals({ code, stdout }, { code: 0, stdout: "client say:\n".repeat(3) });
  place.assertNothingLeft();
});

Deno.test({
  name: "chat_server.ts takes turns with a client in C",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using program = await compile("chat_client_guarded");
    await using server = place.server("--count", "200");
    await server.until("stderr", WAITING);
    await using client = place.peer(program.file, "200");
    await assertSuccess(client, server);
    assertEquals(lines((await server.output()).stdout), printed(client.pid, 1, 200));
    place.assertNothingLeft();
  },
});

// The command line.

for (const file of ["examples/chat_server.ts", "examples/chat_client.ts"]) {
  Deno.test(`${file} --help tells how to use it, and needs no permission`, async () => {
    await using process = deno(file, ["--help"], []);
    const { code, stdout, stderr } = await process.output();
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, `Usage: deno run --allow-ffi ${file} [options]`);
    for (const flag of ["path", "id", "size", "count", "interval", "unguarded", "help"]) {
      assertStringIncludes(stdout, `--${flag}`);
    }
  });

  Deno.test(`${file} refuses what makes no sense`, async () => {
    const wrong = [
      ["--count", "0"],
      ["--count", "1.5"],
      ["--count"],
      ["--size", "0"],
      ["--size", "many"],
      ["--id", "256"],
      ["--id", "0"],
      ["--interval=-1"],
      ["--interval", "soon"],
      ["--interval", "1e9"],
      ["--interval="],
      ["--guarded"],
      ["surplus"],
    ];
    for (const args of wrong) {
      await using process = deno(file, args);
      const { code, stdout, stderr } = await process.output();
      assertEquals({ code, stdout }, { code: 2, stdout: "" }, args.join(" "));
      assertStringIncludes(stderr, `Usage: deno run --allow-ffi ${file}`);
    }
  });

  Deno.test(`${file} says which path does not exist`, async () => {
    await using process = deno(file, ["--path", "/no/such/file"]);
    const { code, stderr } = await process.output();
    assertEquals(code, 1);
    assertMatch(stderr, /^NotFound: Cannot make a key from "\/no\/such\/file"/);
  });
}
