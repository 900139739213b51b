import {
  FUTEX_TID_MASK,
  MUTEX_LOCK,
  MUTEX_PREVIOUS,
  mutexLock,
  mutexUnlock,
  newMutex,
} from "./pthread.ts";
import { addressOfShared } from "./wasm.ts";

// The list of the robust mutexes that a thread has locked. Its head is in the thread's own memory,
// and known to the kernel, which goes through it when the thread ends; its nodes are in the mutexes
// themselves. A node is given by the address that the list gives it, as in the kernel's `struct
// robust_list`: the address of the pointer to the next one. glibc has the one to the previous
// before it. The last node points to the head, and the head to the last node.

/** Bytes before a node's address that belong to it. */
const PREVIOUS = 8n;

/** The words of a node. */
const NODE_WORDS = 4;

/** Where, in {@linkcode nodeAt}'s words, the pointer to the next node is. */
export const NEXT = 2;

/** What a thread's list begins with, and who the thread is. */
export interface RobustList {
  /** The thread's id, as its mutexes have it. */
  readonly tid: number;
  /** The address of the head. */
  readonly address: bigint;
  /** The head's words: the pointers to the last and to the first node. */
  readonly head: Int32Array<ArrayBuffer>;
}

/**
 * Words of memory that only the caller knows to be there, and to stay there as long as it uses
 * them.
 */
export function wordsAt(address: bigint, length: number): Int32Array<ArrayBuffer> {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) throw new RangeError("Cannot view memory at address 0");
  return new Int32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 4 * length));
}

/** A node's words: the pointer to the previous node, and the one to the next. */
export function nodeAt(address: bigint): Int32Array<ArrayBuffer> {
  return wordsAt(address - PREVIOUS, NODE_WORDS);
}

/** The address that two words hold. */
export function pointerIn(words: Int32Array<ArrayBufferLike>, index: number): bigint {
  return BigInt(words[index + 1] >>> 0) << 32n | BigInt(words[index] >>> 0);
}

let own: RobustList | undefined;

/** This thread's list. */
export function robustList(): RobustList {
  return own ??= find();
}

/** A mutex that has just been locked comes first in the list, so it points to the head. */
function find(): RobustList {
  const mutex = newMutex();
  const scratch = addressOfShared(mutex.buffer);
  mutexLock(scratch);
  const tid = mutex[MUTEX_LOCK] & FUTEX_TID_MASK;
  const address = pointerIn(mutex, MUTEX_PREVIOUS);
  mutexUnlock(scratch);
  return { tid, address, head: nodeAt(address) };
}
