// Measures Isthmus beside C programs that do the same, and beside what Deno has itself: round by
// round in turn, medians, and their ratios. Compare within one run only. Start it with
// `deno task bench [--only <group>] [--json] [rounds]`.

import { parseArgs } from "node:util";
import { BROADCAST } from "./broadcast.ts";
import type { Group } from "./case.ts";
import { CC, Laboratory, run } from "./laboratory.ts";
import { MAP } from "./map.ts";
import { MSG } from "./msg.ts";
import { RING } from "./ring.ts";
import { STRUCT } from "./struct.ts";
import { SYNC } from "./sync.ts";
import { SYSV } from "./sysv.ts";
import { notes, type Row, rowOf, table } from "./table.ts";

const GROUPS: readonly Group[] = [SYSV, MAP, STRUCT, MSG, SYNC, RING, BROADCAST];
const ROUNDS = "5";

/** On what the figures were found. */
interface Setting {
  readonly versions: Readonly<Record<string, string>>;
  readonly compiler: string;
  readonly machine: string;
  readonly rounds: number;
}

async function settingOf(rounds: number): Promise<Setting> {
  const cpu = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  const compiler = (await run(CC[0], "--version")).split("\n")[0];
  return {
    versions: { ...Deno.version, linux: Deno.osRelease() },
    compiler: `${CC.join(" ")} with ${compiler}`,
    machine: `${navigator.hardwareConcurrency} x ${cpu ?? "processor"}, ${memory} GiB`,
    rounds,
  };
}

function describe({ versions, compiler, machine, rounds }: Setting): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [...programs, compiler, machine, `${rounds} rounds`].join("; ");
}

async function measure(group: Group, directory: string, rounds: number): Promise<Row[]> {
  const laboratory = new Laboratory(group, directory);
  await laboratory.prepare();
  for (let round = 0; round < rounds; round++) {
    console.error(`${group.name}: round ${round + 1} of ${rounds}`);
    for (const one of group.cases) await laboratory.measure(one, round);
  }
  return group.cases.map((one) => rowOf(one, laboratory));
}

/** Calls `use` with a directory that is gone afterwards, also after Ctrl-C. */
async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = Deno.makeTempDirSync({ prefix: "isthmus-bench-" });
  const remove = () => Deno.removeSync(directory, { recursive: true });
  const interrupt = () => {
    remove();
    Deno.exit(130);
  };
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener("SIGTERM", interrupt);
  try {
    await use(directory);
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
    Deno.removeSignalListener("SIGTERM", interrupt);
    remove();
  }
}

const { values: { only, json }, positionals: [count = ROUNDS] } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, json: { type: "boolean" } },
});
const rounds = Number(count);
const groups = GROUPS.filter(({ name }) => only === undefined || name === only);
if (groups.length === 0 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`bench [--only ${GROUPS.map(({ name }) => name).join("|")}] [--json] [rounds]`);
  Deno.exit(2);
}
await withDirectory(async (directory) => {
  const setting = await settingOf(rounds);
  const rows: Record<string, Row[]> = {};
  for (const group of groups) {
    rows[group.name] = await measure(group, directory, rounds);
    if (!json) console.log(`${table(rows[group.name])}\n${notes(rows[group.name])}`);
  }
  console.log(json ? JSON.stringify({ ...setting, groups: rows }, null, 2) : describe(setting));
});
