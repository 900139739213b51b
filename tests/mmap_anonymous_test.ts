// Memory that is no file's: private, shared, and of huge pages.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { getpagesize } from "../ffi/pages.ts";
import { mapAnonymous, Memfd, ReservedMapping } from "../mod.ts";
import { evaluate, mapsWith, pattern } from "./_files.ts";
import { assertSystemError } from "./_objects.ts";

const PAGE = getpagesize();
const linux = { ignore: Deno.build.os !== "linux" };

Deno.test("mapAnonymous() gives zeros, private or shared", () => {
  for (const shared of [false, true]) {
    for (const length of [1, 7, PAGE, 10 * PAGE + 1]) {
      using map = mapAnonymous(length, { shared });
      assertEquals([map.byteLength, map.bytes.length, map.created], [length, length, true]);
      assert(map.bytes.every((byte) => byte === 0));
      map.bytes.fill(255);
      map.view.setUint8(length - 1, 1);
      assertEquals([map.isTruncated(), map.address % BigInt(PAGE)], [false, 0n]);
      map.flushSync();
    }
  }
});

Deno.test("mapAnonymous() gives the rights, and the kind, that it was asked for", linux, () => {
  const rights = (address: bigint) =>
    mapsWith(`${address.toString(16)}-`).map((line) => line.split(" ")[1]);
  using plain = mapAnonymous(PAGE);
  using shared = mapAnonymous(PAGE, { shared: true });
  using executable = mapAnonymous(PAGE, { execute: true });
  using reserved = mapAnonymous(3 * PAGE, { access: "none" });
  assertEquals([plain, shared, executable, reserved].map(({ address }) => rights(address)), [
    ["rw-p"],
    ["rw-s"],
    ["rwxp"],
    ["---p"],
  ]);
  assert(reserved instanceof ReservedMapping);
});

Deno.test("populate gives every page its memory at once", linux, () => {
  for (const shared of [false, true]) {
    using lazy = mapAnonymous(16 * PAGE, { shared });
    using map = mapAnonymous(16 * PAGE, { shared, populate: true });
    assertEquals([lazy.residentPages(), map.residentPages()], [0, 16]);
  }
});

Deno.test("address space can be reserved, and made memory of when it is needed", linux, () => {
  const size = 2 ** 44;
  using reserved = mapAnonymous(size, { access: "none", noReserve: true });
  assertEquals([reserved.byteLength, reserved.residentPages({ length: 2 ** 30 })], [size, 0]);
  using map = reserved.protect("readwrite");
  map.bytes[0] = 1;
  map.bytes[size - 1] = 2;
  assertEquals([map.bytes[0], map.bytes[size / 2], map.bytes[size - 1]], [1, 0, 2]);
});

Deno.test("noReserve maps more than there is memory, which is an error without it", linux, () => {
  const size = 2 ** 42;
  using map = mapAnonymous(size, { noReserve: true });
  map.bytes[size - 1] = 7;
  assertEquals([map.bytes[size - 1], map.view.getUint8(size - 1)], [7, 7]);
  const overcommit = Deno.readTextFileSync("/proc/sys/vm/overcommit_memory").trim();
  if (overcommit === "1") return; // then the system promises any amount
  const error = assertThrows(() => mapAnonymous(size)) as Error;
  assertSystemError(error, Error, "ENOMEM", "mmap");
  assert(error.message.includes(`Cannot map ${size} bytes of private anonymous`), error.message);
});

Deno.test("more than there are addresses is an error", () => {
  for (const length of [2 ** 48, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
    for (const access of ["readwrite", "none"] as const) {
      const error = assertThrows(() => mapAnonymous(length, { access, noReserve: true } as object));
      assertSystemError(error, Error, "ENOMEM", "mmap");
    }
  }
});

Deno.test("mapAnonymous() checks its arguments", () => {
  for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => mapAnonymous(length), RangeError, "length must be an integer from 1");
  }
  assertThrows(() => mapAnonymous("1" as unknown as number), TypeError, "length must be a number");
  assertThrows(() => mapAnonymous(1, 5 as unknown as object), TypeError, "options must be");
  assertThrows(
    () => mapAnonymous(1, { access: "read" as "none" }),
    TypeError,
    'access must be one of "readwrite", "none"',
  );
  for (const hugePages of [5000, 0, -1, 1024, 3 * 2 ** 20]) {
    assertThrows(() => mapAnonymous(1, { hugePages }), RangeError, "hugePages must be");
  }
  assertThrows(
    () => mapAnonymous(1, { hugePages: true, noReserve: true }),
    TypeError,
    "noReserve can't be set together with hugePages",
  );
});

Deno.test("memory that is forgotten is given back when the process ends, not before", async () => {
  const { code, stdout } = await evaluate(`
    const bytes = mapAnonymous(4096).bytes;
    for (let round = 0; round < 200; round++) mapAnonymous(2 ** 20).bytes[0] = 1;
    for (let round = 0; round < 50; round++) new Uint8Array(2 ** 22).fill(1);
    bytes[0] = 7;
    console.log(bytes[0]);`);
  assertEquals([code, stdout], [0, "7\n"]);
});

const HUGE = 2 ** 21;
const RESERVED = "/proc/sys/vm/nr_hugepages";

