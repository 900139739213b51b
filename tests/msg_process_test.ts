// Message queues among processes: C programs, and several of Deno.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { MessageQueue } from "../mod.ts";
import { compile, noCompiler, type Program } from "./_c.ts";
import { cleanup, freshKey } from "./_objects.ts";
import { bytesOf, fill, makeQueue, read, textOf } from "./_queues.ts";
import { deno, LIMIT, Process, run } from "./_process.ts";
import { TestWorker, url } from "./_workers.ts";

const NO_COMPILER = noCompiler("message queues with C programs");

/** A test with the C program at the other end. */
function testWithC(name: string, fn: (peer: Program) => Promise<void>): void {
  Deno.test({
    name,
    ignore: NO_COMPILER,
    async fn() {
      using peer = await compile("msg_peer");
      await fn(peer);
    },
  });
}

testWithC("a C program sends, types and bytes come as they are", async ({ file }) => {
  using queue = makeQueue();
  const id = `${queue.id}`;
  for (const type of ["7", "4294967301", "9007199254740991"]) {
    const { code, stderr } = await run(file, ["send", id, type, "hello", "", "grüße"]);
    assertEquals(code, 0, stderr);
    const received = [1, 2, 3].map(() => read(queue.tryReceive({ type: Number(type) })));
    assertEquals(received, [[Number(type), "hello"], [Number(type), ""], [Number(type), "grüße"]]);
  }
  // Above the safe integers a type is rounded, and no message is lost by that.
  await run(file, ["send", id, "9223372036854775807", "huge"]);
  assertEquals(read(queue.tryReceive()), [2 ** 63, "huge"]);
  assertEquals(queue.status().messages, 0);
});

testWithC("a C program receives, types and bytes come as they are", async ({ file }) => {
  using queue = makeQueue();
  fill(queue, [5, "five"], [2 ** 40 + 3, "grüße"], [3, ""]);
  const { stdout, stderr } = await run(file, ["receive", `${queue.id}`, "0", "3"]);
  assertEquals([stdout, stderr], ["5 4 five\n1099511627779 7 grüße\n3 0 \n", ""]);
});

testWithC("a C program and Deno find the same queue by its key", async ({ file }) => {
  const key = freshKey();
  using _cleanup = cleanup(key);
  const { stdout } = await run(file, ["create", `${key >>> 0}`]);
  const queue = MessageQueue.open(key);
  assertEquals([queue.created, `${queue.id}\n`], [false, stdout]);
  const { mode, messages } = queue.status();
  assertEquals([mode, messages], [0o600, 0]);
});

testWithC(
  "a blocked C program gets what is sent, and makes room for what waits",
  async ({ file }) => {
    using queue = makeQueue();
    await using receiver = new Process(file, ["receive", `${queue.id}`, "-10", "1"]);
    fill(queue, [11, "not for it"]);
    await queue.send(10, bytesOf("for it"));
    assertEquals((await receiver.output()).stdout, "10 6 for it\n");
    queue.receiveSync();

    queue.set({ maxBytes: 1000 });
    await using drain = new Process(file, ["drain", `${queue.id}`, "200"]);
    for (let number = 0; number < 200; number++) {
      if (number % 2 === 0) await queue.send(1, new Uint8Array(100), LIMIT);
      else queue.sendSync(1, new Uint8Array(100), LIMIT);
    }
    assertEquals((await drain.output()).stdout, "20000\n");

    await using filler = new Process(file, ["fill", `${queue.id}`, "4", "100", "200"]);
    for (let number = 0; number < 200; number++) {
      const { bytes } = number % 2 === 0
        ? await queue.receive({ type: 4, ...LIMIT })
        : queue.receiveSync({ type: 4, ...LIMIT });
      assertEquals(bytes.length, 100);
    }
    assertEquals((await filler.output()).code, 0);
  },
);

testWithC("round trips with a C program, blocking and not", async ({ file }) => {
  using queue = makeQueue();
  await using echo = new Process(file, ["echo", `${queue.id}`, "1"]);
  for (let number = 0; number < 200; number++) {
    const bytes = bytesOf(`number ${number}`);
    if (number % 2 === 0) {
      queue.sendSync(1, bytes, LIMIT);
      assertEquals(queue.receiveSync({ type: 2, ...LIMIT }).bytes, bytes);
    } else {
      await queue.send(1, bytes, LIMIT);
      assertEquals((await queue.receive({ type: 2, ...LIMIT })).bytes, bytes);
    }
  }
  queue.sendSync(1, new Uint8Array());
  assertEquals((await echo.output()).code, 0);
});

