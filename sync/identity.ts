import { type Liveness, livenessOf, ownIdentity } from "../ffi/process.ts";

// A process's identity as five 32-bit words of shared memory. The first is taken by whoever
// changes it from 0 to its own thread id; the others follow.

/** How many words an identity has. */
export const IDENTITY_WORDS = 5;

const TID = 0;
const PID = 1;
const START_LOW = 2;
const START_HIGH = 3;
const NAMESPACE = 4;

/** Takes an empty place for this thread, or one of somebody who died; `false` if it is taken. */
export function claimIdentity(words: Int32Array<ArrayBufferLike>, index: number): boolean {
  const { pid, tid, startTime, namespace } = ownIdentity();
  const holder = Atomics.load(words, index + TID);
  if (holder !== 0 && livenessAt(words, index) !== "dead") return false;
  if (Atomics.compareExchange(words, index + TID, holder, tid) !== holder) return false;
  // Whoever reads the place before all of this is there takes us for what the thread id tells.
  Atomics.store(words, index + START_LOW, 0);
  Atomics.store(words, index + START_HIGH, 0);
  Atomics.store(words, index + NAMESPACE, namespace);
  Atomics.store(words, index + PID, pid);
  Atomics.store(words, index + START_HIGH, Number(startTime >> 32n));
  Atomics.store(words, index + START_LOW, Number(BigInt.asIntN(32, startTime)));
  return true;
}

/** Empties a place. */
export function clearIdentity(words: Int32Array<ArrayBufferLike>, index: number): void {
  Atomics.store(words, index + TID, 0);
}

/** The process id that stands at a place, and whether that process lives; 0 if nobody is there. */
export function pidAt(words: Int32Array<ArrayBufferLike>, index: number): number {
  return Atomics.load(words, index + TID) === 0 ? 0 : Atomics.load(words, index + PID) >>> 0;
}

/** Whether the process at a place lives; nobody is dead, too. */
export function livenessAt(words: Int32Array<ArrayBufferLike>, index: number): Liveness {
  const tid = Atomics.load(words, index + TID) >>> 0;
  const low = Atomics.load(words, index + START_LOW) >>> 0;
  const high = Atomics.load(words, index + START_HIGH) >>> 0;
  // A start of 0, of one who is just claiming the place, is taken as any.
  const startTime = low === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low);
  const namespace = Atomics.load(words, index + NAMESPACE) >>> 0;
  return livenessOf({ pid: 0, tid, startTime, namespace });
}