/** Has the system reserve some huge pages of 2 MiB; `null` where it can't. */
function reserveHugePages(count: number): Disposable | null {
  try {
    const before = Deno.readTextFileSync(RESERVED).trim();
    const restore = () => Deno.writeTextFileSync(RESERVED, before);
    Deno.writeTextFileSync(RESERVED, String(Number(before) + count));
    if (Number(Deno.readTextFileSync(RESERVED)) === Number(before) + count && sizeIs2MiB()) {
      return { [Symbol.dispose]: restore };
    }
    restore();
  } catch {
    // Not Linux, not root, or no huge pages at all.
  }
  return null;
}

function sizeIs2MiB(): boolean {
  return /^Hugepagesize:\s+2048 kB$/m.test(Deno.readTextFileSync("/proc/meminfo"));
}

/** Runs a test with huge pages, or says why not. */
function withHugePages(count: number, test: () => void): void {
  using reserved = reserveHugePages(count);
  if (reserved === null) console.log("skipped, no huge pages can be reserved here");
  else test();
}

Deno.test("huge pages hold private and shared memory", linux, () => {
  withHugePages(4, () => {
    for (const hugePages of [true, HUGE]) {
      for (const shared of [false, true]) {
        using map = mapAnonymous(HUGE + 1, { hugePages, shared });
        map.bytes.fill(7);
        assertEquals([map.byteLength, map.bytes[HUGE], map.address % BigInt(HUGE)], [
          HUGE + 1,
          7,
          0n,
        ]);
        assertEquals(map.residentPages(), 2 * HUGE / PAGE);
        map.flushSync();
        map.lock();
        map.unlock();
      }
    }
  });
});

Deno.test(
  "memory of huge pages can be protected, and given back in whole huge pages",
  linux,
  () => {
    withHugePages(2, () => {
      using map = mapAnonymous(2 * HUGE, { hugePages: true });
      map.bytes.fill(7);
      assertThrows(() => map.discard("dontneed", { length: PAGE }), RangeError, `${HUGE} bytes`);
      assertThrows(() => map.discard("dontneed", { offset: PAGE }), RangeError, "whole pages");
      map.discard("dontneed", { offset: HUGE });
      assertEquals([map.bytes[0], map.bytes[HUGE]], [7, 0]);
      using readonly = map.protect("read");
      using again = readonly.protect("readwrite");
      again.bytes[0] = 8;
      assertEquals(again.bytes[0], 8);
      try {
        again.resize(100);
        assertEquals(again.bytes.length, 100);
      } catch (error) {
        assertSystemError(error, Error, "EINVAL", "mremap");
        assertEquals([again.bytes.length, again.bytes[0]], [2 * HUGE, 8]);
      }
    });
  },
);

// Where the buffer's address happens to be a huge page's, it could be laid over, with all behind it.
Deno.test(
  "huge pages never lie under a SharedArrayBuffer, which says so and leaves them",
  linux,
  async () => {
    using reserved = reserveHugePages(1);
    if (reserved === null) return console.log("skipped, no huge pages can be reserved here");
    const { code, stdout } = await evaluate(`
    const tried = new Set();
    for (let round = 0; round < 300; round++) {
      using map = mapAnonymous(100, { hugePages: true });
      map.bytes[5] = 7;
      try {
        SharedMemory.from(map);
        tried.add("no error");
      } catch (error) {
        tried.add(error.message.includes("huge") ? "refused" : error.message);
      }
      if (!map.mapped || map.bytes[5] !== 7) tried.add("lost");
    }
    console.log(...tried);`);
    assertEquals([code, stdout], [0, "refused\n"]);
  },
);

Deno.test("a memfd of huge pages maps from any offset", linux, () => {
  withHugePages(2, () => {
    using memfd = Memfd.create(2 * HUGE, { hugePages: HUGE });
    using all = memfd.map();
    using part = memfd.map({ offset: HUGE + 123, length: 1000 });
    part.bytes.set(pattern(1000));
    assertEquals(all.bytes.slice(HUGE + 123, HUGE + 1123), pattern(1000));
    assertEquals([part.byteLength, memfd.size], [1000, 2 * HUGE]);
    memfd.map({ access: "read" }).close();
    assertThrows(() => memfd.map({ noReserve: true }), TypeError, "noReserve can't be set");
    assertThrows(() => Memfd.create(HUGE + 1, { hugePages: true }), RangeError, `${HUGE} bytes`);
  });
});

Deno.test(
  "too few huge pages are an error that says how to reserve some, and no fault",
  linux,
  () => {
    withHugePages(1, () => {
      const free = () => Number(/^HugePages_Free:\s+(\d+)$/m.exec(meminfo())?.[1]);
      const meminfo = () => Deno.readTextFileSync("/proc/meminfo");
      const length = (free() + 1) * HUGE;
      const error = assertThrows(() => mapAnonymous(length, { hugePages: true })) as Error;
      assertSystemError(error, Error, "ENOMEM", "mmap");
      assert(error.message.includes("vm.nr_hugepages"), error.message);
      using memfd = Memfd.create(length, { hugePages: true });
      assertThrows(() => memfd.map(), Error, "vm.nr_hugepages");
      const missing = assertThrows(() => mapAnonymous(1, { hugePages: 2 ** 16 })) as Error;
      assertSystemError(missing, Error, "EINVAL", "mmap");
      assert(missing.message.includes("has no huge pages of"), missing.message);
    });
  },
);
