/**
 * Runs in flight: how many, in what order, stopped, and closed.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import { type Device, DeviceTensor, OnnxSession } from '../../../../lib/index.js';
import { onDevices } from '../../../helpers/devices.js';
import { powerModel } from '../../../helpers/onnx-model.js';
import { code, features, rows, scaled, scaleSession } from '../../../helpers/onnx-sessions.js';

const SIZE = 192;

onDevices('runs of an OnnxSession', ({ open, backend, isHost }) => {
  let device: Device;
  let x: DeviceTensor;
  beforeAll(async () => {
    device = open();
    const identity = new Float32Array(SIZE * SIZE);
    for (let i = 0; i < SIZE; i++) identity[i * (SIZE + 1)] = 1;
    x = await DeviceTensor.from(identity, { device, shape: [SIZE, SIZE] });
  });
  afterAll(() => {
    x.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it.each([1, 2, 4])('are %d at once and no more, however many are asked for', async (queueDepth) => {
    const options = { device, queueDepth, intraOpThreads: 1 };
    using session = await OnnxSession.create(powerModel(SIZE, 40), options);
    const wanted = backend === 'native' ? queueDepth : 1;
    if (!isHost) {
      // One stream: what overlaps is the provider's to say.
      for (const { y } of await Promise.all(Array.from({ length: 12 }, () => session.run({ x })))) y!.release();
      expect(session.stats).toMatchObject({ runs: 12, peakInFlight: queueDepth });
      return;
    }
    // How far runs overlap is the scheduler's to say, so some rounds are allowed; that they never overlap further is not.
    for (let round = 0; round < 50 && session.stats.peakRunning < wanted; round++) {
      const runs = Array.from({ length: queueDepth * 3 }, () => session.run({ x }));
      expect(session.stats).toMatchObject({ inFlight: queueDepth, waiting: queueDepth * 2 });
      for (const { y } of await Promise.all(runs)) y!.release();
      expect(session.stats).toMatchObject({ inFlight: 0, waiting: 0, peakInFlight: queueDepth });
    }
    expect(session.stats.peakRunning).toBe(wanted);
  });

  it('leave the event loop free', async () => {
    using session = await OnnxSession.create(powerModel(SIZE, 200), { device, intraOpThreads: 1 });
    let turns = 0;
    let isDone = false;
    const run = session.run({ x }).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      turns++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { y } = await run;
    y!.release();
    // onnxruntime-node computes in the one turn in which it is called.
    if (!isHost) expect(turns).toBeGreaterThan(0);
    else if (backend === 'native') expect(turns).toBeGreaterThan(20);
    else expect(turns).toBeLessThan(20);
  });

  it('bound the memory of outputs by the depth', async () => {
    using session = await OnnxSession.create(powerModel(SIZE, 2), { device, queueDepth: 2 });
    const before = device.memoryInfo().usedBytes;
    const runs = Array.from({ length: 20 }, async () => {
      const { y } = await session.run({ x });
      y!.release();
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(device.memoryInfo().usedBytes - before).toBeLessThanOrEqual(2 * SIZE * SIZE * 4 * 1.5);
    await Promise.all(runs);
    expect(device.memoryInfo().usedBytes).toBe(before);
  });

  it('keep their answers apart', async () => {
    using session = await scaleSession(device, { queueDepth: 4 });
    await Promise.all(
      Array.from({ length: 60 }, async (_, seed) => {
        const count = 1 + ((seed * 37) % 90);
        using input = await features(device, count, seed);
        const { y } = await session.run({ x: input });
        expect(await y!.toHost()).toEqual(scaled(rows(count, seed)));
        y!.release();
      }),
    );
  });

  it('stop when they are told to, while they run and while they wait', async () => {
    using session = await OnnxSession.create(powerModel(SIZE, 400), { device, queueDepth: 1, intraOpThreads: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    const stopped = [session.run({ x }, { signal }), session.run({ x }, { signal })];
    const other = session.run({ x });
    // The first has begun; onnxruntime-node's cannot be stopped once it has.
    if (backend === 'native') await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('enough'));
    for (const run of stopped) await expect(run).rejects.toThrow(code('ABORTED'));
    await expect(session.run({ x }, { signal })).rejects.toThrow(code('ABORTED'));
    const { y } = await other;
    y!.release();
    expect(session.stats).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('end well when the session is closed meanwhile; those that wait are refused', async () => {
    const session = await scaleSession(device, { queueDepth: 2 });
    const input = await features(device, 1000);
    const runs = Array.from({ length: 5 }, () => session.run({ x: input }));
    const outcomes = Promise.allSettled(runs);
    session.close();
    input.release();
    const settled = await outcomes;
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
    for (const outcome of settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(code('CLOSED'));
      else {
        expect(await outcome.value.y!.toHost()).toEqual(scaled(rows(1000)));
        outcome.value.y!.release();
      }
    }
  });

  it('give back the outputs they made when they fail', async () => {
    using session = await scaleSession(device);
    const before = device.memoryInfo().usedBytes;
    using input = await features(device, 100);
    const used = device.memoryInfo().usedBytes;
    await expect(session.run({ x: input }, { signal: AbortSignal.abort() })).rejects.toThrow(code('ABORTED'));
    const controller = new AbortController();
    const run = session.run({ x: input }, { signal: controller.signal });
    controller.abort();
    await expect(run).rejects.toThrow(code('ABORTED'));
    expect(device.memoryInfo().usedBytes).toBe(used);
    expect(used).toBeGreaterThan(before);
  });
});
