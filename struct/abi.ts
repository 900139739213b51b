import { platform } from "../ffi/platform.ts";

/**
 * Whether bit fields without a name count for a record's alignment, as they do on aarch64 ("without
 * exception for zero-sized or anonymous bit-fields", AAPCS64) and don't on x86_64.
 */
export function unnamedBitsAlign(): boolean {
  return platform().arch === "aarch64";
}
