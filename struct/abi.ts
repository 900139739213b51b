import { LINUX_AARCH64 } from "../ffi/layouts/linux.ts";
import { platform } from "../ffi/platform.ts";

/**
 * Whether bit fields without a name count for a record's alignment, as they do on aarch64 ("without exception for
 * zero-sized or anonymous bit-fields", AAPCS64) and don't on x86_64.
 */
export function unnamedBitsAlign(): boolean {
  const { layouts, symbolNames, library } = platform();
  // Of macOS only the tables for x86_64 have this name.
  return library === "libSystem.B.dylib" ? !("fstat" in symbolNames) : layouts === LINUX_AARCH64;
}
