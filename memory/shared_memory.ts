import { checkInteger, checkOptions, describe } from "../ffi/check.ts";
import { systemError } from "../ffi/errors.ts";
import { hasMremap, madvise, mmap, mremap } from "../ffi/mman.ts";
import { getpagesize, type Place, roundUp } from "../ffi/pages.ts";
import { platform } from "../ffi/platform.ts";
import { kept, type Region } from "../ffi/region.ts";
import { addressOfShared } from "../ffi/wasm.ts";
import { BaseMemory, Memory, regionOf } from "./memory.ts";
import {
  type ArrayOptions,
  type SharedTypedArray,
  type TypedArray,
  typedArray,
  type TypedArrayConstructor,
} from "./typed_array.ts";

/** Options of {@linkcode SharedMemory.from}. */
export interface SharedMemoryOptions {
  /** How many bytes of ordinary memory, zeros, to have behind the mapped ones. Default: 0. */
  readonly extra?: number;
}

/** The size of a WebAssembly page, the unit of a WebAssembly memory. */
const WASM_PAGE = 65536;

/** The most pages that a WebAssembly memory has: 4 GiB. */
const MAX_WASM_PAGES = 65536;

/** A shared WebAssembly memory with room for some bytes. */
function allocate(byteLength: number, name: string): WebAssembly.Memory {
  const pages = Math.max(1, byteLength / WASM_PAGE);
  if (pages > MAX_WASM_PAGES) {
    throw new RangeError(
      `Cannot share ${name} as a SharedArrayBuffer: ${byteLength} bytes are more than the 4 GiB of a WebAssembly memory. Map it in parts, with less extra`,
    );
  }
  try {
    return new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages });
  } catch (cause) {
    throw new Error(
      `Cannot share ${name} as a SharedArrayBuffer: there is no address space left for a WebAssembly memory of ${byteLength} bytes. ` +
        "Give up those that nobody uses any more",
      { cause },
    );
  }
}

/**
 * Mapped memory as a real `SharedArrayBuffer`: Workers get it by `postMessage()`, `Atomics.wait()`
 * works on it, and WebAssembly can have it as its memory.
 *
 * The buffer belongs to a WebAssembly memory over which the mapping was laid, so its length is a
 * multiple of 64 KiB: what it is a window on is `byteLength` bytes at `byteOffset`, and the rest is
 * ordinary memory. It has at most 4 GiB.
 *
 * Such a buffer can't be detached. When the mapping is ended, every thread that still has the
 * buffer reads zeros; it never faults. Forgotten, the mapping ends when no thread has the buffer
 * any more.
 *
 * @example
 * ```ts
 * import { mapAnonymous, SharedMemory } from "@isthmus/isthmus";
 *
 * using shared = SharedMemory.from(mapAnonymous(4096, { shared: true }));
 * const turn = shared.array(Int32Array, { length: 1 });
 * // worker.postMessage(turn), and there: Atomics.wait(turn, 0, 0)
 * Atomics.store(turn, 0, 1);
 * Atomics.notify(turn, 0);
 * ```
 */
export class SharedMemory implements Disposable {
  /** The WebAssembly memory that the buffer belongs to. */
  readonly wasm: WebAssembly.Memory;
  /** Where the mapped bytes start in the buffer: the same as in their first page. */
  readonly byteOffset: number;
  /** How many bytes are mapped. */
  readonly byteLength: number;
  /** Where the `extra` bytes start in the buffer, a multiple of 64 KiB. */
  readonly extraOffset: number;
  readonly #region: Region;
  #place: Place | null;

  private constructor(
    region: Region,
    wasm: WebAssembly.Memory,
    place: Place,
    window: { byteOffset: number; byteLength: number; extraOffset: number },
  ) {
    this.wasm = wasm;
    this.byteOffset = window.byteOffset;
    this.byteLength = window.byteLength;
    this.extraOffset = window.extraOffset;
    this.#region = region;
    this.#place = place;
    Object.freeze(this); // while `wasm` is here, nobody else gets its address
  }

  /**
   * Takes over a memory that may be written: an attached segment, or a mapping with the access
   * `"readwrite"` or `"copy"`. Its own views end, as if it had been closed; what they saw is in the
   * buffer from now on (`mremap`; Linux).
   *
   * @throws {TypeError} If it is memory that may only be read: a write to the buffer would kill the
   * process. For a file, the access `"copy"` takes no more permissions than `"read"`.
   * @throws {RangeError} If it has more than 4 GiB.
   * @throws {Deno.errors.Busy} If something asynchronous that uses it is under way.
   * @throws {Deno.errors.BadResource} If it is gone.
   * @throws {Deno.errors.NotSupported} On macOS.
   */
  static from(memory: Memory, options: SharedMemoryOptions = {}): SharedMemory {
    const extra = checkInteger("extra", checkOptions(options).extra ?? 0, 0);
    const region = writableRegion(memory);
    if (!hasMremap()) {
      throw new Deno.errors.NotSupported(
        `Cannot share ${region.name} as a SharedArrayBuffer: this platform has no mremap`,
      );
    }
    checkPages(region);
    const pageSize = getpagesize();
    const byteOffset = Number(region.address % BigInt(pageSize));
    const { byteLength, name } = region;
    const pages = roundUp(byteOffset + byteLength, pageSize);
    const extraOffset = roundUp(pages, WASM_PAGE);
    const wasm = allocate(extraOffset + roundUp(extra, WASM_PAGE), name);
    const address = addressOfShared(wasm.buffer);
    region.move("share", ({ address: from }) => {
      if (byteLength > 0) moveOver(from - BigInt(byteOffset), pages, wasm, address, name);
      return null;
    });
    return new SharedMemory(region, wasm, { address, byteLength: pages }, {
      byteOffset,
      byteLength,
      extraOffset,
    });
  }

