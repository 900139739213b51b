import { getpagesize, type Place, span } from "./pages.ts";

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

/** What the largest elements of typed arrays, and atomic operations on them, are aligned to. */
const ALIGNMENT = 8n;

/**
 * How many bytes before an address the buffer starts. JavaScript takes the start of a buffer to be
 * aligned, and an atomic operation on a misaligned address kills the process on some processors.
 */
function misalignment(address: bigint): number {
  return Number(address % ALIGNMENT);
}

/** The regions that are mapped now, so that none is mapped over another. */
const live = new Set<Region>();

/** How many things that are in use lie, in whole or in part, at these addresses. */
export type Keeper = (place: Place) => number;

const keepers: Keeper[] = [];

/**
 * Has somebody asked before memory of this thread is unmapped, or moved. For each thing that it
 * counts then, the memory is pinned, and the keeper owes an `unpin()` if it is {@linkcode
 * Region.closed}. What is taken into use again and again so costs nothing then.
 */
export function addKeeper(keeper: Keeper): void {
  keepers.push(keeper);
}

/** How many things at these addresses this thread has in use. */
export function kept(place: Place): number {
  return keepers.reduce((sum, keeper) => sum + keeper(place), 0);
}

/** What a {@linkcode Region} takes over. */
export interface RegionInit extends Place {
  /** Completes "Cannot unmap ...". */
  readonly name: string;
  /** The unit of its pages, in bytes. Default: the system's. */
  readonly pageSize?: number;
  /** Whether no other process ever sees what is written there. Default: `false`. */
  readonly isPrivate?: boolean;
  /** Gives the memory back to the system, from where it lies then. */
  unmap(place: Place): void;
  /** Called once the memory is gone, whoever had it last. */
  ended?(): void;
}

/**
 * Mapped memory as one `ArrayBuffer`, and the order in which the two end: the
 * buffer, and with it every view, dies before the memory does.
 *
 * There is no finalizer. It could only watch a JavaScript object, and the pointer may have
 * moved on to another one (`structuredClone` with a transfer list), whose
 * views would then outlive the memory. A region that is forgotten stays mapped
 * until the process ends.
 */
export class Region implements Place {
  /** What the memory is, for errors. */
  readonly name: string;
  /** The unit of its pages, in bytes. */
  readonly pageSize: number;
  /** Whether no other process ever sees what is written there. */
  readonly isPrivate: boolean;
  readonly #unmap: (place: Place) => void;
  readonly #ended: (() => void) | undefined;
  #place: Place;
  // Not taken from #bytes, which the user has: its property may have been replaced.
  #buffer: ArrayBuffer;
  #bytes: Uint8Array<ArrayBuffer>;
  #closed = false;
  #holds = 0;

  /** Takes over mapped memory; `byteLength` 0 stands for none, which needs no address. */
  constructor({ address, byteLength, name, pageSize, isPrivate, unmap, ended }: RegionInit) {
    this.name = name;
    this.pageSize = pageSize ?? getpagesize();
    this.isPrivate = isPrivate ?? false;
    this.#unmap = unmap;
    this.#ended = ended;
    this.#place = { address, byteLength };
    live.add(this);
    this.#buffer = this.#view();
    this.#bytes = this.newBytes();
  }

  /** Whether a value is a region: nobody can forge one, with any address. */
  static is(value: unknown): value is Region {
    return typeof value === "object" && value !== null && #place in value;
  }

  /** The address of the first byte. */
  get address(): bigint {
    return this.#place.address;
  }

  /** The length in bytes. */
  get byteLength(): number {
    return this.#place.byteLength;
  }

