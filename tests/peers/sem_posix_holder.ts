// Takes the POSIX semaphore whose name it gets, says so, and holds it until it is killed.
import { PosixSemaphore } from "../../mod.ts";

using _guard = PosixSemaphore.open(Deno.args[0]).lockSync();
console.log("holding");
await new Promise((resolve) => setTimeout(resolve, 1e9));
