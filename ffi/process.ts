import { cString } from "./c_string.ts";
import { libc } from "./libc.ts";
import { platform } from "./platform.ts";

// Who a process is, and whether it still lives. A pid alone doesn't tell: the system gives it to
// another process one day, and processes of other pid namespaces (containers) count anew. Linux;
// read through libc, since Deno gives /proc to --allow-all alone, and this is not the user's file.

/** A thread of a process, as others may recognise it. */
export interface ProcessIdentity {
  /** The process id. */
  readonly pid: number;
  /** The thread id, which for a program's first thread is the process id. */
  readonly tid: number;
  /** When the thread started, in clock ticks since the system did. */
  readonly startTime: bigint;
  /** The pid namespace that the ids belong to. */
  readonly namespace: number;
}

/** What is known of a process: of those in another pid namespace nothing is. */
export type Liveness = "alive" | "dead" | "unknown";

/** What fits of `/proc/<tid>/stat`: far more than is looked at. */
const STAT_BYTES = 1024;

const buffer = new Uint8Array(STAT_BYTES);

/** A small file of the system's as text, or a negated error number. */
function readSystemFile(path: string): string | number {
  const { c, errno } = libc();
  const fd = c.open(cString(path), platform().constants.O_RDONLY, 0);
  if (fd === -1) return -errno[0];
  const length = c.read(fd, buffer, BigInt(STAT_BYTES));
  const error = errno[0];
  c.close(fd);
  return length === -1 ? -error : new TextDecoder("latin1").decode(buffer.subarray(0, length));
}

/** State and start time of a thread, or a negated error number. */
function threadStat(tid: number): { state: string; startTime: bigint } | number {
  const text = readSystemFile(`/proc/${tid}/stat`);
  if (typeof text === "number") return text;
  // The name before it, in parentheses, may contain anything. The state is field 3.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], startTime: BigInt(fields[22 - 3] ?? 0) };
}

/** The pid namespace of this process: the inode in "pid:[4026531836]"; 0 if nobody tells. */
function pidNamespace(): number {
  const length = libc().c.readlink(cString("/proc/self/ns/pid"), buffer, BigInt(STAT_BYTES));
  if (length === -1) return 0;
  const link = new TextDecoder("latin1").decode(buffer.subarray(0, length));
  return Number(/\[(\d+)\]/.exec(link)?.[1] ?? 0) >>> 0;
}

let own: ProcessIdentity | undefined;

/** This thread's identity. */
export function ownIdentity(): ProcessIdentity {
  if (own !== undefined) return own;
  const tid = libc().c.syscall_gettid(BigInt(platform().syscalls?.gettid ?? 0));
  const stat = threadStat(tid);
  const startTime = typeof stat === "number" ? 0n : stat.startTime;
  return own = { pid: Deno.pid, tid, startTime, namespace: pidNamespace() };
}

/**
 * Whether a thread, and so its process, is still there. One that ended but whose parent didn't ask
 * for it yet (a zombie) is dead.
 */
export function livenessOf({ tid, startTime, namespace }: ProcessIdentity): Liveness {
  if (namespace !== ownIdentity().namespace) return "unknown";
  if (tid === 0 || tid > 0x7fffffff) return "dead"; // which no thread can have
  const stat = threadStat(tid);
  if (typeof stat === "number") {
    // Either it ended, perhaps this moment, or the system hides other users' processes (hidepid):
    // then the number is in use, and that's all we know.
    const { c, errno } = libc();
    return c.kill(tid, 0) === -1 && errno[0] === platform().errno.ESRCH ? "dead" : "unknown";
  }
  const { state, startTime: current } = stat;
  // A start of 0 says that its own /proc wasn't to be read.
  if (state === "Z" || state === "X" || (startTime !== 0n && current !== startTime)) return "dead";
  return "alive";
}
