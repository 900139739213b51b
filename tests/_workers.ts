// Workers for tests. Each is ended when it leaves scope, and none can be waited for in vain.

import { path } from "./_process.ts";

/** How long a Worker may say nothing before the test is given up, in milliseconds. */
const WATCHDOG = 60_000;

/** The URL of a file of the project, quoted, for an `import` in the code of a Worker. */
export function url(file: string): string {
  return JSON.stringify(`file://${path(file)}`);
}

/** A Worker whose messages are kept until they are asked for. */
export class TestWorker implements Disposable {
  readonly #worker: Worker;
  readonly #messages: unknown[] = [];
  #error: Error | undefined;
  #news = Promise.withResolvers<void>();

  /** Starts a module: its code, or its file. */
  constructor(module: string | URL) {
    const source = typeof module === "string"
      ? `data:text/javascript,${encodeURIComponent(module)}`
      : module;
    this.#worker = new Worker(source, { type: "module" });
    this.#worker.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#wake();
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // else it ends the test run
      this.#error ??= new Error(`the Worker failed: ${event.message}`);
      this.#wake();
    };
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Sends it a message. */
  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  /** Its next message; throws if it fails, or says nothing for long. */
  async message(): Promise<unknown> {
    const late = setTimeout(() => {
      this.#error ??= new Error(`the Worker said nothing for ${WATCHDOG / 1000} s`);
      this.#wake();
    }, WATCHDOG);
    try {
      while (this.#messages.length === 0) {
        if (this.#error !== undefined) throw this.#error;
        await this.#news.promise;
      }
      return this.#messages.shift();
    } finally {
      clearTimeout(late);
    }
  }

  /** Ends it, soon. */
  terminate(): void {
    this.#worker.terminate();
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
