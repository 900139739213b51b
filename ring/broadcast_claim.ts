import { checkInteger } from "../ffi/check.ts";

/**
 * Room for a message in the shared memory itself, made by the `claim()` of the sender of a
 * `Broadcast` or a `Latest`: write the message there, then `commit()` it. Nobody sees it before,
 * and whoever leaves the scope without that has sent nothing.
 *
 * The bytes belong to the message until it is committed or aborted. Who writes to them afterwards
 * spoils what others are reading.
 *
 * @example
 * ```ts
 * import { Latest, mapAnonymous } from "@isthmus/isthmus";
 *
 * using memory = mapAnonymous(Latest.byteLength(1000), { shared: true });
 * using sender = Latest.create(memory, 1000).sender();
 * {
 *   using claim = sender.claim(1000);
 *   claim.bytes.fill(1, 0, 500);
 *   console.log(claim.commit(500)); // 0: its sequence
 * }
 * ```
 */
export class BroadcastClaim implements Disposable {
  /** The room, in the shared memory. What it holds before is garbage. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  readonly #finish: (committed: number | undefined) => number;
  #done = false;

  /** Made by `claim()`. */
  constructor(
    bytes: Uint8Array<ArrayBufferLike>,
    finish: (committed: number | undefined) => number,
  ) {
    this.bytes = bytes;
    this.#finish = finish;
  }

  /**
   * Sends the message, or no more than its first `length` bytes, and returns its sequence.
   *
   * @throws {RangeError} If `length` is more than was claimed.
   * @throws {Deno.errors.BadResource} If it was committed or aborted before, the sender closed, or
   * the memory is gone.
   */
  commit(length?: number): number {
    const claimed = this.bytes.length;
    const committed = length === undefined ? claimed : checkInteger("length", length, 0, claimed);
    if (this.#done) {
      throw new Deno.errors.BadResource(
        "Cannot commit a message: it was committed or aborted before",
      );
    }
    this.#done = true;
    return this.#finish(committed);
  }

  /** Sends nothing; does nothing if it is over already. */
  abort(): void {
    if (this.#done) return;
    this.#done = true;
    this.#finish(undefined);
  }

  /** Aborts it unless it was committed. */
  [Symbol.dispose](): void {
    this.abort();
  }
}
