import { checkBoolean } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { mprotect } from "../ffi/mman.ts";
import { span } from "../ffi/pages.ts";
import type { Region } from "../ffi/region.ts";
import { protection } from "./options.ts";
import type { Origin } from "./origin.ts";
import { regionAt } from "./place.ts";

/** What a mapping may be used for from now on. */
export type Protection = "read" | "readwrite" | "none";

/** Options of `protect()`. */
export interface ProtectOptions {
  /** Lets code in the mapping be executed (`PROT_EXEC`). Default: as it was mapped. */
  readonly execute?: boolean;
}

/** Ends the region, and returns another one on the same memory, which may be used otherwise. */
export function protectRegion(
  region: Region,
  { flags, execute, pageSize, file }: Origin,
  access: Protection,
  options: ProtectOptions,
): Region {
  const { name } = region;
  const prot = protection(access, checkBoolean("execute", options.execute, execute));
  const place = { address: region.address, byteLength: region.byteLength };
  region.move("protect", () => {
    const pages = span(place, pageSize);
    const result = pages.byteLength === 0 ? 0 : mprotect(pages.address, pages.byteLength, prot);
    if (result === 0) return null;
    throw systemError({
      errno: -result,
      syscall: "mprotect",
      action: `protect ${name}`,
      advice: {
        EACCES: [
          `its file was not opened for that`,
          'Map it with access "readwrite", or "copy", and protect that; code needs a file system that allows it.',
        ],
        ENOMEM: ["not enough memory"],
        EPERM: ["it is sealed"],
      },
    });
  });
  return regionAt(place, { name, pageSize, flags, ended: () => file?.unmapped() });
}
