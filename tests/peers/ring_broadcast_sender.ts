// Sends to a Broadcast or a Latest in a segment:
//
//   ring_broadcast_sender.ts <kind> <segment id> <count> [pause]        until so many were sent in all
//   ring_broadcast_sender.ts <kind> <segment id> <count> die <point>    and is killed at that point of the last one
//   ring_broadcast_sender.ts <kind> <segment id> <count> hold           and then stays
//
// With "pause" it rests a little after every 100 messages.

import { Segment } from "../../mod.ts";
import { Broadcast, Latest } from "../../ring/mod.ts";
import { points } from "../../ring/test_points.ts";
import { makeMessage } from "./ring_broadcast_common.ts";

const [kind, id, count, mode, point] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
using sender = (kind === "latest" ? Latest : Broadcast).open(memory).sender();
const last = Number(count) - 1;
for (let i = sender.sent; i <= last; i++) {
  if (i === last && mode === "die") {
    console.log("about to die");
    points.hook = (reached) => {
      if (reached === Number(point)) Deno.kill(Deno.pid, "SIGKILL");
    };
  }
  sender.send(makeMessage(i));
  if (mode === "pause" && i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
console.log("sent");
if (mode === "hold") await new Promise(() => setInterval(() => {}, 1e6));
else sender.end();
