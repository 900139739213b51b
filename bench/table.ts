// What the samples come to, and how that is shown.

import { type Beside, type Case, type Side, SIDES } from "./case.ts";
import { type Fastest, type Laboratory, median, times } from "./laboratory.ts";

/** How many times one takes what another takes, in the rounds. */
export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** What a case came to; a side that has no way is left out. */
export interface Row {
  readonly case: string;
  readonly what: string;
  /** For doing it once: the median of the rounds. */
  readonly nanoseconds: Partial<Record<Side, number>>;
  /** The way that was the fastest, where there were several. */
  readonly way: Partial<Record<Side, string>>;
  /** How many times Isthmus takes what another side takes. */
  readonly ratio: Partial<Record<Side, Ratio>>;
  /** By how much the process's memory grew, in kB: the median. */
  readonly memory: Partial<Record<Side, number>>;
  /** Whether the table shows rates instead of times. */
  readonly rate?: Case["rate"];
  readonly promise?: { readonly text: string; readonly kept: boolean };
}

/** What a case came to. */
export function rowOf(one: Case, laboratory: Laboratory): Row {
  const row = { nanoseconds: {}, way: {}, ratio: {}, memory: {}, rate: one.rate } as Row;
  const isthmus = laboratory.fastest(one, "isthmus");
  for (const side of SIDES) {
    const fastest = laboratory.fastest(one, side);
    if (fastest === undefined || isthmus === undefined) continue;
    row.nanoseconds[side] = median(times(fastest.samples));
    if ((one[side]?.length ?? 0) > 1) row.way[side] = fastest.way;
    if (side !== "isthmus") row.ratio[side] = ratioOf(isthmus, fastest);
    if (one.memory) row.memory[side] = median(fastest.samples.map(({ memory }) => memory));
  }
  return { ...row, case: one.name, what: one.what, promise: judge(one, row, laboratory) };
}

function ratioOf(one: Fastest, other: Fastest): Ratio {
  const theirs = times(other.samples);
  const ratios = times(one.samples).map((time, round) => time / theirs[round]);
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

/** What another's time is, and how many times it Isthmus takes. */
interface Comparison {
  readonly name: string;
  readonly nanoseconds: number;
  readonly ratio: Ratio;
}

/** Beside what wasn't measured no promise is kept. */
const UNKNOWN: Ratio = { median: Infinity, least: Infinity, most: Infinity };

function compare(beside: Beside, one: Case, row: Row, laboratory: Laboratory): Comparison {
  if (typeof beside === "string") {
    const [nanoseconds = 0, ratio = UNKNOWN] = [row.nanoseconds[beside], row.ratio[beside]];
    return { name: NAMES[beside], nanoseconds, ratio };
  }
  const [ours, theirs] = [one, laboratory.find(beside.case)].map((each) =>
    laboratory.fastest(each, "isthmus")
  );
  const name = `"${beside.case}"`;
  if (ours === undefined || theirs === undefined) return { name, nanoseconds: 0, ratio: UNKNOWN };
  return { name, nanoseconds: median(times(theirs.samples)), ratio: ratioOf(ours, theirs) };
}

function judge(one: Case, row: Row, laboratory: Laboratory): Row["promise"] {
  const { promise } = one;
  if (promise === undefined) return undefined;
  const ours = row.nanoseconds.isthmus ?? Infinity;
  if ("nanoseconds" in promise) {
    return { text: `<= ${time(promise.nanoseconds)}`, kept: ours <= promise.nanoseconds };
  }
  if ("perSecond" in promise) {
    const text = `>= ${perSecond(1e9 / promise.perSecond, one.rate)}`;
    return { text, kept: 1e9 / ours >= promise.perSecond };
  }
  const { name, nanoseconds, ratio } = compare(promise.beside, one, row, laboratory);
  if ("times" in promise) {
    const text = `<= ${Number(promise.times.toFixed(2))} ${name}`;
    return { text, kept: ratio.median <= promise.times };
  }
  if ("more" in promise) {
    const text = `<= ${name} + ${time(promise.more)}`;
    return { text, kept: ours - nanoseconds <= promise.more };
  }
  const own = typeof promise.beside === "string" ? "" : `, is ${ratioText(ratio, {})}`;
  const text = `>= ${promise.rate.toFixed(2)} of ${name}'s rate${own}`;
  return { text, kept: 1 / ratio.median >= promise.rate };
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

/** What passes in a second when one message takes that time. */
function perSecond(nanoseconds: number, { bytes }: { readonly bytes?: number } = {}): string {
  return bytes === undefined
    ? `${(1e3 / nanoseconds).toPrecision(3)} M/s`
    : `${(bytes / nanoseconds).toPrecision(3)} GB/s`;
}

/** A time, or what passes in a second. */
function figure(nanoseconds: number | undefined, rate: Case["rate"]): string {
  if (nanoseconds === undefined) return "";
  return rate === undefined ? time(nanoseconds) : perSecond(nanoseconds, rate);
}

/** The ratio of the figures that the table shows, and between what it was in the rounds. */
function ratioText(ratio: Ratio | undefined, rate: Case["rate"]): string {
  if (ratio === undefined) return "";
  const { median, least, most } = rate === undefined
    ? ratio
    : { median: 1 / ratio.median, least: 1 / ratio.most, most: 1 / ratio.least };
  const text = median.toFixed(2);
  return least === most ? text : `${text} (${least.toFixed(2)}-${most.toFixed(2)})`;
}

/** The rows as text. */
export function table(rows: readonly Row[]): string {
  const head = ["case", "C", "Deno", "Isthmus", "to C", "to Deno", "promise", "what"];
  const lines = rows.map(({ case: name, nanoseconds: { c, deno, isthmus }, ...row }) => [
    name,
    figure(c, row.rate),
    figure(deno, row.rate),
    figure(isthmus, row.rate),
    ratioText(row.ratio.c, row.rate),
    ratioText(row.ratio.deno, row.rate),
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
