import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BACKENDS, ensureBuilt, flowstate, ROOT } from './run-cli.js';

beforeAll(ensureBuilt);

interface Check {
  name: string;
  status: string;
  value: string;
  why?: string;
  remedy?: string;
}

async function checks(env: Readonly<Record<string, string>> = {}): Promise<Map<string, Check>> {
  const { code, stdout } = await flowstate(['doctor', '--json'], { env });
  expect(code).toBe(0);
  const { checks: list } = JSON.parse(stdout.toString()) as { checks: Check[] };
  return new Map(list.map((check) => [check.name, check]));
}

test('reports versions, executor, addon, tools and device, and for what is missing why and what to do', async () => {
  const found = await checks();
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(found.get('flowstate')).toMatchObject({ status: 'ok', value: manifest.version });
  expect(found.get('node')).toMatchObject({ status: 'ok', value: process.version });
  for (const name of ['apache-arrow', '@duckdb/node-api', 'libduckdb', 'executor', 'addon', 'C++ compiler', 'cmake']) {
    expect(found.has(name)).toBe(true);
  }
  for (const name of ['CUDA toolkit', 'CUDA in addon', 'NVIDIA driver', 'GDS']) expect(found.has(name)).toBe(true);
  expect([...found.keys()].some((name) => name.startsWith('device'))).toBe(true);
  expect(found.get('ONNX Runtime')).toMatchObject({
    status: 'info',
    value: expect.stringMatching(/^onnxruntime-node \d/),
  });
  expect(found.get('TensorFlow.js')).toMatchObject({ status: 'info', value: expect.stringMatching(/tfjs(-node)? \d/) });
  for (const check of found.values()) {
    if (check.status === 'missing') expect(check).toMatchObject({ why: /./, remedy: /./ });
    else expect(check).not.toHaveProperty('why');
  }
});

test('an addon that is none does not stop it', async () => {
  const found = await checks({ FLOWSTATE_ADDON: join(ROOT, 'package.json') });
  expect(found.get('addon')).toMatchObject(
    BACKENDS.includes('native')
      ? { status: 'ok' }
      : { status: 'missing', why: expect.stringContaining('package.json') },
  );
});

test('a forced executor shows', async () => {
  const found = await checks({ FLOWSTATE_BACKEND: 'javascript' });
  expect(found.get('executor')?.value).toContain('javascript');
  const onDevice = await checks({ FLOWSTATE_BACKEND: 'device' });
  if (BACKENDS.includes('native')) expect(onDevice.get('executor')?.value).toBe('device (FLOWSTATE_BACKEND=device)');
});

test('prints text for people', async () => {
  const { code, stdout, stderr } = await flowstate(['doctor']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.toString()).toMatch(/^✓ flowstate +\d/);
  expect(stdout.toString()).not.toContain('\u001b');
});
