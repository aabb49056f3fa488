/** Files into device memory: raw ranges at every alignment, Arrow columns, and files that are not as they should be. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordBatchFileWriter, type Table } from 'apache-arrow';
import fc from 'fast-check';

import { type Device, GpuDirectReader, writeTable } from '../../../lib/index.js';
import { cellsOf, makeTable, table, typeNamed } from '../../helpers/columns.js';
import { onDevices } from '../../helpers/devices.js';
import { runs } from '../../helpers/property.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

onDevices('GpuDirectReader', ({ backend, open }) => {
  let folder: string;
  let device: Device;
  const content = Uint8Array.from({ length: 3 * 65536 + 777 }, (_, i) => (i * 31 + (i >> 8)) & 255);
  const file = (): string => join(folder, 'raw.bin');

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flowstate-direct-'));
    writeFileSync(file(), content);
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['auto', 'posix'] as const)('reads any ranges right, mode %s', async (mode) => {
    using reader = new GpuDirectReader({ device, mode, threads: 2, taskBytes: 65536 });
    const position = fc.oneof(
      fc.integer({ min: 0, max: content.length }),
      fc.constantFrom(0, 511, 512, 4095, 4096, 65536),
    );
    const range = fc.tuple(
      position,
      fc.oneof(fc.integer({ min: 0, max: content.length }), fc.constantFrom(0, 1, 4096, 65536)),
    );
    let total = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 5 }), async (list) => {
        const ranges = list.map(([offset, size]) => ({
          path: file(),
          offset,
          byteLength: Math.min(size, content.length - offset),
        }));
        const buffers = await reader.readRanges(ranges);
        for (const [i, buffer] of buffers.entries()) {
          const { offset, byteLength } = ranges[i]!;
          const out = new Uint8Array(byteLength);
          await buffer.download(out);
          expect(Buffer.compare(out, content.subarray(offset, offset + byteLength))).toBe(0);
          total += byteLength;
          buffer.release();
        }
      }),
      runs(60),
    );
    const { stats } = reader;
    expect(stats.bytes).toBe(total);
    expect(stats.directBytes + stats.posixBytes).toBe(total);
    if (mode === 'posix') expect(stats.directBytes).toBe(0);
  });

  it('reads raw elements as a tensor', async () => {
    const values = Float64Array.from({ length: 1000 }, (_, i) => i / 7);
    const path = join(folder, 'values.f64');
    writeFileSync(path, Buffer.concat([Buffer.from('head'), Buffer.from(values.buffer)]));
    using reader = new GpuDirectReader({ device });
    const whole = await reader.readBinary(path, { dtype: 'float64', offset: 4 });
    expect(await whole.toHost()).toEqual(values);
    whole.release();
    const part = await reader.readBinary(path, { dtype: 'float64', offset: 4 + 16, shape: [2, 3] });
    expect(part.shape).toEqual([2, 3]);
    expect(await part.toHost()).toEqual(values.slice(2, 8));
    part.release();
    await expect(reader.readBinary(path, { dtype: 'float64' })).rejects.toThrow(code('CORRUPT'));
    await expect(reader.readBinary(path, { dtype: 'float128' as 'float64' })).rejects.toThrow(code('OPTION_UNKNOWN'));
  });

  const arrowTable = (rows: number): Table =>
    makeTable(
      [
        { name: 't', type: typeNamed('ts_ns'), cells: Array.from({ length: rows }, (_, i) => BigInt(i)) },
        {
          name: 'p',
          type: typeNamed('float64'),
          cells: Array.from({ length: rows }, (_, i) => (i % 5 === 2 ? null : i / 3)),
        },
        { name: 's', type: typeNamed('utf8'), cells: Array.from({ length: rows }, (_, i) => `S${i % 13}`) },
        { name: 'b', type: typeNamed('bool'), cells: Array.from({ length: rows }, (_, i) => i % 3 === 0) },
      ],
      { batches: [rows >> 1, rows >> 2], hidden: 0 },
    );

  it('reads the columns of an Arrow file as toDevice would upload them', async () => {
    const source = arrowTable(3001);
    const path = join(folder, 'table.arrow');
    await writeTable(path, source);
    using reader = new GpuDirectReader({ device });
    const there = await reader.readArrow(path);
    const back = await there.toHost();
    for (const name of ['t', 'p', 's', 'b']) expect(cellsOf(back, name)).toEqual(cellsOf(source, name));
    there.release();
    const { stats } = reader;
    if (backend === 'native') expect(stats.bytes).toBeGreaterThanOrEqual(3001 * 16);
    const some = await reader.readArrow(path, { columns: 'p' });
    expect(some.columns.map((column) => column.name)).toEqual(['p']);
    expect(cellsOf(await some.toHost(), 'p')).toEqual(cellsOf(source, 'p'));
    some.release();
    await expect(reader.readArrow(path, { columns: 'q' })).rejects.toThrow(code('COLUMN_MISSING'));
  });

  it('names the file and what is wrong with it', async () => {
    using reader = new GpuDirectReader({ device });
    const missing = join(folder, 'nothing');
    await expect(reader.readBinary(missing, { dtype: 'int8' })).rejects.toThrow(code('IO'));
    await expect(reader.readRanges([{ path: missing, byteLength: 5 }])).rejects.toThrow(code('IO'));
    await expect(reader.readRanges([{ path: folder, byteLength: 5 }])).rejects.toThrow(code('IO'));
    await expect(reader.readRanges([{ path: file(), offset: 2 ** 30 }])).rejects.toThrow(code('ARG_RANGE'));
    await expect(reader.readRanges([{ path: file(), offset: content.length - 3, byteLength: 4 }])).rejects.toThrow(
      expect.objectContaining({ code: 'FS_ERR_CORRUPT', message: expect.stringContaining('raw.bin') }),
    );
    const cut = join(folder, 'cut.arrow');
    const bytes = RecordBatchFileWriter.writeAll(table({ a: ['int32', [1n, 2n]] })).toUint8Array(true);
    writeFileSync(cut, bytes.subarray(0, bytes.length - 20));
    await expect(reader.readArrow(cut)).rejects.toThrow(code('CORRUPT'));
    expect(device.memoryInfo().usedBytes).toBe(0);
  });

  it('does not give a wrong byte where a file shrinks under it', async () => {
    using reader = new GpuDirectReader({ device, taskBytes: 65536 });
    const path = join(folder, 'shrinks.bin');
    for (const keep of [0, 4096, 65536, 100_000]) {
      writeFileSync(path, content);
      const reading = reader.readRanges([{ path, offset: 0, byteLength: content.length }]);
      truncateSync(path, keep);
      const outcome = await reading.then(
        async ([buffer]) => {
          const out = new Uint8Array(content.length);
          await buffer!.download(out);
          buffer!.release();
          return Buffer.compare(out, content);
        },
        (error: unknown) => (error as { code: string }).code,
      );
      expect([0, 'FS_ERR_CORRUPT', 'FS_ERR_IO']).toContain(outcome);
    }
  });

  it('is stopped by its signal and refuses work once closed', async () => {
    const reader = new GpuDirectReader({ device });
    await expect(reader.readRanges([{ path: file() }], { signal: AbortSignal.abort() })).rejects.toThrow(
      code('ABORTED'),
    );
    reader.close();
    reader.close();
    await expect(reader.readRanges([{ path: file() }])).rejects.toThrow(code('CLOSED'));
    expect(() => new GpuDirectReader({ device, taskBytes: 70_000 })).toThrow(code('ARG_RANGE'));
    expect(() => new GpuDirectReader({ device, mode: 'gds' as 'auto' })).toThrow(code('OPTION_UNKNOWN'));
  });
});
