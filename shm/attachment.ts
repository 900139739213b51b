import { Memory, ReadonlyMemory } from "../memory/memory.ts";

/**
 * A segment attached for reading and writing: this process's window on it. Made by
 * `Segment.attach()`.
 */
export class Attachment extends Memory {
  /**
   * Detaches the segment (`shmdt`); does nothing the second time. All views end first: they
   * have length 0 from then on, and using them is no fault. The segment itself stays.
   *
   * Input or output that is still under way on a view doesn't see the end of
   * it: await it before.
   *
   * @throws {Deno.errors.BadResource} If the memory's `ArrayBuffer` was transferred away. The
   * segment then stays attached until the process ends.
   */
  detach(): void {
    this[Symbol.dispose]();
  }
}

/**
 * A segment attached for reading only. Made by `Segment.attach({ access: "read" })`.
 */
export class ReadonlyAttachment extends ReadonlyMemory {
  /** Detaches the segment, as {@linkcode Attachment.detach} does. */
  detach(): void {
    this[Symbol.dispose]();
  }
}
