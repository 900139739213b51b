// Where C puts the members of a record: System V ABI for x86_64 and aarch64, as GCC and Clang do
// it.

/** What the layout has to know of a member. */
export interface Shape {
  /** The size of the member's type in bytes. */
  readonly size: number;
  /** The natural alignment of the member's type in bytes. */
  readonly align: number;
  /** The alignment that the member itself asks for (`__attribute__((aligned))`). */
  readonly alignMember?: number;
  /** For a bit field, how many bits it has; 0 ends the storage unit. */
  readonly bits?: number;
  /** Whether it is a bit field without a name. */
  readonly unnamed?: boolean;
}

/** What the layout has to know of the record. */
export interface Rules {
  /** Whether all members start at the same place. */
  readonly union: boolean;
  /** Whether members follow each other without gaps (`__attribute__((packed))`). */
  readonly packed: boolean;
  /** The least alignment of the record. */
  readonly align: number;
  /**
   * Whether bit fields without a name count for the record's alignment: not in the x86_64 ABI, but
   * in that of aarch64 ("without exception for zero-sized or anonymous bit-fields").
   */
  readonly unnamedBitsAlign: boolean;
}

/** Where everything is. */
export interface Layout {
  readonly size: number;
  readonly align: number;
  /** The first bit of each member, counted from the record's first bit. */
  readonly positions: readonly number[];
}

const BITS = 8;

function roundUp(position: number, unit: number): number {
  return Math.ceil(position / unit) * unit;
}

/** Where a bit field goes: it stays within one unit of its type, unless the record is packed. */
function placeBits(position: number, { size, align, bits = 0 }: Shape, packed: boolean): number {
  if (bits === 0) return roundUp(position, align * BITS);
  const unit = size * BITS;
  const straddles = position % unit + bits > unit;
  return straddles && !packed ? roundUp(position, align * BITS) : position;
}

/**
 * What a member that is no bit field is aligned to. `packed` defers to what the member itself asks
 * for.
 */
function memberAlign({ align, alignMember }: Shape, packed: boolean): number {
  return Math.max(packed ? 1 : align, alignMember ?? 1);
}

/** What a bit field makes the record's alignment at least. */
function alignFromBits(shape: Shape, { packed, unnamedBitsAlign }: Rules): number {
  if (shape.unnamed && !unnamedBitsAlign) return 1;
  // A bit field of width 0 isn't influenced by packing.
  return packed && shape.bits !== 0 ? 1 : shape.align;
}

/** Places the members of a record. */
export function layOut(shapes: readonly Shape[], rules: Rules): Layout {
  const positions: number[] = [];
  let align = rules.align;
  let next = 0; // the first free bit
  let end = 0;
  for (const shape of shapes) {
    if (rules.union) next = 0;
    let position: number;
    if (shape.bits === undefined) {
      const own = memberAlign(shape, rules.packed);
      align = Math.max(align, own);
      position = roundUp(next, own * BITS);
      next = position + shape.size * BITS;
    } else {
      align = Math.max(align, alignFromBits(shape, rules));
      position = placeBits(next, shape, rules.packed);
      next = position + shape.bits;
    }
    positions.push(position);
    end = Math.max(end, next);
  }
  return { size: roundUp(Math.ceil(end / BITS), align), align, positions };
}
