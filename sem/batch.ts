import { checkInteger, describe } from "../ffi/check.ts";
import { setNumber } from "../ffi/layouts/field.ts";
import { platform } from "../ffi/platform.ts";

/** One operation of a batch that is done as a whole or not at all: C's `struct sembuf`. */
export interface SemaphoreOperation {
  /** Which semaphore of the set, from 0. */
  readonly index: number;
  /**
   * What to add to its value: a negative number takes, and waits until that much is there; a
   * positive one gives; 0 waits until the value is 0.
   */
  readonly change: number;
  /** Whether the kernel takes the change back when this process ends (`SEM_UNDO`). Default: `false`. */
  readonly undo?: boolean;
  /** Whether to fail instead of waiting (`IPC_NOWAIT`); in `opSync()` alone. Default: `false`. */
  readonly noWait?: boolean;
}

/** Operations as C takes them. */
export interface Batch {
  readonly operations: readonly SemaphoreOperation[];
  /** The same for the same operations. */
  readonly key: string;
  /** An array of `struct sembuf`. */
  readonly sops: Uint8Array<ArrayBuffer>;
  /** The same with `IPC_NOWAIT` on each. */
  readonly sopsNoWait: Uint8Array<ArrayBuffer>;
  /** How many there are: a bigint to keep, which makes the call fast. */
  readonly nsops: bigint;
}

function encode(operations: readonly SemaphoreOperation[], flags: number): Uint8Array<ArrayBuffer> {
  const { constants: { SEM_UNDO, IPC_NOWAIT }, layouts: { sembuf: { size, fields } } } = platform();
  const sops = new Uint8Array(operations.length * size);
  for (const [place, { index, change, undo, noWait }] of operations.entries()) {
    const view = new DataView(sops.buffer, place * size, size);
    setNumber(view, fields.sem_num, index);
    setNumber(view, fields.sem_op, change);
    setNumber(view, fields.sem_flg, flags | (undo ? SEM_UNDO : 0) | (noWait ? IPC_NOWAIT : 0));
  }
  return sops;
}

/** Encodes operations that are known to be valid. */
export function batch(operations: readonly SemaphoreOperation[]): Batch {
  const sops = encode(operations, 0);
  return {
    operations,
    key: sops.join(),
    sops,
    sopsNoWait: encode(operations, platform().constants.IPC_NOWAIT),
    nsops: BigInt(operations.length),
  };
}

/** Checks a user's operations on a set of `nsems` semaphores, and encodes them. */
export function checkedBatch(operations: readonly SemaphoreOperation[], nsems: number): Batch {
  if (!Array.isArray(operations)) {
    throw new TypeError(`operations must be an array: received ${describe(operations)}`);
  }
  if (operations.length === 0) throw new RangeError("operations must not be empty");
  for (const operation of operations) {
    checkInteger("index", operation?.index, 0, nsems - 1);
    checkChange(operation.change);
  }
  return batch(operations.map((operation) => ({ ...operation })));
}

function checkChange(change: number): void {
  const { SEMVMX } = platform().constants;
  checkInteger("change", change, -SEMVMX, SEMVMX);
}

/** Checks how many units are to be taken or given at once. */
export function checkAmount(amount: number): number {
  return checkInteger("amount", amount, 1, platform().constants.SEMVMX);
}

/** Whether a batch only takes or waits: then it can be taken back without waiting. */
export function onlyTakes({ operations }: Batch): boolean {
  return operations.every(({ change }) => change <= 0);
}

/** What takes a batch back, in reverse order; `null` if it changed nothing. */
export function reversal({ operations }: Batch): Batch | null {
  const reversed = operations
    .filter(({ change }) => change !== 0)
    .map(({ index, change, undo }) => ({ index, change: -change, undo }))
    .reverse();
  return reversed.length === 0 ? null : batch(reversed);
}

/**
 * A batch that waits until the given one could be done, and changes nothing: it
 * does each operation and then, within the same atomic step, takes it back.
 */
export function probe({ operations }: Batch): Batch {
  const forth = operations.map(({ index, change }) => ({ index, change }));
  const back = forth
    .filter(({ change }) => change !== 0)
    .map(({ index, change }) => ({ index, change: -change }))
    .reverse();
  return batch([...forth, ...back]);
}
