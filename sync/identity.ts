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

/** Takes an empty place for this thread, or one of somebody who died; `false` if it is taken. */
export function claimIdentity(words: Int32Array<ArrayBufferLike>, index: number): boolean {
  const { pid, tid, startTime, namespace } = ownIdentity();
  const holder = Atomics.load(words, index + TID);
  if (holder !== 0 && livenessAt(words, index) !== "dead") return false;
  const claiming = tid | CLAIMING;
  if (Atomics.compareExchange(words, index + TID, holder, claiming) !== holder) return false;
  words[index + PID] = pid;
  words[index + START_LOW] = Number(BigInt.asIntN(32, startTime));
  words[index + START_HIGH] = Number(startTime >> 32n);
  words[index + NAMESPACE] = namespace;
  // Publishes the words above to those who load this one, in livenessAt() and pidAt().
  Atomics.store(words, index + TID, tid);
  return true;
}

/** Empties a place. */
export function clearIdentity(words: Int32Array<ArrayBufferLike>, index: number): void {
  Atomics.store(words, index + TID, 0);
}

/** The process id that stands at a place; 0 if nobody is there. */
export function pidAt(words: Int32Array<ArrayBufferLike>, index: number): number {
  const tid = Atomics.load(words, index + TID);
  return tid === 0 || (tid & CLAIMING) !== 0 ? tid & ~CLAIMING : words[index + PID] >>> 0;
}

/** Whether the process at a place lives; nobody is dead, too. */
export function livenessAt(words: Int32Array<ArrayBufferLike>, index: number): Liveness {
  const tid = Atomics.load(words, index + TID);
  if ((tid & CLAIMING) !== 0) {
    const { pid, namespace } = ownIdentity(); // it is most likely of ours
    return livenessOf({ pid, tid: tid & ~CLAIMING, startTime: 0n, namespace });
  }
  const [low, high] = [words[index + START_LOW] >>> 0, words[index + START_HIGH] >>> 0];
  const startTime = (BigInt(high) << 32n) | BigInt(low);
  return livenessOf({ pid: 0, tid, startTime, namespace: words[index + NAMESPACE] >>> 0 });
}
