import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { IPC_PRIVATE, Segment } from "../mod.ts";
import { f64, seqlock, struct, u32, u8 } from "../struct/mod.ts";
import { compile, noCompiler } from "./_c.ts";
import { deno, Process, run } from "./_process.ts";
import { isWhole, LockedState, State, WORDS } from "./peers/struct_state.ts";

const Sample = struct("sample", { count: u32, value: f64, tag: u8 });
const Lock = seqlock(Sample);

function fresh() {
  const buffer = new ArrayBuffer(Lock.size);
  return { state: Lock.at(buffer), sequence: new Uint32Array(buffer, 0, 1), buffer };
}

Deno.test("seqlock() puts the sequence in front of the record, where C does", () => {
  assertEquals([Lock.size, Lock.align, Lock.struct.offsetOf("record")], [32, 8, 8]);
  assertEquals([Lock.struct.name, Lock.struct.offsetOf("sequence")], ["sample_seqlock", 0]);
  const { state, sequence, buffer } = fresh();
  assertEquals([state.writes, state.tryRead()], [0, { count: 0, value: 0, tag: 0 }]);
  state.write({ count: 5, value: 1.5 });
  assertEquals([sequence[0], state.writes], [2, 1]);
  assertEquals(Sample.at(buffer, { offset: 8 }).toObject(), { count: 5, value: 1.5, tag: 0 });
});

Deno.test("write() publishes what its function leaves in the record", () => {
  const { state, sequence, buffer } = fresh();
  state.write({ count: 1 });
  state.write((sample, takenOver) => {
    assertEquals([sample.count, takenOver], [1, false]);
    sample.count += 1;
    sample.value = 2.5;
    // Others don't see it yet, and aren't kept waiting.
    assertEquals([state.tryRead(), sequence[0]], [{ count: 1, value: 0, tag: 0 }, 2]);
  });
  assertEquals(Lock.at(buffer).readSync(), { count: 2, value: 2.5, tag: 0 });
});

Deno.test("write() writes nothing if its function throws, or a value is wrong", async () => {
  const { state, sequence } = fresh();
  state.write({ count: 1 });
  assertThrows(
    () =>
      state.write((sample) => {
        sample.count = 9;
        throw new Error("changed my mind");
      }),
    Error,
    "changed my mind",
  );
  assertThrows(
    () => state.write({ count: 9, value: "x" as never }),
    TypeError,
    "sample.value must be a number",
  );
  assertThrows(
    () => state.write((sample) => void (sample.tag = 256)),
    RangeError,
    "sample.tag must be",
  );
  assertThrows(
    () => state.write((async () => {}) as never),
    TypeError,
    "update must be done when it returns",
  );
  assertThrows(
    () => state.write(undefined as never),
    TypeError,
    "sample must be an object of values",
  );
  assertEquals([state.tryRead(), sequence[0]], [{ count: 1, value: 0, tag: 0 }, 2]);
  assertEquals(await state.read(), { count: 1, value: 0, tag: 0 });
});

Deno.test("write() within a write, or beside another writer, is an error", () => {
  const { state, buffer } = fresh();
  const nested = () => state.write(() => state.write({ count: 1 }));
  assertThrows(nested, Deno.errors.Busy, "this is within a write of it");
  const beside = () =>
    state.write((sample) => {
      Lock.at(buffer).write({ count: 7 });
      sample.count = 8;
    });
  assertThrows(beside, Deno.errors.Busy, "another writer does at the same time");
  assertEquals(state.tryRead()?.count, 7);
  state.write({ count: 9 });
  assertEquals(state.tryRead()?.count, 9);
});

Deno.test("the sequence goes on beyond 32 bits", () => {
  const { state, sequence } = fresh();
  sequence[0] = 2 ** 32 - 4;
  for (let i = 1; i <= 4; i++) {
    state.write({ count: i });
    assertEquals([state.tryRead()?.count, sequence[0]], [i, (2 ** 32 - 4 + 2 * i) % 2 ** 32]);
  }
  sequence[0] = 2 ** 32 - 1; // and a writer died in the last write before
  state.write((sample, takenOver) => void (sample.count = takenOver ? 10 : 0));
  assertEquals([state.tryRead()?.count, sequence[0]], [10, 2]);
});

