/** `flowstate gpu`: what the device is, and how fast it moves data. Both work on every machine. */
import type { Command } from 'commander';

export interface GpuInfoFlags {
  readonly device: string;
  readonly json?: boolean;
}

export interface GpuBenchFlags extends GpuInfoFlags {
  readonly size?: string;
  readonly file?: string;
  readonly quick?: boolean;
}

const DEVICE = 'auto, host, cuda:0 …; auto takes FLOWSTATE_DEVICE, else the first CUDA device, else the host';

/** Adds `gpu` and its subcommands to the program. */
export function registerGpu(program: Command): void {
  const gpu = program.command('gpu').description('the device: which one is used and why, how fast it moves data');
  gpu
    .command('info')
    .description('which device is used and why, its properties and memory, pinned pages, direct reads')
    .option('--device <id>', DEVICE, 'auto')
    .option('--json', 'print JSON')
    .action(async (flags: GpuInfoFlags) => {
      const { runGpuInfo } = await import('./gpu/info-command.js');
      await runGpuInfo(flags);
    });
  gpu
    .command('bench')
    .description('copies, tables, pools and file reads against what memory or link allow, measured in the same run')
    .option('--device <id>', DEVICE, 'auto')
    .option('--size <size>', 'bytes of one copy, as 256MiB (default: 256MiB on a GPU, 64MiB on the host)')
    .option('--file <path>', 'file to read; written, and removed afterwards, where it does not exist')
    .option('--quick', 'small and few copies: whether it works rather than how fast')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: GpuBenchFlags) => {
      const { runGpuBench } = await import('./gpu/bench-command.js');
      await runGpuBench(flags);
    });
}

const EXAMPLES = `
Every answer is compared, byte by byte, before it is timed. Medians of runs in
which contenders take turns. Percentages are of one thread's memcpy (host), or
of one large copy between pinned memory and the device (GPU).

Examples:
  flowstate gpu bench --device host --size 128MiB
  flowstate gpu bench --file /mnt/nvme/bench.bin --json > bench.json

Exit codes: 0 done (a missed aim is a line of the report), 2 bad arguments,
1 anything else, 130 interrupted.
`;
