// Waits for the semaphore 0 of a set for ever, and gives up when told to on standard input.
import { SemaphoreSet } from "../../mod.ts";

const abort = new AbortController();
const wait = SemaphoreSet.fromId(Number(Deno.args[0])).at(0).lock({ signal: abort.signal });
console.log("waiting");
await Deno.stdin.read(new Uint8Array(1));
abort.abort();
await wait.catch(({ name }) => console.log(name));