Deno.test("tryReadInto() copies the record into another of its type", () => {
  const { state, sequence } = fresh();
  state.write({ count: 3, tag: 4 });
  const copy = Sample.create();
  assert(state.tryReadInto(copy));
  assertEquals(copy.toObject(), { count: 3, value: 0, tag: 4 });
  sequence[0] = 7;
  assertEquals(state.tryReadInto(copy), false);
  assertThrows(
    () => fresh().state.tryReadInto(struct("other", { a: u8 }).create() as never),
    TypeError,
    "source must be",
  );
});

Deno.test("a write that doesn't end is an error to readers after a while, and the next writer takes over", async () => {
  const { state, sequence } = fresh();
  state.write({ count: 1, value: 1 });
  sequence[0] = 3;
  assertEquals(state.tryRead(), undefined);
  const message =
    "Cannot read sample: its writer has been in the middle of a write for 20 ms, and may have died";
  assertThrows(() => state.readSync({ timeout: 20 }), Deno.errors.TimedOut, message);
  await assertRejects(() => state.read({ timeout: 20 }), Deno.errors.TimedOut, message);
  let told: boolean | undefined;
  state.write((sample, takenOver) => {
    told = takenOver;
    sample.assign({ count: 2, value: 2, tag: 2 });
  });
  assertEquals([told, state.readSync(), sequence[0]], [true, { count: 2, value: 2, tag: 2 }, 6]);
});

