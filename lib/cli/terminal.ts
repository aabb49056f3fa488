/** Small terminal vocabulary: colour where a person looks, plain text everywhere else. */

const CODES = { green: 32, yellow: 33, red: 31, cyan: 36, bold: 1, dim: 2 } as const;
export type Paint = keyof typeof CODES;

/** `text` in a colour, or as it is when `enabled` is false or NO_COLOR is set. */
export function paint(text: string, color: Paint, enabled: boolean): string {
  return enabled && process.env.NO_COLOR === undefined ? `\u001b[${CODES[color]}m${text}\u001b[0m` : text;
}

/** `1234567` as `1,234,567`. */
export function grouped(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** A table of strings with a rule below the header; numeric columns are aligned right. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const right = header.map((_, column) => rows.every((row) => /^(-?[\d.,:]+.*|null|)$/.test(row[column] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (right[column] === true ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
