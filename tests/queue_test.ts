// queue_server.ts and queue_client.ts, with each other and with C programs.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  REQUEST,
} from "../examples/_queue.ts";
import { ftok, MessageQueue } from "../mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { cleanup, until } from "./_objects.ts";
import { deno, Process, run } from "./_process.ts";
import { bytesOf, hasPeek } from "./_queues.ts";

const NO_COMPILER = noCompiler("the message queue of the examples with C programs");

const ID = 0x71;
const WAITING = "waiting for clients";

/** A directory, and so a key, for one test; what it leaves by that key is removed. */
class Place implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "isthmus-queue-" });
  readonly key = ftok(this.path, ID);
  readonly #cleanup = cleanup(this.key);

  /** A server that clients may come to. */
  async server(...args: string[]): Promise<Process> {
    const server = deno("examples/queue_server.ts", ["--path", this.path, ...args]);
    await server.until("stderr", WAITING);
    return server;
  }

  client(...args: string[]): Process {
    return deno("examples/queue_client.ts", ["--path", this.path, ...args]);
  }

  /** A C program that wants the path and the id first. */
  peer(file: string, ...args: string[]): Process {
    return new Process(file, [this.path, `${ID}`, ...args]);
  }

  /** Whether the queue is there. */
  exists(): boolean {
    return MessageQueue.list().some(({ key }) => key === this.key);
  }

  [Symbol.dispose](): void {
    this.#cleanup[Symbol.dispose]();
    Deno.removeSync(this.path);
  }
}

/** The process id of a client that is dead. */
async function deadPid(): Promise<number> {
  await using process = new Process("true", []);
  await process.output();
  return process.pid;
}

/** Asks as a client that won't wait for the reply. */
function ask(queue: MessageQueue, pid: number, number: number, text: string): void {
  queue.sendSync(REQUEST, encodeRequest({ pid, number, text: bytesOf(text) }), { timeout: 30_000 });
}

Deno.test("requests and replies are the same after they were encoded", () => {
  const request = { pid: 5, number: 2 ** 32 - 1, text: bytesOf("hello") };
  assertEquals(decodeRequest(encodeRequest(request)), request);
  const reply = { number: 7, text: bytesOf("") };
  assertEquals(decodeReply(encodeReply(reply)), reply);
  assertEquals(decodeReply(new Uint8Array(3)), undefined);
  assertEquals(decodeRequest(new Uint8Array(7)), undefined);
  for (const pid of [0, 1, -1, -(2 ** 31)]) {
    assertEquals(decodeRequest(encodeRequest({ ...request, pid })), undefined);
  }
});

Deno.test("queue_server.ts answers queue_client.ts, and removes the queue on Ctrl-C", async () => {
  using place = new Place();
  await using server = await place.server();
  assertEquals(MessageQueue.open(place.key).status().mode, 0o600);
  await using client = place.client("hello", "how are you?", "", "grüße", "007");
  const { code, stdout, stderr } = await client.output();
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout, "HELLO\nHOW ARE YOU?\n\nGRüßE\n007\n");
  await using other = place.client();
  assertEquals((await other.output()).stdout, "HELLO\n");

  server.kill("SIGINT");
  const end = await server.output();
  assertEquals(end.code, 130, end.stderr);
  assertStringIncludes(end.stdout, `client ${client.pid} asks "how are you?"\n`);
  assert(!place.exists());
});

Deno.test("queue_server.ts and queue_client.ts agree on the current directory by default", async () => {
  using place = new Place();
  const options = { cwd: place.path };
  await using server = deno("examples/queue_server.ts", [], ["--allow-ffi"], options);
  await server.until("stderr", WAITING);
  await using client = deno("examples/queue_client.ts", [], ["--allow-ffi"], options);
  assertEquals((await client.output()).stdout, "HELLO\n");
  assert(place.exists());
});

Deno.test("many clients at once each get their own replies", async () => {
  using place = new Place();
  await using _server = await place.server();
  await using stack = new AsyncDisposableStack();
  const clients = Array.from({ length: 5 }, (_, client) => {
    const texts = Array.from({ length: 40 }, (_, index) => `client ${client} text ${index}`);
    return { texts, process: stack.use(place.client(...texts)) };
  });
  for (const { texts, process } of clients) {
    const { code, stdout, stderr } = await process.output();
    assertEquals(code, 0, stderr);
    assertEquals(stdout, texts.map((text) => `${text.toUpperCase()}\n`).join(""));
  }
  assertEquals(MessageQueue.open(place.key).status().messages, 0);
});

