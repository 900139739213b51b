// Mapped files and memory with a descriptor, beside bench/map.c.

import {
  FileLock,
  mapFile,
  type MapFileOptions,
  type Mapping,
  Memfd,
  PosixSharedMemory,
  type ReadonlyMapping,
  SharedMemory,
} from "../mod.ts";
import { byteSummer, type VectorSum } from "./byte_sum.ts";
import { type Group, measureOne, WARM_UP, type Way } from "./case.ts";

const PAGE = 4096;
const SMALL = 65536;
const PART = 16 * 2 ** 20;
const BIG = 2 ** 30;
const SPARSE = 64 * 2 ** 30;
const BLOCK = 2 ** 20;

/** Where the random numbers start. */
const SEED = 1;

/** The group. Every way of a sum maps the file anew. */
export const MAP: Group = {
  name: "map",
  permissions: ["--allow-ffi", "--allow-read", "--allow-write", "--allow-sys"],
  cases: [
    {
      name: "byte sum",
      times: 1,
      what: "sum 1 GiB byte by byte through unsafeBytes; Deno: readSync() of 1 MiB, the same loop",
      c: ["byte sum", "byte sum, populate", "byte sum, sequential"],
      isthmus: ["byte sum", "byte sum, populate", "byte sum, sequential"],
      deno: ["byte sum, read"],
      promise: { beside: "deno", times: 1 },
    },
    {
      name: "byte sum, copy",
      times: 1,
      what: 'the same through bytes of access: "copy"',
      c: ["byte sum", "byte sum, populate", "byte sum, sequential"],
      isthmus: ["byte sum, copy", "byte sum, copy, populate", "byte sum, copy, sequential"],
      deno: ["byte sum, read"],
      promise: { beside: "deno", times: 1 },
    },
    {
      name: "at()",
      times: 1,
      what: 'sum 16 MiB by bytes.at() of access: "read"',
      c: ["16 MiB, byte by byte"],
      isthmus: ["16 MiB, at()"],
    },
    {
      name: "getUint8()",
      times: 1,
      what: "the same by view.getUint8()",
      c: ["16 MiB, byte by byte"],
      isthmus: ["16 MiB, getUint8()"],
    },
    {
      name: "vector sum",
      times: 1,
      what: "sum 1 GiB: C with SSE2, Isthmus with a WebAssembly kernel on a SharedMemory",
      c: ["vector sum", "vector sum, populate", "vector sum, sequential", "vector sum, windows"],
      isthmus: ["vector sum", "vector sum, populate", "vector sum, sequential"],
      promise: { beside: "c", times: 1 / 0.8 },
    },
    {
      name: "random byte",
      times: 3_000_000,
      what: "a byte of a random page of 1 GiB, mapped",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "random byte, first touch",
      times: 100_000,
      what: "the same, mapped anew",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "random byte, read",
      times: 300_000,
      what: "the same where C reads the page by pread(), and Deno by seekSync() and readSync()",
      isthmus: ["random byte"],
      deno: ["random byte, read"],
      promise: { beside: "c", times: 0.25 },
    },
    {
      name: "random page",
      times: 50_000,
      what: "sum a random page, byte by byte",
      promise: { beside: "c", times: 1.3 },
    },
    {
      name: "random page, read",
      times: 50_000,
      what: "the same where C and Deno read the page",
      isthmus: ["random page"],
      deno: ["random page, read"],
    },
    {
      name: "random page, vector",
      times: 300_000,
      what: "sum a random page as in `vector sum`",
      promise: { beside: "c", times: 1.3 },
    },
    { name: "open, 64 KiB", times: 20_000, memory: true, what: "open a file, map it, close" },
    {
      name: "open, 64 GiB",
      times: 20_000,
      memory: true,
      what: "the same with a sparse file",
      promise: { beside: "c", more: 20_000 },
    },
    {
      name: "open, 64 GiB, touch",
      times: 20_000,
      memory: true,
      what: "the same, and read its first byte",
      promise: { beside: "c", more: 20_000 },
    },
    { name: "memfd", times: 20_000, what: "make 64 KiB, map, write a byte, close" },
    { name: "posix", times: 10_000, what: "create 64 KiB by name, map, write a byte, remove" },
    { name: "flush", times: 100, what: "write a byte of a file, wait until the disk has it" },
    { name: "flush, async", times: 50_000, what: "the same without waiting" },
    { name: "file lock", times: 100_000, what: "lock a free file and unlock it" },
  ],
  prepare(directory) {
    Deno.writeFileSync(`${directory}/small`, new Uint8Array(SMALL));
    Deno.writeFileSync(`${directory}/sparse`, new Uint8Array());
    Deno.truncateSync(`${directory}/sparse`, SPARSE);
    using big = Deno.openSync(`${directory}/big`, { write: true, create: true });
    const block = new Uint8Array(BLOCK);
    for (let at = 0; at < block.length; at += 65536) {
      crypto.getRandomValues(block.subarray(at, at + 65536));
    }
    for (let at = 0; at < BIG; at += BLOCK) {
      block[0] = at / BLOCK;
      for (let done = 0; done < BLOCK;) done += big.writeSync(block.subarray(done));
    }
    // Or the disk would be busy with it while the first rounds are measured.
    big.syncSync();
  },
};

