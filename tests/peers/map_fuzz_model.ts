// What memory maps must hold: a model of the system's memory, for `map_fuzz.ts`. It touches no mapping.

/** A page of the tests' machines; the model needs no other. */
export const PAGE = 4096;

/** Longer than any file or memory that the fuzzer makes. */
export const CAPACITY = 24 * PAGE;

/** Numbers that the seed decides (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to, and without, `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = this.#state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return Math.floor(((value ^ (value >>> 14)) >>> 0) / 2 ** 32 * limit);
  }

  /** True in one of `times` cases. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** A length or an offset, often at the edge of a page. */
  bytes(limit: number): number {
    if (limit <= 0) return 0;
    const pages = this.below(Math.ceil(limit / PAGE) + 1) * PAGE;
    const near = this.oneIn(3) ? pages : this.oneIn(2) ? pages + this.below(9) - 4 : -1;
    return near >= 0 && near <= limit ? near : this.below(limit + 1);
  }
}

/** The seed of one sequence of a run. */
export function sequenceSeed(seed: number, index: number): number {
  return Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
}

/** What a file or a memory object holds. */
export class Content {
  readonly bytes = new Uint8Array(CAPACITY);
  /** The maps that have pages of their own. */
  readonly copies = new Set<Copy>();
  size: number;

  constructor(size: number) {
    this.size = size;
  }

  /** Cuts it off, or lengthens it by zeros. */
  resize(size: number): void {
    if (size < this.size) {
      this.bytes.fill(0, size, this.size);
      // The system also takes the pages that copies made of what is gone.
      const firstGone = Math.ceil(size / PAGE);
      for (const copy of this.copies) copy.dropFrom(firstGone);
    }
    this.size = size;
  }
}

/** The pages that a map with the access "copy" has of its own, by their number in the file. */
export class Copy {
  readonly #pages = new Map<number, Uint8Array>();
  readonly #content: Content;

  constructor(content: Content) {
    this.#content = content;
    content.copies.add(this);
  }

  /** The byte at a place in the file, as the map shows it. */
  at(place: number): number {
    return this.#pages.get(Math.floor(place / PAGE))?.[place % PAGE] ??
      this.#content.bytes[place];
  }

  /** Makes the page at a place the map's own, as the first write does. */
  own(place: number): Uint8Array {
    const number = Math.floor(place / PAGE);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = this.#content.bytes.slice(number * PAGE, (number + 1) * PAGE);
      this.#pages.set(number, page);
    }
    return page;
  }

  /** Gives up the pages from this number on. */
  dropFrom(number: number): void {
    for (const page of this.#pages.keys()) if (page >= number) this.#pages.delete(page);
  }

  /** Gives up the pages of a part of the file. */
  drop(start: number, end: number): void {
    for (const page of this.#pages.keys()) {
      if (page * PAGE >= start && page * PAGE < end) this.#pages.delete(page);
    }
  }
}

/** What a map must show. */
export class Window {
  readonly content: Content;
  readonly offset: number;
  /** Pages of its own; `null` if its writes reach everybody. */
  readonly copy: Copy | null;
  length: number;

  constructor(content: Content, offset: number, length: number, isCopy: boolean) {
    this.content = content;
    this.offset = offset;
    this.length = length;
    this.copy = isCopy ? new Copy(content) : null;
  }

  /** How many bytes may be touched: those behind the end of the file are a fault by nature. */
  get live(): number {
    return Math.max(0, Math.min(this.length, this.content.size - this.offset));
  }

  at(index: number): number {
    const place = this.offset + index;
    return this.copy === null ? this.content.bytes[place] : this.copy.at(place);
  }

  put(index: number, value: number): void {
    const place = this.offset + index;
    if (this.copy === null) this.content.bytes[place] = value;
    else this.copy.own(place)[place % PAGE] = value;
  }

  resize(length: number): void {
    this.length = length;
    this.copy?.dropFrom(Math.ceil((this.offset + length) / PAGE));
  }

  /** The numbers of its pages that can be touched, as places of bytes in them. */
  *livePages(): Generator<number> {
    for (let index = 0; index < this.live; index += PAGE - (this.offset + index) % PAGE) {
      yield index;
    }
  }

  /** Ends it. */
  end(): void {
    if (this.copy !== null) this.content.copies.delete(this.copy);
  }
}
