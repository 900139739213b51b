// What the operations cost that everything is made of, in nanoseconds: the facts behind "Where the
// time goes" in bench/README.md. Start it with
// `deno run --allow-ffi --allow-sys bench/primitives.ts [rounds]`.

import { platform } from "../ffi/platform.ts";
import { mapAnonymous, SharedMemory } from "../mod.ts";
import { median } from "./laboratory.ts";
import { wasmPrimitives } from "./wasm_primitives.ts";

/** An operation, so many times; what it returns only keeps the compiler from leaving it out. */
type Loop = (times: number) => unknown;

const TIMES = 1_000_000;
const CALLS = 200_000;

const map = mapAnonymous(65536, { shared: true });
const shared = SharedMemory.from(mapAnonymous(2 * 65536, { shared: true }));
const wasm = wasmPrimitives(shared.wasm);
const libc = Deno.dlopen("libc.so.6", {
  abs: { parameters: ["i32"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  labs: { parameters: ["i64"], result: "i32" },
  memcpy: { parameters: ["usize", "usize", "usize"], result: "void" },
  strnlen: { parameters: ["buffer", "usize"], result: "i32" },
  syscall: { parameters: ["i64", "usize", "i32", "i32", "usize"], result: "i32" },
  pthread_mutex_init: { parameters: ["usize", "buffer"], result: "i32" },
  pthread_mutexattr_init: { parameters: ["buffer"], result: "i32" },
  pthread_mutexattr_setpshared: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_mutexattr_setrobust: { parameters: ["buffer", "i32"], result: "i32" },
  pthread_mutex_trylock: { parameters: ["usize"], result: "i32" },
  pthread_mutex_unlock: { parameters: ["usize"], result: "i32" },
  getpid_elsewhere: { name: "getpid", parameters: [], result: "i32", nonblocking: true },
}).symbols;

const SYS_futex = platform().syscalls?.futex ?? 0;
const FUTEX_WAKE = 1;
const MUTEX = map.address + 4096n;

function makeMutex(): void {
  const attributes = new Uint8Array(64);
  libc.pthread_mutexattr_init(attributes);
  libc.pthread_mutexattr_setpshared(attributes, 1);
  libc.pthread_mutexattr_setrobust(attributes, 1);
  libc.pthread_mutex_init(MUTEX, attributes);
}

/** The bytes of a message, moved in four ways between memory of the heap and mapped memory. */
function copies(length: number, bytes: Uint8Array, name: string): Record<string, Loop> {
  const from = new Uint8Array(length);
  const to = bytes.subarray(0, length);
  const [ints, intsTo] = [from, to].map((view) =>
    new Int32Array(view.buffer, view.byteOffset, length / 4)
  );
  const [floats, floatsTo] = [from, to].map((view) =>
    new Float64Array(view.buffer, view.byteOffset, length / 8)
  );
  return {
    [`set() of ${length} B, ${name}`]: (times) => {
      for (let i = 0; i < times; i++) {
        from[0] = i;
        to.set(from);
      }
    },
    [`loop over ${length} B by i32, ${name}`]: (times) => {
      for (let i = 0; i < times; i++) {
        from[0] = i;
        for (let k = 0; k < ints.length; k++) intsTo[k] = ints[k];
      }
    },
    [`loop over ${length} B by f64, ${name}`]: (times) => {
      for (let i = 0; i < times; i++) {
        from[0] = i;
        for (let k = 0; k < floats.length; k++) floatsTo[k] = floats[k];
      }
    },
  };
}

function atomics(words: Int32Array, name: string): Record<string, Loop> {
  return {
    [`Atomics.load, ${name}`]: (times) => {
      let sum = 0;
      for (let i = 0; i < times; i++) sum = sum + Atomics.load(words, 16) | 0;
      return sum;
    },
    [`Atomics.store, ${name}`]: (times) => {
      for (let i = 0; i < times; i++) Atomics.store(words, 16, i);
    },
    [`Atomics.compareExchange, ${name}`]: (times) => {
      let value = Atomics.load(words, 16);
      for (let i = 0; i < times; i++) value = Atomics.compareExchange(words, 16, value, i);
      return value;
    },
  };
}

function allocations(length: number): Record<string, Loop> {
  return {
    [`new Uint8Array(${length})`]: (times) => {
      let last: Uint8Array | undefined;
      for (let i = 0; i < times; i++) last = new Uint8Array(length);
      return last;
    },
  };
}

class Held implements Disposable {
  count = 0;
  [Symbol.dispose](): void {
    this.count++;
  }
}

const words = map.array(Int32Array);
const sharedWords = shared.array(Int32Array);
const held = new Held();
const resolved = Promise.resolve(1);

const LOOPS: Readonly<Record<string, Loop>> = {
  "nothing": (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + words[i & 7] | 0;
    return sum;
  },
  ...copies(64, map.bytes, "mapped"),
  ...copies(1024, map.bytes, "mapped"),
  ...copies(64, shared.bytes, "SharedArrayBuffer"),
  ...copies(1024, shared.bytes, "SharedArrayBuffer"),
  "wasm memory.copy of 64 B": (times) => {
    for (let i = 0; i < times; i++) wasm.copy(1024, 8192, 64);
  },
  "wasm memory.copy of 1024 B": (times) => {
    for (let i = 0; i < times; i++) wasm.copy(1024, 8192, 1024);
  },
  "memcpy of 1024 B by FFI": (times) => {
    const [to, from, length] = [map.address, map.address + 8192n, 1024n];
    for (let i = 0; i < times; i++) libc.memcpy(to, from, length);
  },
  "subarray() of 64 B": (times) => {
    const { bytes } = map;
    let last = bytes;
    for (let i = 0; i < times; i++) last = bytes.subarray(64 * (i & 7), 64 * (i & 7) + 64);
    return last;
  },
  "new Uint8Array(buffer, offset, 64)": (times) => {
    const { buffer } = map.bytes;
    let last = map.bytes;
    for (let i = 0; i < times; i++) last = new Uint8Array(buffer, 64 * (i & 7), 64);
    return last;
  },
  "slice() of 64 B": (times) => {
    const { bytes } = map;
    let last = bytes;
    for (let i = 0; i < times; i++) last = bytes.slice(64 * (i & 7), 64 * (i & 7) + 64);
    return last;
  },
  ...allocations(16),
  ...allocations(64),
  ...allocations(128),
  ...allocations(1024),
  "64 B carved out of a new buffer of 64 KiB": (times) => {
    let buffer = new ArrayBuffer(65536);
    let used = 0;
    let last: Uint8Array | undefined;
    for (let i = 0; i < times; i++, used += 64) {
      if (used === 65536) {
        buffer = new ArrayBuffer(65536);
        used = 0;
      }
      last = new Uint8Array(buffer, used, 64);
    }
    return last;
  },
  ...atomics(words, "mapped"),
  ...atomics(sharedWords, "SharedArrayBuffer"),
  "wasm: empty call": (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + wasm.empty(i) | 0;
    return sum;
  },
  "wasm: atomic load": (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + wasm.load(64) | 0;
    return sum;
  },
  "wasm: atomic store": (times) => {
    for (let i = 0; i < times; i++) wasm.store(64, i);
  },
  "wasm: atomic compare-exchange": (times) => {
    let value = wasm.load(64);
    for (let i = 0; i < times; i++) value = wasm.exchange(64, value, i);
    return value;
  },
  "Atomics.pause": (times) => {
    for (let i = 0; i < times; i++) Atomics.pause();
  },
  "FFI call, i32 (abs)": (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + libc.abs(i) | 0;
    return sum;
  },
  "FFI call, 64 bits as a kept bigint (labs)": (times) => {
    const value = 5n;
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + libc.labs(value) | 0;
    return sum;
  },
  "FFI call, 64 bits as a number (labs)": (times) => {
    const labs = libc.labs as unknown as (value: number) => number;
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + labs(i) | 0;
    return sum;
  },
  "FFI call with a buffer (strnlen)": (times) => {
    const buffer = new Uint8Array(new ArrayBuffer(16));
    const most = 1n;
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + libc.strnlen(buffer, most) | 0;
    return sum;
  },
  "FFI call into the kernel (getpid)": (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum = sum + libc.getpid() | 0;
    return sum;
  },
  "FUTEX_WAKE by FFI, nobody waits": (times) => {
    const [number, none] = [BigInt(SYS_futex), 0n];
    const { address } = map;
    for (let i = 0; i < times; i++) libc.syscall(number, address, FUTEX_WAKE, 1, none);
  },
  "robust pthread_mutex_trylock + unlock by FFI": (times) => {
    for (let i = 0; i < times; i++) {
      if (libc.pthread_mutex_trylock(MUTEX) !== 0) throw new Error("the mutex is locked");
      libc.pthread_mutex_unlock(MUTEX);
    }
  },
  "calling a method": (times) => {
    for (let i = 0; i < times; i++) held[Symbol.dispose]();
    return held.count;
  },
  "try ... finally with that call": (times) => {
    for (let i = 0; i < times; i++) {
      try {
        held.count++;
      } finally {
        held[Symbol.dispose]();
      }
    }
    return held.count;
  },
  "using": (times) => {
    for (let i = 0; i < times; i++) {
      using _held = held;
    }
    return held.count;
  },
  "await of a resolved promise": async (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum += await resolved;
    return sum;
  },
  "await of an async function that returns at once": async (times) => {
    // deno-lint-ignore require-await
    const answer = async (value: number) => value;
    let sum = 0;
    for (let i = 0; i < times; i++) sum += await answer(i);
    return sum;
  },
  "nonblocking FFI call, awaited": async (times) => {
    for (let i = 0; i < times / 100; i++) await libc.getpid_elsewhere();
  },
};

/** Those that do only a part of the times. */
const PARTS: Readonly<Record<string, number>> = {
  "nonblocking FFI call, awaited": 100,
};

makeMutex();
const rounds = Number(Deno.args[0] ?? "5");
const found = new Map<string, number[]>();
for (let round = 0; round < rounds; round++) {
  for (const [name, loop] of Object.entries(LOOPS)) {
    if (round === 0) {
      for (let i = 0; i < 5; i++) await loop(20_000);
    }
    const times = name.startsWith("FFI") || name.includes("await") ? CALLS : TIMES;
    const start = performance.now();
    await loop(times);
    const nanoseconds = (performance.now() - start) * 1e6 / times * (PARTS[name] ?? 1);
    found.getOrInsert(name, []).push(nanoseconds);
  }
}
for (const [name, values] of found) {
  console.log(`${median(values).toFixed(1).padStart(9)} ns  ${name}`);
}
Deno.exit(0); // what the mapped memory keeps alive is nobody's any more
