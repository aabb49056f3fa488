/** The addon's functions that share device memory with the TensorFlow of tfjs-node; `cpp/binding/tfjs_binding.cc`. */
import type { NativeMemory } from './native-device.js';

/** Operations of ours in the loaded TensorFlow; see `cpp/include/flowstate/tensor/tf_alias.h`. */
export interface NativeTfOps {
  readonly hostOp: string;
  readonly gpuOp: string;
  /** Of TensorFlow's library. */
  readonly path: string;
}

export interface NativeTfTensor {
  readonly byteOffset: number;
  /** TF_DataType: 1 float, 3 int32, 10 bool. */
  readonly type: number;
  readonly shape: readonly number[];
}

/** Names memory to an operation, once. */
export interface NativeTfHandle {
  readonly slot: number;
  readonly generation: number;
}

/** Of the whole process, all threads. */
export interface NativeTfStats {
  /** Slots of the table, ever made. */
  readonly slots: number;
  /** Handles that no operation has taken. */
  readonly waiting: number;
  /** Tensors that TensorFlow holds. */
  readonly lent: number;
  /** Given back by TensorFlow, waiting for the device's work. */
  readonly returning: number;
  readonly returned: number;
}

export interface NativeTfjsAddon {
  /** Registers the operations, once per process. Throws DEPENDENCY_MISSING where no TensorFlow is loaded. */
  tfAttach(): NativeTfOps;
  /** Keeps the memory until the operation's output is deallocated, or the handle dropped. */
  tfLend(memory: NativeMemory, tensor: NativeTfTensor): NativeTfHandle;
  /** Gives up a handle that no operation has taken; false where one has. */
  tfDrop(slot: number, generation: number): boolean;
  tfStats(): NativeTfStats;
}