Deno.test({
  name: "queue_server.ts answers clients in C",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using peer = await compile("queue_client");
    await using _server = await place.server();
    await using stack = new AsyncDisposableStack();
    const texts = Array.from({ length: 100 }, (_, index) => `text ${index}`);
    const clients = [1, 2, 3].map(() => stack.use(place.peer(peer.file, ...texts)));
    for (const client of clients) {
      const { code, stdout, stderr } = await client.output();
      assertEquals(code, 0, stderr);
      assertEquals(stdout, texts.map((text) => `${text.toUpperCase()}\n`).join(""));
    }
  },
});

Deno.test({
  name: "queue_client.ts asks a server in C",
  ignore: NO_COMPILER,
  async fn() {
    using place = new Place();
    using peer = await compile("queue_server");
    await using server = place.peer(peer.file, "3");
    await server.until("stdout", "waiting");
    await using client = place.client("one", "two", "three");
    assertEquals((await client.output()).stdout, "ONE\nTWO\nTHREE\n");
    await server.write("\n");
    assertEquals((await server.output()).code, 0);
    assert(!place.exists());
  },
});

Deno.test("queue_server.ts takes away the replies of clients that are gone", async () => {
  using place = new Place();
  await using server = await place.server("--keep", "0.2");
  const queue = MessageQueue.open(place.key);
  const pids = [await deadPid(), await deadPid(), await deadPid()];
  for (let number = 0; number < 30; number++) {
    ask(queue, pids[number % 3], number, "x".repeat(1000));
  }
  await server.until("stdout", new RegExp("(client.*\n){30}"));
  // Of each the last alone lies there, until its time is over.
  assert(queue.status().messages <= 3);
  await until(() => queue.status().messages === 0, "the replies are gone");
  await using client = place.client();
  assertEquals((await client.output()).stdout, "HELLO\n");
});

Deno.test("queue_server.ts goes on when there is no room for a reply", async () => {
  using place = new Place();
  await using server = await place.server();
  const queue = MessageQueue.open(place.key);
  const JUNK = 2 ** 40;
  for (const maxBytes of [200, 100]) { // for the moment, and for any
    server.kill("SIGSTOP");
    ask(queue, await deadPid(), maxBytes, "x".repeat(180));
    queue.sendSync(JUNK, new Uint8Array(100));
    queue.set({ maxBytes });
    server.kill("SIGCONT");
    await server.until(
      "stderr",
      new RegExp(`(no room for the reply.*\n){${maxBytes === 200 ? 1 : 2}}`),
    );
    queue.receiveSync({ type: JUNK, timeout: 30_000 });
    queue.set({ maxBytes: 1000 });
  }
  assertEquals(queue.status().messages, 0);
  await using client = place.client();
  assertEquals((await client.output()).stdout, "HELLO\n");
});

Deno.test("queue_server.ts ignores what is no request, and leaves what is not for it", async () => {
  using place = new Place();
  await using server = await place.server();
  const queue = MessageQueue.open(place.key);
  queue.sendSync(REQUEST, new Uint8Array());
  queue.sendSync(REQUEST, new Uint8Array(7));
  queue.sendSync(REQUEST, new Uint8Array(8000));
  ask(queue, 1, 5, "to itself");
  ask(queue, -5, 5, "to nobody");
  queue.sendSync(2 ** 40, new Uint8Array(10));
  const pid = await deadPid();
  ask(queue, pid, 5, "\u001b[31m and \u009b31m");
  await server.until("stdout", `client ${pid} asks "\\x1b[31m and \\x9b31m"\n`);
  const reply = queue.receiveSync({ type: pid, timeout: 30_000 });
  assertEquals(decodeReply(reply.bytes)?.number, 5);
  const stderr = await server.until("stderr", /(no request: a message of \d+ bytes\n){5}/);
  assertStringIncludes(stderr, "no request: a message of 8000 bytes\n");
  assertEquals(queue.status().messages, 1);
});

