import { assert, assertEquals, assertThrows } from "@std/assert";
import { IPC_PRIVATE, mapAnonymous, Segment, SharedMemory } from "../mod.ts";
import {
  array,
  bits,
  bool,
  bytes,
  char,
  cString,
  f64,
  i32,
  type RecordMemory,
  seqlock,
  struct,
  u32,
  u64,
  u8,
  union,
} from "../struct/mod.ts";

const Point = struct("point", { x: f64, y: f64 });
const Word = union("word", { bits: u32, bytes: bytes(4) });
const Packet = struct("packet", {
  count: u32,
  total: u64,
  small: u64.asNumber(),
  name: cString(8),
  letter: char,
  on: bool,
  mode: bits(u32, 3),
  wide: bits(u64, 40),
  raw: bytes(4),
  samples: array(i32, 2),
  origin: Point,
  trail: array(Point, 2),
  word: Word,
  sequence: u32.atomic(),
  wider: u64.asNumber().atomic(),
});

const VALUES = {
  count: 1,
  total: 2n,
  small: 3,
  name: "four",
  letter: "5",
  on: true,
  mode: 6,
  wide: 7n,
  raw: Uint8Array.of(8, 9, 10, 11),
  samples: [12, 13],
  origin: { x: 14, y: 15 },
  trail: [{ x: 16, y: 17 }, { x: 18, y: 19 }],
  word: { bits: 20 },
  sequence: 21,
  wider: 22,
};

/** Everything that reads or writes a record, by the name of its error. */
function accesses(packet: ReturnType<typeof Packet.create>): Record<string, (() => unknown)[]> {
  return {
    read: [
      () => packet.count,
      () => packet.total,
      () => packet.small,
      () => packet.name,
      () => packet.letter,
      () => packet.on,
      () => packet.mode,
      () => packet.wide,
      () => packet.raw.get(0),
      () => packet.raw.toObject(),
      () => packet.raw.copyTo(new Uint8Array(4)),
      () => [...packet.raw],
      () => packet.samples.get(1),
      () => [...packet.samples],
      () => packet.samples.toObject(),
      () => packet.origin.x,
      () => packet.origin.toObject(),
      () => packet.trail.get(1).y,
      () => packet.trail.seek(1).y,
      () => Array.from(packet.trail, ({ x }) => x),
      () => packet.word.bits,
      () => packet.sequence.load(),
      () => packet.wider.load(),
      () => JSON.stringify(packet),
      () => packet.toObject(),
      () => Packet.describe(packet),
      () => Packet.create().copyFrom(packet),
    ],
    write: [
      () => packet.count = 1,
      () => packet.total = 1n,
      () => packet.small = 1,
      () => packet.name = "x",
      () => packet.letter = "x",
      () => packet.on = true,
      () => packet.mode = 1,
      () => packet.wide = 1n,
      () => packet.raw.set(0, 1),
      () => packet.raw.assign([1, 2, 3, 4]),
      () => packet.samples.set(1, 1),
      () => packet.samples.assign([1, 2]),
      () => packet.origin.x = 1,
      () => packet.origin.assign({ x: 1 }),
      () => packet.trail.get(1).y = 1,
      () => packet.trail.seek(1).y = 1,
      () => packet.trail.assign([{}, {}]),
      () => {
        for (const point of packet.trail) point.x = 1;
      },
      () => packet.word.bits = 1,
      () => packet.word.bytes.set(1, 1),
      () => packet.sequence.store(1),
      () => packet.sequence.add(1),
      () => packet.sequence.sub(1),
      () => packet.sequence.and(1),
      () => packet.sequence.or(1),
      () => packet.sequence.xor(1),
      () => packet.sequence.exchange(1),
      () => packet.sequence.compareExchange(1, 2),
      () => packet.wider.store(1),
      () => packet.assign({ count: 1 }),
      () => packet.assign({}),
      () => packet.copyFrom(Packet.create()),
    ],
  };
}

