// A record that shows when it was torn: all of its words are one number. Started as a program it
// writes that record in a segment until it is killed:
//
//   struct_state.ts seqlock <id>   under a seqlock
//   struct_state.ts plain <id>     as it comes
//   struct_state.ts die <id>       half of it, announced as the seqlock does it, and stops there

import { Segment } from "../../mod.ts";
import { array, seqlock, struct, u64 } from "../../struct/mod.ts";

/** How many words the record has. */
export const WORDS = 128;

/** The record. */
export const State = struct("state", { words: array(u64, WORDS) });

/** The record under a seqlock. */
export const LockedState = seqlock(State);

/** Whether the words, copied at one moment, are one number. */
export function isWhole(words: BigUint64Array): boolean {
  return words.every((word) => word === words[0]);
}

function write(kind: string, id: number): void {
  using memory = Segment.fromId(id).attach();
  const locked = LockedState.at(memory);
  const plain = State.at(memory, { offset: LockedState.struct.offsetOf("record") });
  console.log("writing");
  if (kind === "die") {
    const sequence = memory.array(Uint32Array, { length: 1 });
    Atomics.store(sequence, 0, sequence[0] + 1);
    for (let i = 0; i < WORDS / 2; i++) plain.words.set(i, 2n ** 64n - 1n);
    console.log("in the middle");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
  for (let n = 1n;; n++) {
    if (kind === "plain") { for (let i = 0; i < WORDS; i++) plain.words.set(i, n); }
    else {
      locked.write(({ words }) => {
        for (let i = 0; i < WORDS; i++) words.set(i, n);
      });
    }
  }
}

if (import.meta.main) write(Deno.args[0], Number(Deno.args[1]));