  /** The buffer. */
  get buffer(): SharedArrayBuffer {
    return this.wasm.buffer as unknown as SharedArrayBuffer; // TypeScript doesn't tell the two kinds apart
  }

  /** Whether the buffer still is the mapping's. */
  get mapped(): boolean {
    return this.#place !== null;
  }

  /** The mapped bytes. They are the memory, not a copy of it. */
  get bytes(): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(this.buffer, this.byteOffset, this.byteLength);
  }

  /**
   * A typed array on a part of the mapped bytes.
   *
   * @throws {TypeError} If `type` isn't one of JavaScript's typed arrays.
   * @throws {RangeError} If the part is misaligned or reaches beyond the mapped bytes.
   */
  array<T extends TypedArray>(
    type: TypedArrayConstructor<T>,
    options: ArrayOptions = {},
  ): SharedTypedArray<T> {
    return typedArray(this.bytes, type, options) as unknown as SharedTypedArray<T>;
  }

  /**
   * Ends the mapping (what was a segment is detached): the buffer reads zeros from then on, in
   * every thread. Does nothing the second time.
   *
   * @throws {Deno.errors.Busy} If this thread has locked a mutex in it, or is attached to a channel
   * or the like in it.
   */
  close(): void {
    if (this.#place === null) return;
    if (kept(this.#place) > 0) {
      throw new Deno.errors.Busy(
        `Cannot unmap ${this.#region.name}: this thread has locked something in it, or is attached to something. Release or close that first`,
      );
    }
    const { address, byteLength } = this.#place;
    this.#place = null;
    if (byteLength > 0) layZeros(address, byteLength, this.#region.name);
    this.#region.ended();
  }

  /** Ends the mapping, as {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The region of a memory that may be written. */
function writableRegion(memory: unknown): Region {
  if (memory instanceof Memory) return regionOf(memory);
  throw new TypeError(
    memory instanceof BaseMemory
      ? 'memory must be one that may be written: a write to its SharedArrayBuffer would kill the process. Map it with access "copy", or "readwrite"'
      : `memory must be an attachment or a mapping: received ${describe(memory)}`,
  );
}

/** What no huge page is smaller than, on any processor. */
const SMALLEST_HUGE_PAGE = 65536n;

/**
 * Throws if the pages are huge. The system would move all of the last one, and lay it over what
 * follows the WebAssembly memory.
 */
function checkPages({ address, byteLength, pageSize, name }: Region): void {
  const { constants: { MADV_COLD }, errno: { EINVAL } } = platform();
  // Those of a segment tell nobody that they are. But such advice isn't taken for them, nor for
  // locked ones.
  const refuses = () =>
    address % SMALLEST_HUGE_PAGE === 0n && byteLength > 0 && MADV_COLD !== null &&
    madvise(address, getpagesize(), MADV_COLD) === -EINVAL;
  if (pageSize === getpagesize() && !refuses()) return;
  throw new Deno.errors.NotSupported(
    `Cannot share ${name} as a SharedArrayBuffer: its pages are huge, or locked. Use ordinary ones, and lock none`,
  );
}

/**
 * WebAssembly memories over which nothing could be moved. The system may have unmapped their pages
 * before it found that out, and others may be mapped there by now. If V8 gave the memory back, they
 * would go with it; so it is kept.
 */
const perforated: WebAssembly.Memory[] = [];

/**
 * Repairs a WebAssembly memory after a move that failed, or sees to it that nobody gives it back.
 */
function fillHole(wasm: WebAssembly.Memory, address: bigint, byteLength: number): void {
  const { PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE } =
    platform().constants;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | (MAP_FIXED_NOREPLACE ?? 0);
  const filled = mmap(address, byteLength, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (filled !== address) perforated.push(wasm);
}

/** Moves mapped pages to where a WebAssembly memory has its own. */
function moveOver(
  from: bigint,
  byteLength: number,
  wasm: WebAssembly.Memory,
  to: bigint,
  name: string,
): void {
  const { MREMAP_MAYMOVE, MREMAP_FIXED } = platform().constants;
  const flags = (MREMAP_MAYMOVE ?? 0) | (MREMAP_FIXED ?? 0);
  const moved = mremap(from, byteLength, byteLength, flags, to);
  if (typeof moved === "bigint") return;
  fillHole(wasm, to, byteLength);
  throw systemError({
    errno: -moved,
    syscall: "mremap",
    action: `share ${name} as a SharedArrayBuffer`,
    advice: {
      EFAULT: [
        "the system keeps parts of it apart, since they were advised or locked differently",
        "Advise and lock all of it, or nothing, before.",
      ],
      EINVAL: ["the system can't move such pages (huge ones, for example)"],
    },
  });
}

/** Replaces pages of a WebAssembly memory by such as it had: no thread ever finds them missing. */
function layZeros(address: bigint, byteLength: number, name: string): void {
  const { constants: c } = platform();
  const flags = c.MAP_FIXED | c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_NORESERVE;
  const result = mmap(address, byteLength, c.PROT_READ | c.PROT_WRITE, flags, -1, 0);
  if (typeof result === "bigint") return;
  throw systemError({ errno: -result, syscall: "mmap", action: `unmap ${name}` });
}
