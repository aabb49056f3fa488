/**
 * Batches in, predictions out.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import * as ort from 'onnxruntime-node';

import { type Device, type DeviceTensor, type OnnxSession } from '../../../../lib/index.js';
import { onDevices } from '../../../helpers/devices.js';
import { code, features, rows, scaled, scaleSession } from '../../../helpers/onnx-sessions.js';

interface Batch {
  readonly id: number;
  readonly features: DeviceTensor;
}

onDevices('predict', ({ open }) => {
  let device: Device;
  let session: OnnxSession;
  beforeAll(async () => {
    device = open();
    session = await scaleSession(device, { queueDepth: 2 });
  });
  afterEach(() => expect(device.memoryInfo().usedBytes).toBe(0));
  afterAll(() => {
    session.close();
    device.close();
  });

  /** Batches of one to nine rows; says how many were taken, and whether it was ended. */
  function source(count: number, failAt = -1): AsyncGenerator<Batch> & { taken: number; isEnded: boolean } {
    const state = { taken: 0, isEnded: false };
    async function* batches(): AsyncGenerator<Batch> {
      try {
        for (let id = 0; id < count; id++) {
          if (id === failAt) throw new RangeError('the source failed');
          state.taken++;
          yield { id, features: await features(device, 1 + (id % 9), id) };
        }
      } finally {
        state.isEnded = true;
      }
    }
    return Object.defineProperties(batches(), {
      taken: { get: () => state.taken },
      isEnded: { get: () => state.isEnded },
    }) as AsyncGenerator<Batch> & { taken: number; isEnded: boolean };
  }

  async function check({ batch, outputs }: { batch: Batch; outputs: Readonly<Record<string, DeviceTensor>> }) {
    expect(await outputs.y!.toHost()).toEqual(scaled(rows(1 + (batch.id % 9), batch.id)));
    outputs.y!.release();
    batch.features.release();
  }

  it('gives every prediction beside its batch, in order', async () => {
    const seen: number[] = [];
    for await (const prediction of session.predict(source(40), { input: 'x', depth: 3 })) {
      seen.push(prediction.batch.id);
      await check(prediction);
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it('takes a batch only where there is room for it', async () => {
    const batches = source(20);
    let seen = 0;
    for await (const prediction of session.predict(batches, { depth: 2 })) {
      await check(prediction);
      seen++;
      // The one in hand, two under way, and one that is being taken.
      expect(batches.taken).toBeLessThanOrEqual(seen + 3);
    }
    expect(batches).toMatchObject({ taken: 20, isEnded: true });
  });

  it('holds back no prediction for a source that is silent', async () => {
    const first = await features(device, 2);
    let speak = (): void => undefined;
    async function* silent(): AsyncGenerator<DeviceTensor> {
      yield first;
      await new Promise<void>((resolve) => {
        speak = resolve;
      });
    }
    const predictions = session.predict(silent(), { depth: 4 });
    const { value, done } = await predictions.next();
    expect(done).toBe(false);
    if (done === true) return;
    expect(value.batch).toBe(first);
    value.outputs.y!.release();
    first.release();
    speak();
    expect(await predictions.next()).toEqual({ done: true, value: undefined });
  });

  it('takes arrays, Tensors of onnxruntime-common, and what `feeds` makes of anything', async () => {
    const tensors = [1, 2, 3].map((seed) => new ort.Tensor('float32', rows(2, seed), [2, 4]));
    let seed = 1;
    for await (const { outputs } of session.predict(tensors)) {
      expect(outputs.y!.data).toEqual(scaled(rows(2, seed++)));
    }
    const made: DeviceTensor[] = [];
    const seeds = await Promise.all([5, 6, 7].map((each) => features(device, 3, each)));
    const names = ['a', 'b', 'c'] as const;
    const feeds = (name: (typeof names)[number]) => ({ x: seeds[names.indexOf(name)]! });
    for await (const { batch, outputs } of session.predict(names, { feeds, outputs: ['y'] })) {
      expect(batch).toBe(names[made.length]);
      made.push(outputs.y!);
    }
    expect(await made[2]!.toHost()).toEqual(scaled(rows(3, 7)));
    for (const tensor of [...made, ...seeds]) tensor.release();
  });

  it('ends with the error of the source, after what came before it', async () => {
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const prediction of session.predict(source(20, 7), { depth: 3 })) {
          seen.push(prediction.batch.id);
          await check(prediction);
        }
      })(),
    ).rejects.toThrow('the source failed');
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('ends with the error of a run, and gives back what nobody saw', async () => {
    const batches = source(20);
    const unused: Batch[] = [];
    const seen: number[] = [];
    const feeds = (batch: Batch) => (batch.id === 4 ? { z: batch.features } : { x: batch.features });
    await expect(
      (async () => {
        const options = { feeds, depth: 3, unused: (batch: Batch) => unused.push(batch) };
        for await (const prediction of session.predict(batches, options)) {
          seen.push(prediction.batch.id);
          await check(prediction);
        }
      })(),
    ).rejects.toThrow(code('OPTION_UNKNOWN'));
    expect(seen).toEqual([0, 1, 2, 3]);
    // The source may still be making one.
    while (seen.length + unused.length < batches.taken) await new Promise((resolve) => setImmediate(resolve));
    expect(unused.map(({ id }) => id)).toEqual(Array.from({ length: unused.length }, (_, i) => i + 4));
    for (const batch of unused) batch.features.release();
    expect(batches.isEnded).toBe(true);
  });

  it('ends when the consumer has enough, and when it is aborted', async () => {
    for (const how of ['break', 'abort'] as const) {
      const batches = source(1000);
      const unused: Batch[] = [];
      const controller = new AbortController();
      let seen = 0;
      const iterate = async (): Promise<void> => {
        const options = { depth: 2, unused: (batch: Batch) => unused.push(batch), signal: controller.signal };
        for await (const prediction of session.predict(batches, options)) {
          await check(prediction);
          if (++seen < 5) continue;
          if (how === 'break') break;
          controller.abort();
        }
      };
      if (how === 'break') await iterate();
      else await expect(iterate()).rejects.toThrow(code('ABORTED'));
      expect(seen).toBe(5);
      while (seen + unused.length < batches.taken) await new Promise((resolve) => setImmediate(resolve));
      for (const batch of unused) batch.features.release();
      expect(batches.taken).toBeLessThan(10);
    }
    expect(session.stats).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('is stopped by its signal while the source is silent', async () => {
    const controller = new AbortController();

    async function* silent(): AsyncGenerator<DeviceTensor> {
      await new Promise(() => undefined);
    }
    const next = session.predict(silent(), { signal: controller.signal }).next();
    controller.abort();
    await expect(next).rejects.toThrow(code('ABORTED'));
  });

  it('refuses bad arguments, by code', () => {
    const predict =
      (batches: unknown, options: unknown = {}) =>
      () =>
        session.predict(batches as DeviceTensor[], options as object);
    expect(predict(5)).toThrow(code('ARG_TYPE'));
    expect(predict({})).toThrow(code('ARG_TYPE'));
    expect(predict([], { depth: 0 })).toThrow(code('ARG_RANGE'));
    expect(predict([], { input: 'z' })).toThrow(code('ARG_RANGE'));
    expect(predict([], { input: 5 })).toThrow(code('ARG_TYPE'));
    expect(predict([], { inputs: 'x' })).toThrow(code('OPTION_UNKNOWN'));
    expect(predict([], { feeds: 'x' })).toThrow(code('ARG_TYPE'));
    expect(predict([], { unused: 'x' })).toThrow(code('ARG_TYPE'));
    expect(predict([], { outputs: { y: 1 } })).toThrow(code('ARG_TYPE'));
    expect(predict([], { signal: 1 })).toThrow(code('ARG_TYPE'));
  });
});
