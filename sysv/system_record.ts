import { systemError } from "../ffi/errors.ts";
import type { Struct } from "../ffi/layouts/types.ts";
import type { Kind } from "./kind.ts";

/** A record about a whole kind (`IPC_INFO`, `SHM_INFO`), and its layout. */
export interface SystemRecord<Name extends string> {
  readonly record: DataView<ArrayBuffer>;
  readonly fields: Struct<Name>["fields"];
}

/** Reads a record about a whole kind of objects. */
export function readSystemRecord<Name extends string>(
  kind: Kind,
  cmd: number | null,
  layout: Struct<Name> | null,
): SystemRecord<Name> {
  if (cmd === null || layout === null) {
    throw new Deno.errors.NotSupported(
      `Cannot read the system's limits on ${kind.noun}s: this platform has no call for it. Run \`sysctl kern.sysv\``,
    );
  }
  const record = new Uint8Array(layout.size);
  const result = kind.ctl(0, cmd, record);
  if (result < 0) {
    throw systemError({
      errno: -result,
      syscall: kind.control,
      action: `read the system's limits on ${kind.noun}s`,
    });
  }
  return { record: new DataView(record.buffer), fields: layout.fields };
}