Deno.test("a record works on every kind of memory", () => {
  using segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using attachment = segment.attach();
  using mapping = mapAnonymous(4096);
  using shared = SharedMemory.from(mapAnonymous(4096, { shared: true }));
  const buffer = new ArrayBuffer(4096);
  const sources = [
    attachment,
    mapping,
    shared,
    buffer,
    new SharedArrayBuffer(4096),
    new Uint8Array(buffer),
    new Float64Array(buffer, 8),
    new DataView(buffer, 64, 1024),
    new ArrayBuffer(2048, { maxByteLength: 4096 }),
    new WebAssembly.Memory({ initial: 1 }).buffer,
  ];
  for (const source of sources) {
    for (const offset of [0, 8, 800]) {
      const packet = Packet.at(source, { offset });
      packet.assign(VALUES);
      packet.sequence.add(1);
      packet.trail.get(1).x *= 2;
      assertEquals(packet.toObject(), {
        ...VALUES,
        trail: [{ x: 16, y: 17 }, { x: 36, y: 19 }],
        word: { bits: 20, bytes: Uint8Array.of(20, 0, 0, 0) },
        sequence: 22,
      });
      assertEquals(Packet.at(source, { offset }).small, 3);
    }
  }
});

Deno.test("a view's own place in its buffer counts", () => {
  const bytes = new Uint8Array(64);
  Point.at(bytes.subarray(16, 48), { offset: 8 }).x = 1.5;
  assertEquals(new DataView(bytes.buffer).getFloat64(24, true), 1.5);
  assertThrows(
    () => Point.at(bytes.subarray(16, 48), { offset: 17 }),
    RangeError,
    "Cannot place point at offset 17: its 16 bytes reach beyond the memory's 32",
  );
});

Deno.test("a record that doesn't fit its memory is refused, with the numbers", () => {
  using mapping = mapAnonymous(100);
  const { size } = Packet;
  const cases: [RecordMemory, number, string][] = [
    [
      mapping,
      0,
      `Cannot place packet at offset 0: its ${size} bytes reach beyond the memory's 100`,
    ],
    [new ArrayBuffer(size - 1), 0, `reach beyond the memory's ${size - 1}`],
    [new ArrayBuffer(size), 1, `at offset 1: its ${size} bytes reach beyond`],
    [new ArrayBuffer(0), 0, "reach beyond the memory's 0"],
    [new ArrayBuffer(1000), 2 ** 53 - 1, "reach beyond the memory's 1000"],
    [new ArrayBuffer(1000), -8, "offset must be an integer from 0"],
    [new ArrayBuffer(1000), NaN, "offset must be an integer from 0"],
    [new ArrayBuffer(1000), 1.5, "offset must be an integer from 0"],
  ];
  for (const [source, offset, message] of cases) {
    assertThrows(() => Packet.at(source, { offset }), RangeError, message);
  }
  assertThrows(
    () => Packet.at(mapping, { offset: "0" as never }),
    TypeError,
    "offset must be a number",
  );
  assertThrows(() => Packet.at(mapping, 64 as never), TypeError, "options must be an object");
});

Deno.test("what is no memory is refused", () => {
  using mapping = mapAnonymous(4096);
  using readonly = mapAnonymous(4096).protect("read");
  for (
    const source of [
      undefined,
      null,
      5,
      "x",
      {},
      [],
      { buffer: new ArrayBuffer(8) },
      readonly.view,
      readonly.bytes,
    ]
  ) {
    assertThrows(
      () => Point.at(source as never),
      TypeError,
      "memory must be an attachment, a mapping",
    );
  }
  using none = mapping.protect("none");
  assertThrows(
    () => Point.at(none as never),
    TypeError,
    "its memory may be neither read nor written",
  );
});

Deno.test("memory that may only be read is read, and every write is a TypeError", () => {
  using mapping = mapAnonymous(4096);
  Packet.at(mapping, { offset: 64 }).assign(VALUES);
  using memory = mapping.protect("read");
  const readonly = Packet.at(memory, { offset: 64 });
  assertEquals([readonly.count, readonly.trail.get(1).x, readonly.sequence.load()], [1, 18, 21]);
  // @ts-expect-error: TypeScript says so too
  assertThrows(() => readonly.count = 5, TypeError);
  // @ts-expect-error: there is no such method
  assertThrows(() => readonly.trail.assign([]), TypeError);

  const packet = readonly as unknown as ReturnType<typeof Packet.create>;
  const { read, write } = accesses(packet);
  for (const access of read) access();
  for (const access of write) {
    assertThrows(access, TypeError, "its memory may only be read", access.toString());
  }
  const all = Packet.arrayAt(memory, { length: 2 });
  assertThrows(() => (all as unknown as { assign(v: unknown): void }).assign([{}, {}]), TypeError);
  assertEquals(readonly.toObject().count, 1);
});

