/**
 * `featureMatrix`, beside one plain pass over device memory (`affine`: every float read and written once). Bytes are those
 * that must be read (values, validity bits) and written. Several calls are queued at a time, so that a kernel of some
 * microseconds is not lost in the time of a call.
 */
import { type Data, Float32, Float64, makeData, type Table } from 'apache-arrow';

import {
  DeviceTensor,
  featureMatrix,
  type FeatureMatrixOptions,
  type DeviceTable,
  toDevice,
} from '../../../device/index.js';
import { elementWriter } from '../../../device/small-float.js';
import { tableOf } from './tables.js';
import { type Contender, compare, requireSame } from './timing.js';
import type { Bench, Section } from './types.js';

const CALLS = 8;
const MEAN = 40;
const SCALE = 0.125;

/** A value of a column; few enough different ones that halves hold them, normalised. */
const valueOf = (row: number, column: number): number => ((row * 31 + column * 7) % 2003) / 8;
/** Of nullable columns: one row in eight is null. */
const isNull = (row: number): boolean => row % 8 === 3;

interface Shape {
  readonly name: string;
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly isNullable: boolean;
  readonly dtype: 'float32' | 'float16' | 'bfloat16';
  readonly layout: 'row' | 'column';
}

function shapesOf(bytes: number): Shape[] {
  const rowsOf = (bytesPerRow: number): number => Math.max(64, Math.floor(bytes / bytesPerRow / 64) * 64);
  const floats = { rows: rowsOf(64), columns: 16, isNullable: false };
  return [
    { ...floats, name: 'matrix.row', label: '16 floats to float32', dtype: 'float32', layout: 'row' },
    { ...floats, name: 'matrix.column', label: '16 floats to float32, columns', dtype: 'float32', layout: 'column' },
    { ...floats, name: 'matrix.bfloat16', label: '16 floats to bfloat16', dtype: 'bfloat16', layout: 'row' },
    {
      name: 'matrix.masked',
      label: '8 doubles to float16, masks',
      rows: rowsOf(64),
      columns: 8,
      isNullable: true,
      dtype: 'float16',
      layout: 'row',
    },
    {
      name: 'matrix.wide',
      label: '300 floats to float32',
      rows: rowsOf(1200),
      columns: 300,
      isNullable: false,
      dtype: 'float32',
      layout: 'row',
    },
  ];
}

function sourceOf({ rows, columns, isNullable }: Shape): Table {
  const nullBitmap = new Uint8Array(rows / 8).fill(0xf7);
  const column = (c: number): Data => {
    const values = { length: rows };
    if (!isNullable) {
      const data = Float32Array.from(values, (_, row) => valueOf(row, c));
      return makeData({ type: new Float32(), length: rows, nullCount: 0, data });
    }
    const data = Float64Array.from(values, (_, row) => valueOf(row, c));
    return makeData({ type: new Float64(), length: rows, nullCount: rows / 8, nullBitmap, data });
  };
  return tableOf(Object.fromEntries(Array.from({ length: columns }, (_, c) => [`c${c}`, column(c)])), rows);
}

/** The matrix by plain loops. */
function expectedOf({ rows, columns, isNullable, dtype, layout }: Shape): Uint8Array {
  const width = isNullable ? 2 * columns : columns;
  const bytes = new Uint8Array(new ArrayBuffer(rows * width * (dtype === 'float32' ? 4 : 2)));
  const write = elementWriter(dtype, bytes);
  for (let row = 0; row < rows; row++) {
    for (let place = 0; place < width; place++) {
      const c = isNullable ? place >> 1 : place;
      const hasValue = !isNullable || !isNull(row);
      const element =
        isNullable && place % 2 === 1 ? Number(hasValue) : hasValue ? (valueOf(row, c) - MEAN) * SCALE : 0;
      write(layout === 'row' ? row * width + place : place * rows + row, element);
    }
  }
  return bytes;
}

function contenderOf(shape: Shape, there: DeviceTable): Contender {
  const { rows, columns, isNullable, dtype, layout, name, label } = shape;
  const options: FeatureMatrixOptions = {
    columns: Array.from({ length: columns }, (_, c) => ({
      column: `c${c}`,
      mean: MEAN,
      scale: SCALE,
      mask: isNullable,
    })),
    nulls: 'mask',
    dtype,
    layout,
  };
  const read = rows * columns * (isNullable ? 8 + 2 / 8 : 4);
  const written = rows * columns * (isNullable ? 2 : 1) * (dtype === 'float32' ? 4 : 2);
  let made: DeviceTensor[] = [];
  return {
    name,
    label,
    bytes: read + written,
    against: 'device pass',
    calls: CALLS,
    async check() {
      const { matrix } = await featureMatrix(there, options);
      const host = await matrix.toHost();
      matrix.release();
      requireSame(new Uint8Array(host.buffer, host.byteOffset, host.byteLength), expectedOf(shape), label);
    },
    async run() {
      for (let call = 0; call < CALLS; call++) made.push((await featureMatrix(there, options)).matrix);
      await made.at(-1)?.ready();
    },
    after() {
      for (const matrix of made) matrix.release();
      made = [];
    },
  };
}

export async function measureMatrices(bench: Bench): Promise<Section> {
  const { device } = bench;
  // On the host a core computes every element: a quarter of the size says as much.
  const bytes = bench.isCuda ? bench.bytes / 2 : bench.bytes / 8;
  const tables: DeviceTable[] = [];
  const tensor = await DeviceTensor.from(new Float32Array(Math.floor(bytes / 4)).fill(1), { device });
  try {
    const pass: Contender = {
      name: 'matrix.pass',
      label: 'affine, the pass to compare with',
      bytes: 2 * tensor.byteLength,
      calls: CALLS,
      defines: 'device pass',
      async check() {
        tensor.affine(1, 0, true).release();
        const host = await tensor.toHost();
        requireSame(
          new Uint8Array(host.buffer),
          new Uint8Array(new Float32Array(host.length).fill(1).buffer),
          'affine',
        );
      },
      async run() {
        for (let call = 0; call < CALLS; call++) tensor.affine(1, 0, true).release();
        await tensor.ready();
      },
    };
    const contenders = [pass];
    const sources = new Map<string, DeviceTable>();
    for (const shape of shapesOf(bytes)) {
      const key = `${shape.columns} ${shape.isNullable}`;
      let there = sources.get(key);
      if (there === undefined) {
        there = await toDevice(sourceOf(shape), { device });
        sources.set(key, there);
        tables.push(there);
      }
      contenders.push(contenderOf(shape, there));
    }
    return {
      title: 'Feature matrices',
      measures: await compare(bench, contenders),
      notes: [`row-major unless it says columns; read and written bytes of a call, ${CALLS} queued at a time`],
    };
  } finally {
    tensor.release();
    for (const there of tables) there.release();
  }
}
