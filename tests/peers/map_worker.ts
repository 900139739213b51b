// A Worker that uses the memory it is sent in the way it is told. It answers each message, with a value or an error.
import { mapMemfd } from "../../mod.ts";

/** What it is told. */
export type Task =
  | { readonly use: "map"; readonly handle: string; readonly rounds: number }
  | { readonly use: "add"; readonly cells: Int32Array<ArrayBufferLike>; readonly rounds: number }
  | { readonly use: "wait"; readonly cells: Int32Array<ArrayBufferLike> }
  | { readonly use: "read"; readonly bytes: Uint8Array<ArrayBufferLike> };

/** Counts in the first cell. */
function add(cells: Int32Array<ArrayBufferLike>, rounds: number): void {
  for (let round = 0; round < rounds; round++) Atomics.add(cells, 0, 1);
}

/** Says in the second cell that it waits, and waits until the first isn't 0. */
function wait(cells: Int32Array<ArrayBufferLike>): string {
  Atomics.store(cells, 1, 1);
  const outcome = Atomics.wait(cells, 0, 0);
  return `${outcome} ${Atomics.load(cells, 0)}`;
}

/** Reads and writes in a loop until the first byte is 0, and tells how often and what the last one is then. */
function read(bytes: Uint8Array<ArrayBufferLike>): { rounds: number; last: number } {
  let rounds = 0;
  let sum = 0;
  do {
    rounds++;
    for (let index = 64; index < bytes.length; index += 64) sum += bytes[index];
    bytes[8]++;
  } while (Atomics.load(bytes, 0) !== 0 && sum >= 0);
  return { rounds, last: bytes[bytes.length - 1] };
}

function perform(task: Task): unknown {
  switch (task.use) {
    case "map": {
      using memory = mapMemfd(task.handle);
      add(memory.array(Int32Array, { length: 1 }), task.rounds);
      return memory.byteLength;
    }
    case "add":
      return add(task.cells, task.rounds);
    case "wait":
      return wait(task.cells);
    case "read":
      return read(task.bytes);
  }
}

// The types that Deno checks with are those of the main thread.
const worker = self as unknown as {
  onmessage: (event: MessageEvent<Task>) => void;
  postMessage(answer: { readonly value: unknown } | { readonly error: string }): void;
};

worker.onmessage = ({ data }) => {
  try {
    worker.postMessage({ value: perform(data) });
  } catch (error) {
    worker.postMessage({ error: String(error) });
  }
};
worker.postMessage({ value: "ready" });
