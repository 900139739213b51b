// What telemetry.ts consists of besides its two sides: the record that they agree on, the key of
// what it is in, and the terminal.

import { ftok } from "../mod.ts";
import { cString, f64, seqlock, struct, type ValueOf } from "../struct/mod.ts";
import { integer, print } from "./_cli.ts";

const Vector = struct("vector", { x: f64, y: f64 });

/** What is published. */
export const Telemetry = struct("telemetry", {
  position: Vector,
  velocity: Vector,
  timestamp: f64, // in milliseconds since 1970, as Date.now()
  name: cString(32),
});

/** The same, as a plain object. */
export type Telemetry = ValueOf<typeof Telemetry>;

/** The record in the segment, at offset 0: readers get it whole, as it was at one moment. */
export const LockedTelemetry = seqlock(Telemetry);

/** The flags that make the key, for --help. */
export const KEY_OPTIONS = `\
  --path <path>         an existing file or directory that the key is made of (default: .)
  --id <1..255>         the project id that the key is made of (default: 0x72)`;

/** The key of the segment, and of the semaphore that says who publishes. */
export function readKey({ path = ".", id = "0x72" }: { path?: string; id?: string }): number {
  return ftok(path, integer("--id", id, 1, 255));
}

/** Shows a line that changes, or one below the other where that can't be. */
export class Screen implements Disposable {
  /** How many were shown. */
  lines = 0;
  readonly #terminal = Deno.stdout.isTerminal();
  readonly #encoder = new TextEncoder();
  #open = false;
  #said = "";

  show(text: string): void {
    this.lines++;
    if (!this.#terminal) {
      print(text);
      return;
    }
    const fitting = text.slice(0, Deno.consoleSize().columns - 1);
    Deno.stdout.writeSync(this.#encoder.encode(`\r${fitting}\x1b[K`)); // erases what is behind it
    this.#open = true;
  }

  /** Says something in a line of its own, unless that is what was said last. */
  say(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#endLine();
    console.error(text);
  }

  /** What was said is over: when it happens again, it is said again. */
  allIsWell(): void {
    this.#said = "";
  }

  #endLine(): void {
    if (this.#open) console.log();
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.#endLine();
  }
}