  /** All bytes, on the one buffer that there is on this memory; none once it is closed. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** The buffer itself; length 0 once the region is closed. */
  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  /** All bytes, as a new array that nobody else has. The region must not be detached. */
  newBytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer, misalignment(this.address), this.byteLength);
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
   * Keeps the memory where it is, for a call that uses its address on another thread: until the
   * function that this returns is called, `close()` ends the views but not the mapping, and
   * `move()` is refused.
   */
  hold(): () => void {
    this.pin();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.unpin();
    };
  }

  /** As `hold()`, for where every nanosecond counts: each call wants its own `unpin()`. */
  pin(): void {
    if (this.#closed) {
      throw new Deno.errors.BadResource(`Cannot use ${this.name}: it was unmapped`);
    }
    this.#holds++;
  }

  /** Undoes one `pin()`. */
  unpin(): void {
    this.#holds--;
    if (this.#closed && this.#holds === 0) this.#end();
  }

  /**
   * Calls a function with the memory's buffer, or if that is dead with another one for this call
   * alone: while the memory is pinned, what is there may still have to be put in order. `undefined`
   * if it isn't mapped any more.
   */
  revive<T>(use: (buffer: ArrayBuffer) => T): T | undefined {
    if (!this.detached) return use(this.#buffer);
    const { address, byteLength } = this.#place;
    if (!live.has(this) || byteLength === 0) return undefined;
    const before = misalignment(address);
    const buffer = bufferAt(address - BigInt(before), before + byteLength);
    try {
      return use(buffer);
    } finally {
      transfer.call(buffer, 0);
    }
  }

  /**
   * Ends all views, then the mapping; does nothing the second time.
   *
   * @throws {Deno.errors.BadResource} If the buffer was transferred away. Whoever has it
   * could touch the memory at any time, so it stays mapped.
   */
  close(): void {
    if (this.#closed) return;
    this.#detach("unmap");
    this.#closed = true;
    this.#holds += kept(this.#place);
    if (this.#holds === 0) this.#end();
  }

  /**
   * Ends all views and lets `operation` do something to the memory that they may not see: `verb`
   * completes "Cannot ... <name>". It returns where the memory lies now, or `null` if
   * it belongs to somebody else. If it throws, the memory is where it was, under new views.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone, or the buffer was transferred away.
   * @throws {Deno.errors.Busy} If a call that is under way uses the memory.
   */
  move(verb: string, operation: (place: Place) => Place | null): void {
    if (this.#closed) {
      throw new Deno.errors.BadResource(`Cannot ${verb} ${this.name}: it was unmapped`);
    }
    if (this.#holds > 0) {
      throw new Deno.errors.Busy(
        `Cannot ${verb} ${this.name}: something asynchronous that uses it is under way. Await it first`,
      );
    }
    if (kept(this.#place) > 0) {
      throw new Deno.errors.Busy(
        `Cannot ${verb} ${this.name}: this thread has locked something in it. Release it first`,
      );
    }
    this.#detach(verb);
    let place: Place | null = this.#place;
    try {
      place = operation(this.#place);
    } finally {
      if (place === null) {
        this.#closed = true;
        live.delete(this);
      } else {
        this.#place = place;
        this.#buffer = this.#view();
        this.#bytes = this.newBytes();
      }
    }
  }

  /** Says that memory which `move()` gave away is gone. */
  ended(): void {
    this.#ended?.();
  }

  #detach(verb: string): void {
    if (this.detached) {
      throw new Deno.errors.BadResource(
        `Cannot ${verb} ${this.name}: its ArrayBuffer was transferred away (by postMessage(), structuredClone() or transfer()), ` +
          "so the memory stays mapped until this process ends. Send a copy (slice()), or an id to map again",
      );
    }
    transfer.call(this.#buffer, 0); // detaches it without touching the memory
  }

  #view(): ArrayBuffer {
    const { address, byteLength } = this.#place;
    try {
      if (byteLength === 0) return new ArrayBuffer(misalignment(address));
      const before = misalignment(address);
      return bufferAt(address - BigInt(before), before + byteLength);
    } catch (error) { // the permission was revoked meanwhile
      this.#closed = true;
      this.#end();
      throw error;
    }
  }

  #end(): void {
    if (!live.delete(this)) return;
    this.#unmap(this.#place);
    this.ended();
  }
}

/** Whether some live region lies, in whole or in part, at these addresses. */
export function isMapped(address: bigint, byteLength: number): boolean {
  const end = address + BigInt(byteLength);
  for (const region of live) {
    const pages = span(region, region.pageSize);
    if (pages.address < end && address < pages.address + BigInt(pages.byteLength)) return true;
  }
  return false;
}
