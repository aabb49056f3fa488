/** Options of an ONNX session: defaults, and the one place that checks them. */
import { isUint8Array } from 'node:util/types';

import { defaultDevice, Device } from '../../device/device.js';
import {
  fail,
  isRecord,
  rangeError,
  rejectUnknown,
  requireInteger,
  requireName,
  requireOneOf,
  requireRecord,
  requireSignal,
  typeError,
} from '../../internal/validate.js';
import type { NativeOnnxProvider } from '../../internal/native-onnx.js';

/** `cuda` with further options, which go to ONNX Runtime as they are; `library` is another file of the provider. */
export interface OnnxProviderOptions {
  readonly name: 'cpu' | 'cuda';
  readonly library?: string;
  readonly [option: string]: string | number | boolean | undefined;
}

export type OnnxProvider = 'cpu' | 'cuda' | OnnxProviderOptions;

export interface OnnxSessionOptions {
  /** Whose memory inputs and outputs lie in. Default: the process's default device. */
  readonly device?: Device;
  /** In order of preference. Default: `cpu` on the host, `cuda` on a CUDA device. */
  readonly executionProviders?: readonly OnnxProvider[];
  /** Runs in flight at most, 1 to 4 (the addon's threads); more wait their turn. Default: 2. */
  readonly queueDepth?: number;
  /** Threads of one run on the CPU. Default: ONNX Runtime's choice, the machine's cores. */
  readonly intraOpThreads?: number;
  /** Default: `all`. */
  readonly graphOptimization?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all';
  readonly signal?: AbortSignal;
}

export interface SessionRequest {
  readonly model: string | Uint8Array;
  readonly device: Device;
  readonly providers: readonly NativeOnnxProvider[];
  readonly queueDepth: number;
  readonly intraOpThreads: number;
  readonly graphOptimization: keyof typeof OPTIMIZATIONS;
  readonly signal: AbortSignal | null;
}

/** GraphOptimizationLevel. */
export const OPTIMIZATIONS = { disabled: 0, basic: 1, extended: 2, layout: 3, all: 99 } as const;

const KEYS = ['device', 'executionProviders', 'queueDepth', 'intraOpThreads', 'graphOptimization', 'signal'] as const;
export const MOST_IN_FLIGHT = 4;

export function parseSessionOptions(model: unknown, options: unknown): SessionRequest {
  if (typeof model === 'string') requireName(model, 'model');
  else if (!isUint8Array(model)) throw typeError('model', 'a path or a Uint8Array', model);
  const given = requireRecord(options, 'options');
  rejectUnknown(given, 'options', KEYS);
  const { queueDepth = 2, intraOpThreads, graphOptimization = 'all', signal } = given;
  if (given.device !== undefined && !(given.device instanceof Device)) {
    throw typeError('options.device', 'a Device', given.device);
  }
  const request = {
    model,
    queueDepth: requireInteger(queueDepth, 'options.queueDepth', 1, MOST_IN_FLIGHT),
    intraOpThreads:
      intraOpThreads === undefined ? 0 : requireInteger(intraOpThreads, 'options.intraOpThreads', 1, 1024),
    graphOptimization: requireOneOf(
      graphOptimization,
      'options.graphOptimization',
      Object.keys(OPTIMIZATIONS) as (keyof typeof OPTIMIZATIONS)[],
    ),
    signal: signal === undefined ? null : requireSignal(signal, 'options.signal'),
  };
  const device = given.device ?? defaultDevice();
  return { ...request, device, providers: parseProviders(given.executionProviders, device) };
}

function parseProviders(given: unknown, device: Device): readonly NativeOnnxProvider[] {
  const list: unknown = given ?? [device.kind === 'cuda' ? 'cuda' : 'cpu'];
  if (!Array.isArray(list)) throw typeError('options.executionProviders', 'an array of providers', given);
  const providers = list.map((each: unknown, i) => parseProvider(each, `options.executionProviders[${i}]`));
  if (providers.length === 0) throw rangeError('options.executionProviders', 'at least one provider', given);
  const names = providers.map(({ name }) => name);
  if (new Set(names).size !== names.length) {
    throw rangeError('options.executionProviders', 'each provider once', given);
  }
  if (device.kind === 'host' && names.includes('cuda')) {
    fail(
      'FS_ERR_ARG_RANGE',
      `options.executionProviders: 'cuda' needs a CUDA device, and the session's device is ${device.id}: ` +
        'ONNX Runtime would copy every input and output',
      { providers: names, device: device.id },
    );
  }
  return providers;
}

/** What we set ourselves: the session's device and its stream. */
const OURS = ['device_id', 'user_compute_stream', 'has_user_compute_stream'];

function parseProvider(value: unknown, where: string): NativeOnnxProvider {
  if (!isRecord(value)) return { name: requireOneOf(value, where, ['cpu', 'cuda']), library: '', options: [] };
  const { name: givenName, library, ...rest } = value;
  const name = requireOneOf(givenName, `${where}.name`, ['cpu', 'cuda']);
  if (name === 'cpu') rejectUnknown(value, where, ['name']);
  const options = Object.entries(rest).flatMap(([key, option]) => {
    if (option === undefined) return [];
    if (OURS.includes(key)) {
      throw rangeError(`${where}.${key}`, "left out: it follows from the session's device", option);
    }
    if (typeof option !== 'string' && typeof option !== 'number' && typeof option !== 'boolean') {
      throw typeError(`${where}.${key}`, 'a string, number or boolean', option);
    }
    return [{ key, value: typeof option === 'boolean' ? String(Number(option)) : String(option) }];
  });
  return { name, library: library === undefined ? '' : requireName(library, `${where}.library`), options };
}
