// What the samples come to, and how that is shown.

import { type Case, type Promised, type Side, SIDES } from "./case.ts";
import { type Laboratory, median, times } from "./laboratory.ts";

/** What a case came to; a side that has no way is left out. */
export interface Row {
  readonly case: string;
  readonly what: string;
  /** For doing it once: the median of the rounds. */
  readonly nanoseconds: Partial<Record<Side, number>>;
  /** The way that was the fastest, where there were several. */
  readonly way: Partial<Record<Side, string>>;
  /** How many times Isthmus takes what another side takes: the median of the rounds' ratios. */
  readonly ratio: Partial<Record<Side, number>>;
  /** By how much the process's memory grew, in kB: the median. */
  readonly memory: Partial<Record<Side, number>>;
  readonly promise?: { readonly text: string; readonly kept: boolean };
}

/** What a case came to. */
export function rowOf(one: Case, laboratory: Laboratory): Row {
  const row = { nanoseconds: {}, way: {}, ratio: {}, memory: {} } as Row;
  const isthmus = laboratory.fastest(one, "isthmus");
  for (const side of SIDES) {
    const fastest = laboratory.fastest(one, side);
    if (fastest === undefined || isthmus === undefined) continue;
    const [theirs, ours] = [times(fastest.samples), times(isthmus.samples)];
    row.nanoseconds[side] = median(theirs);
    if ((one[side]?.length ?? 0) > 1) row.way[side] = fastest.way;
    if (side !== "isthmus") row.ratio[side] = median(ours.map((time, i) => time / theirs[i]));
    if (one.memory) row.memory[side] = median(fastest.samples.map(({ memory }) => memory));
  }
  return { ...row, case: one.name, what: one.what, promise: judge(one.promise, row) };
}

function judge(promise: Promised | undefined, { nanoseconds, ratio }: Row): Row["promise"] {
  if (promise === undefined) return undefined;
  const { beside, times, more } = promise;
  const name = NAMES[beside];
  if (times !== undefined) {
    return {
      text: `<= ${Number(times.toFixed(2))} ${name}`,
      kept: (ratio[beside] ?? Infinity) <= times,
    };
  }
  const [ours = Infinity, theirs = 0] = [nanoseconds.isthmus, nanoseconds[beside]];
  return { text: `<= ${name} + ${time(more)}`, kept: ours - theirs <= (more ?? 0) };
}

const NAMES: Readonly<Record<Side, string>> = { c: "C", deno: "Deno", isthmus: "Isthmus" };

/** A time with its unit. */
function time(nanoseconds: number | undefined): string {
  if (nanoseconds === undefined) return "";
  const units = ["ns", "us", "ms", "s"];
  let value = nanoseconds;
  while (value >= 999.5 && units.length > 1) {
    value /= 1000;
    units.shift();
  }
  return `${value.toPrecision(3)} ${units[0]}`;
}

function ratio(value: number | undefined): string {
  return value?.toFixed(2) ?? "";
}

/** The rows as text. */
export function table(rows: readonly Row[]): string {
  const head = ["case", "C", "Deno", "Isthmus", "to C", "to Deno", "promise", "what"];
  const lines = rows.map(({ case: name, nanoseconds: { c, deno, isthmus }, ...row }) => [
    name,
    time(c),
    time(deno),
    time(isthmus),
    ratio(row.ratio.c),
    ratio(row.ratio.deno),
    row.promise === undefined ? "" : `${row.promise.text}: ${row.promise.kept ? "kept" : "MISSED"}`,
    row.what,
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)));
  const isNumber = (column: number) => column >= 1 && column <= 5;
  return [head, widths.map((width) => "-".repeat(width)), ...lines].map((line) =>
    line.map((cell, i) => isNumber(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])).join(
      "  ",
    )
      .trimEnd()
  ).join("\n");
}

/** What the table has no room for, a line each. */
export function notes(rows: readonly Row[]): string {
  return rows.flatMap(({ case: name, way, memory }) => [
    ...Object.entries(way).map(([side, way]) =>
      `${name}: the fastest way of ${NAMES[side as Side]} is "${way}"\n`
    ),
    ...Object.entries(memory).map(([side, kilobytes]) =>
      `${name}: the memory of ${NAMES[side as Side]} grew by ${kilobytes} kB\n`
    ),
  ]).join("");
}
