/** `flowstate gpu bench`: how fast the device moves data, beside what the machine allows, measured in the same run. */
import { cpus, totalmem } from 'node:os';

import type { Device } from '../../device/index.js';
import { createError } from '../../errors/from-native.js';
import { cleanupTempFiles } from '../../storage/temp-files.js';
import type { GpuBenchFlags } from '../gpu-command.js';
import { onInterrupt } from '../interrupt.js';
import { formatSize, parseSize } from '../parse-size.js';
import { startProgress } from '../progress.js';
import { flowstateVersion } from '../version.js';
import { COPIES_NEEDED, measureCopies } from './bench/copies.js';
import { measureFiles } from './bench/files.js';
import { measureMatrices } from './bench/matrices.js';
import { measureOverlap } from './bench/overlap.js';
import { measurePools } from './bench/pools.js';
import { formatBench } from './bench/report.js';
import { measureTables } from './bench/tables.js';
import type { Bench, BenchReport, Section } from './bench/types.js';
import { openDevice, whyThisDevice } from './open-device.js';

const LEAST_BYTES = 2 ** 16;
/** One lease of pinned memory holds a copy. */
const MOST_BYTES = 2 ** 31;
const RUNS = { quick: 3, full: 9 } as const;

/** Bytes of one copy, whole pages; the usual size, or what there is room for. Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE where device or machine are too small. */
function copyBytes(flags: GpuBenchFlags, device: Device): number {
  const { freeBytes } = device.memoryInfo();
  const room = {
    "the device's free memory": freeBytes / COPIES_NEEDED.device,
    "half of this machine's memory":
      totalmem() / 2 / (COPIES_NEEDED.host + (device.kind === 'host' ? COPIES_NEEDED.device : 0)),
    'one pinned lease': MOST_BYTES,
  };
  const [least] = Object.entries(room).sort(([, a], [, b]) => a - b);
  const [what, most] = least ?? ['', MOST_BYTES];
  const usual = flags.quick === true ? 2 ** 23 : device.kind === 'cuda' ? 2 ** 28 : 2 ** 26;
  const wanted = flags.size === undefined ? Math.min(usual, most) : parseSize(flags.size, '--size');
  const bytes = Math.floor(wanted / 4096) * 4096;
  if (bytes >= LEAST_BYTES && bytes <= most) return bytes;
  throw createError(
    'FS_ERR_ARG_RANGE',
    `expected a size from ${formatSize(LEAST_BYTES)} to ${formatSize(Math.floor(most / 4096) * 4096)} (${what}; ` +
      `${COPIES_NEEDED.device} copies lie on the device), found ${formatSize(wanted)}, in --size`,
    { details: { wanted, least: LEAST_BYTES, most, freeBytes } },
  );
}

/** Runs every section. Throws FS_ERR_INTERNAL where an answer is wrong; a missed aim is part of the report. */
export async function gpuBench(flags: GpuBenchFlags): Promise<BenchReport> {
  const device = openDevice(flags.device);
  try {
    const runs = flags.quick === true ? RUNS.quick : RUNS.full;
    const bench: Bench = {
      device,
      isCuda: device.kind === 'cuda',
      bytes: copyBytes(flags, device),
      runs,
      rates: new Map(),
    };
    const sections = await runSections(bench, flags.file);
    return {
      device: device.info,
      why: whyThisDevice(flags.device, device),
      machine: {
        cpu: cpus()[0]?.model.trim() ?? 'unknown',
        cores: cpus().length,
        memoryBytes: totalmem(),
        node: process.version,
      },
      version: flowstateVersion(),
      bytes: bench.bytes,
      runs,
      sections,
    };
  } finally {
    device.close();
  }
}

async function runSections(bench: Bench, file: string | undefined): Promise<Section[]> {
  const steps: [string, number, () => Promise<Section | Section[]>][] = [
    ['copies', 6, () => measureCopies(bench)],
    ['overlap', 2, () => measureOverlap(bench)],
    ['tables', 1, () => measureTables(bench)],
    ['matrices', 2, () => measureMatrices(bench)],
    ['pools', 1, () => measurePools(bench)],
    ['files', 2, () => measureFiles(bench, file)],
  ];
  const progress = await startProgress(
    steps.reduce((sum, [, weight]) => sum + weight, 0),
    true,
  );
  try {
    const sections: Section[] = [];
    for (const [name, weight, run] of steps) {
      progress.step(name, weight);
      sections.push(...[await run()].flat());
      // The next section's blocks have other sizes.
      bench.device.trim();
    }
    return sections;
  } finally {
    progress.stop();
  }
}

export async function runGpuBench(flags: GpuBenchFlags): Promise<void> {
  const done = onInterrupt(() => void cleanupTempFiles());
  try {
    const report = await gpuBench(flags);
    process.stdout.write(
      flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : formatBench(report, process.stdout.isTTY),
    );
  } finally {
    done();
  }
}
