/** @jest-environment ./test/helpers/tfjs-environment.cjs */
/** Programs of a user who has tfjs-node installed: it is found, and the training example shares its batches with it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTensorFlow } from '../helpers/tfjs-node.js';
import { ensureBuilt, ROOT } from '../integration/cli/run-cli.js';

onTensorFlow('a program beside tfjs-node', () => {
  let folder: string;
  beforeAll(() => {
    ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), 'flowstate-tfjs-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, ['--import', join(ROOT, 'test/helpers/with-tfjs-node.mjs'), ...args], {
      cwd: ROOT,
      env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', FLOWSTATE_DEVICE: 'host' },
      encoding: 'utf8',
    });

  it.each([
    [
      'an ES module',
      'mjs',
      (name: string) => `import * as flowstate from ${JSON.stringify(join(ROOT, 'dist/esm', name))};`,
    ],
    [
      'CommonJS',
      'cjs',
      (name: string) => `const flowstate = require(${JSON.stringify(join(ROOT, 'dist/cjs', name))});`,
    ],
  ])('gets its tensors without naming it: %s', (_, extension, load) => {
    const file = join(folder, `program.${extension}`);
    const script = `${load('index.js')}
      const { Device, DeviceTensor, toTfjs, tfjsRoute } = flowstate;
      (async () => {
        const device = Device.open();
        const source = await DeviceTensor.from(Float32Array.of(1, 2, 3), { device });
        const shared = await toTfjs(source);
        source.release();
        console.log(tfjsRoute(shared).kind, shared.dtype, shared.dataSync().join());
        shared.dispose();
        console.log(device.memoryInfo().usedBytes);
      })();`;
    writeFileSync(file, script);
    const { status, stdout } = run(file);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'shared float32 1,2,3\n0\n' });
  });

  it('trains on the batches themselves: the example', () => {
    const { status, stdout } = run('examples/train-tfjs.mjs', '--out', folder);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('\ntensors were shared\n') });
    expect(stdout).toMatch(/^\d+ rows of 5 features; @tensorflow\/tfjs-node on host\n/);
    expect(stdout).toContain('ONNX Runtime gives the same scores: true');
    expect(stdout).toContain('\n0 bytes of the device are still in use\n');
  });
});
