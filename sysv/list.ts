import { platform } from "../ffi/platform.ts";
import type { Kind } from "./kind.ts";

/** The commands that look an object up by its place in the kernel's table. */
export interface ListCommands {
  /** `SHM_INFO` and its like: returns the highest place in use. */
  readonly info: number | null;
  /** The size of the record that `info` fills. */
  readonly infoSize: number;
  /** `SHM_STAT`: the object in a place, if this user may read it. */
  readonly stat: number | null;
  /** `SHM_STAT_ANY` (Linux 4.17): the object in a place, readable or not. */
  readonly statAny: number | null;
}

/**
 * Every object of a kind that the kernel lets this user see, as `ipcs` does.
 * The list is a sequence of looks, not one: objects come and go meanwhile.
 */
export function listObjects<T>(
  kind: Kind,
  commands: ListCommands,
  decode: (id: number, record: DataView) => T,
): T[] {
  const { info, infoSize, stat, statAny } = commands;
  if (info === null || stat === null || statAny === null) {
    throw new Deno.errors.NotSupported(
      `Cannot list ${kind.noun}s: this platform has no call for it. Run \`ipcs ${kind.flag}\``,
    );
  }
  const highest = kind.ctl(0, info, new Uint8Array(infoSize));
  const found: T[] = [];
  const { EINVAL } = platform().errno;
  for (let place = 0; place <= highest; place++) {
    const record = new Uint8Array(kind.recordSize());
    let id = kind.ctl(place, statAny, record);
    // EINVAL: an empty place, or a kernel that doesn't know the command yet.
    if (id === -EINVAL) id = kind.ctl(place, stat, record);
    if (id >= 0) found.push(decode(id, new DataView(record.buffer)));
  }
  return found;
}
