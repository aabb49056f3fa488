/** The ring against a queue, its ends, and real threads on the other side. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { transformFileSync } from '@swc/core';
import fc from 'fast-check';

import { RING_TYPES, SharedRing } from '../../../lib/index.js';
import { runs } from '../../helpers/property.js';

const make = (capacity: number) => SharedRing.create({ type: 'float64', capacity });

describe('on one thread', () => {
  it('is a bounded queue, whatever the calls', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 25 })), { maxLength: 80 }),
        (capacity, steps) => {
          const ring = make(capacity);
          const model: number[] = [];
          let next = 0;
          for (const [isPush, n] of steps) {
            if (isPush) {
              const pushed = ring.tryPush(Float64Array.from({ length: n }, (_, i) => next + i));
              expect(pushed).toBe(Math.min(n, ring.capacity - model.length));
              for (let i = 0; i < pushed; i++) model.push(next++);
            } else {
              const out = new Float64Array(n);
              const popped = ring.tryPop(out);
              expect([...out.subarray(0, popped)]).toEqual(model.splice(0, n));
            }
            expect(ring.size).toBe(model.length);
          }
        },
      ),
      runs(300),
    );
  });

  it('goes on where its indices pass 2^31 and 2^32', () => {
    const ring = make(4);
    const words = new Int32Array(ring.handle.memory);
    for (const start of [2 ** 31 - 3, 2 ** 32 - 3]) {
      words[0] = words[16] = start | 0;
      for (let i = 0; i < 10; i++) {
        expect(ring.tryPush(Float64Array.of(i, i + 0.5, i + 0.75))).toBe(3);
        expect(ring.size).toBe(3);
        const out = new Float64Array(5);
        expect(ring.tryPop(out)).toBe(3);
        expect([...out]).toEqual([i, i + 0.5, i + 0.75, 0, 0]);
      }
    }
  });

  it('a closed ring gives what it holds, then ends', async () => {
    const ring = make(4);
    ring.tryPush(Float64Array.of(1, 2));
    ring.close();
    ring.close();
    expect(ring.tryPush(Float64Array.of(3))).toBe(0);
    expect(await ring.push(Float64Array.of(3))).toBe(0);
    expect(ring.pushSync(Float64Array.of(3))).toBe(0);
    const out = new Float64Array(1);
    expect([await ring.pop(out), out[0]]).toEqual([1, 1]);
    expect([ring.popSync(out), out[0]]).toEqual([1, 2]);
    expect([await ring.pop(out), ring.popSync(out)]).toEqual([0, 0]);
  });

  it('a waiting producer returns when the consumer leaves, and a waiting consumer when the producer does', async () => {
    const ring = make(2);
    const pushing = ring.push(Float64Array.of(1, 2, 3));
    ring.cancel();
    expect(await pushing).toBe(2);
    expect(await ring.pop(new Float64Array(1))).toBe(0);
    const other = make(2);
    const popping = other.pop(new Float64Array(1));
    other.close();
    expect(await popping).toBe(0);
  });

  it('carries each of its types', () => {
    const values = {
      uint8: Uint8Array.of(1, 255),
      int32: Int32Array.of(-5, 7),
      float64: Float64Array.of(0.5, NaN),
      bigint64: BigInt64Array.of(-(2n ** 63n), 2n ** 62n),
    };
    for (const type of RING_TYPES) {
      const ring = SharedRing.create({ type, capacity: 2 });
      const same = SharedRing.attach(ring.handle);
      expect(ring.tryPush(values[type])).toBe(2);
      const out = new (values[type].constructor as new (length: number) => Float64Array)(2);
      expect(same.tryPop(out as never)).toBe(2);
      expect(out).toEqual(values[type]);
    }
  });

  it.each([
    [{ type: 'float64', capacity: 0 }, 'FS_ERR_ARG_RANGE'],
    [{ type: 'float32', capacity: 1 }, 'FS_ERR_OPTION_UNKNOWN'],
    [{ type: 'int32', capacity: 1, size: 1 }, 'FS_ERR_OPTION_UNKNOWN'],
    [null, 'FS_ERR_ARG_TYPE'],
  ])('refuses %j', (options, code) => {
    expect(() => SharedRing.create(options as never)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses handles and arrays that are not its own', async () => {
    const ring = make(4);
    for (const wrong of [{ capacity: 8 }, { capacity: 3 }, { memory: new ArrayBuffer(8) }, { type: 'uint8' }]) {
      expect(() => SharedRing.attach({ ...ring.handle, ...wrong } as never)).toThrow(
        expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }),
      );
    }
    expect(() => ring.tryPush(Int32Array.of(1) as never)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    await expect(ring.pop(new Float64Array())).rejects.toMatchObject({ code: 'FS_ERR_ARG_TYPE' });
  });
});

/** The sources a worker needs, as CommonJS in a folder of their own: a worker cannot load TypeScript. */
describe('with a thread at the other end', () => {
  const root = join(__dirname, '..', '..', '..');
  const files = [
    'lib/stream/shared-ring',
    'lib/internal/validate',
    'lib/internal/suggest',
    'lib/errors/from-native',
    'lib/errors/errors',
    'lib/errors/codes',
  ];
  const folder = join(root, 'build', `shared-ring-${process.pid}`);
  beforeAll(async () => {
    const { mkdirSync } = await import('node:fs');
    writeTree(mkdirSync);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function writeTree(mkdirSync: (path: string, options: { recursive: true }) => unknown): void {
    for (const file of files) {
      const { code } = transformFileSync(join(root, `${file}.ts`), {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      });
      const target = join(folder, `${file}.js`);
      mkdirSync(join(target, '..'), { recursive: true });
      writeFileSync(target, code);
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
  }

  /** Runs `body(ring, workerData)` in a worker. */
  function start(body: string, ring: SharedRing<'float64'>, data: Record<string, unknown> = {}): Promise<number> {
    const script = `
      const { workerData } = require('node:worker_threads');
      const { SharedRing } = require(workerData.module);
      const ring = SharedRing.attach(workerData.handle);
      (async () => { ${body} })();`;
    const worker = new Worker(script, {
      eval: true,
      workerData: { module: join(folder, 'lib/stream/shared-ring.js'), handle: ring.handle, ...data },
    });
    return new Promise((resolve, reject) => {
      worker.once('exit', resolve);
      worker.once('error', reject);
    });
  }

  const COUNT = 200_000;
  const produce = (push: string) => `
    let next = 0;
    for (let round = 0; next < ${COUNT}; round++) {
      const batch = Float64Array.from({ length: Math.min(1 + round % 97, ${COUNT} - next) }, () => next++);
      if (await ring.${push}(batch) !== batch.length) throw new Error('cancelled');
    }
    ring.close();`;

  it.each([
    ['pushSync', 1],
    ['pushSync', 1024],
    ['push', 16],
  ])('every element comes once, in order: %s, capacity %d', async (push, capacity) => {
    const ring = make(capacity);
    const count = capacity === 1 ? COUNT / 20 : COUNT;
    const done = start(produce(push).replaceAll(String(COUNT), String(count)), ring);
    const out = new Float64Array(61);
    let expected = 0;
    let wrong = 0;
    for (;;) {
      const popped = await ring.pop(out);
      if (popped === 0) break;
      for (let i = 0; i < popped; i++) if (out[i] !== expected++) wrong++;
    }
    expect([await done, wrong, expected]).toEqual([0, 0, count]);
  });

  it('no wake-up is lost over many round trips', async () => {
    const there = make(1);
    const back = make(1);
    const done = start(
      `const back = SharedRing.attach(workerData.back);
       const value = new Float64Array(1);
       while (ring.popSync(value) === 1) { value[0]++; back.pushSync(value); }
       back.close();`,
      there,
      { back: back.handle },
    );
    const value = new Float64Array(1);
    let wrong = 0;
    for (let i = 0; i < 3000; i++) {
      await there.push(Float64Array.of(i));
      await back.pop(value);
      if (value[0] !== i + 1) wrong++;
    }
    there.close();
    expect([await done, wrong]).toEqual([0, 0]);
  });

  it('a blocked thread is told when the other end leaves', async () => {
    const full = make(1);
    const producer = start('if (ring.pushSync(Float64Array.of(1, 2)) !== 1) throw new Error();', full);
    const empty = make(1);
    const consumer = start('if (ring.popSync(new Float64Array(1)) !== 0) throw new Error();', empty);
    while (full.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    full.cancel();
    empty.close();
    expect(await Promise.all([producer, consumer])).toEqual([0, 0]);
  });
});