Deno.test({
  name: "queue_server.ts takes over what a killed one left: requests and old replies",
  ignore: !hasPeek(),
  async fn() {
    using place = new Place();
    await using first = await place.server();
    first.kill("SIGKILL");
    await first.output();
    const queue = MessageQueue.open(place.key);
    queue.sendSync(await deadPid(), new Uint8Array(4)); // a reply that it left
    queue.sendSync(2 ** 53 - 1, new Uint8Array(4));
    await using client = place.client("anybody?");
    await until(() => queue.status().messages === 3, "the client has asked");
    await using second = await place.server("--keep", "0.1");
    assertEquals((await client.output()).stdout, "ANYBODY?\n");
    await until(() => queue.status().messages === 0, "the old replies are gone");
    second.kill("SIGTERM");
    const { code, stderr } = await second.output();
    assertEquals(code, 143);
    assertStringIncludes(stderr, "taking over a queue that is there");
    assert(!place.exists());
  },
});

Deno.test("queue_server.ts ends when somebody removes the queue", async () => {
  using place = new Place();
  await using server = await place.server();
  MessageQueue.open(place.key).remove();
  const { code, stderr } = await server.output();
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "somebody removed the queue");
});

Deno.test("queue_client.ts says that no server is running, is busy, or has ended", async () => {
  using place = new Place();
  await using lonely = place.client();
  const { code, stdout, stderr } = await lonely.output();
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "NotFound: no server is running. Start queue_server.ts first");

  const queue = MessageQueue.create(place.key);
  await using patient = place.client("--timeout", "0.05");
  assertStringIncludes(
    (await patient.output()).stderr,
    "TimedOut: the server did not reply within 0.05 s: it is busy, or was killed",
  );
  await using waiting = place.client("--timeout", "60");
  await until(() => queue.status().messages === 2, "the client has asked");
  queue.remove();
  assertStringIncludes((await waiting.output()).stderr, "BadResource: the server has ended.");
});

Deno.test("queue_client.ts takes no reply for its own that an earlier process left", async () => {
  using place = new Place();
  const queue = MessageQueue.create(place.key, { removeOnDispose: true });
  using _queue = queue;
  await using client = place.client("hello");
  const { bytes } = queue.receiveSync({ type: REQUEST, timeout: 30_000 });
  const request = decodeRequest(bytes);
  assert(request !== undefined);
  const { pid, number } = request;
  assertEquals(pid, client.pid);
  queue.sendSync(pid, new Uint8Array(2));
  queue.sendSync(pid, encodeReply({ number: (number + 1) >>> 0, text: bytesOf("wrong") }));
  queue.sendSync(pid, encodeReply({ number, text: bytesOf("right") }));
  assertEquals((await client.output()).stdout, "right\n");
});

Deno.test("queue_client.ts ends on Ctrl-C", async () => {
  using place = new Place();
  using queue = MessageQueue.create(place.key, { removeOnDispose: true });
  await using client = place.client("--timeout", "60");
  await until(() => queue.status().messages === 1, "the client has asked");
  client.kill("SIGINT");
  const { code, stderr } = await client.output();
  assertEquals([code, stderr], [130, ""]);
});

Deno.test("queue_server.ts and queue_client.ts explain themselves, and refuse nonsense", async () => {
  for (const name of ["queue_server", "queue_client"]) {
    await using help = deno(`examples/${name}.ts`, ["--help"]);
    const { code, stdout } = await help.output();
    assertEquals(code, 0);
    assertStringIncludes(stdout, `Usage: deno run --allow-ffi examples/${name}.ts`);
  }
  const cases: [string, string[], string][] = [
    ["queue_server", ["--nonsense"], "There is no option --nonsense"],
    ["queue_server", ["5"], "There is no argument 5"],
    ["queue_server", ["--keep", "long"], "--keep must be a number of seconds"],
    ["queue_server", ["--id", "0"], "--id must be a whole number from 1 to 255"],
    ["queue_client", ["--timeout", "soon"], "--timeout must be a number of seconds"],
    ["queue_client", ["x".repeat(1001)], "A text has at most 1000 bytes: received 1001"],
  ];
  for (const [name, args, message] of cases) {
    await using process = deno(`examples/${name}.ts`, args);
    const { code, stdout, stderr } = await process.output();
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, message);
  }
});

Deno.test({
  name: "queue_client.ts refuses to be the first process of a container",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  async fn() {
    using place = new Place();
    await using _server = await place.server();
    const { code, stderr } = await run("unshare", [
      ...["--pid", "--fork", "--kill-child", Deno.execPath()],
      ...["run", "--no-prompt", "--allow-ffi", "examples/queue_client.ts", "--path", place.path],
    ], { cwd: new URL("../", import.meta.url).pathname });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "a client can't have the process id 1");
  },
});
