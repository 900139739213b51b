// How ipcs.ts lays out its tables: as util-linux' ipcs does.

/** A title, and rows of cells that are padded to the columns' widths. */
export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** A column's name, and how many characters it has at least. */
export type Column = readonly [name: string, width: number];

function line(cells: readonly string[], columns: readonly Column[]): string {
  return cells.map((cell, index) => cell.padEnd(columns[index][1])).join(" ");
}

/** The table as text, after an empty line. */
export function format({ title, columns, rows }: Table): string {
  const names = columns.map(([name]) => name);
  return [heading(title), ...[names, ...rows].map((cells) => line(cells, columns))].join("\n");
}

/** The line above a table or a list, after an empty one. */
export function heading(title: string): string {
  return `\n------ ${title} --------`;
}
