// Waits for a POSIX semaphore for ever, and gives up when told to on standard input.
import { PosixSemaphore } from "../../mod.ts";

const abort = new AbortController();
const wait = PosixSemaphore.open(Deno.args[0]).lock({ signal: abort.signal });
console.log("waiting");
await Deno.stdin.read(new Uint8Array(1));
abort.abort();
await wait.catch(({ name }) => console.log(name));
