// Asks for the value of the object at the start of a segment; arguments are the segment's id and
// what to do:
//   get    initialises it with its pid if it has to; prints whether it did, and the value
//   hang   starts to initialise it, says so, and waits until it is killed
import { Once, Segment } from "../../mod.ts";

const [id, what] = Deno.args;
using memory = Segment.fromId(Number(id)).attach();
const once = Once.openOrCreate(memory, 8);
let mine = false;
const value = what === "hang"
  ? await once.get(async (bytes) => {
    bytes.fill(255);
    console.log("initialising");
    await new Promise((resolve) => setTimeout(resolve, 1e9));
  })
  : once.getSync((bytes) => {
    mine = true;
    if (bytes.some((byte) => byte !== 0)) throw new Error("not zeros");
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, Deno.pid);
  });
console.log(mine, new DataView(value.buffer, value.byteOffset).getUint32(0));
