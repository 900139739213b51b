// Channels between Deno and C programs, which include c/isthmus_channel.h.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Channel, type CreateChannelOptions, mapNewFile, type Mapping } from "../mod.ts";
import * as layout from "../ring/channel_layout.ts";
import { RECEIVER, SENDER } from "../ring/channel_deaths.ts";
import { points } from "../ring/test_points.ts";
import { CLAIMING } from "../sync/identity.ts";
import { HEADER_BYTES } from "../sync/header.ts";
import { PARTICIPANT_WORDS } from "../sync/participants.ts";
import { CC, compile, noCompiler } from "./_c.ts";
import { LIMIT, path, Process, run } from "./_process.ts";
import { bury, test } from "./_sync.ts";

const ignore = noCompiler("channels between Deno and C");

/** A channel in a file, which is gone at the end of the scope. */
interface Setup extends Disposable {
  readonly file: string;
  readonly memory: Mapping;
  readonly channel: Channel;
}

function setUp(options: CreateChannelOptions): Setup {
  const directory = Deno.makeTempDirSync({ prefix: "isthmus-channel-" });
  const file = `${directory}/channel`;
  const capacity = options.capacity ?? 4096;
  const memory = mapNewFile(file, Channel.byteLength({ ...options, capacity }));
  const channel = Channel.create(memory, { ...options, capacity });
  return {
    file,
    memory,
    channel,
    [Symbol.dispose]() {
      memory.close();
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

/** Message `number`, as channel_peer.c has it. */
function message(number: number): Uint8Array {
  const bytes = new Uint8Array(8 + (number & 255)).fill(number & 255);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number), true);
  return bytes;
}

/** The number of a message, all of whose bytes are right. */
function numberOf(bytes: Uint8Array<ArrayBuffer>): number {
  const number = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  assertEquals(bytes, message(number));
  return number;
}

/** The sum of the numbers below one. */
function sumBelow(count: number): number {
  return count * (count - 1) / 2;
}

const COUNT = 20_000;

/** Checks that a source compiles, without a warning. */
async function assertCompiles(source: string, ...flags: string[]): Promise<void> {
  const file = Deno.makeTempFileSync({ suffix: ".c" });
  try {
    Deno.writeTextFileSync(file, source);
    const args = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", ...flags, file];
    const { code, stderr } = await run(CC ?? "", args);
    assertEquals([code, stderr], [0, ""], flags.join(" "));
  } finally {
    Deno.removeSync(file);
  }
}

const INCLUDE = `#include "${path("c/isthmus_channel.h")}"\n`;

test({
  name: "the C header compiles as C and as C++, first or after others",
  ignore,
  async fn() {
    const others = "#include <stdio.h>\n#include <pthread.h>\n";
    for (const standard of ["gnu99", "gnu11", "gnu17"]) {
      await assertCompiles(INCLUDE + others, "-x", "c", `-std=${standard}`);
      await assertCompiles(others + INCLUDE, "-x", "c", `-std=${standard}`);
    }
    await assertCompiles(INCLUDE, "-x", "c", "-std=c11");
    const { success } = await new Deno.Command(CC ?? "", {
      args: ["-x", "c++", "-fsyntax-only", "/dev/null"],
      stderr: "null",
    }).output();
    if (!success) return console.log("skipped, there is no C++ compiler: the C header in C++");
    for (const standard of ["gnu++11", "gnu++17", "c++11"]) {
      await assertCompiles(INCLUDE, "-x", "c++", `-std=${standard}`);
    }
  },
});

test({
  name: "the C header has the layout of ring/channel_layout.ts",
  ignore,
  async fn() {
    const values = {
      ISTHMUS_TAIL: layout.TAIL,
      ISTHMUS_SENT: layout.SENT,
      ISTHMUS_SEEN_HEAD: layout.SEEN_HEAD,
      ISTHMUS_HEAD: layout.HEAD,
      ISTHMUS_RECEIVED: layout.RECEIVED,
      ISTHMUS_SEEN_TAIL: layout.SEEN_TAIL,
      ISTHMUS_ENDED: layout.ENDED,
      ISTHMUS_ASLEEP: layout.ASLEEP,
      ISTHMUS_FLAGS: layout.FLAGS,
      ISTHMUS_SENDERS_MUTEX: layout.SENDERS_MUTEX,
      ISTHMUS_RECEIVERS_MUTEX: layout.RECEIVERS_MUTEX,
      ISTHMUS_TABLE: layout.PARTICIPANTS,
      ISTHMUS_TABLE_ENTRY: PARTICIPANT_WORDS,
      ISTHMUS_SENDER: SENDER,
      ISTHMUS_RECEIVER: RECEIVER,
      ISTHMUS_CLAIMING: CLAIMING,
      ...headerOf({ capacity: 1024, senders: "many", receivers: "many" }),
    };
    const assertions = Object.entries(values)
      .map(([name, value]) => `_Static_assert(${name} == ${value}, "${name}");`);
    await assertCompiles(INCLUDE + assertions.join("\n"), "-x", "c");
  },
});

/** Where a header has what, and what it says: as it stands in memory. */
function headerOf(options: CreateChannelOptions & { capacity: number }): Record<string, number> {
  const byteLength = Channel.byteLength(options);
  const memory = new SharedArrayBuffer(byteLength);
  const channel = Channel.create(memory, options);
  const words = new Int32Array(memory, 0, HEADER_BYTES / 4);
  const places = {
    MAGIC: 0,
    KIND: 1,
    LENGTH: 2,
    STATE: 4,
    CAPACITY: 10,
    PARTICIPANTS: 11,
    ROLES: 12,
  };
  assertEquals(
    [words[places.LENGTH], words[places.CAPACITY], words[places.ROLES]],
    [byteLength, channel.capacity, SENDER | RECEIVER],
  );
  assertEquals(words[places.PARTICIPANTS], 64);
  return {
    ISTHMUS_ISTH: words[places.MAGIC],
    ISTHMUS_VERSION: words[places.KIND] & 0xffff,
    ISTHMUS_CHANNEL: words[places.KIND] >>> 16,
    ISTHMUS_READY: words[places.STATE],
    ...Object.fromEntries(
      Object.entries(places).map(([name, word]) => [`ISTHMUS_${name}`, word]),
    ),
  };
}

for (const start of [0, 2 ** 32 - 4096]) {
  test({
    name: `C sends and Deno receives, from position ${start} on`,
    ignore,
    async fn() {
      using peer = await compile("channel_peer", ["-pthread"]);
      points.start = start;
      using setup = setUp({});
      points.start = 0;
      using receiver = setup.channel.receiver();
      await using sender = new Process(peer.file, ["send", setup.file, `${COUNT}`]);
      for (let number = 0; number < COUNT; number++) {
        const bytes = number % 2 === 0
          ? await receiver.receive(LIMIT)
          : receiver.receiveSync(LIMIT);
        assert(bytes instanceof Uint8Array);
        assertEquals(numberOf(bytes), number);
      }
      assertEquals((await sender.output()).stderr, "");
      const { sent, received, bytes: fill } = setup.channel.stat();
      assertEquals([sent, received, fill], [COUNT, COUNT, 0]);
    },
  });

  test({
    name: `Deno sends and C receives, up to the end, from position ${start} on`,
    ignore,
    async fn() {
      using peer = await compile("channel_peer", ["-pthread"]);
      points.start = start;
      using setup = setUp({});
      points.start = 0;
      await using receiver = new Process(peer.file, ["receive", setup.file, `${2 * COUNT}`]);
      using sender = setup.channel.sender();
      for (let number = 0; number < COUNT; number++) {
        const bytes = message(number);
        if (number % 3 === 0) await sender.send(bytes, LIMIT);
        else if (number % 3 === 1) sender.sendSync(bytes, LIMIT);
        else {
          using claim = sender.claimSync(bytes.length, LIMIT); // which may skip the end of the ring
          claim.bytes.set(bytes);
          claim.commit();
        }
      }
      sender.end();
      const { stdout, stderr } = await receiver.output();
      assertEquals([stdout, stderr], [`${COUNT} ${sumBelow(COUNT)}\n`, ""]);
    },
  });
}

test({
  name: "many senders and many receivers, of both kinds, lose nothing",
  ignore,
  async fn() {
    using peer = await compile("channel_peer", ["-pthread"]);
    using setup = setUp({ senders: "many", receivers: "many" });
    const start = (role: string) => new Process(peer.file, [role, setup.file, `${COUNT}`]);
    using receiver = setup.channel.receiver();
    await using receiving = start("receive");
    await using first = start("send");
    await using second = start("send");
    let [count, sum] = [0, 0];
    const received = (async () => {
      for await (const bytes of receiver.messages(LIMIT)) {
        count++;
        sum += numberOf(bytes);
      }
    })();
    using sender = setup.channel.sender();
    for (let number = 0; number < COUNT; number++) await sender.send(message(number), LIMIT);
    await Promise.all([first.output(), second.output()]);
    sender.end();
    await received;
    const { stdout, stderr } = await receiving.output();
    assertEquals(stderr, "");
    const [theirs, theirSum] = stdout.split(" ").map(Number);
    assertEquals([count + theirs, sum + theirSum], [3 * COUNT, 3 * sumBelow(COUNT)]);
  },
});

test({
  name: "a C program that is the only sender is one for Deno too, until it is killed",
  ignore,
  async fn() {
    using peer = await compile("channel_peer", ["-pthread"]);
    using setup = setUp({});
    using receiver = setup.channel.receiver();
    await using sender = new Process(peer.file, ["send", setup.file, "1000000000"]);
    assert(receiver.receiveSync(LIMIT) !== undefined);
    assertThrows(() => setup.channel.sender(), Deno.errors.Busy, `process ${sender.pid}`);
    sender.kill("SIGKILL");
    await sender.output();
    using next = setup.channel.sender();
    next.end();
    let [expected, bytes] = [1, receiver.receiveSync(LIMIT)];
    for (; bytes instanceof Uint8Array; bytes = receiver.receiveSync(LIMIT)) {
      assertEquals(numberOf(bytes), expected++); // what it had sent is whole
    }
    assertEquals(receiver.ended, true);
  },
});

test({
  name: "the mutex of a system that was switched off is no obstacle for C, that of a living one is",
  ignore,
  async fn() {
    using peer = await compile("channel_peer", ["-pthread"]);
    for (const senders of ["one", "many"] as const) {
      using setup = setUp({ senders });
      const { SENDERS_MUTEX, PARTICIPANTS } = layout;
      const words = setup.memory.array(Int32Array);
      const send = async () => {
        await using sender = new Process(peer.file, ["send", setup.file, "1"]);
        return (await sender.output()).stderr;
      };
      words[SENDERS_MUTEX] = 0x3ffffffe; // a thread that there isn't
      assertEquals(await send(), "");
      bury(words, PARTICIPANTS, 4711);
      words[PARTICIPANTS + 5] = SENDER;
      words[SENDERS_MUTEX] = words[PARTICIPANTS]; // its number is this thread's now
      assertEquals(await send(), "");
      assertEquals(setup.channel.stat().messages, 2);
      if (senders === "many") continue;
      using _sender = setup.channel.sender();
      assertEquals(await send(), "isthmus_attach: Device or resource busy\n");
    }
  },
});
