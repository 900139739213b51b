import { type Liveness, livenessOf, ownIdentity } from "../ffi/process.ts";

// A process's identity as five 32-bit words of shared memory. The first is taken by whoever
// changes it from 0 to its own thread id, marked as incomplete until the others are there.

/** How many words an identity has. */
export const IDENTITY_WORDS = 5;

const TID = 0;
const PID = 1;
const START_LOW = 2;
const START_HIGH = 3;
const NAMESPACE = 4;

/** With a thread id: the other words are still those of the one before. */
export const CLAIMING = 0x40000000;

/**
 * Takes an empty place for this thread, or one of somebody who died; `false` if it is taken. What
 * `note` writes is there before others see who has it.
 */
export function claimIdentity(
  words: Int32Array<ArrayBufferLike>,
  index: number,
  note?: () => void,
): boolean {
  const { pid, tid, startTime, namespace } = ownIdentity();
  const holder = Atomics.load(words, index + TID);
  if (holder !== 0 && !isDeadAt(words, index)) return false;
  const claiming = tid | CLAIMING;
  if (Atomics.compareExchange(words, index + TID, holder, claiming) !== holder) return false;
  words[index + PID] = pid;
  words[index + START_LOW] = Number(BigInt.asIntN(32, startTime));
  words[index + START_HIGH] = Number(startTime >> 32n);
  words[index + NAMESPACE] = namespace;
  note?.();
  // Publishes the words above to those who load this one, in look().
  Atomics.store(words, index + TID, tid);
  return true;
}

/** Empties a place. */
export function clearIdentity(words: Int32Array<ArrayBufferLike>, index: number): void {
  Atomics.store(words, index + TID, 0);
}

/** The process id that stands at a place; 0 if nobody is there. */
export function pidAt(words: Int32Array<ArrayBufferLike>, index: number): number {
  return pidIn(look(words, index));
}

/** Who stands at a place, and whether that process lives; `undefined` if nobody is there. */
export function holderAt(
  words: Int32Array<ArrayBufferLike>,
  index: number,
): { pid: number; liveness: Liveness } | undefined {
  const seen = look(words, index);
  if (seen[TID] === 0) return undefined;
  let liveness = livenessIn(seen);
  if (liveness === "dead") {
    // Somebody may have left and another come between two of the loads, and words of both together
    // are nobody's. The words of who died stay as they are.
    const again = look(words, index);
    if (again[TID] === 0) return undefined;
    if (seen.some((word, i) => word !== again[i])) liveness = "alive";
  }
  return { pid: pidIn(seen), liveness };
}

/** Whether somebody stands at a place who is dead. */
export function isDeadAt(words: Int32Array<ArrayBufferLike>, index: number): boolean {
  return holderAt(words, index)?.liveness === "dead";
}

/** The words of a place, the thread's id first. */
function look(words: Int32Array<ArrayBufferLike>, index: number): readonly number[] {
  return Array.from({ length: IDENTITY_WORDS }, (_, i) => Atomics.load(words, index + i));
}

function pidIn(seen: readonly number[]): number {
  const tid = seen[TID];
  return tid === 0 || (tid & CLAIMING) !== 0 ? tid & ~CLAIMING : seen[PID] >>> 0;
}

function livenessIn(seen: readonly number[]): Liveness {
  const tid = seen[TID];
  if ((tid & CLAIMING) !== 0) {
    const { pid, namespace } = ownIdentity(); // it is most likely of ours
    return livenessOf({ pid, tid: tid & ~CLAIMING, startTime: 0n, namespace });
  }
  const startTime = (BigInt(seen[START_HIGH] >>> 0) << 32n) | BigInt(seen[START_LOW] >>> 0);
  return livenessOf({ pid: 0, tid, startTime, namespace: seen[NAMESPACE] >>> 0 });
}
