/**
 * The feature matrix without the addon: the rule of `cpp/include/flowstate/functors/feature.h`, element by element.
 * JavaScript's numbers are doubles that are rounded as IEEE 754 says, which is what makes both sides equal to the bit.
 */
import type { MatrixColumn, MatrixRequest, Memory } from './backend.js';
import { hostArray } from './dtype.js';
import { elementWriter, fromFloat16Bits } from './small-float.js';

type Values = (row: number) => number | bigint;

export class PlainMatrix {
  private readonly write1: (i: number, value: number) => void;
  private first: bigint | null = null;

  constructor(
    out: Uint8Array,
    private readonly request: MatrixRequest,
    private readonly bytesOf: (memory: Memory) => Uint8Array<ArrayBuffer>,
  ) {
    this.write1 = elementWriter(request.dtype, out);
  }

  /** Fills the matrix; the least row × columns + column of a null, or null. */
  write(): bigint | null {
    this.request.columns.forEach((column, place) => this.column(column, place));
    return this.first;
  }

  private column(column: MatrixColumn, place: number): void {
    const { rows, layout, columns } = this.request;
    const stride = layout === 'row' ? columns.length : 1;
    const start = layout === 'row' ? place : place * rows;
    const sourceOf = rowsOf(column, this.bytesOf);
    const element = elementOf(column, this.bytesOf);
    for (let row = 0; row < rows; row++) {
      const source = sourceOf(row);
      if (source === -1) this.noteNull(row, place);
      this.write1(start + row * stride, source === -1 && !column.isMask ? column.fill : element(source));
    }
  }

  private noteNull(row: number, place: number): void {
    const at = BigInt(row) * BigInt(this.request.columns.length) + BigInt(place);
    if (this.first === null || at < this.first) this.first = at;
  }
}

/** The column's row for a row of the matrix; -1: null. */
function rowsOf(column: MatrixColumn, bytesOf: (memory: Memory) => Uint8Array<ArrayBuffer>): (row: number) => number {
  const { length, validityMemory, indexMemory } = column;
  const bits = validityMemory === null ? null : bytesOf(validityMemory).subarray(column.validity ?? 0);
  const isValid = (row: number): boolean => bits === null || (((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
  if (indexMemory === null) return (row) => (isValid(row) ? row : -1);
  const memory = bytesOf(indexMemory);
  const index = new Int32Array(memory.buffer, memory.byteOffset + (column.index ?? 0));
  return (row) => {
    const source = index[row] ?? -1;
    return source >= 0 && source < length && isValid(source) ? source : -1;
  };
}

/** The double that a row becomes before it is rounded. */
function elementOf(
  column: MatrixColumn,
  bytesOf: (memory: Memory) => Uint8Array<ArrayBuffer>,
): (row: number) => number {
  const { isMask, mean, wholeMean, scale } = column;
  if (isMask) return (row) => (row === -1 ? 0 : 1);
  const values = valuesOf(column, bytesOf(column.memory));
  if (wholeMean === null) return (row) => (Number(values(row)) - mean) * scale;
  return (row) => Number(BigInt(values(row)) - wholeMean) * scale;
}

function valuesOf({ type, values, length }: MatrixColumn, bytes: Uint8Array<ArrayBuffer>): Values {
  const { buffer } = bytes;
  const at = bytes.byteOffset + values;
  if (type === 'bool') return (row) => ((bytes[values + (row >> 3)] ?? 0) >> (row & 7)) & 1;
  if (type === 'float16') {
    const halves = new Uint16Array(buffer, at, length);
    return (row) => fromFloat16Bits(halves[row] ?? 0);
  }
  const array = hostArray(type, buffer, at, length);
  return (row) => array[row] ?? 0;
}
