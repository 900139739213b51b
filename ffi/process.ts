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

/** A small file of the system's as text; `undefined` if it can't be read. */
function readSystemFile(path: string): string | undefined {
  const { c } = libc();
  const fd = c.open(cString(path), platform().constants.O_RDONLY, 0);
  if (fd === -1) return undefined;
  const length = c.read(fd, buffer, BigInt(STAT_BYTES));
  c.close(fd);
  return length === -1 ? undefined : decode(length);
}

/** What a link of the system's refers to; `undefined` if it can't be read. */
function readSystemLink(path: string): string | undefined {
  const length = libc().c.readlink(cString(path), buffer, BigInt(STAT_BYTES));
  return length === -1 ? undefined : decode(length);
}

function decode(length: number): string {
  return new TextDecoder("latin1").decode(buffer.subarray(0, length));
}

/** What is looked at of a thread's `stat`. */
interface ThreadStat {
  readonly state: string;
  readonly startTime: bigint;
}

/** State and start time of a thread, from its `stat`; `undefined` if that can't be read. */
function threadStat(thread: number | "thread-self"): ThreadStat | undefined {
  const text = readSystemFile(`/proc/${thread}/stat`);
  if (text === undefined) return undefined;
  // The name before it, in parentheses, may contain anything. The state is field 3.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], startTime: BigInt(fields[22 - 3] ?? 0) };
}

/** A namespace of this process: the inode in "pid:[4026531836]"; 0 if nobody tells. */
function namespaceOf(kind: "pid" | "time"): number {
  const link = readSystemLink(`/proc/self/ns/${kind}`) ?? "";
  return Number(/\[(\d+)\]/.exec(link)?.[1] ?? 0);
}

/** The time namespace that a system starts with (`PROC_TIME_INIT_INO`). */
const FIRST_TIME_NAMESPACE = 0xeffffffa;

/**
 * The namespace whose processes this one can tell anything about; 0 if nobody tells. In another
 * time namespace start times are other numbers, so that counts as another one, too.
 */
function ownNamespace(): number {
  const pids = namespaceOf("pid");
  const times = namespaceOf("time") || FIRST_TIME_NAMESPACE; // 0: before Linux 5.6
  return pids === 0 ? 0 : (pids ^ times ^ FIRST_TIME_NAMESPACE) >>> 0;
}

let ownProc: boolean | undefined;

/**
 * Whether /proc has the numbers of this process's pid namespace. If that was unshared without
 * mounting /proc anew, they are other processes' numbers.
 */
function isProcOurs(): boolean {
  return ownProc ??= readSystemLink("/proc/self") === String(Deno.pid);
}

let own: ProcessIdentity | undefined;

/** This thread's identity. */
export function ownIdentity(): ProcessIdentity {
  if (own !== undefined) return own;
  const tid = libc().c.syscall_gettid(BigInt(platform().syscalls?.gettid ?? 0));
  const startTime = threadStat("thread-self")?.startTime ?? 0n;
  return own = { pid: Deno.pid, tid, startTime, namespace: ownNamespace() };
}

/**
 * Whether a thread, and so its process, is still there. One that ended but whose parent didn't ask
 * for it yet (a zombie) is dead.
 */
export function livenessOf({ tid, startTime, namespace }: ProcessIdentity): Liveness {
  if (namespace === 0 || namespace !== ownIdentity().namespace) return "unknown";
  if (tid === 0 || tid > 0x7fffffff) return "dead"; // which no thread can have
  const { tid: ownTid, startTime: ownStart } = ownIdentity();
  if (tid === ownTid) { // this thread, or one before it
    return [ownStart, startTime].includes(0n) || startTime === ownStart ? "alive" : "dead";
  }
  const stat = isProcOurs() ? threadStat(tid) : undefined;
  if (stat === undefined) {
    // Either it ended, perhaps this moment, or the system hides other users' processes (hidepid),
    // or all: then the number is in use, and that's all we know.
    const { c, errno } = libc();
    return c.kill(tid, 0) === -1 && errno[0] === platform().errno.ESRCH ? "dead" : "unknown";
  }
  const { state, startTime: current } = stat;
  // A start of 0 says that its own /proc wasn't to be read.
  if (state === "Z" || state === "X" || (startTime !== 0n && current !== startTime)) return "dead";
  return "alive";
}
