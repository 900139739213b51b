// One end of a channel in a file, for tests of channels among processes. Arguments: the file, what
// to do, how many times, how, and the point to die at, when it is reached for the so-manieth time.
import { Channel, mapFile } from "../../mod.ts";
import { points } from "../../ring/test_points.ts";
import { checksum, messageOf } from "../_channels.ts";

const [file, role, count, how = "sync", point, time = "1"] = Deno.args;
const memory = mapFile(file, { access: "readwrite" });
const channel = Channel.open(memory);
let times = 0;
points.hook = (number) => {
  if (number === Number(point) && ++times === Number(time)) Deno.kill(Deno.pid, "SIGKILL");
};

async function send(): Promise<void> {
  using sender = channel.sender();
  console.log("ready");
  const all = Array.from(
    { length: how.startsWith("batch") ? Number(count) : 0 },
    (_, i) => messageOf(Deno.pid, i),
  );
  if (how === "batch") sender.sendBatchSync(all);
  if (how === "batchAsync") await sender.sendBatch(all);
  for (let i = 0; i < Number(count); i++) {
    const message = messageOf(Deno.pid, i);
    if (how === "sync") sender.sendSync(message);
    else if (how === "async") await sender.send(message);
    else if (how === "claim") {
      using claim = sender.claimSync(message.length + 8);
      claim.bytes.set(message);
      claim.commit(message.length);
    } else if (how === "inPlace") {
      using batch = sender.batchSync(message.length);
      for (; i < Number(count); i++) {
        const message = messageOf(Deno.pid, i);
        const at = batch.add(message.length);
        if (at < 0) break;
        batch.bytes.set(message, at);
      }
      i--;
      batch.commit();
    }
  }
}

async function receive(): Promise<void> {
  using receiver = channel.receiver({ peerDeath: "ignore" });
  console.log("ready");
  for (let i = 0; i < Number(count); i++) {
    let bytes: Uint8Array | undefined;
    if (how === "sync") bytes = receiver.receiveSync();
    else if (how === "async") bytes = await receiver.receive();
    else if (how === "peek") {
      using message = receiver.peekSync();
      bytes = message?.bytes.slice();
    }
    if (bytes === undefined) break;
    const [pid, number] = checksum(bytes);
    console.log(`got ${pid} ${number}`);
  }
}

if (role === "send") await send();
else await receive();
