import type { Place } from "../ffi/pages.ts";
import { addKeeper } from "../ffi/region.ts";
import { NEXT, nodeAt, pointerIn, type RobustList, robustList } from "../ffi/robust_list.ts";

// glibc links the robust mutexes that a thread holds into a list, by pointers in the mutexes
// themselves: in memory that others can write. It follows them without a question when it unlocks.
// So what they must be is noted here as well, where nobody else writes, and compared before.

/** The most mutexes that the kernel gives back for a thread that ends (`ROBUST_LIST_LIMIT`). */
const MOST = 2048;

/** A mutex that this thread holds, a node of the list; or the list's head. */
interface RobustNode {
  /** The address of the node. */
  readonly node: bigint;
  /** The same eight bytes as a double: it takes one instruction to compare them so. */
  readonly bits: number;
  /** What this thread locked before it, of what it holds, and in the end the list's head. */
  older: RobustNode | undefined;
  /** What its pointer to the next node was, if that is another one than `older`: of other code. */
  foreign: bigint | undefined;
}

/** A mutex's part in the list. */
export abstract class RobustEntry implements RobustNode {
  node = 0n;
  bits = 0;
  older: RobustNode | undefined;
  foreign: bigint | undefined = undefined;

  /** One that isn't locked yet. */
  constructor(list: HeldMutexes) {
    this.older = list;
  }

  /** What runs on this thread ends, and perhaps the mutex's memory with it. */
  abstract end(): void;

  /** Notes where it lies; it must not be locked. */
  lieAt(node: bigint): void {
    this.node = node;
    this.bits = bitsOf(node);
  }
}

/** This thread's list: its head, and what it holds. */
export class HeldMutexes {
  readonly tid: number;
  readonly node: bigint;
  readonly bits: number;
  readonly older = undefined;
  /** The mutex that was locked last; the head if there is none. */
  newest: RobustNode = this;
  readonly #head: Int32Array;
  readonly #first: Float64Array;
  #count = 0;

  constructor({ tid, address, head }: RobustList) {
    this.tid = tid;
    this.node = address;
    this.bits = bitsOf(address);
    this.#head = head;
    this.#first = new Float64Array(head.buffer, 4 * NEXT, 1);
  }

  /** Whether the kernel would give back no more than it holds. */
  get isFull(): boolean {
    return this.#count >= MOST;
  }

  /** Where the list begins, if other code locked a mutex after the last of ours. */
  get foreign(): bigint | undefined {
    return this.#first[0] === this.newest.bits ? undefined : this.first;
  }

  /**
   * Whether a mutex was locked last, and points to its neighbours: to the list's head and to the
   * one before it, by the bits of its two pointers.
   */
  isNewest(node: RobustNode, previous: number, next: number): boolean {
    const { older = this } = node;
    return this.newest === node && previous === this.bits && next === older.bits;
  }

  /** How many of them lie, in whole or in part, at these addresses. */
  countIn({ address, byteLength }: Place): number {
    let count = 0;
    for (let node = this.newest; node.older !== undefined; node = node.older) {
      if (node.node >= address && node.node < address + BigInt(byteLength)) count++;
    }
    return count;
  }

  /** What runs on this thread ends. */
  end(): void {
    for (let node = this.newest; node.older !== undefined; node = node.older) {
      if (node instanceof RobustEntry) node.end();
    }
  }

  /** Where the list begins. */
  get first(): bigint {
    return pointerIn(this.#head, NEXT);
  }

  /** Notes that a mutex was locked; `foreign` is where the list began then, if not at ours. */
  add(node: RobustNode, foreign: bigint | undefined): void {
    const { newest } = this;
    // A store of what is there already costs more than a look.
    if (foreign !== undefined || node.foreign !== undefined) node.foreign = foreign;
    if (node.older !== newest) node.older = newest;
    this.newest = node;
    this.#count++;
  }

  /** Notes that a mutex isn't locked any more. */
  remove(node: RobustNode): void {
    this.#count--;
    const { older = this } = node;
    if (this.newest === node) {
      this.newest = older;
      return;
    }
    const newer = this.#newer(node);
    newer.older = older;
    // It pointed to the one that is gone, and now points to what that did.
    if (newer.foreign === undefined) newer.foreign = node.foreign;
  }

  /** The mutex that was locked next, or the head. */
  #newer(node: RobustNode): RobustNode {
    if (this.newest === node) return this;
    let newer = this.newest;
    while (newer.older !== undefined && newer.older !== node) newer = newer.older;
    return newer;
  }

  /**
   * Other code, such as a C library or a second copy of this one, may hold mutexes on this thread,
   * too: whether the pointers in one of ours can be right, though they point to none of ours.
   */
  isPlausible(node: RobustNode, words: Int32Array<ArrayBufferLike>, previous: number): boolean {
    const newer = this.#newer(node);
    const older = node.older ?? this;
    const [before, behind] = [pointerIn(words, previous), pointerIn(words, previous + 2)];
    const first = newer === this ? this.first : newer.foreign ?? node.node;
    return (before === newer.node || first !== node.node && isPointer(before)) &&
      (behind === older.node || node.foreign !== undefined && isPointer(behind));
  }

  /**
   * Takes a mutex out of the list whose own bytes can't be trusted any more: glibc would follow
   * what stands there now, and write over what its memory is used for later.
   */
  unlink(node: RobustNode): void {
    const newer = this.#newer(node);
    let before = newer.node;
    let next = newer === this ? this.first : newer.foreign ?? node.node;
    for (let i = 0; next !== node.node; i++) { // over those of other code
      if (i === MOST || !isPointer(next)) return;
      before = next;
      next = pointerIn(nodeAt(before), NEXT);
    }
    const behind = node.foreign ?? (node.older ?? this).node;
    nodeAt(before).set(halves(behind), NEXT);
    nodeAt(behind).set(halves(before));
  }
}

/** The eight bytes of an address as a double. */
function bitsOf(address: bigint): number {
  return new Float64Array(BigInt64Array.of(address).buffer)[0];
}

/** The two words of an address. */
function halves(address: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
}

/** Whether a number can be an address of a node. */
function isPointer(address: bigint): boolean {
  return address % 8n === 0n && address >= 4096n && address < 1n << 56n;
}

let held: HeldMutexes | undefined;

/** The mutexes that this thread holds. */
export function heldMutexes(): HeldMutexes {
  if (held !== undefined) return held;
  held = new HeldMutexes(robustList());
  const mutexes = held;
  // What is locked has to stay where it is: the kernel and glibc have its address.
  addKeeper((place) => mutexes.countIn(place));
  // The thread may outlive it: `deno test` gives it to the next file.
  globalThis.addEventListener("unload", () => mutexes.end());
  return held;
}
