// What every example does around its own work: --help, errors in one line, Ctrl-C.

import { setTimeout } from "node:timers/promises";
import { parseArgs } from "@std/cli/parse-args";

/** A command line that makes no sense: the message is shown with the usage. */
export class UsageError extends Error {}

/** The reason that everything still waiting ends with after Ctrl-C: no error to be shown. */
class Interrupted extends Error {
  constructor(readonly exitCode: number) {
    super("interrupted");
  }
}

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** The exit code of a program whose output nobody reads any more: that of SIGPIPE. */
export const UNREAD = 141;

const encoder = new TextEncoder();

/**
 * Prints a line; ends the program if nobody reads it, as in `... | head -1`. `console.log()`
 * doesn't tell that, and a program that has no other end would go on for nobody.
 */
export function print(line: string): void {
  const bytes = encoder.encode(`${line}\n`);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  } catch (error) {
    throw error instanceof Deno.errors.BrokenPipe ? new Interrupted(UNREAD) : error;
  }
}

/**
 * Runs an example: shows `usage` on --help, aborts the signal that it hands to `run` on Ctrl-C,
 * and turns errors into one line and an exit code. `run` cleans up by leaving
 * its scopes.
 */
export async function main(
  usage: string,
  run: (signal: AbortSignal) => void | Promise<void>,
): Promise<void> {
  if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
    console.log(usage);
    return;
  }
  const interrupt = new AbortController();
  const listeners = Object.entries(SIGNALS).map(([name, exitCode]) => {
    const listener = () => interrupt.abort(new Interrupted(exitCode));
    Deno.addSignalListener(name as Deno.Signal, listener);
    return () => Deno.removeSignalListener(name as Deno.Signal, listener);
  });
  try {
    await run(interrupt.signal);
  } catch (error) {
    if (error instanceof Interrupted) {
      Deno.exitCode = error.exitCode;
    } else if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${usage}`);
      Deno.exitCode = 2;
    } else {
      console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
      Deno.exitCode = 1;
    }
  } finally {
    for (const remove of listeners) remove();
  }
}

/** Flags that are there or not, that have a value, and that have any number of values. */
type Flags<B extends string, S extends string, L extends string> =
  & { [K in B]: boolean }
  & { [K in S]?: string }
  & { [K in L]: string[] };

/** The command line's flags, by kind, and its other arguments. */
export function parse<
  B extends string = never,
  S extends string = never,
  L extends string = never,
>(flags: {
  readonly boolean?: readonly B[];
  readonly string?: readonly S[];
  /** Flags with a value that may be given several times. */
  readonly list?: readonly L[];
}): { flags: Flags<B, S, L>; args: string[] } {
  const { _, ...rest } = parseArgs<B, S | L | "_">(Deno.args, {
    boolean: flags.boolean,
    string: [...flags.string ?? [], ...flags.list ?? [], "_"], // "_": arguments stay text, "007" too
    collect: flags.list,
    unknown: (arg, key) => {
      if (key !== undefined) throw new UsageError(`There is no option ${arg}`);
      return true;
    },
  });
  return {
    flags: rest as unknown as Flags<B, S, L>,
    args: _.map(String),
  };
}

/** Reads a number off the command line, decimal or 0x...; `what` names it in the error. */
export function integer(what: string, text: string, min: number, max: number): number {
  const value = /^(0x[0-9a-f]+|-?\d+)$/i.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${what} must be a whole number from ${min} to ${max}: received "${text}"`);
}

const DAY = 24 * 60 * 60;

/** Reads seconds off the command line, such as 1 or 0.25, up to a day. */
export function seconds(what: string, text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (value <= DAY) return value;
  throw new UsageError(
    `${what} must be a number of seconds from 0 to ${DAY}: received "${text}"`,
  );
}

/** Waits some seconds; throws the signal's reason as soon as it aborts. */
export async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  // Node's own AbortError would hide the reason.
  await setTimeout(1000 * seconds, undefined, { signal }).catch(() => {});
  signal.throwIfAborted();
}
