// The tables of the kernel of wordcount.ts: which characters start words, and which end them.
//
// They follow Deno's version of Unicode; wc follows the C library's. An assigned character that
// only one of them knows yet is part of a word for that one, and neutral for the other.

/** Where what stands in the tables; _wordcount.wat says the same. */
const EASY_LOW = 224;
const EASY_HIGH = 240;
const RECORDS = 256;
const RECORD = 16;
const ASTRAL = 8448;
const PAIRS = 8064;

/** How many bytes the tables have. */
export const TABLES_SIZE = PAIRS + 2 * 0xC000;

/** What the C library calls neither printable nor, as wc does, a space. */
const NEUTRAL = /[\p{Cn}\p{Cs}\p{Cc}\p{Zl}\p{Zp}]+/gu;

/** White space, and what wc adds to it: the no-break spaces, all in Zs, and the word joiner. */
const SPACE = /[\p{Zs}\u2060]/gu;

const CODE_POINTS = 0x110000;
const PLANE = 0x10000;

/** The code points to look at; of the others, the first part is unassigned, the second private. */
const LOOKED_AT = [[0, 0x40000], [0xE0000, 0xE1000]] as const;
const UNASSIGNED = [[0x40000, 0xE0000], [0xE1000, 0xF0000]] as const;
const PRIVATE_PLANES = [15, 16];

/** How many code points are looked at in one text. */
const CHUNK = 4096;

/** A bit for each code point, from the lowest of the first number on. */
type Bits = Uint32Array;

const ALL = 0xFFFF_FFFF;
const BITS = 32;

function clear(bits: Bits, begin: number, end: number): void {
  for (let i = begin; i < end; i++) bits[i >> 5] &= ~(1 << i % BITS);
}

function has(bits: Bits, i: number): boolean {
  return (bits[i >> 5] >>> i % BITS & 1) === 1;
}

/** The text of the code points from `first` on; a noncharacter replaces each surrogate. */
function chunkOf(first: number): string {
  const units = new Uint16Array(first < PLANE ? CHUNK : 2 * CHUNK);
  for (let i = 0; i < CHUNK; i++) {
    const codePoint = first + i;
    if (codePoint < PLANE) {
      units[i] = codePoint >= 0xD800 && codePoint < 0xE000 ? 0xFFFF : codePoint;
    } else {
      units[2 * i] = 0xD800 | codePoint - PLANE >> 10;
      units[2 * i + 1] = 0xDC00 | codePoint & 0x3FF;
    }
  }
  return Reflect.apply(String.fromCharCode, null, units); // `...units` takes five times as long
}

/** Which code points are word characters, and which are spaces. */
function classify(): { words: Bits; spaces: Bits } {
  const words = new Uint32Array(CODE_POINTS / BITS).fill(ALL);
  const spaces = new Uint32Array(CODE_POINTS / BITS);
  for (const [begin, end] of LOOKED_AT) {
    for (let first = begin; first < end; first += CHUNK) {
      const text = chunkOf(first);
      const units = text.length / CHUNK; // for each code point
      for (const { index, 0: found } of text.matchAll(NEUTRAL)) {
        const start = first + index / units;
        clear(words, start, start + found.length / units);
      }
      for (const { index } of text.matchAll(SPACE)) {
        const space = first + index / units;
        clear(words, space, space + 1);
        spaces[space >> 5] |= 1 << space % BITS;
      }
    }
  }
  for (const [begin, end] of UNASSIGNED) words.fill(0, begin / BITS, end / BITS);
  // The last two of each plane are no characters.
  for (const plane of PRIVATE_PLANES) clear(words, (plane + 1) * PLANE - 2, (plane + 1) * PLANE);
  return { words, spaces };
}

/** Writes the tables. */
class Tables {
  readonly bytes = new Uint8Array(new SharedArrayBuffer(TABLES_SIZE));
  readonly #view = new DataView(this.bytes.buffer);
  readonly #numbers = new Map<string, number>();

  /** The number of a record: which of 64 code points are word characters, and which are spaces. */
  record(low: number, high: number, lowSpaces: number, highSpaces: number): number {
    const key = `${low} ${high} ${lowSpaces} ${highSpaces}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    const offset = RECORDS + RECORD * number;
    if (offset + RECORD > ASTRAL) throw new RangeError("there are too many records");
    this.#numbers.set(key, number);
    this.#view.setUint32(offset, low, true);
    this.#view.setUint32(offset + 4, high, true);
    this.#view.setUint32(offset + 8, lowSpaces, true);
    this.#view.setUint32(offset + 12, highSpaces, true);
    return number;
  }

  /** Enters the record of characters by their first two bytes. */
  enterPair(first: number, second: number, record: number): void {
    this.#view.setUint16(PAIRS + 2 * (first | second << 8), record, true);
  }

  /** Enters the record of characters of four bytes. */
  enterAstral(block: number, record: number): void {
    this.#view.setUint16(ASTRAL + 2 * block, record, true);
  }

  /** Enters the first bytes whose characters all have this record. */
  enterEasy(record: number): void {
    for (let first = 0xC2; first < 0xF0; first++) {
      let easy = true;
      for (let second = 0x80; second < 0xC0; second++) {
        easy &&= this.#view.getUint16(PAIRS + 2 * (first | second << 8), true) === record;
      }
      if (easy) this.bytes[EASY_LOW + (first & 0xF)] |= 1 << (first >> 4) - 0xC;
    }
    for (let high = 0xC; high <= 0xF; high++) this.bytes[EASY_HIGH + high] = 1 << high - 0xC;
  }
}

/** How many code points share a record: those that differ in their last byte only. */
const BLOCK = 64;

/** The tables as the kernel wants them, in memory that Workers may share. */
export function buildTables(): Uint8Array<SharedArrayBuffer> {
  const { words, spaces } = classify();
  const tables = new Tables();
  const neutral = tables.record(0, 0, 0, 0); // number 0, for all that isn't entered
  const word = tables.record(ALL, ALL, 0, 0);
  const space = tables.record(0, 0, ALL, ALL);
  // The two bytes of a character tell all: its record holds for whatever comes behind them.
  for (let i = 0x80; i < 0x800; i++) {
    const record = has(words, i) ? word : has(spaces, i) ? space : neutral;
    tables.enterPair(0xC0 | i >> 6, 0x80 | i & 0x3F, record);
  }
  for (let block = 0x800 / BLOCK; block < CODE_POINTS / BLOCK; block++) {
    const low = 2 * block;
    const high = low + 1;
    const record = tables.record(words[low], words[high], spaces[low], spaces[high]);
    if (block >= PLANE / BLOCK) tables.enterAstral(block, record);
    else tables.enterPair(0xE0 | block >> 6, 0x80 | block & 0x3F, record);
  }
  tables.enterEasy(word);
  return tables.bytes;
}
