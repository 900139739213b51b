import { NEXT, nodeAt, pointerIn, type RobustList, robustList } from "../ffi/robust_list.ts";

// glibc links the robust mutexes that a thread holds into a list, by pointers in the mutexes
// themselves: in memory that others can write. It follows them without a question when it unlocks.
// So what they must be is noted here as well, where nobody else writes, and compared before.

/** The most mutexes that the kernel gives back for a thread that ends (`ROBUST_LIST_LIMIT`). */
const MOST = 2048;

/** A mutex that this thread holds, a node of the list; or the list's head. */
export interface RobustNode {
  /** The address of the node, as one, and in two words. */
  readonly node: bigint;
  readonly nodeLow: number;
  readonly nodeHigh: number;
  /** What this thread locked before it, of what it holds, and in the end the list's head. */
  older: RobustNode | undefined;
  /** What its pointer to the next node was, if that isn't `older`'s: other code's, or 0. */
  foreign: bigint;
}

/** This thread's list: its head, and what it holds. */
export class HeldMutexes implements RobustNode {
  readonly tid: number;
  readonly node: bigint;
  readonly nodeLow: number;
  readonly nodeHigh: number;
  /** The head has none. */
  readonly older = undefined;
  readonly foreign = 0n;
  /** The mutex that was locked last; the head if there is none. */
  newest: RobustNode = this;
  readonly #head: Int32Array;
  #count = 0;

  constructor({ tid, address, head }: RobustList) {
    this.tid = tid;
    this.node = address;
    [this.nodeLow, this.nodeHigh] = halves(address);
    this.#head = head;
  }

  /** Whether it holds as many as the kernel would give back. */
  get isFull(): boolean {
    return this.#count >= MOST;
  }

  /** Whether other code of this thread locked a mutex after the last of ours. */
  get isForeign(): boolean {
    return this.#head[NEXT] !== this.newest.nodeLow;
  }

  /** Where the list begins. */
  get first(): bigint {
    return pointerIn(this.#head, NEXT);
  }

  /** Notes that a mutex was locked; `foreign` is where the list began then, if not at ours. */
  add(node: RobustNode, foreign: bigint): void {
    node.foreign = foreign;
    node.older = this.newest;
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
    if (newer.foreign === 0n) newer.foreign = node.foreign;
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
    const first = newer === this ? this.first : newer.foreign || node.node;
    return (before === newer.node || first !== node.node && isPointer(before)) &&
      (behind === older.node || node.foreign !== 0n && isPointer(behind));
  }

  /**
   * Takes a mutex out of the list whose own bytes can't be trusted any more: glibc would follow
   * what stands there now, and write over what its memory is used for later.
   */
  unlink(node: RobustNode): void {
    const newer = this.#newer(node);
    let before = newer.node;
    let next = newer === this ? this.first : newer.foreign || node.node;
    for (let i = 0; next !== node.node; i++) { // over those of other code
      if (i === MOST || !isPointer(next)) return;
      before = next;
      next = pointerIn(nodeAt(before), NEXT);
    }
    const behind = node.foreign || (node.older ?? this).node;
    nodeAt(before).set(halves(behind), NEXT);
    nodeAt(behind).set(halves(before));
  }
}

/** The two words of an address. */
export function halves(address: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
}

/** Whether a number can be an address of a node. */
function isPointer(address: bigint): boolean {
  return address % 8n === 0n && address >= 4096n && address < 1n << 56n;
}

let held: HeldMutexes | undefined;

/** The mutexes that this thread holds. */
export function heldMutexes(): HeldMutexes {
  return held ??= new HeldMutexes(robustList());
}
