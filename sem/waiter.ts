import type { WaitOptions } from "../ffi/wait.ts";
import { type Batch, mayWait, takesFrom } from "./batch.ts";
import { SetLane, tryNow } from "./lane.ts";
import { mayTake, waitFor } from "./lanes.ts";

/** Whether to block for a batch could be to wait for what this very thread is to pass on. */
export function couldDeadlock(id: number, batch: Batch): boolean {
  if (!mayWait(batch)) return false;
  const wanted = takesFrom(batch);
  return mayTake((lane) =>
    lane instanceof SetLane && lane.id === id &&
    takesFrom(lane.batch).some((index) => wanted.includes(index))
  );
}

/** Does a batch as soon as it can be done, as {@linkcode waitFor} says. */
export async function perform(id: number, batch: Batch, options: WaitOptions): Promise<number> {
  const key = `set ${id}:${batch.key}`;
  return await waitFor({
    key,
    tryNow: () => tryNow(id, batch),
    newLane: () => new SetLane(key, id, batch),
  }, options);
}
