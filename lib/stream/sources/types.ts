/** What live sources give. */

/** Rows as plain objects, one key per column. Absent and null are null. */
export type PlainRow = Readonly<Record<string, unknown>>;
