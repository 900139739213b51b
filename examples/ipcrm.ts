// Removes System V message queues, segments and semaphore sets, as ipcrm(1) does.
//
// Start it with `deno run --allow-ffi examples/ipcrm.ts -m 5 -S 0x6601a2b3`; ipcs.ts lists what
// there is.

import { MessageQueue, Segment, SemaphoreSet } from "../mod.ts";
import { integer, main, parse, UsageError } from "./_cli.ts";

const USAGE = `\
Usage: deno run --allow-ffi examples/ipcrm.ts [options]

Removes message queues, segments and semaphore sets. Each option may be given several times; a key
is decimal or 0x... The exit code is 1 if something could not be removed; everything else is.

  -q <id>   the message queue with this id
  -Q <key>  the message queue with this key
  -m <id>   the segment with this id
  -M <key>  the segment with this key
  -s <id>   the semaphore set with this id
  -S <key>  the semaphore set with this key
  --help    show this`;

await main(USAGE, () => {
  const { flags, args: [surplus] } = parse({ list: ["q", "Q", "m", "M", "s", "S"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  // All are read before the first is removed: nothing happens on a command line that makes no sense.
  const removals = [
    ...ids("-q", flags.q, MessageQueue),
    ...keys("-Q", flags.Q, MessageQueue),
    ...ids("-m", flags.m, Segment),
    ...keys("-M", flags.M, Segment),
    ...ids("-s", flags.s, SemaphoreSet),
    ...keys("-S", flags.S, SemaphoreSet),
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

/** What all three classes have. */
interface Kind {
  findId(key: number): number;
  remove(id: number): void;
}

/** What removes the objects with these ids. */
function ids(option: string, texts: string[], kind: Kind): (() => void)[] {
  return texts.map((text) => integer(option, text, 0, 2 ** 31 - 1)).map((id) => () =>
    kind.remove(id)
  );
}

/** What removes the objects with these keys. Key 0 is IPC_PRIVATE, by which nothing is found. */
function keys(option: string, texts: string[], kind: Kind): (() => void)[] {
  return texts.map((text) => integer(option, text, 1, 2 ** 32 - 1)).map((key) => () =>
    kind.remove(kind.findId(key))
  );
}
