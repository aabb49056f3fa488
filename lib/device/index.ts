/** Devices, their memory, and what moves data there. With them joins know `backend: 'device'`. */
import './join-executor.js';

export type { Copied, DeviceInfo, DeviceMemoryInfo } from './backend.js';
export type { NativeTransferStats as TransferStats } from '../internal/native-device.js';
export { defaultDevice, Device, type DeviceId, type DeviceOptions, type HostRegistration } from './device.js';
export { DeviceBuffer } from './device-buffer.js';
export { DeviceColumn, type DeviceRegion, DeviceTable } from './device-table.js';
export { DeviceTensor, type TensorOptions } from './device-tensor.js';
export {
  type BinaryRange,
  type DirectReaderStats,
  GpuDirectReader,
  type GpuDirectReaderOptions,
  type ReadArrowOptions,
  type ReadBinaryOptions,
} from './direct-reader.js';
export { featureMatrix, type FeatureMatrix } from './feature-matrix.js';
export { type FeatureColumn, type FeatureMatrixOptions, type FeatureSlot } from './matrix-options.js';
export { type DType, DTYPES, type HostArray } from './dtype.js';
export { PinnedBufferPool, type PinnedBufferPoolOptions, PinnedLease, type PinnedPoolStats } from './pinned-pool.js';
export { toDevice, type ToDeviceOptions } from './to-device.js';
