// Who counts the pieces of files: the main thread, or Workers.

import { setImmediate } from "node:timers/promises";
import type { Kernel } from "./_wordcount_counter.ts";
import type { Counts } from "./_wordcount_counts.ts";
import { countPiece, type Piece } from "./_wordcount_pieces.ts";
import type { Answer, Order } from "./_wordcount_worker.ts";

/** Counts pieces, several at once or one by one, in the order in which it gets them. */
export interface Pool extends Disposable {
  /** How large pieces should be. */
  readonly pieceSize: number;
  /** Counts a piece as soon as somebody has time for it. */
  count(piece: Piece): Promise<Counts>;
}

/** The largest piece of a file that is mapped at once, and the smallest one for a Worker. */
const MAX_PIECE = 2 ** 26;
const MIN_PIECE = 2 ** 22;

/** So many pieces for each Worker keep all of them busy to the end. */
const PIECES_EACH = 4;

/** With fewer bytes, Workers take longer to start than the main thread takes to count. */
const WORTH_WORKERS = 2 ** 28;

const WORKER = new URL("_wordcount_worker.ts", import.meta.url);

/** Finds somebody to count `size` bytes: as many Workers as are wanted, or as make sense. */
export function createPool(
  kernel: Kernel,
  size: number,
  wanted: number | null,
  signal: AbortSignal,
): Pool {
  const workers = wanted ?? (size < WORTH_WORKERS ? 1 : navigator.hardwareConcurrency);
  // With --allow-read for some directories only, Deno may not let Workers load their code.
  const { state } = Deno.permissions.querySync({ name: "read", path: WORKER });
  if (workers <= 1 || size === 0 || state !== "granted") {
    return new MainThread(kernel, MAX_PIECE, signal);
  }
  const pieces = Math.ceil(size / workers / PIECES_EACH / MIN_PIECE);
  const pieceSize = Math.min(pieces * MIN_PIECE, MAX_PIECE);
  return new Workers(kernel, pieceSize, Math.min(workers, Math.ceil(size / pieceSize)));
}

/** Counts on this thread, which looks after other things between two pieces. */
export class MainThread implements Pool {
  readonly pieceSize: number;
  readonly #kernel: Kernel;
  readonly #signal: AbortSignal;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(kernel: Kernel, pieceSize: number, signal: AbortSignal) {
    this.pieceSize = pieceSize;
    this.#kernel = kernel;
    this.#signal = signal;
  }

  count(piece: Piece): Promise<Counts> {
    const counts = this.#previous.then(async () => {
      await setImmediate();
      this.#signal.throwIfAborted();
      return countPiece(this.#kernel, piece);
    });
    this.#previous = counts.catch(() => {});
    return counts;
  }

  [Symbol.dispose](): void {
    // A piece that waits for its turn throws as soon as the signal aborts.
  }
}

/** A piece that somebody waits for. */
interface Job extends PromiseWithResolvers<Counts> {
  readonly piece: Piece;
}

/** Counts in Workers, a piece at a time in each. */
export class Workers implements Pool {
  readonly pieceSize: number;
  readonly #workers: Worker[];
  readonly #idle: Worker[];
  readonly #jobs = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];

  constructor(kernel: Kernel, pieceSize: number, size: number) {
    this.pieceSize = pieceSize;
    this.#workers = Array.from({ length: size }, () => this.#start(kernel));
    this.#idle = [...this.#workers];
  }

  #start(kernel: Kernel): Worker {
    const worker = new Worker(WORKER, { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      const job = this.#jobs.get(worker);
      if ("counts" in data) job?.resolve(data.counts);
      else job?.reject(errorFrom(data.failure));
      this.#idle.push(worker);
      this.#assign();
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      // It is no longer there, and others may wait for it in vain.
      const error = new Error(`A Worker failed: ${event.message}`);
      for (const job of [...this.#jobs.values(), ...this.#waiting]) job.reject(error);
    });
    post(worker, { kernel });
    return worker;
  }

  count(piece: Piece): Promise<Counts> {
    const job = { piece, ...Promise.withResolvers<Counts>() };
    this.#waiting.push(job);
    this.#assign();
    return job.promise;
  }

  /** Gives work to whoever has none. */
  #assign(): void {
    while (this.#idle.length > 0) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const worker = this.#idle.shift() as Worker; // there is one
      this.#jobs.set(worker, job);
      post(worker, { piece: job.piece });
    }
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

/** Makes an error again of what a Worker says of one. */
function errorFrom({ name, message }: { name: string; message: string }): Error {
  return name === "NotCapable" ? new Deno.errors.NotCapable(message) : new Error(message);
}

function post(worker: Worker, order: Order): void {
  worker.postMessage(order);
}
