/** What a lease and a block cost, out of the pool and without it. Times of one call, its release included. */
import { PinnedBufferPool } from '../../../device/index.js';
import { createError } from '../../../errors/from-native.js';
import { type Contender, compare } from './timing.js';
import type { Bench, Section } from './types.js';

const LEASE = 2 ** 16;
/** The pool's default: what it costs to lend depends on it. */
const SLAB = 2 ** 25;
const BLOCK = 2 ** 20;
const CALLS = 2000;
/** Fresh memory is slow: fewer of it make a run. */
const FRESH_CALLS = 4;

export async function measurePools(bench: Bench): Promise<Section> {
  const { device } = bench;
  const pool = new PinnedBufferPool({ device, maxBytes: 4 * SLAB, slabBytes: SLAB });
  const lend = (from: PinnedBufferPool): void => {
    const lease = from.tryLease(LEASE);
    if (lease === null) throw createError('FS_ERR_POOL_EXHAUSTED', 'expected a lease of an idle pool, found none');
    lease.release();
  };
  const expect = (isTrue: boolean, what: string): Promise<void> => {
    if (!isTrue) throw createError('FS_ERR_INTERNAL', `expected ${what}, found otherwise`);
    return Promise.resolve();
  };
  const contenders: Contender[] = [
    {
      name: 'pinned.lend',
      label: 'lease of 64 KiB pinned, from the pool',
      bytes: null,
      calls: CALLS,
      check() {
        lend(pool);
        const { hits, lentBytes } = pool.stats;
        lend(pool);
        return expect(pool.stats.hits === hits + 1 && lentBytes === 0, 'a hit in the pinned pool');
      },
      run() {
        for (let i = 0; i < CALLS; i++) lend(pool);
      },
    },
    {
      name: 'pinned.slab',
      label: 'the same from a new slab of 32 MiB',
      bytes: null,
      calls: FRESH_CALLS,
      check() {
        pool.trim();
        return expect(pool.stats.slabs === 0, 'no slab in an idle pool after trim()');
      },
      run() {
        for (let i = 0; i < FRESH_CALLS; i++) {
          lend(pool);
          pool.trim();
        }
      },
    },
    {
      name: 'device.pool',
      label: 'device block of 1 MiB, from the pool',
      bytes: null,
      calls: CALLS,
      check() {
        device.allocate(BLOCK).release();
        const { poolHits } = device.memoryInfo();
        device.allocate(BLOCK).release();
        const isPooled = device.info.backend === 'native';
        return expect(!isPooled || device.memoryInfo().poolHits === poolHits + 1, 'a hit in the device pool');
      },
      // The round before may have trimmed it.
      before: () => device.allocate(BLOCK).release(),
      run() {
        for (let i = 0; i < CALLS; i++) device.allocate(BLOCK).release();
      },
    },
    {
      name: 'device.fresh',
      label: 'the same, new from the device',
      bytes: null,
      calls: FRESH_CALLS,
      check: () => Promise.resolve(),
      before: () => void device.trim(),
      run() {
        for (let i = 0; i < FRESH_CALLS; i++) {
          device.allocate(BLOCK).release();
          device.trim();
        }
      },
    },
  ];
  try {
    const measures = await compare(bench, contenders);
    const notes =
      device.info.backend === 'native' ? [] : ['JavaScript has no device pool: both device lines are its allocator'];
    return { title: 'Memory, one call and its release', measures, notes };
  } finally {
    pool.close();
  }
}
