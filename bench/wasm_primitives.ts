// A WebAssembly module with single operations on a shared memory, for bench/primitives.ts. Each
// loops by itself too, so that calling it can be told from doing it.

/*
(module
  (import "isthmus" "memory" (memory 1 65536 shared))
  (func (export "empty") (param i32) (result i32) (local.get 0))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "store") (param i32 i32) (result i32)
    (i32.atomic.store (local.get 0) (local.get 1)) (local.get 1))
  (func (export "exchange") (param i32 i32 i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (result i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)) (local.get 2)))
*/

const I32 = 0x7f;
const [LOCAL_GET, END, ATOMIC] = [0x20, 0x0b, 0xfe];
/** Alignment (a power of 2) and offset of an access to memory. */
const WORD = [2, 0];

const FUNCTIONS: Readonly<Record<string, { parameters: number; code: readonly number[] }>> = {
  empty: { parameters: 1, code: [LOCAL_GET, 0] },
  load: { parameters: 1, code: [LOCAL_GET, 0, ATOMIC, 0x10, ...WORD] },
  store: {
    parameters: 2,
    code: [LOCAL_GET, 0, LOCAL_GET, 1, ATOMIC, 0x17, ...WORD, LOCAL_GET, 1],
  },
  exchange: {
    parameters: 3,
    code: [LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, ATOMIC, 0x48, ...WORD],
  },
  copy: {
    parameters: 3,
    code: [LOCAL_GET, 0, LOCAL_GET, 1, LOCAL_GET, 2, 0xfc, 0x0a, 0, 0, LOCAL_GET, 2],
  },
};

/** A vector of what is encoded already; nothing here has 128 of anything. */
function vector(items: readonly (readonly number[])[]): number[] {
  return [items.length, ...items.flat()];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, content.length & 0x7f | 0x80, content.length >> 7, ...content];
}

function text(value: string): number[] {
  return [value.length, ...new TextEncoder().encode(value)];
}

function assemble(): Uint8Array<ArrayBuffer> {
  const functions = Object.entries(FUNCTIONS);
  const types = functions.map(([, { parameters }]) => [
    0x60,
    ...vector(Array(parameters).fill([I32])),
    ...vector([[I32]]),
  ]);
  const memory = [...text("isthmus"), ...text("memory"), 2, 3, 1, 0x80, 0x80, 4];
  const bodies = functions.map(([, { code }]) => [code.length + 2, 0, ...code, END]);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map((_, i) => [i]))),
    ...section(7, vector(functions.map(([name], i) => [...text(name), 0, i]))),
    ...section(10, vector(bodies)),
  ]);
}

/** The operations: addresses are offsets in the memory, in bytes. */
export interface WasmPrimitives {
  empty(value: number): number;
  load(address: number): number;
  store(address: number, value: number): number;
  exchange(address: number, expected: number, value: number): number;
  copy(to: number, from: number, byteLength: number): number;
}

/** The operations on a shared memory. */
export function wasmPrimitives(memory: WebAssembly.Memory): WasmPrimitives {
  const module = new WebAssembly.Module(assemble());
  const { exports } = new WebAssembly.Instance(module, { isthmus: { memory } });
  return exports as unknown as WasmPrimitives;
}
