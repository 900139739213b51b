import { hex } from "./fingerprint.ts";
import type { RecordInfo, RecordRow } from "./type_info.ts";

/** The records that a record consists of, each once, before those that need it. */
export function withNested(roots: readonly RecordInfo[]): RecordInfo[] {
  const found = new Set<RecordInfo>();
  const visit = (record: RecordInfo) => {
    if (found.has(record)) return;
    for (const { type } of record.rows) {
      if (type?.record !== undefined) visit(type.record);
    }
    found.add(record);
  };
  for (const root of roots) visit(root);
  return [...found];
}

function cells({ name, type, offset, size, position, bits, padding, alignMember }: RecordRow) {
  const note = alignMember === undefined ? "" : ` aligned ${alignMember}`;
  const plain = type?.record === undefined ? type?.name : `${type.record.kind} ${type.name}`;
  const shown = bits === undefined ? `${plain ?? ""}${note}` : `${plain}:${bits}`;
  return [
    position === undefined ? `${offset}` : `${offset}:${position % 8}`,
    bits === undefined ? `${size}` : `${bits} bits`,
    shown,
    padding ? `(padding${name === undefined ? "" : ` ${name}`})` : name ?? "",
  ];
}

/** Lines of text in columns; the first two flush right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, column) =>
      column < 2 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    ).join("  ").trimEnd()
  ).join("\n");
}

/** A record's layout as a table, with a column of values if there are any. */
function describeOne(record: RecordInfo, values?: Readonly<Record<string, unknown>>): string {
  const { kind, tag, size, align, packed, rows, fingerprint } = record;
  const head = ["offset", "size", "type", "name"];
  const body = rows.map((row) => {
    const columns = cells(row);
    if (values === undefined) return columns;
    const { name, padding } = row;
    const value = name === undefined || padding ? "" : Deno.inspect(values[name], INSPECT);
    return [...columns, value];
  });
  const title = `${kind} ${tag}: ${size} bytes, aligned to ${align}${packed ? ", packed" : ""}`;
  const lines = table([values === undefined ? head : [...head, "value"], ...body]);
  return `${title}, fingerprint ${hex(fingerprint)}\n${lines}\n`;
}

const INSPECT: Deno.InspectOptions = { compact: true, breakLength: Infinity, depth: 4 };

/** A record's layout as a table, and behind it those of the records that it consists of. */
export function describeRecord(
  record: RecordInfo,
  values?: Readonly<Record<string, unknown>>,
): string {
  const nested = withNested([record]).slice(0, -1);
  return [describeOne(record, values), ...nested.toReversed().map((one) => describeOne(one))]
    .join("\n");
}
