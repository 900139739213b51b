// How an example starts itself again, as another process that it shares memory with.

import { pause } from "./_cli.ts";

/** How to start a process. */
interface StartOptions {
  /** Its permissions besides --allow-ffi. */
  readonly permissions?: readonly string[];
  /** Where its errors go. Default: where ours go. */
  readonly stderr?: "inherit" | "piped";
}

/**
 * Starts the example `url` once more, with what it prints going where ours goes. It is ended when
 * the signal aborts.
 *
 * The signal that ends it is SIGTERM. A child that blocks its thread must not listen for that (as
 * `main()` does): it would never hear it.
 */
export function startAgain(
  url: string,
  args: string[],
  signal: AbortSignal,
  { permissions = [], stderr = "inherit" }: StartOptions = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-ffi", ...permissions, url, ...args],
    stdin: "null",
    stderr,
    signal,
  }).spawn();
}

/** How long after the end of its children a process may hear of Ctrl-C, in seconds. */
const DELAY = 0.2;

/**
 * Waits for the end of a process, and throws if it isn't a good one: an error that says how `name`
 * failed, or the signal's reason.
 */
export async function success(
  name: string,
  { pid, status }: Deno.ChildProcess,
  signal: AbortSignal,
): Promise<void> {
  const ended = await status;
  if (ended.success) return;
  // Ctrl-C in a terminal reaches all processes at once, and we may hear of their ends before.
  if (ended.signal !== "SIGKILL") await pause(DELAY, signal);
  throw new Error(`${name} failed: ${failure(pid, ended)}`);
}

/** Says how a process ended that should have ended with 0. */
function failure(pid: number, { code, signal }: Deno.CommandStatus): string {
  return signal === null
    ? `process ${pid} ended with code ${code}`
    : `process ${pid} was ended by ${signal}`;
}
