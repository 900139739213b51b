import { assert, assertEquals, assertThrows } from "@std/assert";
import { IPC_PRIVATE, Segment } from "../mod.ts";
import { assertSystemError } from "./_objects.ts";
import { TestWorker, url } from "./_workers.ts";

function makeSegment(size = 8192): Segment {
  return Segment.create(IPC_PRIVATE, size, { removeOnDispose: true });
}

Deno.test("attach() gives the memory itself: another attachment sees every write", () => {
  using segment = makeSegment();
  using one = segment.attach();
  using two = segment.attach();
  assert(one.address !== two.address);
  one.bytes[0] = 1;
  one.view.setFloat64(8, 1.5, true);
  one.array(Uint32Array, { offset: 16, length: 1 })[0] = 0xdeadbeef;
  one.writeText("grüße", { offset: 100 });
  assertEquals([two.bytes[0], two.view.getFloat64(8, true), two.view.getUint32(16, true)], [
    1,
    1.5,
    0xdeadbeef,
  ]);
  assertEquals(two.readText({ offset: 100 }), "grüße");
});

Deno.test('attach({ access: "read" }) gives memory without writing methods', () => {
  using segment = makeSegment();
  using memory = segment.attach();
  using readonly = segment.attach({ access: "read" });
  memory.writeText("hello");
  assertEquals([readonly.readText(), readonly.bytes.at(0), readonly.byteLength], [
    "hello",
    104,
    8192,
  ]);
  assertEquals(readonly.view.getUint8(1), 101);
  assertEquals([...readonly.array(Uint16Array, { length: 1 })], [0x6568]);
  assertEquals(readonly.unsafeBytes[0], 104);
  for (const name of ["writeText", "set", "fill", "buffer"]) assert(!(name in readonly), name);
});

Deno.test("nothing of the writable class gets hold of read-only memory", () => {
  using segment = makeSegment();
  using memory = segment.attach();
  using readonly = segment.attach({ access: "read" });
  const bytes = Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(Object.getPrototypeOf(memory)),
    "bytes",
  );
  assertThrows(() => bytes?.get?.call(readonly), TypeError);
  assertThrows(() => memory.writeText.call(readonly as unknown as typeof memory, "x"), TypeError);
  class Spy extends Uint8Array<ArrayBuffer> {}
  assertThrows(() => readonly.array(Spy), TypeError, "type must be one of");
  // An option that changes its mind between two looks.
  let looks = 0;
  const options = {
    get access() {
      return looks++ === 0 ? "read" as const : "readwrite" as const;
    },
  };
  using attached = segment.attach(options);
  assert(!("writeText" in attached));
});

Deno.test("after detach() every view is empty, and using one is no fault", () => {
  using segment = makeSegment();
  const memory = segment.attach();
  const { bytes, view } = memory;
  const floats = memory.array(Float64Array);
  const part = bytes.subarray(10, 20);
  const iterator = bytes[Symbol.iterator]();
  memory.detach();
  assertEquals([bytes.length, floats.length, part.length, memory.byteLength, memory.mapped], [
    0,
    0,
    0,
    0,
    false,
  ]);
  assertEquals([bytes[0], part[5], floats[1]], [undefined, undefined, undefined]);
  bytes[0] = 1;
  assertThrows(() => view.getUint8(0), TypeError);
  assertThrows(() => Atomics.load(bytes, 0), TypeError);
  assertThrows(() => new Uint8Array(bytes.buffer), TypeError);
  assertThrows(() => iterator.next(), TypeError);
  assertThrows(() => bytes.fill(1), TypeError);
  assertEquals(segment.status().nattch, 0);
});

Deno.test("after detach() the memory's own methods say so", () => {
  using segment = makeSegment();
  const memory = segment.attach();
  const readonly = segment.attach({ access: "read" });
  const view = readonly.view;
  memory.detach();
  readonly.detach();
  const uses = [
    () => memory.readText(),
    () => memory.writeText("x"),
    () => memory.array(Uint8Array),
    () => memory.view,
    () => readonly.readText(),
    () => readonly.view,
    () => readonly.array(Uint8Array),
  ];
  for (const use of uses) {
    assertThrows(use, Deno.errors.BadResource, "it was unmapped");
  }
  assertEquals([memory.bytes.length, readonly.bytes.length, readonly.bytes.at(0)], [
    0,
    0,
    undefined,
  ]);
  assertThrows(() => view.getUint8(0), TypeError);
});

Deno.test("detach() and leaving scope detach once, however often", () => {
  using segment = makeSegment();
  using other = segment.attach();
  {
    using memory = segment.attach();
    memory.detach();
    memory.detach();
  }
  assertEquals([segment.status().nattch, other.bytes.length], [1, 8192]);
});

Deno.test("views that outlive the memory survive collections and new mappings at its address", () => {
  using segment = makeSegment(65536);
  const dead: Uint8Array[] = [];
  for (let round = 0; round < 2000; round++) {
    using memory = segment.attach();
    memory.bytes[round] = round;
    dead.push(memory.bytes);
  }
  assert(dead.every((bytes) => bytes.length === 0 && bytes[0] === undefined));
  assertEquals(segment.status().nattch, 0);
});

Deno.test("a buffer with a transfer of its own is detached all the same", () => {
  using segment = makeSegment();
  for (const fake of [{ transfer: () => {} }, { detached: true }, { detached: false }]) {
    const memory = segment.attach();
    const { bytes } = memory;
    for (const [name, value] of Object.entries(fake)) {
      Object.defineProperty(bytes.buffer, name, { value });
    }
    memory.detach();
    assertEquals([bytes.length, bytes[0], segment.status().nattch], [0, undefined, 0]);
    assertThrows(() => memory.readText(), Deno.errors.BadResource, "it was unmapped");
  }
});

