// Everything that launches kernels, copies and frees on a device, small and once, every answer compared: what
// compute-sanitizer runs, which slows it down a hundredfold.   node bench/gpu/exercise.mjs [device, default cuda:0]
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Float64, Table, makeVector, vectorFromArray } from 'apache-arrow';
import {
  asofJoin,
  defaultDevice,
  Device,
  DeviceTensor,
  featureMatrix,
  GpuDirectReader,
  PinnedBufferPool,
  toDevice,
} from 'flowstate';

process.env.FLOWSTATE_DEVICE = process.argv[2] ?? 'cuda:0';
const device = Device.open('auto');

// Sizes around what a kernel's blocks and a copy's chunks are made of.
for (const size of [1, 31, 255, 256, 257, 1023, 65_537, 300_001]) {
  const tensor = await DeviceTensor.from(
    Float32Array.from({ length: size }, (_, i) => i % 1000),
    { device },
  );
  const scaled = tensor.affine(2, 1);
  scaled.affine(1, 0.5, true).release();
  tensor.release();
  const values = await scaled.toHost();
  assert.equal(values.length, size);
  assert.ok(values.every((value, i) => value === (i % 1000) * 2 + 1.5));
  scaled.release();
}

// Parts of one block, written by several copies under way at once.
const parts = Array.from({ length: 16 }, (_, i) => new Uint8Array(4099).fill(i + 1));
const block = device.allocate(16 * 4099);
await Promise.all(parts.map((part, i) => block.upload(part, i * 4099)));
const whole = new Uint8Array(16 * 4099);
await block.download(whole);
assert.ok(whole.every((byte, i) => byte === Math.floor(i / 4099) + 1));

const pool = new PinnedBufferPool({ device, maxBytes: 2 ** 22 });
const lease = await pool.lease(16 * 4099);
await block.download(lease.bytes);
assert.equal(Buffer.compare(lease.bytes, whole), 0);
lease.release();
block.release();

const rows = 10_001;
const table = new Table({
  t: makeVector(BigInt64Array.from({ length: rows }, (_, i) => BigInt(i))),
  p: makeVector(Float64Array.from({ length: rows }, (_, i) => i / 4)),
  s: vectorFromArray(Array.from({ length: rows }, (_, i) => (i % 5 === 2 ? null : `S${i % 50}`))),
});
const there = await toDevice(table, { device });
const back = await there.toHost();
for (const i of [0, 2, 4999, rows - 1]) assert.deepEqual(back.get(i)?.toJSON(), table.get(i)?.toJSON());
there.release();

// Matrices at the edges of tiles (128 rows of 32 columns, 1,024 rows of one), with nulls.
for (const [size, width] of [
  [1, 1],
  [129, 33],
  [1025, 5],
]) {
  const cells = Array.from({ length: size }, (_, row) => (row % 5 === 2 ? null : row));
  const column = vectorFromArray(cells, new Float64());
  const source = new Table(Object.fromEntries(Array.from({ length: width }, (_, c) => [`c${c}`, column])));
  const numbers = await toDevice(source, { device });
  for (const layout of ['row', 'column']) {
    for (const dtype of ['float32', 'float16', 'bfloat16', 'float64']) {
      const { matrix } = await featureMatrix(numbers, { layout, dtype, fill: 0 });
      const elements = await matrix.toHost();
      matrix.release();
      const one = { float32: 1, float16: 0x3c00, bfloat16: 0x3f80, float64: 1 }[dtype];
      elements.forEach((element, i) => {
        const row = layout === 'row' ? Math.floor(i / width) : i % size;
        if (row < 2 || row % 5 === 2) assert.equal(element, row === 1 ? one : 0);
      });
    }
  }
  const refused = await featureMatrix(numbers, { nulls: 'error' }).catch((error) => error);
  if (size > 2) assert.deepEqual([refused.code, refused.details.row], ['FS_ERR_SCHEMA', 2]);
  else refused.matrix.release();
  numbers.release();
}

const folder = mkdtempSync(join(tmpdir(), 'flowstate-exercise-'));
const reader = new GpuDirectReader({ device, taskBytes: 65_536 });
try {
  const path = join(folder, 'raw.bin');
  const content = Uint8Array.from({ length: 300_003 }, (_, i) => (i * 31) & 255);
  writeFileSync(path, content);
  const read = await reader.readRanges([
    { path, offset: 1, byteLength: 100_000 },
    { path, offset: 4096 },
  ]);
  for (const [i, from] of [1, 4096].entries()) {
    const out = new Uint8Array(read[i].byteLength);
    await read[i].download(out);
    assert.equal(Buffer.compare(out, content.subarray(from, from + out.length)), 0);
    read[i].release();
  }
} finally {
  reader.close();
  rmSync(folder, { recursive: true });
}

// Joins: sizes around the edges of tiles, sides in order and not, few left rows and many, every direction.
const rowsOf = (length, step, keys, shuffle) => {
  const at = (i) => (shuffle ? (i * 7919) % length : i);
  return new Table({
    t: makeVector(BigInt64Array.from({ length }, (_, i) => BigInt(at(i) * step))),
    k: makeVector(Int32Array.from({ length }, (_, i) => (at(i) * 31) % keys)),
    row: makeVector(Int32Array.from({ length }, (_, i) => i)),
  });
};
for (const [lefts, rights, keys] of [
  [1, 2047, 3],
  [255, 1793, 1],
  [1024, 1024, 7],
  [2049, 2048, 700],
  [9, 40_000, 5],
  [5000, 0, 2],
]) {
  for (const direction of ['backward', 'forward', 'nearest']) {
    for (const shuffle of [false, true]) {
      const left = rowsOf(lefts, 5, keys, shuffle);
      const right = rowsOf(rights, 3, keys, shuffle);
      const options = {
        on: 't',
        by: 'k',
        columns: ['row'],
        direction,
        tolerance: 40,
        ...(shuffle ? { knownAt: 't' } : {}),
      };
      const [cpu, gpu] = [
        await asofJoin(left, right, { ...options, backend: 'native' }),
        await asofJoin(left, right, { ...options, backend: 'device' }),
      ];
      assert.deepEqual([...gpu.getChild('row_right')], [...cpu.getChild('row_right')]);
      const sides = [await toDevice(left, { device }), await toDevice(right, { device })];
      const resident = await asofJoin(...sides, options);
      assert.deepEqual([...(await resident.toHost()).getChild('row_right')], [...cpu.getChild('row_right')]);
      for (const table of [resident, ...sides]) table.release();
    }
  }
}
defaultDevice().trim();

pool.close();
device.trim();
assert.equal(device.memoryInfo().usedBytes, 0);
device.close();
console.log(`exercised ${device.id}`);
