import { checkRange, describe } from "../ffi/check.ts";
import { hasRobustMutex } from "../ffi/pthread.ts";
import type { Region } from "../ffi/region.ts";
import { addressOfShared } from "../ffi/wasm.ts";
import { BaseMemory, Memory, regionOf } from "../memory/memory.ts";
import { SharedMemory } from "../memory/shared_memory.ts";

/**
 * Memory that locks and channels may lie in: an attached segment or a mapping that may be written,
 * a `SharedMemory`, or a `SharedArrayBuffer`, be it such a memory's or one among Workers. A private
 * mapping is refused, since nobody else would see what lies in it.
 */
export type SyncMemory = Memory | SharedMemory | SharedArrayBuffer;

/** What addresses of everything that is shared are a multiple of. */
const ALIGNMENT = 8;

const NOWHERE = { words: new Int32Array(0), bytes: new Uint8Array(0), address: 0n };

/** Some bytes of a memory, all of which stay within it. */
interface Views {
  readonly words: Int32Array<ArrayBufferLike>;
  readonly bytes: Uint8Array<ArrayBufferLike>;
  readonly address: bigint;
}

/** A memory without what tells its kinds apart. */
interface Ground {
  readonly name: string;
  readonly byteLength: number;
  /** The region, of memory that may move or end. */
  readonly region?: Region;
  /** Whether other memory, zeros, took its place. */
  readonly ended?: () => boolean;
  /** The bytes and the address of the first one, now. */
  locate(): { bytes: Uint8Array<ArrayBufferLike>; address: bigint };
}

function groundOf(memory: unknown): Ground {
  if (memory instanceof Memory) {
    const region = regionOf(memory);
    if (region.isPrivate) {
      throw new TypeError(
        `memory must be shared: ${region.name} is private to this process. Map a file with access "readwrite", anonymous memory with shared: true; for Workers lay a SharedMemory over it`,
      );
    }
    return {
      name: region.name,
      byteLength: region.detached ? 0 : region.byteLength,
      region,
      locate: () => ({ bytes: region.newBytes(), address: region.address }),
    };
  }
  if (memory instanceof SharedMemory) {
    const { byteOffset, byteLength } = memory;
    const ground = sharedBuffer(memory.buffer, byteOffset, byteLength);
    return { ...ground, name: "the SharedMemory", ended: () => !memory.mapped };
  }
  if (memory instanceof SharedArrayBuffer) return sharedBuffer(memory, 0, memory.byteLength);
  throw new TypeError(
    memory instanceof BaseMemory
      ? 'memory must be one that may be written: attach or map it for "readwrite"'
      : `memory must be an attachment, a mapping, a SharedMemory or a SharedArrayBuffer: received ${
        describe(memory)
      }`,
  );
}

function sharedBuffer(buffer: SharedArrayBuffer, byteOffset: number, byteLength: number): Ground {
  return {
    name: "the SharedArrayBuffer",
    byteLength,
    locate: () => ({
      bytes: new Uint8Array(buffer, byteOffset, byteLength),
      address: addressOfShared(buffer) + BigInt(byteOffset),
    }),
  };
}

/** Throws where there is nothing to build locks and channels with. */
function checkPlatform(name: string): void {
  if (hasRobustMutex()) return;
  throw new Deno.errors.NotSupported(
    `Cannot use ${name}: it needs Linux with glibc, for futexes and robust mutexes`,
  );
}

/**
 * Where an object lies in shared memory: some bytes that may move or end at any time, when the
 * memory is resized or closed. Made by {@linkcode placeOf}, checked.
 */
export class SharedPlace {
  /** The object, as errors name it: "the mutex at offset 0 of ...". */
  readonly name: string;
  readonly #ground: Ground;
  readonly #offset: number;
  readonly #byteLength: number;
  readonly #region: Region | undefined;
  readonly #ended: (() => boolean) | undefined;
  #views: Views = NOWHERE;

  /** The bytes from `offset` on; `name` is the object's, such as `mutex`. */
  constructor(name: string, ground: Ground, offset: number, byteLength: number) {
    this.name = `the ${name} at offset ${offset} of ${ground.name}`;
    this.#ground = ground;
    this.#offset = offset;
    this.#byteLength = byteLength;
    this.#region = ground.region;
    this.#ended = ground.ended;
  }

  /** How many bytes it has. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /**
   * Its bytes as 32-bit words, for now: after anything that may close or resize the memory, get
   * them again.
   *
   * @throws {Deno.errors.BadResource} If the memory is gone.
   */
  get words(): Int32Array<ArrayBufferLike> {
    return this.#isThere() ? this.#views.words : this.#locate().words;
  }

  /** Its bytes, for now, as {@linkcode words}. */
  get bytes(): Uint8Array<ArrayBufferLike> {
    return this.#isThere() ? this.#views.bytes : this.#locate().bytes;
  }

