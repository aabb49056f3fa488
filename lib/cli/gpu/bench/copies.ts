/**
 * Copies of one large array in both directions: pageable, pinned and registered memory, one stream against several. Every
 * number of streams has a device object of its own, with memory on both sides.
 */
import {
  Device,
  type DeviceBuffer,
  type DeviceOptions,
  PinnedBufferPool,
  type PinnedLease,
} from '../../../device/index.js';
import { createError } from '../../../errors/from-native.js';
import { type Contender, compare, fillPattern, requireSame, yardstickOf } from './timing.js';
import { AIMS, type Bench, type Section, type Yardstick } from './types.js';

/** Copies of `bytes` that a run needs at once, by where they lie. */
export const COPIES_NEEDED = { device: 6, host: 10 } as const;
const STREAMS = [1, 2, 4] as const;

/** A device object with a block of its memory and pinned memory of the same size. */
export class Subject {
  readonly pinned: PinnedLease;

  private constructor(
    readonly device: Device,
    readonly block: DeviceBuffer,
    private readonly pool: PinnedBufferPool,
  ) {
    const lease = pool.tryLease(block.byteLength);
    if (lease === null) throw createError('FS_ERR_POOL_EXHAUSTED', 'expected one lease of a fresh pool, found none');
    this.pinned = lease;
  }

  static open(bench: Bench, options: DeviceOptions): Subject {
    const device = bench.device.kind === 'host' ? Device.open('host', options) : Device.open(idOf(bench), options);
    const whole = Math.ceil(bench.bytes / 4096) * 4096;
    const slabBytes = Math.min(whole, 2 ** 25);
    const pool = new PinnedBufferPool({ device, maxBytes: whole * 2, slabBytes });
    return new Subject(device, device.allocate(bench.bytes), pool);
  }

  close(): void {
    this.pinned.release();
    this.pool.close();
    this.block.release();
    this.device.close();
  }
}

function idOf(bench: Bench): `cuda:${number}` {
  return `cuda:${Number(bench.device.id.slice('cuda:'.length))}`;
}

interface Memories {
  readonly pageable: Uint8Array;
  readonly registered: Uint8Array | null;
  /** Where downloads go, and what checks read back into. */
  readonly target: Uint8Array;
  readonly registeredTarget: Uint8Array | null;
}

/** An upload: the block holds something else before. */
function upload(bench: Bench, subject: Subject, source: Uint8Array, memories: Memories, part: Part): Contender {
  return {
    ...part,
    bytes: bench.bytes,
    against: yardstickOf(bench, 'up'),
    async check() {
      const { target } = memories;
      target.fill(0);
      await subject.block.upload(target);
      await subject.block.upload(source);
      await subject.block.download(target);
      requireSame(target, source, part.label);
    },
    run: async () => void (await subject.block.upload(source)),
  };
}

function download(bench: Bench, subject: Subject, target: Uint8Array, memories: Memories, part: Part): Contender {
  return {
    ...part,
    bytes: bench.bytes,
    against: yardstickOf(bench, 'down'),
    async check() {
      const { pageable } = memories;
      await subject.block.upload(pageable);
      target.fill(0);
      await subject.block.download(target);
      requireSame(target, pageable, part.label);
    },
    run: async () => void (await subject.block.download(target)),
  };
}

type Part = Pick<Contender, 'name' | 'label' | 'aim' | 'defines'>;

/** One thread's copy between two arrays that are in memory already. */
function memcpy(from: Uint8Array, to: Uint8Array): Contender {
  return {
    name: 'memcpy',
    label: 'memcpy, one thread',
    bytes: from.byteLength,
    defines: 'memcpy',
    check() {
      to.fill(0);
      to.set(from);
      requireSame(to, from, 'memcpy');
      return Promise.resolve();
    },
    run: () => to.set(from),
  };
}

/** The yardsticks of the link: one plain copy of pinned memory, not cut, in one stream. */
function links(bench: Bench, plain: Subject, memories: Memories): Contender[] {
  const part = (name: string, label: string, defines: Yardstick): Part => ({ name, label, defines });
  return [
    upload(bench, plain, plain.pinned.bytes, memories, part('link.up', 'link, to device', 'link to device')),
    download(bench, plain, plain.pinned.bytes, memories, part('link.down', 'link, to host', 'link to host')),
  ];
}

