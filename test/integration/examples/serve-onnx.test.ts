/** The serving example, as a user runs it: live rows in, predictions out, each equal to a plain computation. */
import { spawnSync } from 'node:child_process';

import { BACKENDS, ensureBuilt, FALLBACK_NOTICE, ROOT } from '../cli/run-cli.js';

function serve(backend: string): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, FLOWSTATE_BACKEND: backend === 'javascript' ? backend : '', FLOWSTATE_DEVICE: 'host' };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['examples/serve-onnx.mjs', '--check'], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr: stderr.replace(FALLBACK_NOTICE, '') };
}

describe('examples/serve-onnx.mjs', () => {
  beforeAll(ensureBuilt);

  const printed = new Map<string, string>();
  it.each(BACKENDS)('predicts from joined live rows, %s', (backend) => {
    const { status, stdout, stderr } = serve(backend);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.trim().split('\n');
    const route = backend === 'native' ? 'io-binding' : 'onnxruntime-node';
    expect(lines[0]).toBe(`model on host by ${route}: batch,4 in, batch,1 out`);
    expect(lines.at(-2)).toMatch(/^\d{3} predictions, 0 of them wrong$/);
    expect(lines.at(-1)).toBe('0 bytes of the device are still in use');
    const scores = lines.filter((line) => /^\d{19} [A-C]{3} \d+: -?[\d.]+$/.test(line));
    expect(new Set(scores).size).toBeGreaterThan(5);
    printed.set(backend, scores.join('\n'));
  });

  it('predicts the same on every executor', () => {
    expect(new Set(printed.values()).size).toBe(1);
  });
});
