/** Options of a session that only a CUDA device brings: how they reach ONNX Runtime. */
import { Device } from '../../../../lib/index.js';
import { parseSessionOptions } from '../../../../lib/tensor/onnx/options.js';

/** The kind is all that options look at. */
const cuda = Object.create(Device.prototype, { kind: { value: 'cuda' }, id: { value: 'cuda:1' } }) as Device;
const host = Device.open('host');
afterAll(() => host.close());

it('takes the provider of the device where none is named', () => {
  const providers = (device: Device) => parseSessionOptions('m.onnx', { device }).providers.map(({ name }) => name);
  expect(providers(cuda)).toEqual(['cuda']);
  expect(providers(host)).toEqual(['cpu']);
});

it('hands settings over as text, in order', () => {
  const executionProviders = [
    { name: 'cuda', gpu_mem_limit: 2 ** 31, do_copy_in_default_stream: false, use_tf32: true, prefer: undefined },
    'cpu',
  ];
  expect(parseSessionOptions('m.onnx', { device: cuda, executionProviders }).providers).toEqual([
    {
      name: 'cuda',
      library: '',
      options: [
        { key: 'gpu_mem_limit', value: '2147483648' },
        { key: 'do_copy_in_default_stream', value: '0' },
        { key: 'use_tf32', value: '1' },
      ],
    },
    { name: 'cpu', library: '', options: [] },
  ]);
  const plugin = [{ name: 'cuda', library: '/opt/ep.so' }];
  expect(parseSessionOptions('m.onnx', { device: cuda, executionProviders: plugin }).providers).toEqual([
    { name: 'cuda', library: '/opt/ep.so', options: [] },
  ]);
});

it.each(['device_id', 'user_compute_stream', 'has_user_compute_stream'])("keeps %s, which is the device's", (key) => {
  const executionProviders = [{ name: 'cuda', [key]: 1 }];
  expect(() => parseSessionOptions('m.onnx', { device: cuda, executionProviders })).toThrow(
    expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
  );
});

it('has the defaults that the page says', () => {
  expect(parseSessionOptions('m.onnx', { device: host })).toEqual({
    model: 'm.onnx',
    device: host,
    providers: [{ name: 'cpu', library: '', options: [] }],
    queueDepth: 2,
    intraOpThreads: 0,
    graphOptimization: 'all',
    signal: null,
  });
});
