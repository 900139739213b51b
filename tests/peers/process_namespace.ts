// Looks at a process in a pid namespace whose /proc is another one's: `unshare --pid --fork`. Its
// argument is the number of a process outside, which a child gets here, too.

import { livenessOf, ownIdentity } from "../../ffi/process.ts";

const pid = Number(Deno.args[0]);
Deno.writeTextFileSync("/proc/sys/kernel/ns_last_pid", String(pid - 1));
await using child = new Deno.Command("sleep", { args: ["60"] }).spawn();
const { namespace } = ownIdentity();
// With a start time, and as one that couldn't read its own.
const look = () =>
  [1n, 0n].map((startTime) => livenessOf({ pid, tid: child.pid, startTime, namespace }));
const alive = look();
child.kill("SIGKILL");
await child.status;
const own = livenessOf(ownIdentity());
console.log(JSON.stringify({ same: child.pid === pid, own, alive, dead: look() }));
