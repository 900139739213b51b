// Processes for tests. Each is ended when it leaves scope, and none may outlive its watchdog.

import process from "node:process";

/** How long a process may take before the test is given up, in milliseconds. */
const WATCHDOG = 60_000;

/**
 * For calls that block until another process does something, or wait for it for ever: the watchdog
 * can't do anything while this thread is blocked.
 */
export const LIMIT = { timeout: 30_000 } as const;

/** How long what a process started may hold its output open after its end, in milliseconds. */
const GRACE = 5000;

/** What a process left behind. */
export interface Output {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to start a process. */
export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** A process whose output is collected, and can be waited for. */
export class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #watchdog: ReturnType<typeof setTimeout>;
  readonly #texts = { stdout: "", stderr: "" };
  readonly #done: Promise<Output>;
  readonly #watchers = new Set<() => void>();
  readonly #readers: ReadableStreamDefaultReader<string>[] = [];

  constructor(command: string, args: string[], options: StartOptions = {}) {
    this.#child = new Deno.Command(command, {
      args,
      cwd: options.cwd,
      env: { NO_COLOR: "1", ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#watchdog = setTimeout(() => {
      this.#texts.stderr += `\n(killed by the test, after ${WATCHDOG / 1000} s)\n`;
      this.#end();
    }, WATCHDOG);
    this.#done = this.#collect();
  }

  get pid(): number {
    return this.#child.pid;
  }

  async #read(name: "stdout" | "stderr"): Promise<void> {
    const reader = this.#child[name].pipeThrough(new TextDecoderStream()).getReader();
    this.#readers.push(reader);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#texts[name] += value;
      for (const watcher of this.#watchers) watcher();
    }
  }

  /** Kills it, if it is still there. */
  #end(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }

  async #collect(): Promise<Output> {
    const [status] = await Promise.all([
      this.#child.status,
      this.#read("stdout"),
      this.#read("stderr"),
    ]);
    clearTimeout(this.#watchdog);
    for (const watcher of this.#watchers) watcher();
    return { ...status, ...this.#texts };
  }

  /** Waits until the output holds a text, and returns all of it; throws if the process ends before. */
  async until(name: "stdout" | "stderr", text: string | RegExp): Promise<string> {
    const found = () =>
      typeof text === "string" ? this.#texts[name].includes(text) : text.test(this.#texts[name]);
    let ended = false;
    const done = this.#done.then(() => void (ended = true));
    while (!found()) {
      if (ended) {
        throw new Error(`process ended without ${text}: ${JSON.stringify(await this.#done)}`);
      }
      const { promise: news, resolve: watcher } = Promise.withResolvers<void>();
      this.#watchers.add(watcher);
      await Promise.race([news, done]);
      this.#watchers.delete(watcher);
    }
    return this.#texts[name];
  }

  /** Writes to the process's standard input. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for the end. */
  async output(): Promise<Output> {
    return await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#child.stdin.close().catch(() => {});
    await this.#child.status;
    // A process that it started, and that still lives, would have it open for ever.
    const late = setTimeout(() => {
      for (const reader of this.#readers) void reader.cancel();
    }, GRACE);
    await this.#done;
    clearTimeout(late);
  }
}

const ROOT = new URL("../", import.meta.url);

/** The path of a file of the project. */
export function path(file: string): string {
  return new URL(file, ROOT).pathname;
}

/** Starts `deno run --allow-ffi` on a file of the project, with more flags in front if need be. */
export function deno(
  file: string,
  args: string[] = [],
  flags: string[] = ["--allow-ffi"],
  options: StartOptions = {},
): Process {
  const config = `--config=${path("deno.json")}`;
  // --quiet: what it prints is the program's, and not what Deno downloads at its first start.
  return new Process(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", config, ...flags, path(file), ...args],
    options,
  );
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: string[],
  options: StartOptions = {},
): Promise<Output> {
  await using process = new Process(command, args, options);
  return await process.output();
}

/**
 * The processor time that this process takes while another one takes a second of it, in seconds. On
 * a machine with much to do both take longer.
 */
export async function cpuShare(): Promise<number> {
  const before = process.cpuUsage();
  const spin = `
    import process from "node:process";
    for (let sum = 0; sum < 1e6;) {
      const { user, system } = process.cpuUsage();
      sum = user + system;
    }`;
  const { code, stderr } = await run(Deno.execPath(), ["eval", spin]);
  if (code !== 0) throw new Error(stderr);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
