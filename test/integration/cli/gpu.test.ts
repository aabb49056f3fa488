/** `flowstate gpu`: on every machine, with the addon and without; what it says, and what it leaves behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { Device } from '../../../lib/index.js';
import { BACKENDS, ensureBuilt, flowstate, temporaryFolder } from './run-cli.js';

beforeAll(ensureBuilt);

const folder = temporaryFolder();
afterAll(folder.remove);

interface Measure {
  readonly name: string;
  readonly bytes: number | null;
  readonly medianMs: number;
  readonly gbPerSecond: number | null;
  readonly yardstick: string | null;
  readonly percent: number | null;
  readonly aim: number | null;
  readonly met: boolean | null;
}

interface Report {
  readonly device: { readonly id: string; readonly backend: string };
  readonly why: string;
  readonly bytes: number;
  readonly runs: number;
  readonly sections: readonly {
    readonly title: string;
    readonly measures: readonly Measure[];
    readonly notes: readonly string[];
  }[];
}

const QUICK = ['gpu', 'bench', '--device', 'host', '--quick', '--size', '256KiB'];

describe.each(BACKENDS)('on the %s backend', (backend) => {
  // Temporary files of the command go where the test sees them.
  const temporary = folder.path(`tmp-${backend}`);
  beforeAll(() => mkdirSync(temporary));
  const env = { FLOWSTATE_BACKEND: backend === 'javascript' ? 'javascript' : '', TMPDIR: temporary };

  test('info says which device, why, and what works', async () => {
    const { code, stdout, stderr } = await flowstate(['gpu', 'info', '--json', '--device', 'host'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout.toString())).toMatchObject({
      device: { id: 'host', kind: 'host', backend, computeCapability: null, pciBusId: null },
      why: '--device host',
      memory: { usedBytes: 0 },
      pinned: { isPageLocked: expect.any(Boolean) },
      directReads: { folder: temporary },
    });
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('info in words, for whom auto chose', async () => {
    const { code, stdout, stderr } = await flowstate(['gpu', 'info'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const text = stdout.toString();
    expect(text).toMatch(/^device +(host|cuda:0)\nwhy +\S/);
    for (const name of ['name', 'memory', 'copies', 'pinned memory', 'direct reads', 'driver']) {
      expect(text).toMatch(new RegExp(`^${name} +\\S`, 'm'));
    }
    if (backend === 'javascript') expect(text).toMatch(/^why +FLOWSTATE_BACKEND=javascript$/m);
    expect(text).not.toContain('\u001b');
    expect(text).not.toMatch(/TypeError|undefined|INTERNAL/);
  });

  test('bench measures everything once its answers are right', async () => {
    const { code, stdout, stderr } = await flowstate([...QUICK, '--json'], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout.toString()) as Report;
    expect(report).toMatchObject({ device: { id: 'host', backend }, why: '--device host', bytes: 2 ** 18, runs: 3 });
    const measures = report.sections.flatMap((section) => section.measures);
    const names = measures.map(({ name }) => name);
    const both = [
      'memcpy',
      'upload.pageable',
      'download.pageable',
      'upload.pinned',
      'download.pinned',
      'toDevice.mixed',
      'toHost.mixed',
      'toDevice.small',
      'toHost.small',
      ...['pass', 'row', 'column', 'bfloat16', 'masked', 'wide'].map((name) => `matrix.${name}`),
      'pinned.lend',
      'pinned.slab',
      'device.pool',
      'device.fresh',
      'file.posix',
      'file.plain',
    ];
    const native = [
      ...[1, 2, 4].map((streams) => `upload.pinned.streams.${streams}`),
      ...[1, 2, 4].map((streams) => `download.pageable.streams.${streams}`),
      'upload.computing',
      'download.computing',
    ];
    expect(names).toEqual(expect.arrayContaining(backend === 'native' ? [...both, ...native] : both));
    expect(new Set(names).size).toBe(names.length);
    for (const { bytes, medianMs, gbPerSecond, yardstick, percent, aim, met } of measures) {
      expect(medianMs).toBeGreaterThan(0);
      expect(gbPerSecond === null).toBe(bytes === null);
      if (bytes !== null) expect(gbPerSecond).toBeCloseTo(bytes / medianMs / 1e6);
      expect(percent === null).toBe(yardstick === null);
      // A miss is said, never left out.
      expect(met).toBe(aim === null || percent === null ? null : percent >= aim);
    }
    expect(measures.find(({ name }) => name === 'upload.pageable')).toMatchObject({ yardstick: 'memcpy', aim: 80 });
    if (backend === 'javascript') expect(names).not.toContain('file.direct');
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('bench in words counts the aims', async () => {
    const { code, stdout, stderr } = await flowstate(QUICK, { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const text = stdout.toString();
    expect(text).toMatch(/^device +host \(--device host\)\n/);
    expect(text).toMatch(/\d of \d aims met[.;]/);
    expect(text.includes('This is the JavaScript device')).toBe(backend === 'javascript');
    // The head names the machine, however long its name is.
    for (const line of text.split('\n').slice(3)) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('bench reads a file that is there and leaves it as it was', async () => {
    const path = folder.path(`own-${backend}.bin`);
    const content = Buffer.alloc(100_001, 'data');
    writeFileSync(path, content);
    const { code, stdout } = await flowstate([...QUICK, '--json', '--file', path], { env });
    expect(code).toBe(0);
    const { sections } = JSON.parse(stdout.toString()) as Report;
    const files = sections.flatMap(({ measures }) => measures).filter(({ name }) => name.startsWith('file.'));
    expect(files.map(({ bytes }) => bytes)).toEqual(files.map(() => 100_001));
    expect(Buffer.compare(readFileSync(path), content)).toBe(0);
    const absent = folder.path(`new-${backend}.bin`);
    expect((await flowstate([...QUICK, '--file', absent], { env })).code).toBe(0);
    expect(existsSync(absent)).toBe(false);
  });

  test.each([
    ['a device that is none', ['info', '--device', 'tpu'], 2, 'FS_ERR_ARG_RANGE', /tpu/],
    ['a size that is none', ['bench', '--device', 'host', '--size', 'big'], 2, 'FS_ERR_ARG_TYPE', /big.*--size/],
    ['a size too small', ['bench', '--device', 'host', '--size', '1'], 2, 'FS_ERR_ARG_RANGE', /64 KiB.*1 B.*--size/],
    ['a size too large', ['bench', '--device', 'host', '--size', '4TiB'], 2, 'FS_ERR_ARG_RANGE', /4 TiB.*--size/],
    ['a folder for a file', [...QUICK.slice(1), '--file', folder.dir], 2, 'FS_ERR_ARG_RANGE', /--file/],
    ['a file nowhere', [...QUICK.slice(1), '--file', folder.path('no/such')], 1, 'FS_ERR_IO', /no\/such/],
    ['an unknown option', ['info', '--jsn'], 2, 'FS_ERR_OPTION_UNKNOWN', /--jsn.*--json.*flowstate gpu info/],
  ] as const)('%s', async (_name, args, expected, name, message) => {
    const { code, stdout, stderr } = await flowstate(['gpu', ...args], { env });
    expect({ code, stdout: stdout.toString() }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^flowstate: ${name}: [^\n]*\n$`));
    expect(stderr).toMatch(message);
    expect(readdirSync(temporary)).toEqual([]);
  });
});

test('a CUDA device that cannot be used is said to be that, with the reason', async () => {
  const { reason } = Device.probe();
  const { code, stderr } = await flowstate(['gpu', 'info', '--device', 'cuda:0']);
  if (reason === null) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  } else {
    expect(code).toBe(1);
    expect(stderr).toMatch(/^flowstate: FS_ERR_CUDA_UNAVAILABLE: [^\n]*\n$/);
    expect(stderr).toContain(reason);
  }
});

test('the environment chooses for auto, and info says so', async () => {
  const { stdout } = await flowstate(['gpu', 'info', '--json'], { env: { FLOWSTATE_DEVICE: 'host' } });
  expect(JSON.parse(stdout.toString())).toMatchObject({ device: { id: 'host' }, why: 'FLOWSTATE_DEVICE=host' });
});
