// Waits for messages and for room for ever, and gives up when told to on standard input.
import { MessageQueue } from "../../mod.ts";

const queue = MessageQueue.fromId(Number(Deno.args[0]));
const abort = new AbortController();
const { signal } = abort;
const waits = [queue.receive({ type: 5, signal }), queue.send(1, new Uint8Array(8000), { signal })];
console.log("waiting");
await Deno.stdin.read(new Uint8Array(1));
abort.abort();
for (const { reason } of await Promise.allSettled(waits) as PromiseRejectedResult[]) {
  console.log(reason.name);
}
