// Takes the semaphore 0 of the set whose id it gets, says so, and holds it until it is killed.
import { SemaphoreSet } from "../../mod.ts";

using _guard = SemaphoreSet.fromId(Number(Deno.args[0])).at(0).lockSync();
console.log("holding");
await new Promise((resolve) => setTimeout(resolve, 1e9));
