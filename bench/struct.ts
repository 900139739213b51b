// Records in mapped memory: field by field beside a DataView, as a whole beside bench/struct.c.

import { mapAnonymous, type Mapping } from "../mod.ts";
import {
  type AccessOf,
  array,
  bits,
  f64,
  i32,
  type InputOf,
  seqlock,
  struct,
  u16,
  u32,
  u64,
} from "../struct/mod.ts";
import { type Case, type Group, measureOne, WARM_UP, type Way } from "./case.ts";

const FIELD_TIMES = 20_000_000;
const BITS = "a bit field of 3 bits; Deno: the same of a byte, by hand";

function fieldCase(name: string, what: string, more: Partial<Case> = {}): Case {
  const promise = { beside: "deno", times: 1.3 } as const;
  return { name, what, times: FIELD_TIMES, c: [], deno: [`${name}, DataView`], promise, ...more };
}

function walkCase(name: string, what: string, more: Partial<Case> = {}): Case {
  const [c, deno] = [["walk"], ["walk, DataView"]];
  return { name, what, times: 20_000_000, c, deno, ...more };
}

/** The group. What is fast with Deno alone is written by hand, with the offsets as constants. */
export const STRUCT: Group = {
  name: "struct",
  permissions: ["--allow-ffi", "--allow-sys"],
  cases: [
    fieldCase("f64 get", "read a field; Deno: by getFloat64()"),
    fieldCase("f64 set", "write it"),
    fieldCase("i32 get", "the same with 32 bits"),
    fieldCase("i32 set", "write it"),
    fieldCase("u16 get", "the same with 16 bits"),
    fieldCase("u16 set", "write it"),
    fieldCase("u64 get", "the same with 64 bits as a bigint"),
    fieldCase("u64 set", "write it"),
    fieldCase("number get", "64 bits as a number; Deno: by way of a bigint, or as two halves", {
      deno: ["number get, bigint", "number get, halves"],
    }),
    fieldCase("number set", "write it", { deno: ["number set, bigint", "number set, halves"] }),
    fieldCase("nested get", "f64 of a record in the record"),
    fieldCase("nested set", "write it"),
    fieldCase("bits get", BITS, { promise: undefined }),
    fieldCase("bits set", "write it", { promise: undefined }),
    fieldCase("element get", "i32 of an array in the record", { promise: undefined }),
    fieldCase("element set", "write it", { promise: undefined }),
    walkCase("walk", "sum u32 and f64 of 1,000,000 records of 32 bytes, by `for of`; a record", {
      promise: { beside: "c", times: 1 / 0.3 },
    }),
    walkCase("walk, seek()", "the same by seek()"),
    walkCase("walk, get()", "the same by get(), an object each", { times: 5_000_000 }),
    {
      name: "seqlock write",
      times: 2_000_000,
      what: "write 64 bytes, by a function that sets all fields",
    },
    {
      name: "seqlock write, object",
      times: 1_000_000,
      c: ["seqlock write"],
      what: "the same by an object of values",
    },
    {
      name: "seqlock read",
      times: 1_000_000,
      what: "read 64 bytes, by readSync(), an object each",
    },
    {
      name: "seqlock read, into",
      times: 2_000_000,
      c: ["seqlock read"],
      what: "the same by tryReadInto(), and a field of it",
    },
  ],
};

const Point = struct("point", { x: f64, y: f64 });

const Packet = struct("packet", {
  mean: f64,
  count: i32,
  port: u16,
  low: bits(u16, 5),
  mode: bits(u16, 3),
  time: u64,
  size: u64.asNumber(),
  origin: Point,
  samples: array(i32, 8),
});
type Packet = AccessOf<typeof Packet>;

// Where the fields are: to the compiler, numbers in the code, as a program has them that does
// without a description.
const [MEAN, COUNT, PORT, MODE, TIME, SIZE, X, SAMPLES] = [0, 8, 12, 14, 16, 24, 32, 48];

const PACKET: InputOf<typeof Packet> = {
  mean: 1.5,
  count: -7,
  port: 50_000,
  mode: 5,
  time: 2n ** 63n + 3n,
  size: 2 ** 40 + 5,
  origin: { x: 2.5 },
  samples: [1, -2, 3, -4, 5, -6, 7, -8],
};

/** What is written to a field of 64 bits: bigints that are there already. */
const BIGINTS = Array.from({ length: 16 }, (_, i) => 2n ** 63n + BigInt(i));

/**
 * A loop over a field of a record, or of a view. `other` is memory behind the record: a loop that reads
 * also writes there, or the compiler might read once and for all.
 */
type Loop<Target> = (target: Target, times: number, other: Int32Array) => number | bigint;

