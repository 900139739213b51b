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
  /**
   * Whether the kernel takes the change back when this process ends (`SEM_UNDO`). Default: `false`.
   */
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

/** Copies a user's operations on a set of `nsems` semaphores, checks the copy and encodes it. */
export function checkedBatch(operations: readonly SemaphoreOperation[], nsems: number): Batch {
  if (!Array.isArray(operations)) {
    throw new TypeError(`operations must be an array: received ${describe(operations)}`);
  }
  const checked = Array.from(operations, (operation) => checkedOperation(operation, nsems));
  if (checked.length === 0) throw new RangeError("operations must not be empty");
  return batch(checked);
}

function checkedOperation(operation: SemaphoreOperation, nsems: number): SemaphoreOperation {
  const { SEMVMX } = platform().constants;
  const { index, change, undo = false, noWait = false } = { ...operation };
  return {
    index: checkInteger("index", index, 0, nsems - 1),
    change: checkInteger("change", change, -SEMVMX, SEMVMX),
    undo,
    noWait,
  };
}

/** Checks how many units are to be taken or given at once. */
export function checkAmount(amount: number): number {
  return checkInteger("amount", amount, 1, platform().constants.SEMVMX);
}

/** Whether a batch takes without giving: then it can be taken back without waiting. */
export function onlyTakes(batch: Batch): boolean {
  return batch.operations.every(({ change }) => change <= 0) && !changesNothing(batch);
}

/** Whether a batch only waits for zeros. */
export function changesNothing({ operations }: Batch): boolean {
  return operations.every(({ change }) => change === 0);
}

/** The semaphores that a batch takes from. */
export function takesFrom({ operations }: Batch): number[] {
  return operations.filter(({ change }) => change < 0).map(({ index }) => index);
}

/** The same batch, undone by the kernel if this process ends. */
export function withUndo({ operations }: Batch): Batch {
  return batch(operations.map((operation) => ({ ...operation, undo: true })));
}

/** Takes back a batch that was done with undo. */
export function reversal({ operations }: Batch): Batch {
  return batch(inverse(operations).map((operation) => ({ ...operation, undo: true })));
}

/** Whether a batch may have to wait. */
export function mayWait({ operations }: Batch): boolean {
  return operations.some(({ change, noWait }) => change <= 0 && !noWait);
}

/**
 * What makes the kernel forget the undo of a batch that was done with it, where it wasn't asked
 * for: for each such operation, giving with undo and taking without, in one step. The second form
 * is for values so high that giving first would exceed the limit.
 */
export function forgetUndo({ operations }: Batch): [Batch, Batch][] {
  return operations.filter(({ change, undo }) => change !== 0 && !undo).map(({ index, change }) => {
    const give = { index, change: -change, undo: true };
    const take = { index, change };
    return [batch([give, take]), batch([take, give])];
  });
}

/**
 * A batch that waits until the given one could be done, and changes nothing: it
 * does each operation and then, within the same atomic step, takes it back.
 */
export function probe({ operations }: Batch): Batch {
  const forth = operations.map(({ index, change }) => ({ index, change }));
  return batch([...forth, ...inverse(operations)]);
}

/** What takes operations back, in reverse order. */
function inverse(operations: readonly SemaphoreOperation[]): SemaphoreOperation[] {
  return operations
    .filter(({ change }) => change !== 0)
    .map(({ index, change }) => ({ index, change: -change }))
    .reverse();
}
