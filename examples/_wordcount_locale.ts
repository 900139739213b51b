// Whether wordcount.ts takes bytes as UTF-8, or each as a character: as wc does, by the locale.

import { UsageError } from "./_cli.ts";

/** The environment variables that decide, the first one first. */
const VARIABLES = ["LC_ALL", "LC_CTYPE", "LANG"];

/** What `--locale` says, or else the environment; UTF-8 where that may not be read. */
export function isUtf8(flag: string | undefined): boolean {
  if (flag !== undefined) {
    if (flag !== "utf8" && flag !== "c") {
      throw new UsageError(`--locale must be utf8 or c: received "${flag}"`);
    }
    return flag === "utf8";
  }
  const mayRead = VARIABLES.every((variable) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
  );
  if (!mayRead) return true;
  return hasUtf8(VARIABLES.map((variable) => Deno.env.get(variable)).find(Boolean) ?? "C");
}

/** Whether the codeset of a locale such as "de_DE.UTF-8@euro" is UTF-8. */
export function hasUtf8(locale: string): boolean {
  return /\.utf-?8(@|$)/i.test(locale);
}
