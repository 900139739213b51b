// Files, descriptors, names, tmpfs mounts and Workers for the tests of memory maps. Each is removed when it leaves
// scope.

import { closeSync, openSync } from "node:fs";
import { PosixSharedMemory } from "../mod.ts";
import { type Output, path, run } from "./_process.ts";
import { TestWorker } from "./_workers.ts";
import type { Task } from "./peers/map_worker.ts";

/** A directory of its own, removed with all that is in it. */
export interface Directory extends Disposable {
  readonly path: string;
  /** Writes a file into the directory, and returns its path: the bytes, or as many zeros. */
  file(name: string, content: number | Uint8Array): string;
}

/** Makes a directory. */
export function tempDirectory(): Directory {
  const directory = Deno.makeTempDirSync({ prefix: "isthmus-map-" });
  return {
    path: directory,
    file(name, content) {
      const file = `${directory}/${name}`;
      Deno.writeFileSync(file, typeof content === "number" ? new Uint8Array(content) : content);
      return file;
    },
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** A file in a directory of its own. */
export interface File extends Disposable {
  readonly path: string;
  /** What it holds, read anew. */
  bytes(): Uint8Array;
}

/** Makes a file that holds these bytes, or as many zeros. */
export function tempFile(content: number | Uint8Array): File {
  const directory = tempDirectory();
  const file = directory.file("file", content);
  return {
    path: file,
    bytes: () => Deno.readFileSync(file),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

/** Bytes that differ from page to page, and within one: 1, 2, ... 251, 1, ... */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => 1 + index % 251);
}

/** An open descriptor, as a user would have it. */
export interface Descriptor extends Disposable {
  readonly fd: number;
}

/** Opens a file with C's flags, or those of `fopen`: `"r"`, `"r+"`, `"w"`. */
export function openDescriptor(file: string, flags: string | number): Descriptor {
  const fd = openSync(file, flags);
  let open = true;
  return {
    fd,
    [Symbol.dispose]() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** Opens a file so often that one descriptor has a number that was given up before. */
export function reuseDescriptor(file: string, fd: number): Disposable {
  const opened = new DisposableStack();
  const MANY = 1000;
  for (let count = 0; count < MANY; count++) {
    if (opened.use(openDescriptor(file, "r+")).fd === fd) return opened;
  }
  opened.dispose();
  throw new Error(`descriptor ${fd} is not free`);
}

/** What the descriptors of this process stand for (Linux), without the one that reads them. */
export function descriptorTargets(): string[] {
  const targets: string[] = [];
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      targets.push(Deno.readLinkSync(`/proc/self/fd/${name}`));
    } catch {
      // It was the one that read the directory.
    }
  }
  return targets;
}

/** Keeps the system from using huge pages where it likes: a touch then brings one page in. */
export function withSmallPages<T extends { advise(advice: "nohugepage"): void }>(memory: T): T {
  try {
    memory.advise("nohugepage");
  } catch {
    // It has none.
  }
  return memory;
}

/** The lines of `/proc/self/maps` that have a text, such as a path. */
export function mapsWith(text: string): string[] {
  return Deno.readTextFileSync("/proc/self/maps").split("\n").filter((line) => line.includes(text));
}

/** A line of `/proc/self/smaps`, in kB, of the mapping that an address starts. */
export function smapsField(address: bigint, field: string): number {
  const start = `\n${address.toString(16).padStart(8, "0")}-`;
  const [, entry] = `\n${Deno.readTextFileSync("/proc/self/smaps")}`.split(start);
  return Number(entry?.match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"))?.[1] ?? NaN);
}

/** A name of POSIX shared memory that nobody else uses; whatever has it then is removed. */
export function freshName(): Disposable & { readonly name: string } {
  const name = `/isthmus-test-${crypto.randomUUID()}`;
  return {
    name,
    [Symbol.dispose]() {
      try {
        PosixSharedMemory.remove(name);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
}

/** Starts every script of {@linkcode evaluate}: the library, and a line of output for each call. */
const PREAMBLE = `
  import * as isthmus from ${JSON.stringify(`file://${path("mod.ts")}`)};
  const {
    FileLock, IPC_PRIVATE, mapAnonymous, mapFile, mapMemfd, mapNewFile, mapOrCreateFile, Memfd, PosixSharedMemory, Segment, SharedMemory,
  } = isthmus;
  const report = async (call) => {
    try {
      console.log("done", await call());
    } catch (error) {
      console.log(error.name, error.code, error.syscall, error.message);
    }
  };`;

/** How a script of {@linkcode evaluate} is started. */
export interface EvaluateOptions {
  /** Deno's flags. Default: all permissions. */
  readonly flags?: readonly string[];
  /** The command that starts Deno, if that isn't Deno itself. */
  readonly wrapper?: readonly string[];
  readonly cwd?: string;
}

/** Runs JavaScript with the library in a process of its own, to its end. */
export async function evaluate(code: string, options: EvaluateOptions = {}): Promise<Output> {
  const { flags = ["--allow-all"], wrapper = [], cwd } = options;
  using directory = tempDirectory();
  const file = directory.file("main.js", new TextEncoder().encode(PREAMBLE + code));
  const [command, ...args] = [
    ...wrapper,
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--no-check",
    "--no-lock",
    ...flags,
    file,
  ];
  return await run(command, args, { cwd });
}

/** Runs a script that must end well; returns its lines. */
export async function lines(code: string, options: EvaluateOptions = {}): Promise<string[]> {
  const { code: exit, signal, stdout, stderr } = await evaluate(code, options);
  if (exit !== 0 || stderr !== "") {
    throw new Error(`exit code ${exit}, signal ${signal}\n${stdout}${stderr}`);
  }
  return stdout.trim().split("\n");
}

/** A wrapper that lays a file system over a directory, for the process alone: nothing is left mounted. */
export function withMounted(directory: string, type: string, options: string): string[] {
  const script = 'mount -t "$1" -o "$2" none "$3" && shift 3 && exec "$@"';
  const namespace = ["unshare", "--mount", "--propagation", "private"];
  return [...namespace, "sh", "-c", script, "sh", type, options, directory];
}

/** A wrapper that lays a small tmpfs over a directory, as {@linkcode withMounted} does. */
export function withTmpfs(directory: string, size: string): string[] {
  return withMounted(directory, "tmpfs", `size=${size}`);
}

/** A wrapper that takes capabilities away from root, such as `dac_override`. */
export function withoutCapabilities(...names: string[]): string[] {
  return ["setpriv", `--bounding-set=${names.map((name) => `-${name}`).join(",")}`];
}

function succeeds(command: string[]): boolean {
  try {
    const [program, ...args] = command;
    return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Says once why tests are skipped that mount a tmpfs; for `ignore`. */
export function noTmpfs(tests: string): boolean {
  const missing = Deno.build.os !== "linux" || !succeeds([...withTmpfs("/mnt", "1m"), "true"]);
  if (missing) console.log(`skipped, a tmpfs can't be mounted here: ${tests}`);
  return missing;
}

/** Says once why tests are skipped that take capabilities away; for `ignore`. */
export function noCapabilities(tests: string): boolean {
  const missing = Deno.build.os !== "linux" ||
    !succeeds([...withoutCapabilities("ipc_lock"), "prlimit", "--memlock=65536:65536", "true"]);
  if (missing) console.log(`skipped, capabilities can't be taken away here: ${tests}`);
  return missing;
}

/** The Worker of `tests/peers/map_worker.ts`. */
export class MapWorker implements Disposable {
  readonly #worker = new TestWorker(new URL("peers/map_worker.ts", import.meta.url));
  readonly #ready = this.#answer();

  async #answer(): Promise<unknown> {
    const answer = await this.#worker.message();
    const { value, error } = answer as { value?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Gives it something to do, and returns the outcome. */
  async ask(task: Task): Promise<unknown> {
    await this.#ready;
    const answer = this.#answer();
    this.#worker.post(task);
    return await answer;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