Deno.test("processes that send and receive at once lose and double nothing", async () => {
  const COUNT = 500;
  using queue = makeQueue();
  queue.set({ maxBytes: 400 }); // so that they have to wait for room
  await using stack = new AsyncDisposableStack();
  for (const [type, how] of [[1, "sync"], [2, "async"], [3, "sync"]] as const) {
    stack.use(deno("tests/peers/msg_sender.ts", [`${queue.id}`, `${type}`, `${COUNT}`, how]));
  }
  const next = [0, 0, 0, 0];
  const receive = async (asynchronously: boolean) => {
    const { type, bytes } = asynchronously
      ? await queue.receive(LIMIT)
      : queue.receiveSync({ type: { upTo: 3 }, ...LIMIT });
    assertEquals(new DataView(bytes.buffer).getUint32(0, true), next[type]++);
  };
  for (let number = 0; number < 3 * COUNT; number++) await receive(number % 3 !== 0);
  assertEquals(next, [0, COUNT, COUNT, COUNT]);
});

Deno.test("each message goes to one receiver, however it waits", async () => {
  using queue = makeQueue();
  await using stack = new AsyncDisposableStack();
  const receivers = ["sync", "timed", "async", "sync"].map((how) =>
    stack.use(deno("tests/peers/msg_receiver.ts", [`${queue.id}`, how]))
  );
  for (const receiver of receivers) await receiver.until("stdout", "receiving");
  const texts = Array.from({ length: 1000 }, (_, index) => `message ${index}`);
  for (const text of texts) await queue.send(1, bytesOf(text), LIMIT);
  for (const _ of receivers) await queue.send(1, bytesOf("end"), LIMIT);
  const received: string[] = [];
  for (const receiver of receivers) {
    const { code, stdout, stderr } = await receiver.output();
    assertEquals(code, 0, stderr);
    received.push(...stdout.split("\n").filter((line) => line.startsWith("message")));
  }
  assertEquals(received.toSorted(), texts.toSorted());
});

for (const how of ["sync", "timed", "async"]) {
  Deno.test(`removing a queue ends a wait in another process (${how}) with a clear error`, async () => {
    const queue = makeQueue();
    await using receiver = deno("tests/peers/msg_receiver.ts", [`${queue.id}`, how]);
    await receiver.until("stdout", "receiving");
    await new Promise((resolve) => setTimeout(resolve, 100)); // so that it blocks
    queue.remove();
    const { code, stderr } = await receiver.output();
    assertEquals(code, 1);
    assertMatch(stderr, /BadResource: .*it was removed meanwhile \(msgrcv: (EIDRM|EINVAL)\)/);
  });
}

Deno.test("a receiver that is killed takes nothing along, blocked or not", async () => {
  using queue = makeQueue();
  for (const how of ["sync", "timed", "async"]) {
    await using receiver = deno("tests/peers/msg_receiver.ts", [`${queue.id}`, how]);
    await receiver.until("stdout", "receiving");
    receiver.kill("SIGKILL");
    await receiver.output();
    fill(queue, [1, how]);
    assertEquals(textOf(queue.tryReceive()), how);
  }
});

Deno.test("after an abort nothing keeps the process alive", async () => {
  using queue = makeQueue();
  queue.set({ maxBytes: 8000 });
  fill(queue, [1, "x"]);
  await using pending = deno("tests/peers/msg_pending.ts", [`${queue.id}`]);
  await pending.until("stdout", "waiting");
  await pending.write("\n");
  const { code, stdout } = await pending.output();
  assertEquals([code, stdout], [0, "waiting\nAbortError\nAbortError\n"]);
  assertEquals(queue.status().messages, 1);
});

Deno.test("a Worker opens a queue for itself, by its id", async () => {
  using queue = makeQueue();
  const code = `
    import { MessageQueue } from ${url("mod.ts")};
    const queue = MessageQueue.fromId(${queue.id});
    for await (const { type, bytes } of queue.messages({ type: 1 })) {
      if (bytes.length === 0) break;
      queue.sendSync(2, bytes);
    }
    postMessage("ended");`;
  using worker = new TestWorker(code);
  for (const text of ["one", "two", "three"]) {
    fill(queue, [1, text]);
    assertEquals(textOf(await queue.receive({ type: 2, ...LIMIT })), text);
  }
  queue.sendSync(1, new Uint8Array());
  assertEquals(await worker.message(), "ended");
  assertEquals(queue.status().messages, 0);
});

Deno.test("a signal that comes while a thread blocks ends no wait", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  using queue = makeQueue();
  const code = `
    import { MessageQueue } from ${url("mod.ts")};
    Deno.addSignalListener("SIGUSR1", () => {});
    console.log("waiting");
    const { bytes } = MessageQueue.fromId(${queue.id}).receiveSync();
    console.log(bytes.length);
    Deno.exit();`;
  await using process = new Process(Deno.execPath(), ["eval", code]);
  await process.until("stdout", "waiting");
  for (let count = 0; count < 20; count++) {
    process.kill("SIGUSR1");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  queue.sendSync(1, new Uint8Array(3));
  const { code: exitCode, stdout, stderr } = await process.output();
  assertEquals([exitCode, stdout], [0, "waiting\n3\n"], stderr);
  assert(queue.status().messages === 0);
});
