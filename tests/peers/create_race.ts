// Opens or creates the set with the key it gets, takes one unit of each semaphore and gives it back:
// that waits for ever if it sees a set without values. Then says whether it made the set.
import { SemaphoreSet } from "../../mod.ts";

const set = await SemaphoreSet.openOrCreate(Number(Deno.args[0]), [1, 1, 1]);
for (let index = 0; index < set.length; index++) {
  using _guard = set.at(index).lockSync({ timeout: 10_000 });
}
console.log(set.created ? "created" : "opened");
