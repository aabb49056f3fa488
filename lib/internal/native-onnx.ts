/** Types of what the addon takes and returns for ONNX Runtime's sessions. */
import type { NativeTask } from './native.js';
import type { NativeDevice, NativeMemory } from './native-device.js';

declare const onnxBrand: unique symbol;
/** A model in ONNX Runtime; opaque. */
export interface NativeOnnxSession {
  readonly [onnxBrand]: 'session';
}

/** ONNX's numbers of element types; `ElementType` in `cpp/include/flowstate/tensor/onnx_api.h`. */
export const NativeOnnxType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

export interface NativeOnnxRuntime {
  /** `1.30.0`. */
  readonly version: string;
  /** The library's file. */
  readonly path: string;
  /** What was built in: `CPUExecutionProvider` … */
  readonly providers: readonly string[];
}

export interface NativeOnnxProvider {
  readonly name: 'cpu' | 'cuda';
  /** The provider's library; empty: the one beside libonnxruntime. */
  readonly library: string;
  readonly options: readonly { readonly key: string; readonly value: string }[];
}

export interface NativeOnnxRequest {
  /** Path of libonnxruntime, which must be loaded. */
  readonly library: string;
  /** 0 verbose to 4 fatal; counts where nobody has made the environment yet. */
  readonly logLevel: number;
  /** A path, or the bytes, which must not change until the task is settled. */
  readonly model: string | Uint8Array;
  readonly providers: readonly NativeOnnxProvider[];
  /** 0: ONNX Runtime's choice. */
  readonly intraOpThreads: number;
  /** 0 disabled, 1 basic, 2 extended, 3 layout, 99 all. */
  readonly optimization: number;
}

export interface NativeOnnxValue {
  readonly name: string;
  /** 0: no tensor. */
  readonly type: number;
  /** A name where the size is open and has one, null where it has none. */
  readonly shape: readonly (number | string | null)[];
  /** Where ONNX Runtime reads or writes it: `Cpu`, `Cuda`. */
  readonly memory: string;
}

/** Memory for an input or output: of the device, or of the caller (`host`). */
export interface NativeOnnxBound {
  readonly index: number;
  readonly type: number;
  readonly shape: readonly number[];
  readonly memory: NativeMemory | null;
  readonly offset: number;
  readonly bytes: number;
  readonly host: ArrayBufferView | null;
}

/** Where ONNX Runtime says the values lay; those that were bound, or the task is rejected. */
export interface NativeOnnxAddresses {
  readonly inputs: readonly bigint[];
  readonly outputs: readonly bigint[];
}

/** The addon's functions for ONNX Runtime. All throw records. */
export interface NativeOnnxAddon {
  /** Joins the library that onnxruntime-node has loaded. */
  onnxAttach(library: string, logLevel: number): NativeOnnxRuntime;
  onnxOpen(device: NativeDevice, request: NativeOnnxRequest): NativeTask<NativeOnnxSession>;
  onnxInfo(session: NativeOnnxSession): {
    readonly inputs: readonly NativeOnnxValue[];
    readonly outputs: readonly NativeOnnxValue[];
  };
  /** Runs that ended well, and runs inside ONNX Runtime now and at most. */
  onnxCounts(session: NativeOnnxSession): {
    readonly runs: number;
    readonly running: number;
    readonly peakRunning: number;
  };
  onnxRun(
    session: NativeOnnxSession,
    request: { readonly inputs: readonly NativeOnnxBound[]; readonly outputs: readonly NativeOnnxBound[] },
  ): NativeTask<NativeOnnxAddresses>;
  /** Runs under way go on. Idempotent. */
  onnxClose(session: NativeOnnxSession): void;
}