/** The loop of every byte sum. Its part fits a small integer, which V8 adds faster than a float. */
function byteSum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at < end;) {
    const stop = Math.min(at + BLOCK, end);
    let part = 0;
    for (; at < stop; at++) part += bytes[at];
    sum += part;
  }
  return sum;
}

function byteSumOfFile(path: string): number {
  using file = Deno.openSync(path);
  const block = new Uint8Array(BLOCK);
  let sum = 0;
  for (let read = file.readSync(block); read !== null; read = file.readSync(block)) {
    sum += byteSum(block, 0, read);
  }
  return sum;
}

type Populate = Pick<MapFileOptions, "populate" | "length"> & { readonly sequential?: boolean };

function mapToRead(path: string, options: Populate = {}): ReadonlyMapping {
  const map = mapFile(path, { populate: options.populate, length: options.length });
  if (options.sequential) map.advise("sequential");
  return map;
}

function mapToCopy(path: string, options: Populate = {}): Mapping {
  const map = mapFile(path, { ...options, access: "copy" });
  if (options.sequential) map.advise("sequential");
  return map;
}

/** A way that sums the big file, once it did so with the small one. */
function sum(work: (path: string) => number | bigint): Way {
  return async (measure, { directory }) => {
    await measure(() => work(`${directory}/big`), () => {
      for (let i = 0; i < 100; i++) work(`${directory}/small`);
    });
  };
}

function byteSumOfMap(options: Populate): Way {
  return sum((path) => {
    using map = mapToRead(path, options);
    return byteSum(map.unsafeBytes, 0, map.byteLength);
  });
}

function byteSumOfCopy(options: Populate): Way {
  return sum((path) => {
    using map = mapToCopy(path, options);
    return byteSum(map.bytes, 0, map.byteLength);
  });
}

/** In one call V8 would stay with the code that it compiled first, in a hurry. */
function vectorSumInBlocks(vectorSum: VectorSum, offset: number, length: number): bigint {
  let sum = 0n;
  for (let at = 0; at < length; at += BLOCK) {
    sum += vectorSum(offset + at, Math.min(BLOCK, length - at));
  }
  return sum;
}

function vectorSum(options: Populate): Way {
  return sum((path) => {
    using map = mapToCopy(path, options);
    using shared = SharedMemory.from(map);
    return vectorSumInBlocks(byteSummer(shared.wasm), shared.byteOffset, shared.byteLength);
  });
}

/** A way that sums the first bytes of the big file, one by one. */
function byteByByte(work: (map: ReadonlyMapping) => number): Way {
  return sum((path) => {
    using map = mapToRead(path, { length: path.endsWith("big") ? PART : undefined });
    return work(map);
  });
}

function sumByAt({ bytes }: ReadonlyMapping): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes.at(i) ?? 0;
  return sum;
}

function sumByView({ view }: ReadonlyMapping): number {
  // Once a buffer was detached in the process, V8 calls a function for each byteLength.
  const { byteLength } = view;
  let sum = 0;
  for (let i = 0; i < byteLength; i++) sum += view.getUint8(i);
  return sum;
}

/** The next number: the same as in map.c. */
function next(x: number): number {
  x ^= x << 13;
  x ^= x >>> 17;
  return x ^ x << 5;
}

/** Sums random bytes of 1 GiB. A warm-up takes others (`seed`): it shall leave none in a cache. */
function randomBytes(bytes: Uint8Array, times: number, seed = SEED): number {
  let [sum, x] = [0, seed];
  for (let i = 0; i < times; i++) {
    x = next(x);
    sum += bytes[x >>> 2];
  }
  return sum;
}

function randomPages(bytes: Uint8Array, times: number, seed = SEED): number {
  let [sum, x] = [0, seed];
  for (let i = 0; i < times; i++) {
    x = next(x);
    const start = (x >>> 14) * PAGE;
    sum += byteSum(bytes, start, start + PAGE);
  }
  return sum;
}

function randomVectors(vectorSum: VectorSum, offset: number, times: number, seed = SEED): number {
  let [sum, x] = [0, seed];
  for (let i = 0; i < times; i++) {
    x = next(x);
    sum += Number(vectorSum(offset + (x >>> 14) * PAGE, PAGE));
  }
  return sum;
}