  /** The address of its first byte, for now, as {@linkcode words}. */
  get address(): bigint {
    return this.#isThere() ? this.#views.address : this.#locate().address;
  }

  /** Whether the memory is gone, for this object. */
  get gone(): boolean {
    const region = this.#region;
    if (region === undefined) return this.#ended?.() ?? false;
    return region.detached || region.byteLength < this.#offset + this.#byteLength;
  }

  /** Whether its memory is JavaScript's own, and ends with what runs on this thread. */
  get onHeap(): boolean {
    return this.#region === undefined;
  }

  /** Whether it lies in a `SharedMemory`, whose bytes nobody can pin. */
  get inSharedMemory(): boolean {
    return this.#ended !== undefined;
  }

  /** Whether the memory was closed; pinned, it is mapped still. */
  get closed(): boolean {
    return this.#region?.closed ?? false;
  }

  /**
   * Keeps the memory mapped and where it is until `unpin()`, once for each call: closing it ends
   * the views alone.
   *
   * @throws {Deno.errors.BadResource} If it is gone.
   */
  pin(): void {
    if (!this.#isThere()) this.#locate();
    this.#region?.pin();
  }

  /** Undoes one `pin()`. */
  unpin(): void {
    this.#region?.unpin();
  }

  /**
   * Calls a function for which the words are there, also if the memory was closed: as long as it is
   * pinned. If it isn't, the function isn't called.
   */
  revive(use: () => void): void {
    const region = this.#region;
    if (this.#isThere()) return use();
    if (region === undefined) return; // a SharedMemory that was closed
    const { address } = this.#views;
    // Where they were when it was pinned; unpinned, it may have moved.
    const start = Number(address - (region.address - region.address % BigInt(ALIGNMENT)));
    region.revive((buffer) => {
      if (address === 0n || start < 0 || start + this.#byteLength > buffer.byteLength) return;
      const last = this.#views;
      this.#views = {
        words: new Int32Array(buffer, start, this.#byteLength >> 2),
        bytes: new Uint8Array(buffer, start, this.#byteLength),
        address,
      };
      try {
        use();
      } finally {
        this.#views = last;
      }
    });
  }

  /** Whether the views are good still: those on a SharedMemory's buffer never end. */
  #isThere(): boolean {
    return this.#views.words.length > 0 && (this.#ended === undefined || !this.#ended());
  }

  #locate(): Views {
    if (this.gone) throw new Deno.errors.BadResource(`Cannot use ${this.name}: ${this.#why()}`);
    const { bytes, address } = this.#ground.locate();
    const start = bytes.byteOffset + this.#offset;
    return this.#views = {
      words: new Int32Array(bytes.buffer, start, this.#byteLength >> 2),
      bytes: new Uint8Array(bytes.buffer, start, this.#byteLength),
      address: address + BigInt(this.#offset),
    };
  }

  #why(): string {
    const region = this.#region;
    if (region === undefined) return "the memory is gone";
    if (region.closed) return `${region.name} was unmapped`;
    if (region.detached) return `the ArrayBuffer of ${region.name} was transferred away`;
    return `${region.name} now ends before it`;
  }
}

/** A part of a memory, checked. */
interface PlaceInit {
  /** What is there, for errors, such as `mutex`. */
  readonly name: string;
  readonly memory: unknown;
  /** In bytes. */
  readonly offset: number;
  /** In bytes; what is left of the memory by default. */
  readonly byteLength?: number;
}

/**
 * Where an object is to lie.
 *
 * @throws {TypeError} If it isn't memory that may be written.
 * @throws {RangeError} If it is too small, or the place misaligned.
 * @throws {Deno.errors.BadResource} If the memory is gone.
 * @throws {Deno.errors.NotSupported} On other systems than Linux with glibc.
 */
export function placeOf(init: PlaceInit): SharedPlace {
  const { name, memory, offset } = init;
  const ground = groundOf(memory);
  checkPlatform(name);
  if (ground.region?.detached) {
    new SharedPlace(name, ground, offset, 0).pin(); // throws the error that says why
  }
  const byteLength = init.byteLength ?? Math.max(0, ground.byteLength - offset);
  if (init.byteLength !== undefined && offset + byteLength > ground.byteLength) {
    throw new RangeError(
      `Cannot have a ${name} at offset ${offset} of ${ground.name}: it takes ${byteLength} bytes there, and the memory has ${ground.byteLength}. Give it more memory, or another offset`,
    );
  }
  checkRange(offset, byteLength, ground.byteLength);
  const before = Number(ground.locate().address % BigInt(ALIGNMENT));
  if ((before + offset) % ALIGNMENT !== 0) {
    const plus = before === 0
      ? ""
      : ` plus ${ALIGNMENT - before}, since the memory starts at an odd place`;
    throw new RangeError(`offset must be a multiple of ${ALIGNMENT}${plus}: received ${offset}`);
  }
  return new SharedPlace(name, ground, offset, byteLength);
}
