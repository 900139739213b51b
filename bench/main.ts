// Measures Isthmus beside a C program that does the same: round by round in turn, medians, and
// their ratio. Compare within one run only. Start it with `deno task bench [rounds]`.

const CASES = [
  { name: "lock", times: 300_000, what: "take and give a free semaphore, with undo and `using`" },
  { name: "lock, release()", times: 300_000, what: "the same without `using`" },
  {
    name: "lock, await",
    times: 100_000,
    what: "the same by `using` and lock(), which returns a promise",
  },
  {
    name: "contend",
    times: 50_000,
    what: "as `lock`, while another process does too; Isthmus first tries for 15 us",
  },
  {
    name: "round trip",
    times: 30_000,
    what: "wake the other process and be woken; Isthmus first tries for 15 us",
  },
  { name: "attach", times: 50_000, what: "attach a segment, write a byte, detach" },
  { name: "copy 64 KiB", times: 50_000, what: "copy a block into a segment" },
];

const directory = new URL("./", import.meta.url);

function measure(command: string, args: string[]): number {
  const { success, stdout, stderr } = new Deno.Command(command, { args }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return Number(new TextDecoder().decode(stdout));
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const rounds = Number(Deno.args[0] ?? 5);
const c = Deno.makeTempFileSync();
try {
  measure("cc", ["-O2", "-o", c, new URL("peer.c", directory).pathname]);
  const rows = CASES.map(({ name, times, what }) => {
    const inC: number[] = [];
    const inDeno: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // C has no promises: its plain lock is what to compare with.
      inC.push(measure(c, [name.split(",")[0], String(times)]));
      const peer = new URL("peer.ts", directory).pathname;
      const flags = ["--allow-ffi", "--allow-run"];
      inDeno.push(measure(Deno.execPath(), ["run", ...flags, peer, name, String(times)]));
    }
    const ratio = median(inDeno.map((value, round) => value / inC[round]));
    return {
      case: name,
      "C (ns)": Math.round(median(inC)),
      "Isthmus (ns)": Math.round(median(inDeno)),
      ratio: Number(ratio.toFixed(2)),
      what,
    };
  });
  console.table(rows);
} finally {
  Deno.removeSync(c);
}
