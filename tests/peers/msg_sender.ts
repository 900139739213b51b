// Sends numbered messages of its own type to a queue: arguments are the queue's id, the type, how
// many, and "sync" or "async".
import { MessageQueue } from "../../mod.ts";

const [id, type, count] = Deno.args.map(Number);
const queue = MessageQueue.fromId(id);
console.log("sending");
for (let number = 0; number < count; number++) {
  const bytes = new Uint8Array(new Uint32Array([number]).buffer);
  if (Deno.args[3] === "async") await queue.send(type, bytes);
  else queue.sendSync(type, bytes);
}
