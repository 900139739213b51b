// How an example starts itself again, as another process that it shares memory with.

/**
 * Starts the example `url` once more, with what it prints going where ours goes, and with
 * `permissions` besides --allow-ffi. It is ended when the signal aborts.
 *
 * The signal that ends it is SIGTERM. A child that blocks its thread must not listen for that (as
 * `main()` does): it would never hear it.
 */
export function startAgain(
  url: string,
  args: string[],
  signal: AbortSignal,
  permissions: readonly string[] = [],
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-ffi", ...permissions, url, ...args],
    stdin: "null",
    signal,
  }).spawn();
}

/** Says how a process ended that should have ended with 0. */
export function failure(pid: number, { code, signal }: Deno.CommandStatus): string {
  return signal === null
    ? `process ${pid} ended with code ${code}`
    : `process ${pid} was ended by ${signal}`;
}
