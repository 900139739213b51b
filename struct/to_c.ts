import { withNested } from "./describe.ts";
import { hex } from "./fingerprint.ts";
import type { CType, RecordInfo, RecordRow } from "./type_info.ts";

function declaration({ name, type, size, bits, alignMember }: RecordRow): string {
  const c: CType = type?.c ?? { type: "unsigned char", suffix: `[${size}]` };
  const aligned = alignMember === undefined ? "" : ` __attribute__((aligned(${alignMember})))`;
  const note = c.note === undefined ? "" : ` /* ${c.note} */`;
  const declarator = bits === undefined
    ? ` ${name}${c.suffix}`
    : `${name === undefined ? "" : ` ${name}`} : ${bits}`;
  return `  ${c.type}${declarator}${aligned};${note}\n`;
}

/**
 * The assertions that hold a C compiler to the layout. Bit fields have no offset in C; the size
 * tells of them.
 */
function assertions({ kind, tag, size, align, rows }: RecordInfo): string {
  const type = `${kind} ${tag}`;
  const equal = (expression: string, value: number, what: string) =>
    `_Static_assert(${expression} == ${value}, "${what}");\n`;
  const offsets = rows.filter((row) => row.name !== undefined && row.bits === undefined)
    .map(({ name, offset }) =>
      equal(`offsetof(${type}, ${name})`, offset, `offset of ${tag}.${name}`)
    );
  return equal(`sizeof(${type})`, size, `size of ${tag}`) +
    equal(`_Alignof(${type})`, align, `alignment of ${tag}`) + offsets.join("");
}

function recordToC(record: RecordInfo): string {
  const { kind, tag, packed, alignRecord, rows, fingerprint } = record;
  const attributes = [
    ...(packed ? ["packed"] : []),
    ...(alignRecord === undefined ? [] : [`aligned(${alignRecord})`]),
  ];
  const attribute = attributes.length === 0 ? "" : ` __attribute__((${attributes.join(", ")}))`;
  // A row without name and type is a gap, which C makes by itself.
  const members = rows.filter(({ name, type }) => name !== undefined || type !== undefined)
    .map(declaration).join("");
  return `${kind}${attribute} ${tag} {\n${members}};\n${assertions(record)}` +
    `#define ${tag.toUpperCase()}_FINGERPRINT UINT64_C(0x${hex(fingerprint)})\n`;
}

const INCLUDES = "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n";

/**
 * C declarations of records, and of those that they consist of.
 *
 * @throws {RangeError} If two records have the same name: to C they would be one.
 */
export function recordsToC(roots: readonly RecordInfo[]): string {
  const records = withNested(roots);
  const tags = new Set<string>();
  for (const { tag } of records) {
    if (tags.has(tag)) {
      throw new RangeError(`Cannot declare ${tag} in C: two records have that name`);
    }
    tags.add(tag);
  }
  return [INCLUDES, ...records.map(recordToC)].join("\n");
}