/** Sections 1 and 2: kinds of memory, and numbers of streams. Defines every yardstick. */
export async function measureCopies(bench: Bench): Promise<Section[]> {
  const hasStreams = bench.device.info.backend === 'native';
  const own = Subject.open(bench, {});
  // One stream: a copy of pinned memory is not cut.
  const plain = bench.isCuda ? Subject.open(bench, { streams: 1 }) : null;
  const several = new Map((hasStreams ? STREAMS : []).map((streams) => [streams, Subject.open(bench, { streams })]));
  // Whole pages are locked, and two arrays may share one: both ends of the registered copies lie in one array.
  const locked = new Uint8Array(2 * bench.bytes);
  const [pageable, target, lockable, lockableTarget] = [
    new Uint8Array(bench.bytes),
    new Uint8Array(bench.bytes),
    locked.subarray(0, bench.bytes),
    locked.subarray(bench.bytes),
  ];
  for (const [i, array] of [pageable, target, lockable, lockableTarget].entries()) fillPattern(array, i + 1);
  const lock = own.device.register(locked);
  const isRegistered = lock !== null;
  const memories: Memories = {
    pageable,
    target,
    registered: isRegistered ? lockable : null,
    registeredTarget: isRegistered ? lockableTarget : null,
  };
  try {
    for (const subject of [own, plain, ...several.values()]) if (subject) fillPattern(subject.pinned.bytes, 5);
    const yardsticks = [memcpy(pageable, target), ...(plain === null ? [] : links(bench, plain, memories))];
    const kinds = kindContenders(bench, own, memories);
    const streams = [...several].flatMap(([count, subject]) => streamContenders(bench, subject, count, memories));
    // All in one set of rounds: ratios between them hold even where the machine drifts.
    const measures = await compare(bench, [...yardsticks, ...kinds, ...streams]);
    const first = yardsticks.length + kinds.length;
    const notes: string[] = [];
    if (!isRegistered) notes.push('registered memory: left out, the system did not lock the pages');
    if (!own.pinned.isPageLocked) notes.push('pinned memory: the system did not lock its pages');
    return [
      { title: 'Copies, by the kind of host memory', measures: measures.slice(0, first), notes },
      {
        title: 'Copies, by the number of streams',
        measures: measures.slice(first),
        notes: hasStreams ? [] : ['left out: without the addon there are none'],
      },
    ];
  } finally {
    lock?.release();
    for (const subject of [own, plain, ...several.values()]) subject?.close();
  }
}

function kindContenders(bench: Bench, own: Subject, memories: Memories): Contender[] {
  const { pageable, registered, registeredTarget, target } = memories;
  const pinned = own.pinned.bytes;
  const kinds: [string, Uint8Array | null, Uint8Array | null, number | undefined][] = [
    ['pageable', pageable, target, bench.isCuda ? AIMS.link : AIMS.hostStaging],
    ['pinned', pinned, pinned, bench.isCuda ? AIMS.link : undefined],
    ['registered', registered, registeredTarget, bench.isCuda ? AIMS.link : undefined],
  ];
  return kinds.flatMap(([kind, source, to, percent]) => {
    if (source === null || to === null) return [];
    const aim = percent === undefined ? {} : { aim: percent };
    return [
      upload(bench, own, source, memories, { name: `upload.${kind}`, label: `upload, ${kind}`, ...aim }),
      download(bench, own, to, memories, { name: `download.${kind}`, label: `download, ${kind}`, ...aim }),
    ];
  });
}

function streamContenders(bench: Bench, subject: Subject, streams: number, memories: Memories): Contender[] {
  const pinned = subject.pinned.bytes;
  const text = streams === 1 ? '1 stream' : `${streams} streams`;
  return [
    upload(bench, subject, memories.pageable, memories, part('upload', 'pageable')),
    download(bench, subject, memories.target, memories, part('download', 'pageable')),
    upload(bench, subject, pinned, memories, part('upload', 'pinned')),
    download(bench, subject, pinned, memories, part('download', 'pinned')),
  ];

  function part(direction: string, kind: string): Part {
    return { name: `${direction}.${kind}.streams.${streams}`, label: `${direction}, ${kind}, ${text}` };
  }
}