const FIELD_LOOPS: Readonly<Record<string, Loop<Packet>>> = {
  "f64 get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += packet.mean;
    }
    return sum;
  },
  "f64 set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.mean = i + 0.5;
    return packet.mean;
  },
  "i32 get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + packet.count | 0;
    }
    return sum;
  },
  "i32 set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.count = i;
    return packet.count;
  },
  "u16 get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + packet.port | 0;
    }
    return sum;
  },
  "u16 set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.port = i & 0xffff;
    return packet.port;
  },
  "u64 get": (packet, times, other) => {
    let sum = 0n;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = BigInt.asUintN(64, sum + packet.time);
    }
    return sum;
  },
  "u64 set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.time = BIGINTS[i & 15];
    return packet.time;
  },
  "number get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += packet.size;
    }
    return sum;
  },
  "number set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.size = 2 ** 40 + i;
    return packet.size;
  },
  "nested get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += packet.origin.x;
    }
    return sum;
  },
  "nested set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.origin.x = i + 0.5;
    return packet.origin.x;
  },
  "bits get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + packet.mode | 0;
    }
    return sum;
  },
  "bits set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.mode = i & 7;
    return packet.mode;
  },
  "element get": (packet, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + packet.samples.get(i & 7) | 0;
    }
    return sum;
  },
  "element set": (packet, times) => {
    for (let i = 0; i < times; i++) packet.samples.set(i & 7, i);
    return packet.samples.get(3);
  },
};

const VIEW_LOOPS: Readonly<Record<string, Loop<DataView>>> = {
  "f64 get, DataView": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += view.getFloat64(MEAN, true);
    }
    return sum;
  },
  "f64 set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) view.setFloat64(MEAN, i + 0.5, true);
    return view.getFloat64(MEAN, true);
  },
  "i32 get, DataView": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + view.getInt32(COUNT, true) | 0;
    }
    return sum;
  },
  "i32 set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) view.setInt32(COUNT, i, true);
    return view.getInt32(COUNT, true);
  },
  "u16 get, DataView": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + view.getUint16(PORT, true) | 0;
    }
    return sum;
  },
  "u16 set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) view.setUint16(PORT, i & 0xffff, true);
    return view.getUint16(PORT, true);
  },
  "u64 get, DataView": (view, times, other) => {
    let sum = 0n;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = BigInt.asUintN(64, sum + view.getBigUint64(TIME, true));
    }
    return sum;
  },
  "u64 set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) view.setBigUint64(TIME, BIGINTS[i & 15], true);
    return view.getBigUint64(TIME, true);
  },
  "number get, bigint": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += Number(view.getBigUint64(SIZE, true));
    }
    return sum;
  },
  "number get, halves": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += view.getUint32(SIZE + 4, true) * 2 ** 32 + view.getUint32(SIZE, true);
    }
    return sum;
  },
  "number set, bigint": (view, times) => {
    for (let i = 0; i < times; i++) view.setBigUint64(SIZE, BigInt(2 ** 40 + i), true);
    return Number(view.getBigUint64(SIZE, true));
  },
  "number set, halves": (view, times) => {
    for (let i = 0; i < times; i++) {
      const value = 2 ** 40 + i;
      view.setUint32(SIZE + 4, Math.floor(value / 2 ** 32), true);
      view.setUint32(SIZE, value, true);
    }
    return Number(view.getBigUint64(SIZE, true));
  },
  "nested get, DataView": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum += view.getFloat64(X, true);
    }
    return sum;
  },
  "nested set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) view.setFloat64(X, i + 0.5, true);
    return view.getFloat64(X, true);
  },
  "bits get, DataView": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + (view.getUint8(MODE) >> 5) | 0;
    }
    return sum;
  },
  "bits set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) {
      view.setUint8(MODE, view.getUint8(MODE) & 0x1f | (i & 7) << 5);
    }
    return view.getUint8(MODE) >> 5;
  },
  "element get, DataView": (view, times, other) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      other[i & 7] = i;
      sum = sum + view.getInt32(SAMPLES + 4 * (i & 7), true) | 0;
    }
    return sum;
  },
  "element set, DataView": (view, times) => {
    for (let i = 0; i < times; i++) view.setInt32(SAMPLES + 4 * (i & 7), i, true);
    return view.getInt32(SAMPLES + 12, true);
  },
};

/**
 * A way for each loop. Before it is measured, all loops of its side run: a program uses fields of all types,
 * and what they share must not be known to the compiler as that of one type only. Then the loop
 * itself, until it is compiled for good.
 */
function loopWays<Target>(
  loops: Readonly<Record<string, Loop<Target>>>,
  targetOf: (map: Mapping) => Target,
): Record<string, Way> {
  const ways = Object.entries(loops).map(([name, loop]): [string, Way] => [
    name,
    async (measure) => {
      using map = mapAnonymous(4096);
      Packet.at(map).assign(PACKET);
      const target = targetOf(map);
      const other = new Int32Array(map.view.buffer, map.view.byteOffset + 1024, 8);
      const work = (times: number) => loop(target, times, other);
      await measure(work, () => {
        for (const each of Object.values(loops)) each(target, WARM_UP, other);
        Packet.at(map).assign(PACKET);
        for (let i = 0; i < 20; i++) work(50 * WARM_UP);
      });
    },
  ]);
  return Object.fromEntries(ways);
}

