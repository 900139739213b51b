// Receives messages from the queue whose id it gets and prints their texts, until it gets "end":
// "sync" blocks its thread, "timed" does so for a limited time, and "async" doesn't.
import { MessageQueue } from "../../mod.ts";

const [id, how] = Deno.args;
const queue = MessageQueue.fromId(Number(id));
console.log("receiving");
for (;;) {
  const { bytes } = how === "async"
    ? await queue.receive()
    : queue.receiveSync(how === "timed" ? { timeout: 50_000 } : {});
  const text = new TextDecoder().decode(bytes);
  if (text === "end") break;
  console.log(text);
}
