/** Copies while the device computes: how much of the copies' rate is kept. */
import { DeviceTensor } from '../../../device/index.js';
import { Subject } from './copies.js';
import { type Contender, compare, fillPattern, median, requireSame, yardstickOf } from './timing.js';
import { AIMS, type Bench, type Section } from './types.js';

const TITLE = 'Copies of pinned memory, with compute beside them';

export async function measureOverlap(bench: Bench): Promise<Section> {
  if (bench.device.info.backend === 'javascript') {
    return { title: TITLE, measures: [], notes: ['left out: without the addon nothing computes beside the caller'] };
  }
  const subject = Subject.open(bench, {});
  const work = await DeviceTensor.from(new Float32Array(bench.bytes >> 2).fill(1), { device: subject.device });
  try {
    const { block, pinned } = subject;
    fillPattern(pinned.bytes, 6);
    const sent = Uint8Array.from(pinned.bytes);
    const queued = await enoughWork(work, async () => void (await block.upload(pinned.bytes)));
    let runs = 0;
    let covered = 0;
    const compute = {
      before: () => {
        for (let i = 0; i < queued; i++) work.affine(1, 1, true).release();
      },
      after: async () => {
        runs++;
        if (!work.isReady) covered++;
        await work.ready();
      },
    };
    const check = async (copy: () => Promise<void>, what: string): Promise<void> => {
      pinned.bytes.set(sent);
      await copy();
      await block.download(pinned.bytes.fill(0));
      requireSame(pinned.bytes, sent, what);
    };
    const copy = (direction: 'up' | 'down', isBeside: boolean): Contender => {
      const label = `${direction === 'up' ? 'upload' : 'download'}${isBeside ? ', computing' : ', idle'}`;
      const run = async (): Promise<void> => {
        await (direction === 'up' ? block.upload(pinned.bytes) : block.download(pinned.bytes));
      };
      return {
        name: `${direction === 'up' ? 'upload' : 'download'}.${isBeside ? 'computing' : 'idle'}`,
        label,
        bytes: bench.bytes,
        against: yardstickOf(bench, direction),
        ...(isBeside && bench.isCuda ? { aim: AIMS.overlapped } : {}),
        ...(isBeside ? compute : {}),
        run,
        check: () => check(run, label),
      };
    };
    const contenders = [copy('up', false), copy('up', true), copy('down', false), copy('down', true)];
    const measures = await compare(bench, contenders);
    const kept = (at: number): string => {
      const [alone, beside] = [measures[at]?.medianMs ?? NaN, measures[at + 1]?.medianMs ?? NaN];
      return `${((alone / beside) * 100).toFixed(0)} %`;
    };
    return {
      title: TITLE,
      measures,
      notes: [
        `kept of the rate alone: ${kept(0)} up, ${kept(2)} down`,
        `the device computed to the end of ${covered} of ${runs} copies (${queued} passes queued before each)`,
      ],
    };
  } finally {
    work.release();
    subject.close();
  }
}

/** Passes of the tensor that take half as long again as one copy. */
async function enoughWork(work: DeviceTensor, copy: () => Promise<void>): Promise<number> {
  const time = async (run: () => Promise<void>): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 4; i++) {
      const started = performance.now();
      await run();
      if (i > 0) times.push(performance.now() - started);
    }
    return median(times);
  };
  const batch = 8;
  const passes = await time(async () => {
    for (let i = 0; i < batch; i++) work.affine(1, 1, true).release();
    await work.ready();
  });
  return Math.min(4096, Math.ceil((1.5 * (await time(copy))) / (passes / batch)) + 1);
}
