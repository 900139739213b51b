/** Foreign memory as a buffer. It doesn't own the memory: its end doesn't free it. */
function bufferAt(address: bigint, byteLength: number): ArrayBuffer {
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) throw new RangeError("Cannot view memory at address 0");
  return Deno.UnsafePointerView.getArrayBuffer(pointer, byteLength);
}

// The built-ins themselves: a buffer in the user's hands may have properties of the same names.
const { transfer } = ArrayBuffer.prototype;
const isDetached = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "detached")?.get as (
  this: ArrayBuffer,
) => boolean;

/** The regions that are mapped now, so that none is mapped over another. */
const live = new Set<Region>();

/**
 * Mapped memory as one `ArrayBuffer`, and the order in which the two end: the
 * buffer, and with it every view on it, dies before the memory does.
 *
 * There is no finalizer. It could only watch a JavaScript object, and the pointer may have
 * moved on to another one (`structuredClone` with a transfer list), whose
 * views would then outlive the memory. A region that is forgotten stays mapped
 * until the process ends.
 */
export class Region {
  /** The address of the first byte. */
  readonly address: bigint;
  /** The length in bytes. */
  readonly byteLength: number;
  readonly #name: string;
  readonly #unmap: () => void;
  readonly #buffer: ArrayBuffer;
  #closed = false;

  /**
   * Takes over `byteLength` bytes at `address`; `unmap` gives them back to the
   * system. `name` completes "Cannot unmap ...".
   */
  constructor(address: bigint, byteLength: number, name: string, unmap: () => void) {
    try {
      this.#buffer = bufferAt(address, byteLength);
    } catch (error) { // the permission was revoked meanwhile
      unmap();
      throw error;
    }
    this.address = address;
    this.byteLength = byteLength;
    this.#name = name;
    this.#unmap = unmap;
    live.add(this);
  }

  /** The one buffer on this memory; length 0 once the region is closed. */
  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  /** Whether the buffer, and with it every view, is dead: by `close()`, or transferred away. */
  get detached(): boolean {
    return isDetached.call(this.#buffer);
  }

  /** Whether the memory was given back. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Ends all views, then the mapping; does nothing the second time.
   *
   * @throws {Deno.errors.BadResource} If the buffer was transferred away. Whoever has it
   * could touch the memory at any time, so it stays mapped.
   */
  close(): void {
    if (this.#closed) return;
    if (this.detached) {
      throw new Deno.errors.BadResource(
        `Cannot unmap ${this.#name}: its ArrayBuffer was transferred away (by postMessage(), structuredClone() or transfer()), ` +
          "so the memory stays mapped until this process ends. Send a copy (slice()), or an id to map again",
      );
    }
    transfer.call(this.#buffer, 0); // detaches it without touching the memory
    this.#closed = true;
    live.delete(this);
    this.#unmap();
  }
}

/** Whether some live region lies, in whole or in part, at these addresses. */
export function isMapped(address: bigint, byteLength: number): boolean {
  const end = address + BigInt(byteLength);
  for (const region of live) {
    if (region.address < end && address < region.address + BigInt(region.byteLength)) return true;
  }
  return false;
}
