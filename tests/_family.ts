// Processes that start others, for tests of what becomes of all of them (Linux).

import { until } from "./_objects.ts";
import type { Output, Process } from "./_process.ts";

/** A process that another has started. */
export interface Child {
  readonly pid: number;
  /** Its command line. */
  readonly args: readonly string[];
}

/** Those whom a process has started, and who haven't ended, in their order. */
export function childrenOf({ pid }: Process): Child[] {
  return Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name))
    .filter((candidate) => candidate > 0).toSorted((a, b) => a - b)
    .flatMap((candidate) => {
      try {
        // "17 (deno) S 5 ...": the name may contain anything, so the last bracket counts.
        const [state, parent] = read(candidate, "stat").split(") ").at(-1)?.split(" ") ?? [];
        if (Number(parent) !== pid || state === "Z") return [];
        return [{ pid: candidate, args: read(candidate, "cmdline").split("\0") }];
      } catch {
        return []; // it has just ended
      }
    });
}

function read(pid: number, file: string): string {
  return Deno.readTextFileSync(`/proc/${pid}/${file}`);
}

/** Waits for a child that has an argument. */
export async function childWith(process: Process, arg: string): Promise<Child> {
  const find = () => childrenOf(process).find(({ args }) => args.includes(arg));
  let child: Child | undefined;
  await until(() => (child = find()) !== undefined, `it starts a child with ${arg}`);
  return child as Child;
}

/** What Ctrl-C does in a terminal: all get SIGINT. Here the last one is the first to get it. */
export function interruptAll(process: Process): void {
  for (const { pid } of childrenOf(process).toReversed()) {
    try {
      Deno.kill(pid, "SIGINT");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // else it has ended
    }
  }
  process.kill("SIGINT");
}

/** Waits until a process has ended, and with it all who have its output: those it started. */
export async function allEnded(process: Process): Promise<Output> {
  let output: Output | undefined;
  process.output().then((found) => output = found);
  await until(() => output !== undefined, "it has ended, and all that it started");
  return output as unknown as Output;
}
