/** Random joins of device tables against the same joins of host tables, bit for bit: values, bitmaps, statistics, errors. */
import fc from 'fast-check';
import { Data, DataType, Dictionary, Field, Int32, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import {
  asofJoin,
  type AsofJoinOptions,
  asofJoinSync,
  type Device,
  DeviceJoinIndex,
  type DeviceTable,
  toDevice,
} from '../../lib/index';
import { type Cell, cellsOf, makeChunk } from '../helpers/columns';
import { onDevices, type Subject } from '../helpers/devices';
import { type JoinCase, joinCase } from '../helpers/join-cases';
import { runs } from '../helpers/property';
import { bitsOf } from '../helpers/table-bits';

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isBinary(type) || DataType.isLargeBinary(type);
}

/** The table with its text keys dictionary-encoded, as a device wants them. One batch. */
function encodeKeys(table: Table): Table {
  const [batch] = table.batches;
  const columns = table.schema.fields.map((field, i) => {
    const data = batch!.data.children[i]!;
    if (!field.name.startsWith('key') || !isText(field.type)) return { field, data };
    const type = new Dictionary(field.type, new Int32());
    const cells = cellsOf(table, field.name).map((cell) => {
      const isBytes = DataType.isBinary(field.type) || DataType.isLargeBinary(field.type);
      return isBytes && cell !== null ? Uint8Array.from(Buffer.from(String(cell).slice(2), 'hex')) : (cell as Cell);
    });
    return { field: new Field(field.name, type, true), data: makeChunk(type, cells) };
  });
  const schema = new Schema(columns.map(({ field }) => field));
  const struct = new Data(
    new Struct(schema.fields),
    0,
    table.numRows,
    0,
    undefined,
    columns.map(({ data }) => data),
  );
  return new Table(schema, [new RecordBatch(schema, struct)]);
}

interface Sides {
  readonly hostLeft: Table;
  readonly hostRight: Table;
  readonly left: DeviceTable;
  readonly right: DeviceTable;
}

/** One batch, uploaded and downloaded once, so that buffers can be compared; null for what toDevice() refuses. */
async function upload(table: Table, device: Device): Promise<{ host: Table; there: DeviceTable } | null> {
  try {
    using first = await toDevice(table, { device });
    const host = encodeKeys(await first.toHost());
    return { host, there: await toDevice(host, { device }) };
  } catch (error) {
    // Unions, views, and dictionaries of other values than text that differ between batches.
    if ((error as { code?: string }).code !== 'FS_ERR_SCHEMA') throw error;
    return null;
  }
}

async function sidesOf({ left, right }: JoinCase, device: Device): Promise<Sides | null> {
  const one = await upload(left, device);
  const two = one === null ? null : await upload(right, device);
  if (one === null || two === null) {
    one?.there.release();
    return null;
  }
  return { hostLeft: one.host, hostRight: two.host, left: one.there, right: two.there };
}

interface Outcome {
  readonly table?: unknown;
  readonly stats?: unknown;
  readonly error?: unknown;
}

function failure(error: unknown): Outcome {
  const { code, details } = error as { code?: string; details?: object };
  if (code === undefined) throw error;
  // The executors agree on codes and on the rows they name.
  const { row, previousRow, side } = (details ?? {}) as Record<string, unknown>;
  return { error: { code, row: row === undefined ? undefined : Number(row), previousRow, side } };
}

function onHost({ hostLeft, hostRight }: Sides, options: AsofJoinOptions, backend: Subject['backend']): Outcome {
  try {
    const { table, stats } = asofJoinSync(hostLeft, hostRight, { ...options, backend, stats: true });
    return { table: bitsOf(table), stats };
  } catch (error) {
    return failure(error);
  }
}

async function onDevice(left: DeviceTable, right: DeviceTable | DeviceJoinIndex, options: AsofJoinOptions) {
  try {
    const { table, stats } = await asofJoin(left, right, { ...options, stats: true });
    const back = await table.toHost();
    table.release();
    return { table: bitsOf(back), stats };
  } catch (error) {
    return failure(error);
  }
}

onDevices('random joins of device tables', ({ open, backend }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 30 });
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  const orders = fc.constantFrom<NonNullable<AsofJoinOptions['unsorted']>>('sort', 'sort', 'error');
  const plans = fc.constantFrom<NonNullable<AsofJoinOptions['plan']>>('auto', 'merge', 'probe');

  it('equal those of host tables, bit for bit', async () => {
    const seen = { tables: 0, errors: 0 };
    await fc.assert(
      fc.asyncProperty(joinCase, orders, plans, async (join, unsorted, plan) => {
        const sides = await sidesOf(join, device);
        if (sides === null) return;
        const options = { ...join.options, unsorted, plan };
        const expected = onHost(sides, options, backend);
        const actual = await onDevice(sides.left, sides.right, options);
        sides.left.release();
        sides.right.release();
        expect(actual).toEqual(expected);
        expect(device.memoryInfo().usedBytes).toBe(0);
        if ('error' in expected) seen.errors++;
        else seen.tables++;
      }),
      runs(backend === 'native' ? 600 : 150),
    );
    expect(seen.tables).toBeGreaterThan(30);
    expect(seen.errors).toBeGreaterThan(3);
  });

  it('are the same with an index, whatever left sides and options it served before', async () => {
    await fc.assert(
      fc.asyncProperty(joinCase, plans, async (join, plan) => {
        const sides = await sidesOf(join, device);
        if (sides === null) return;
        const { on, by, nullKeys } = join.options;
        const index = await DeviceJoinIndex.build(sides.right, { on, by, nullKeys });
        sides.right.release();
        for (const options of [
          join.options,
          { ...join.options, direction: 'backward', ties: 'first', how: 'inner' } as const,
          { ...join.options, lag: undefined, knownAt: undefined, nullKeys: 'equal' } as const,
          { ...join.options, unsorted: 'error' } as const,
          join.options,
        ]) {
          const expected = onHost(sides, { ...options, plan }, backend);
          expect(await onDevice(sides.left, index, { ...options, plan })).toEqual(expected);
        }
        sides.left.release();
        index.release();
        expect(device.memoryInfo().usedBytes).toBe(0);
      }),
      runs(backend === 'native' ? 150 : 40),
    );
  });
});
