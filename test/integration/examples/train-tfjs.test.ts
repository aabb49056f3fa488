/** The training example with plain TensorFlow.js, as a user runs it; what it exports is read back by both runtimes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import { Device, DeviceTensor, OnnxSession } from '../../../lib/index.js';
import { loadAddon } from '../../../lib/internal/native.js';
import { ensureBuilt, ROOT } from '../cli/run-cli.js';

tf.enableProdMode();

const { addon, reason } = loadAddon();
if (addon === null) console.warn(`the training example is not run, its market needs the addon: ${reason}`);

(addon === null ? describe.skip : describe)('examples/train-tfjs.mjs', () => {
  let out: string;
  let done: { status: number | null; stdout: string; stderr: string };
  beforeAll(() => {
    ensureBuilt();
    out = mkdtempSync(join(tmpdir(), 'flowstate-train-'));
    done = spawnSync(process.execPath, ['examples/train-tfjs.mjs', '--out', out], {
      cwd: ROOT,
      env: { ...process.env, FLOWSTATE_DEVICE: 'host', FLOWSTATE_BACKEND: '' },
      encoding: 'utf8',
    });
  });
  afterAll(() => rmSync(out, { recursive: true }));

  it('learns, says that it copied, and leaves nothing on the device', () => {
    expect(done).toMatchObject({ status: 0 });
    expect(done.stdout).toMatch(/^\d+ rows of 5 features; @tensorflow\/tfjs on host\n/);
    const losses = [...done.stdout.matchAll(/^epoch \d: loss (\d\.\d+)$/gm)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(6);
    expect(losses[5]).toBeLessThan(losses[0]! / 3);
    expect(done.stdout).toContain("tensors were copied: the backend 'cpu'");
    const [, right, always] = /later rows: ([\d.]+) % right; the commoner answer alone: ([\d.]+) %/.exec(done.stdout)!;
    expect(Number(right)).toBeGreaterThan(Number(always));
    expect(done.stdout).toContain('ONNX Runtime gives the same scores: true');
    expect(done.stdout).toContain('\n0 bytes of the device are still in use\n');
  });

  it('exports one model for both runtimes', async () => {
    const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(out, 'model.json'), 'utf8')) as {
      modelTopology: object;
      weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[];
    };
    const weights = new Uint8Array(readFileSync(join(out, 'weights.bin')));
    const model = await tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology,
        weightSpecs: weightsManifest.flatMap((group) => group.weights),
        weightData: weights.buffer,
      }),
    );
    const values = Float32Array.from({ length: 40 }, (_, i) => Math.fround(Math.sin(i)));
    const scores = tf.tidy(() => [...(model.predict(tf.tensor2d(values, [8, 5])) as tf.Tensor).dataSync()]);
    model.dispose();
    expect(new Set(scores).size).toBeGreaterThan(4);

    const device = Device.open('host');
    const session = await OnnxSession.create(join(out, 'model.onnx'), { device });
    using x = await DeviceTensor.from(values, { device, shape: [8, 5] });
    const { y } = (await session.run({ x })) as { y: DeviceTensor };
    const others = (await y.toHost()) as Float32Array;
    scores.forEach((score, i) => expect(others[i]).toBeCloseTo(score, 5));
    y.release();
    session.close();
    device.close();
  });
});
