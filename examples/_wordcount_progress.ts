// A bar on the terminal that shows how far wordcount.ts is.

/** What we use of the npm package `progress`, which comes without types. */
interface Bar {
  tick(amount: number): void;
  /** Takes the bar off the screen; the next tick may show it again. */
  terminate(): void;
}

/** Fewer bytes are counted before anybody could look at a bar. */
const NOTICEABLE = 2 ** 30;

/** Shows how many bytes are counted, where somebody sees it and it takes a while. */
export class Progress implements Disposable {
  readonly #bar: Bar | null;

  private constructor(bar: Bar | null) {
    this.#bar = bar;
  }

  /** Starts with nothing of `total` bytes counted. */
  static async start(total: number): Promise<Progress> {
    if (total < NOTICEABLE || !Deno.stderr.isTerminal()) return new Progress(null);
    const { default: ProgressBar } = await import("progress");
    const options = { total, width: 60, clear: true, renderThrottle: 100 };
    return new Progress(new ProgressBar("[:bar] :percent, :eta s to go", options));
  }

  /** Shows that more bytes are counted. */
  advance(bytes: number): void {
    this.#bar?.tick(bytes);
  }

  /** Makes room for a line of output. */
  hide(): void {
    this.#bar?.terminate();
  }

  [Symbol.dispose](): void {
    this.hide();
  }
}
