// Removes System V segments and semaphore sets, as ipcrm(1) does.
//
// Start it with `deno run --allow-ffi examples/ipcrm.ts -m 5 -S 0x6601a2b3`; ipcs.ts lists what
// there is.
//
// It calls the C functions of ffi/ itself. Segment and SemaphoreSet read the kernel's record of what
// they open, and one may well be allowed to remove what one isn't allowed to read.

import { semctl, semget, shmctl, shmget, systemError } from "../ffi/mod.ts";
import { platform } from "../ffi/platform.ts";
import { formatKey } from "../mod.ts";
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

/** What there is to remove, and the C functions for it. */
interface Kind {
  readonly noun: string;
  readonly get: string;
  readonly control: string;
  /** The id for a key, or a negated error number. */
  find(key: number): number;
  /** 0, or a negated error number. */
  remove(id: number): number;
}

const SEGMENT: Kind = {
  noun: "segment",
  get: "shmget",
  control: "shmctl",
  find: (key) => shmget(key, 0, 0),
  remove: (id) => shmctl(id, platform().constants.IPC_RMID, null),
};

const SEMAPHORE_SET: Kind = {
  noun: "semaphore set",
  get: "semget",
  control: "semctl",
  find: (key) => semget(key, 0, 0),
  remove: (id) => semctl(id, 0, platform().constants.IPC_RMID, null),
};

await main(USAGE, () => {
  const { flags, args: [surplus] } = parse({ list: ["m", "M", "s", "S"] });
  if (surplus !== undefined) throw new UsageError(`There is no argument ${surplus}`);
  // All are read before the first is removed: nothing happens on a command line that makes no sense.
  const removals = [
    ...flags.m.map(readId("-m")).map((id) => () => removeId(SEGMENT, id)),
    ...flags.M.map(readKey("-M")).map((key) => () => removeKey(SEGMENT, key)),
    ...flags.s.map(readId("-s")).map((id) => () => removeId(SEMAPHORE_SET, id)),
    ...flags.S.map(readKey("-S")).map((key) => () => removeKey(SEMAPHORE_SET, key)),
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

/** Key 0 is IPC_PRIVATE, by which nothing can be found. The `| 0` makes it the signed one that C has. */
function readKey(option: string): (text: string) => number {
  return (text) => integer(option, text, 1, 2 ** 32 - 1) | 0;
}

function removeId({ noun, control, remove }: Kind, id: number, name = `${noun} ${id}`): void {
  const result = remove(id);
  if (result === 0) return;
  const none = [`no ${noun} has this id`] as const;
  throw systemError({
    errno: -result,
    syscall: control,
    action: `remove ${name}`,
    advice: { EINVAL: none, EIDRM: none },
  });
}

function removeKey(kind: Kind, key: number): void {
  const { noun, get, find } = kind;
  const name = `${noun} with key ${formatKey(key)}`;
  const id = find(key);
  if (id >= 0) return removeId(kind, id, name);
  throw systemError({
    errno: -id,
    syscall: get,
    action: `remove ${name}`,
    advice: { ENOENT: [`no ${noun} has this key`] },
  });
}