/** A way that looks at random parts of the big file, mapped and populated. */
function random(work: (bytes: Uint8Array, times: number, seed?: number) => number): Way {
  return async (measure, { directory }) => {
    using map = mapToRead(`${directory}/big`, { populate: true });
    const { unsafeBytes } = map;
    await measure((times) => work(unsafeBytes, times), () => {
      // V8 compiles this loop several times.
      for (let i = 1; i <= 10; i++) work(unsafeBytes, WARM_UP, SEED + i);
    });
  };
}

/** A way that reads random pages with what Deno has. */
function randomReads(use: (page: Uint8Array, random: number) => number): Way {
  return async (measure, { directory }) => {
    using file = Deno.openSync(`${directory}/big`);
    const page = new Uint8Array(PAGE);
    await measure((times) => {
      let [sum, x] = [0, SEED];
      for (let i = 0; i < times; i++) {
        x = next(x);
        file.seekSync((x >>> 14) * PAGE, Deno.SeekMode.Start);
        file.readSync(page);
        sum += use(page, x);
      }
      return sum;
    });
  };
}

function open(name: string, touch = false): Way {
  return async (measure, { directory }) => {
    const path = `${directory}/${name}`;
    await measure((times) => {
      let sum = 0;
      for (let i = 0; i < times; i++) {
        using map = mapFile(path);
        sum += map.byteLength;
        if (touch) sum += map.unsafeBytes[0];
      }
      return sum;
    });
  };
}

/** What is done to memory that was just made: a write of one byte, and a read. */
function touch({ bytes }: Mapping, i: number): number {
  bytes[0] = i;
  return bytes[0];
}

function memfd(times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    using memfd = Memfd.create(SMALL);
    using map = memfd.map();
    sum += touch(map, i);
  }
  return sum;
}

function posix(times: number): number {
  const name = `/isthmus-bench-${Deno.pid}`;
  let sum = 0;
  for (let i = 0; i < times; i++) {
    using shared = PosixSharedMemory.create(name, SMALL, { removeOnDispose: true });
    using map = shared.map();
    sum += touch(map, i);
  }
  return sum;
}

function flush(async: boolean): Way {
  return async (measure, { directory }) => {
    using map = mapFile(`${directory}/small`, { access: "readwrite" });
    await measure((times) => {
      let sum = 0;
      for (let i = 0; i < times; i++) {
        const byte = touch(map, i);
        map.flushSync({ length: PAGE, async });
        sum += byte;
      }
      return sum;
    });
  };
}

function fileLock(lock: FileLock, times: number): number {
  for (let i = 0; i < times; i++) {
    using _guard = lock.lockSync();
  }
  return times;
}

const WAYS: Readonly<Record<string, Way>> = {
  "byte sum": byteSumOfMap({}),
  "byte sum, populate": byteSumOfMap({ populate: true }),
  "byte sum, sequential": byteSumOfMap({ sequential: true }),
  "byte sum, copy": byteSumOfCopy({}),
  "byte sum, copy, populate": byteSumOfCopy({ populate: true }),
  "byte sum, copy, sequential": byteSumOfCopy({ sequential: true }),
  "byte sum, read": sum(byteSumOfFile),
  "16 MiB, at()": byteByByte(sumByAt),
  "16 MiB, getUint8()": byteByByte(sumByView),
  "vector sum": vectorSum({}),
  "vector sum, populate": vectorSum({ populate: true }),
  "vector sum, sequential": vectorSum({ sequential: true }),
  "random byte": random(randomBytes),
  "random byte, first touch": async (measure, { directory }) => {
    await measure((times) => {
      using map = mapToRead(`${directory}/big`);
      return randomBytes(map.unsafeBytes, times);
    });
  },
  "random byte, read": randomReads((page, random) => page[random >>> 2 & PAGE - 1]),
  "random page": random(randomPages),
  "random page, read": randomReads((page) => byteSum(page, 0, PAGE)),
  "random page, vector": async (measure, { directory }) => {
    using map = mapToCopy(`${directory}/big`, { populate: true });
    using shared = SharedMemory.from(map);
    const { byteOffset } = shared;
    const vectorSum = byteSummer(shared.wasm);
    await measure(
      (times) => randomVectors(vectorSum, byteOffset, times),
      () => randomVectors(vectorSum, byteOffset, 10 * WARM_UP, SEED + 1),
    );
  },
  "open, 64 KiB": open("small"),
  "open, 64 GiB": open("sparse"),
  "open, 64 GiB, touch": open("sparse", true),
  "memfd": (measure) => measure(memfd),
  "posix": (measure) => measure(posix),
  "flush": flush(false),
  "flush, async": flush(true),
  "file lock": async (measure, { directory }) => {
    using lock = FileLock.open(`${directory}/small`);
    await measure((times) => fileLock(lock, times));
  },
};

if (import.meta.main) await measureOne(WAYS, Deno.args);
