/** Columns of fixed-width integers as the engines take them and give them back: codes and handles. */
import type { Data } from 'apache-arrow';

import { type NativeChunk, type NativeColumn, NativeType } from '../internal/native.js';
import { bytesOf, type OutputBuffers } from '../schema/byte-range.js';
import type { ColumnShape } from './engine/types.js';

/** Rows 0 … count - 1. */
export function everyRow(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => row);
}

export function oneChunk(shape: ColumnShape, chunk: NativeChunk): NativeColumn {
  return { ...shape, indexType: NativeType.Int32, chunks: chunk.length === 0 ? [] : [chunk], dictionaries: [] };
}

/** Whether a row of an output holds a value. */
export function validAt({ validity }: OutputBuffers): (row: number) => boolean {
  if (validity === null) return () => true;
  const bits = bytesOf(validity);
  return (row) => (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}

/** Bytes of a column's own buffers. */
export function bytesOfData({ valueOffsets, values, nullBitmap, typeIds, variadicBuffers, children }: Data): number {
  const buffers: readonly unknown[] = [valueOffsets, values, nullBitmap, typeIds, ...(variadicBuffers ?? [])];
  const own = buffers.reduce<number>((sum, buffer) => sum + (ArrayBuffer.isView(buffer) ? buffer.byteLength : 0), 0);
  return (children as readonly Data[]).reduce((sum, child) => sum + bytesOfData(child), own);
}
