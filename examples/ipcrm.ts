// Removes System V segments and semaphore sets, as ipcrm(1) does.
//
// Start it with `deno run --allow-ffi examples/ipcrm.ts -m 5 -S 0x6601a2b3`; ipcs.ts lists what
// there is.

import { Segment, SemaphoreSet } from "../mod.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/ipcrm.ts [options]

Removes segments and semaphore sets. Each option may be given several times; a key is decimal or
0x... The exit code is 1 if something could not be removed; everything else is.

  -m <id>   the segment with this id
  -M <key>  the segment with this key
  -s <id>   the semaphore set with this id
  -S <key>  the semaphore set with this key
  --help    show this`;

await main(USAGE, () => {
  const { flags, args: [surplus] } = parse({ list: ["m", "M", "s", "S"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  // All are read before the first is removed: nothing happens on a command line that makes no sense.
  const removals = [
    ...flags.m.map(readId("-m")).map((id) => () => Segment.remove(id)),
    ...flags.M.map(readKey("-M")).map((key) => () => Segment.remove(Segment.findId(key))),
    ...flags.s.map(readId("-s")).map((id) => () => SemaphoreSet.remove(id)),
    ...flags.S.map(readKey("-S")).map((key) => () => SemaphoreSet.remove(SemaphoreSet.findId(key))),
  ];
  if (removals.length === 0) throw new UsageError("There is nothing to remove");
  for (const remove of removals) {
    try {
      remove();
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      Deno.exitCode = 1;
    }
  }
});

function readId(option: string): (text: string) => number {
  return (text) => integer(option, text, 0, 2 ** 31 - 1);
}

/** Key 0 is IPC_PRIVATE, by which nothing can be found. */
function readKey(option: string): (text: string) => number {
  return (text) => integer(option, text, 1, 2 ** 32 - 1);
}