Deno.test("a buffer that was transferred away keeps its memory, and detach() says why", () => {
  const segment = makeSegment();
  const transfers: ((buffer: ArrayBuffer) => ArrayBuffer)[] = [
    (buffer) => structuredClone(buffer, { transfer: [buffer] }),
    (buffer) => buffer.transfer(),
    (buffer) => {
      const { port1, port2 } = new MessageChannel();
      port1.postMessage(buffer, [buffer]);
      port1.close();
      port2.close();
      return new ArrayBuffer(0);
    },
  ];
  try {
    for (const transfer of transfers) {
      const memory = segment.attach();
      const moved = new Uint8Array(transfer(memory.bytes.buffer));
      const before = segment.status().nattch;
      for (let attempt = 0; attempt < 2; attempt++) {
        assertThrows(
          () => memory.detach(),
          Deno.errors.BadResource,
          "its ArrayBuffer was transferred away",
        );
      }
      assertThrows(() => memory.readText(), Deno.errors.BadResource, "transferred away");
      assertEquals([segment.status().nattch, memory.mapped], [before, true]);
      if (moved.length > 0) moved[1] = 1; // no fault
    }
  } finally {
    segment.remove(); // the memory goes with this process
  }
});

Deno.test("a Worker attaches for itself, from the id", async () => {
  using segment = makeSegment();
  using memory = segment.attach();
  const code = `
    import { Segment } from ${url("mod.ts")};
    using memory = Segment.fromId(${segment.id}).attach();
    memory.writeText("from the worker");
    self.postMessage(memory.bytes.length);`;
  using worker = new TestWorker(code);
  assertEquals([await worker.message(), memory.readText()], [8192, "from the worker"]);
});

Deno.test("an id that another segment has by now is no way into its memory", () => {
  // The kernel gives an id again after some four million segments: here it has another size.
  using small = makeSegment(100);
  const old = Segment.fromId(small.id);
  Object.defineProperty(old, "size", { value: 1 << 20 });
  const error = assertThrows(
    () => old.attach(),
    Deno.errors.BadResource,
    "it was removed meanwhile",
  );
  assertSystemError(error, Deno.errors.BadResource, "EIDRM", "shmat");
  assertEquals(small.status().nattch, 0);
});

Deno.test("attach() takes an address, rounded down if asked", () => {
  using segment = makeSegment();
  const free = segment.attach();
  const { address } = free;
  free.detach();
  {
    using memory = segment.attach({ address });
    assertEquals(memory.address, address);
  }
  {
    using memory = segment.attach({ address: address + 100n, round: true });
    assertEquals(memory.address, address);
  }
});

Deno.test("attach() checks the address", () => {
  using segment = makeSegment();
  using memory = segment.attach();
  const { address } = memory;
  assertThrows(
    () => segment.attach({ address: address + 1n }),
    RangeError,
    "address must be a multiple of",
  );
  assertThrows(
    () => segment.attach({ address: 1n, round: true }),
    RangeError,
    "address must not round to 0",
  );
  for (const bad of [0n, -4096n, 2n ** 64n]) {
    assertThrows(
      () => segment.attach({ address: bad }),
      RangeError,
      "address must be a positive 64-bit integer",
    );
  }
  assertThrows(
    () => segment.attach({ address: 4096 as unknown as bigint }),
    TypeError,
    "address must be a bigint",
  );
  assertThrows(() => segment.attach({ round: true }), TypeError, "round needs an address");
  assertThrows(
    () => segment.attach({ unsafeRemap: true }),
    TypeError,
    "unsafeRemap needs an address",
  );
  assertThrows(
    () => segment.attach({ access: "write" as "read" }),
    TypeError,
    'access must be "read" or "readwrite": received "write"',
  );
  const error = assertThrows(() => segment.attach({ address })) as Error;
  assertSystemError(error, Error, "EINVAL", "shmat");
  assert(error.message.includes("something is mapped there already"), error.message);
  assertEquals(segment.status().nattch, 1);
});

Deno.test("attach({ unsafeRemap }) replaces a mapping, but none that is in use here", {
  ignore: Deno.build.os !== "linux",
}, () => {
  using segment = makeSegment();
  const memory = segment.attach();
  const { address } = memory;
  assertThrows(
    () => segment.attach({ address: address + 4096n, unsafeRemap: true }),
    RangeError,
    "in use: end that first",
  );
  memory.detach();
  using again = segment.attach({ address, unsafeRemap: true });
  assertEquals(again.address, address);
});

Deno.test(
  "attach({ execute }) maps the segment executable",
  { ignore: Deno.build.os !== "linux" },
  () => {
    using segment = Segment.create(IPC_PRIVATE, 4096, { mode: 0o700, removeOnDispose: true });
    using memory = segment.attach({ execute: true });
    const line = Deno.readTextFileSync("/proc/self/maps").split("\n")
      .find((map) => map.startsWith(memory.address.toString(16)));
    assert(line?.includes("rwxs"), line);
  },
);

Deno.test("a segment larger than 4 GiB is one buffer", () => {
  const size = 5 * 2 ** 30;
  using segment = Segment.create(IPC_PRIVATE, size, { noReserve: true, removeOnDispose: true });
  using memory = segment.attach();
  memory.bytes[size - 1] = 7;
  assertEquals([memory.byteLength, memory.view.getUint8(size - 1)], [size, 7]);
});