Deno.test("no method of a record that may be written writes to one that may not", () => {
  using memory = mapAnonymous(4096).protect("read");
  const Flat = struct("flat", {
    value: u32,
    list: array(u8, 4),
    raw: bytes(4),
    word: u32.atomic(),
  });
  const readonly = Flat.at(memory);
  const writable = Flat.create();
  const targets = [[writable, readonly], [writable.list, readonly.list], [
    writable.raw,
    readonly.raw,
  ], [writable.word, readonly.word]];
  let tried = 0;
  for (const [from, to] of targets) {
    for (
      let object = Object.getPrototypeOf(from);
      object !== Object.prototype;
      object = Object.getPrototypeOf(object)
    ) {
      for (
        const [name, { set, value }] of Object.entries(Object.getOwnPropertyDescriptors(object))
      ) {
        for (const write of [set, value]) {
          if (typeof write !== "function" || name === "constructor") continue;
          tried++;
          try {
            write.call(to, 1, 1);
          } catch (error) {
            assert(error instanceof Error);
          }
        }
      }
    }
  }
  assert(tried > 20);
  // It still is what it was, and we still live.
  assertEquals(readonly.toObject(), Flat.create().toObject());
});

Deno.test("a record on memory that is gone is an error that names it, whatever is asked of it", () => {
  const segment = Segment.create(IPC_PRIVATE, 4096, { removeOnDispose: true });
  using _segment = segment;
  const buffer = new ArrayBuffer(4096);
  const shrinking = new ArrayBuffer(4096, { maxByteLength: 4096 });
  const mapping = mapAnonymous(4096);
  const attachment = segment.attach();
  const readonlyMapping = mapAnonymous(4096).protect("read");
  const cases: [RecordMemory, () => void][] = [
    [attachment, () => attachment.detach()],
    [mapping, () => mapping.close()],
    [readonlyMapping, () => readonlyMapping.close()],
    [buffer, () => void structuredClone(buffer, { transfer: [buffer] })],
    [shrinking, () => shrinking.resize(100)],
  ];
  for (const [source, end] of cases) {
    const packet = Packet.at(source, { offset: 64 }) as ReturnType<typeof Packet.create>;
    const walk = packet.samples[Symbol.iterator]();
    const { read, write } = accesses(packet);
    packet.samples.get(0);
    end();
    const message = "its memory was detached";
    for (const access of read) {
      assertThrows(access, Deno.errors.BadResource, message, access.toString());
    }
    for (const access of write) {
      const readonly = source === readonlyMapping;
      if (readonly) assertThrows(access, Error);
      else assertThrows(access, Deno.errors.BadResource, message, access.toString());
    }
    assertThrows(() => packet.origin.x, Deno.errors.BadResource, "Cannot read packet.origin.x: ");
    assertThrows(() => walk.next(), Deno.errors.BadResource, "Cannot read packet.samples[]: ");
    assert(Deno.inspect(packet).includes("packet <Cannot read packet: its memory was detached"));
    if (source !== shrinking) assertThrows(() => Packet.at(source), Deno.errors.BadResource);
  }
});

Deno.test("a record ends when its mapping is resized, and is made again on the new views", () => {
  using mapping = mapAnonymous(4096);
  const packet = Packet.at(mapping);
  packet.count = 5;
  mapping.resize(3 * 65536);
  assertThrows(() => packet.count, Deno.errors.BadResource, "resized");
  assertThrows(() => packet.count = 6, Deno.errors.BadResource, "Make the record again");
  assertEquals(Packet.at(mapping).count, 5);
  assertEquals(Packet.at(mapping, { offset: 3 * 65536 - 512 }).count, 0);
});

Deno.test("a seqlock on memory that is gone, or may only be read, says so", () => {
  const State = seqlock(Point);
  const mapping = mapAnonymous(4096);
  const state = State.at(mapping);
  state.write({ x: 1 });
  const readonlyMemory = mapping.protect("read");
  assertThrows(
    () => state.write({ x: 2 }),
    Deno.errors.BadResource,
    "Cannot write point_seqlock: its memory was detached",
  );
  assertThrows(() => state.tryRead(), Deno.errors.BadResource, "Cannot read point_seqlock");
  const reader = State.at(readonlyMemory);
  assertEquals([reader.tryRead(), reader.writes], [{ x: 1, y: 0 }, 1]);
  assertEquals((reader as { write?: unknown }).write, undefined);
  assertThrows(() => state.write.call(reader as never, { x: 3 }), TypeError);
  assertEquals(reader.readSync(), { x: 1, y: 0 });
  readonlyMemory.close();
  assertThrows(() => reader.tryRead(), Deno.errors.BadResource);
  assertThrows(() => State.at(readonlyMemory), Deno.errors.BadResource);
});