Deno.test("read() waits for the write under way, and ends at once when it is aborted", async () => {
  const { state, sequence } = fresh();
  sequence[0] = 1;
  const reading = state.read();
  setTimeout(() => Atomics.store(sequence, 0, 2), 20);
  assertEquals(await reading, { count: 0, value: 0, tag: 0 });
  sequence[0] = 3;
  const controller = new AbortController();
  const aborted = state.read({ timeout: 60_000, signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  await assertRejects(() => state.read({ signal: controller.signal }), Error, "enough");
  for (const timeout of [-1, 1.5, NaN]) {
    assertThrows(() => state.readSync({ timeout }), RangeError, "timeout must be");
    await assertRejects(() => state.read({ timeout }), RangeError, "timeout must be");
  }
});

Deno.test("seqlock() checks its arguments", () => {
  for (const type of [undefined, {}, u8, Sample.create(), Lock]) {
    assertThrows(() => seqlock(type as never), TypeError, "record must be the type of a record");
  }
  assertThrows(
    () => Lock.at(new ArrayBuffer(31)),
    RangeError,
    "Cannot place sample_seqlock at offset 0: its 32 bytes",
  );
  assertThrows(
    () => Lock.at(new ArrayBuffer(64), { offset: 2 }),
    RangeError,
    "sample_seqlock.sequence would not be aligned",
  );
  assertThrows(
    () => Lock.at(new ArrayBuffer(64), 2 as never),
    TypeError,
    "options must be an object",
  );
});

/** A segment with a locked record, and where to read it. */
function sharedState() {
  const segment = Segment.create(IPC_PRIVATE, LockedState.size, { removeOnDispose: true });
  const memory = segment.attach({ access: "read" });
  const words = new BigUint64Array(WORDS);
  const copy = State.at(words);
  return {
    id: segment.id,
    state: LockedState.at(memory),
    plain: State.at(memory, { offset: LockedState.struct.offsetOf("record") }),
    words,
    copy,
    [Symbol.dispose]() {
      memory.detach();
      segment[Symbol.dispose]();
    },
  };
}

/** How long the processes hammer, in milliseconds. */
const HAMMER = Number(Deno.env.get("ISTHMUS_HAMMER") ?? 1000);

/** How many different values must be seen, so that the two did meet. */
const VALUES = 10;

/** Blocks the thread until something has happened; it is given up when the other process surely hangs. */
function spinUntil(happened: () => boolean): void {
  const start = performance.now();
  while (!happened()) {
    if (performance.now() - start > HAMMER + 30_000) throw new Error("it didn't happen");
  }
}

/** Reads while another process writes, and counts the reads that were torn. */
function hammer({ state, words, copy }: ReturnType<typeof sharedState>): number {
  const seen = new Set<bigint>();
  const start = performance.now();
  let torn = 0;
  spinUntil(() => {
    if (state.tryReadInto(copy)) {
      if (!isWhole(words)) torn++;
      else if (seen.size < VALUES) seen.add(words[0]);
    }
    return performance.now() - start > HAMMER && seen.size === VALUES;
  });
  return torn;
}

Deno.test("two processes hammer a seqlock, and no read is torn", async () => {
  using shared = sharedState();
  await using writer = deno("tests/peers/struct_state.ts", ["seqlock", `${shared.id}`]);
  await writer.until("stdout", "writing");
  assertEquals(hammer(shared), 0);
});

Deno.test("two processes hammer a plain record, and a torn read is seen", async () => {
  using shared = sharedState();
  await using writer = deno("tests/peers/struct_state.ts", ["plain", `${shared.id}`]);
  await writer.until("stdout", "writing");
  spinUntil(() => {
    shared.copy.copyFrom(shared.plain);
    return !isWhole(shared.words);
  });
});

Deno.test("a writer that was killed leaves a record that is whole, or that the next writer takes over", async () => {
  using shared = sharedState();
  for (let round = 0; round < 3; round++) {
    await using writer = deno("tests/peers/struct_state.ts", ["seqlock", `${shared.id}`]);
    await writer.until("stdout", "writing");
    const before = shared.state.writes;
    spinUntil(() => shared.state.writes !== before);
    writer.kill("SIGKILL");
    await writer.output();
    if (shared.state.tryReadInto(shared.copy)) assert(isWhole(shared.words));
    else assertThrows(() => shared.state.readSync({ timeout: 10 }), Deno.errors.TimedOut);
  }
});

Deno.test("a writer that died in the middle of a write is noticed, and replaced", async () => {
  using shared = sharedState();
  {
    await using writer = deno("tests/peers/struct_state.ts", ["die", `${shared.id}`]);
    await writer.until("stdout", "in the middle");
    writer.kill("SIGKILL");
    await writer.output();
  }
  assertThrows(
    () => shared.state.readSync({ timeout: 50 }),
    Deno.errors.TimedOut,
    "The next write takes over",
  );
  await using next = deno("tests/peers/struct_state.ts", ["seqlock", `${shared.id}`]);
  const { words } = await shared.state.read({ timeout: 60_000 });
  assert(isWhole(BigUint64Array.from(words)));
  next.kill("SIGKILL");
});

Deno.test({
  name: "a C program writes a seqlock, and another reads it",
  ignore: noCompiler("seqlocks with C"),
  async fn() {
    const declarations = Deno.makeTempFileSync({ suffix: ".h" });
    try {
      Deno.writeTextFileSync(declarations, LockedState.toC());
      using program = await compile("struct_seqlock", [`-DDECLARATIONS="${declarations}"`]);
      {
        using shared = sharedState();
        await using writer = new Process(program.file, ["write", `${shared.id}`]);
        await writer.until("stdout", "writing");
        assertEquals(hammer(shared), 0);
      }
      {
        using shared = sharedState();
        await using writer = deno("tests/peers/struct_state.ts", ["seqlock", `${shared.id}`]);
        await writer.until("stdout", "writing");
        spinUntil(() => shared.state.writes > 2);
        const { stdout } = await run(program.file, ["read", `${shared.id}`, "100000"]);
        const [, torn, last] = /^(\d+) torn, last (\d+)$/m.exec(stdout) ?? [];
        assertEquals(torn, "0", stdout);
        assertGreater(Number(last), 1);
      }
    } finally {
      Deno.removeSync(declarations);
    }
  },
});
