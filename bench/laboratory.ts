// Runs the processes that measure a group's cases, and keeps what they found.

import { fileURLToPath } from "node:url";
import { type Case, type Group, type Sample, type Side, SIDES } from "./case.ts";

/** How C is compiled. */
export const CC = ["cc", "-O2"];

/** The median; of an even number, the higher one of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** A process that takes longer hangs, in milliseconds. */
const PATIENCE = 120_000;

/** Runs a program, and returns what it printed. */
export async function run(command: string, ...args: string[]): Promise<string> {
  const signal = AbortSignal.timeout(PATIENCE);
  const { success, stdout, stderr } = await new Deno.Command(command, { args, signal }).output();
  if (signal.aborted) throw new Error(`${command} ${args.join(" ")}: it hangs`);
  if (success) return new TextDecoder().decode(stdout).trim();
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** The way that counts. */
export interface Fastest {
  readonly way: string;
  readonly samples: readonly Sample[];
}

/** Measures a group's ways, each once a round. */
export class Laboratory {
  readonly #group: Group;
  readonly #directory: string;
  readonly #samples = new Map<string, Sample[]>();

  constructor(group: Group, directory: string) {
    this.#group = group;
    this.#directory = directory;
  }

  /** Compiles the C program, and makes what the ways need. */
  async prepare(): Promise<void> {
    const [command, ...flags] = CC;
    await run(command, ...flags, "-o", this.#program, this.#source("c"), "-pthread", "-lrt");
    this.#group.prepare?.(this.#directory);
  }

  /** Measures what wasn't measured yet in this round: a way may belong to several cases. */
  async measure(one: Case, round: number): Promise<void> {
    // The second is at an advantage or at a disadvantage: in turn.
    const sides = round % 2 === 0 ? SIDES : SIDES.toReversed();
    for (const side of sides) {
      for (const way of waysOf(one, side)) {
        const samples = this.#of(one, side, way);
        if (samples.length <= round) samples.push(await this.#start(one, side, way));
      }
    }
    this.#compare(one, round);
  }

  /** The group's case of this name. */
  find(name: string): Case {
    const found = this.#group.cases.find((one) => one.name === name);
    if (found === undefined) throw new Error(`${this.#group.name} has no case "${name}"`);
    return found;
  }

  /** The fastest of a case's ways on one side. */
  fastest(one: Case, side: Side): Fastest | undefined {
    return waysOf(one, side)
      .map((way) => ({ way, samples: this.#of(one, side, way) }))
      .toSorted((a, b) => median(times(a.samples)) - median(times(b.samples)))[0];
  }

  get #program(): string {
    return `${this.#directory}/${this.#group.name}`;
  }

  #source(extension: string): string {
    return fileURLToPath(new URL(`${this.#group.name}.${extension}`, import.meta.url));
  }

  /** The samples so far of a way, done as often as a case does it. */
  #of(one: Case, side: Side, way: string): Sample[] {
    const key = JSON.stringify([side === "c", way, one.times]);
    return this.#samples.getOrInsert(key, []);
  }

  async #start(one: Case, side: Side, way: string): Promise<Sample> {
    const args = [way, String(one.times), this.#directory];
    if (side === "c") return JSON.parse(await run(this.#program, ...args));
    const command = ["run", ...this.#group.permissions, this.#source("ts")];
    return JSON.parse(await run(Deno.execPath(), ...command, ...args));
  }

  /** Throws unless all sides came to the same. */
  #compare(one: Case, round: number): void {
    const found = SIDES.flatMap((side) =>
      waysOf(one, side).map((way) => ({ side, way, ...this.#of(one, side, way)[round] }))
    );
    if (found.every(({ checksum }) => checksum === found[0].checksum)) return;
    const list = found.map(({ side, way, checksum }) => `${side}, ${way}: ${checksum}`);
    throw new Error(`${one.name}: the checksums differ\n${list.join("\n")}`);
  }
}

/** The ways of a case on one side. */
function waysOf(one: Case, side: Side): readonly string[] {
  return one[side] ?? (side === "deno" ? [] : [one.name]);
}

/** The times of some samples, in nanoseconds. */
export function times(samples: readonly Sample[]): number[] {
  return samples.map(({ nanoseconds }) => nanoseconds);
}