const RECORDS = 1_000_000;

const Sample = struct("sample", { id: u64, value: f64, count: u32, flags: u32, extra: f64 });
const samplesIn = (map: Mapping) => Sample.arrayAt(map, { length: RECORDS });
type Samples = ReturnType<typeof samplesIn>;
const [VALUE, SAMPLE_COUNT, SAMPLE_SIZE] = [8, 16, 32];

// Two variables by destructuring would be of any type to the compiler, which then allocates their
// numbers in each turn.
function sumByWalk(samples: Samples): number {
  let counts = 0;
  let values = 0;
  for (const sample of samples) {
    counts += sample.count;
    values += sample.value;
  }
  return counts + values;
}

function sumBySeek(samples: Samples): number {
  let counts = 0;
  let values = 0;
  for (let i = 0; i < RECORDS; i++) {
    const sample = samples.seek(i);
    counts += sample.count;
    values += sample.value;
  }
  return counts + values;
}

function sumByGet(samples: Samples): number {
  let counts = 0;
  let values = 0;
  for (let i = 0; i < RECORDS; i++) {
    const sample = samples.get(i);
    counts += sample.count;
    values += sample.value;
  }
  return counts + values;
}

function sumOfView(view: DataView): number {
  let counts = 0;
  let values = 0;
  for (let at = 0; at < RECORDS * SAMPLE_SIZE; at += SAMPLE_SIZE) {
    counts += view.getUint32(at + SAMPLE_COUNT, true);
    values += view.getFloat64(at + VALUE, true);
  }
  return counts + values;
}

/** A way that walks over all records again and again; `times` counts records. */
function walk<Target>(targetOf: (map: Mapping) => Target, sum: (target: Target) => number): Way {
  return async (measure) => {
    using map = mapAnonymous(RECORDS * SAMPLE_SIZE);
    for (let i = 0; i < RECORDS; i++) {
      map.view.setFloat64(i * SAMPLE_SIZE + VALUE, i / 2, true);
      map.view.setUint32(i * SAMPLE_SIZE + SAMPLE_COUNT, i, true);
    }
    const target = targetOf(map);
    const work = (times: number) => {
      let total = 0;
      for (let i = 0; i < times / RECORDS; i++) total += sum(target);
      return total;
    };
    await measure(work, () => work(20 * RECORDS));
  };
}

const State = struct("state", { a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64 });
const StateLock = seqlock(State);
const lockIn = (map: Mapping) => StateLock.at(map);
type StateLock = ReturnType<typeof lockIn>;

function writeByFunction(lock: StateLock, times: number): number {
  for (let i = 0; i < times; i++) {
    lock.write((state) => {
      state.a = i;
      state.b = i + 1;
      state.c = i + 2;
      state.d = i + 3;
      state.e = i + 4;
      state.f = i + 5;
      state.g = i + 6;
      state.h = i + 7;
    });
  }
  return lock.readSync().h;
}

function writeObjects(lock: StateLock, times: number): number {
  for (let i = 0; i < times; i++) {
    lock.write({ a: i, b: i + 1, c: i + 2, d: i + 3, e: i + 4, f: i + 5, g: i + 6, h: i + 7 });
  }
  return lock.readSync().h;
}

function readObjects(lock: StateLock, times: number): number {
  let sum = 0;
  for (let i = 0; i < times; i++) sum += lock.readSync().h;
  return sum;
}

function readInto(lock: StateLock, times: number): number {
  const copy = State.create();
  let sum = 0;
  for (let i = 0; i < times; i++) {
    if (lock.tryReadInto(copy)) sum += copy.h;
  }
  return sum;
}

function withLock(work: (lock: StateLock, times: number) => number): Way {
  return async (measure) => {
    using map = mapAnonymous(4096);
    const lock = lockIn(map);
    lock.write({ h: 7 });
    await measure((times) => work(lock, times), () => {
      for (let i = 0; i < 10; i++) work(lock, WARM_UP);
    });
  };
}

const WAYS: Readonly<Record<string, Way>> = {
  ...loopWays(FIELD_LOOPS, (map) => Packet.at(map)),
  ...loopWays(VIEW_LOOPS, (map) => map.view),
  "walk": walk(samplesIn, sumByWalk),
  "walk, seek()": walk(samplesIn, sumBySeek),
  "walk, get()": walk(samplesIn, sumByGet),
  "walk, DataView": walk((map) => map.view, sumOfView),
  "seqlock write": withLock(writeByFunction),
  "seqlock write, object": withLock(writeObjects),
  "seqlock read": withLock(readObjects),
  "seqlock read, into": withLock(readInto),
};

if (import.meta.main) await measureOne(WAYS, Deno.args);
