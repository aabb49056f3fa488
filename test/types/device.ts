/** Types of devices: what must compile, and what must not. */
import { Float32, type Table, type Vector } from 'apache-arrow';
import {
  type Copied,
  Device,
  type DeviceBuffer,
  type DeviceInfo,
  type DeviceTable,
  type DeviceTensor,
  type DType,
  GpuDirectReader,
  type HostArray,
  type HostRegistration,
  PinnedBufferPool,
  type PinnedLease,
  toDevice,
} from 'flowstate';

declare const table: Table;
declare const lease: PinnedLease;

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_equal: Equal<A, B>): void {
  return;
}

// Devices by name.
const device = Device.open('host', { memoryBytes: 1 << 20 });
same<typeof device.info, DeviceInfo>(true);
Device.open('cuda:3');
// @ts-expect-error: no such kind of device
Device.open('gpu');
// @ts-expect-error: bytes are a number
Device.open('host', { memoryBytes: '1MB' });

// A typed array by its dtype.
const floats: Float32Array = lease.array('float32');
const times: BigInt64Array = lease.array('int64', 4);
// @ts-expect-error: halves come as their bits
const halves: Float32Array = lease.array('float16');
// @ts-expect-error: not a dtype
lease.array('float128');
const vector: Vector = lease.vector(new Float32());
const flags: Uint8Array = null as unknown as HostArray<'bool'>;

export async function use(): Promise<void> {
  using there: DeviceTable = await toDevice(table, { device, columns: ['bid', 'ask'] });
  const back: Table = await there.toHost();
  using tensor: DeviceTensor = there.column('bid').tensor();
  const pointer: bigint = tensor.devicePointer;
  const dtype: DType = tensor.dtype;
  using scaled = tensor.affine(2, 1);
  const array: HostArray = await scaled.toHost();
  const buffer: DeviceBuffer = device.allocate(8);
  const copied: Copied = await buffer.upload(new Uint8Array(8));
  const held: HostRegistration | null = device.register(new Float32Array(4));
  const pool = new PinnedBufferPool({ device, whenExhausted: 'error' });
  const maybe: PinnedLease | null = pool.tryLease(10);
  // @ts-expect-error: waiting is a promise
  const now: PinnedLease = pool.lease(10);
  const reader = new GpuDirectReader({ device, mode: 'posix' });
  const read: DeviceTensor = await reader.readBinary('a.bin', { dtype: 'float64', shape: [2, 3] });
  // @ts-expect-error: the dtype says what the bytes are
  await reader.readBinary('a.bin', {});
  // @ts-expect-error: read only
  read.shape.push(4);
  void [back, pointer, dtype, array, copied, held, maybe, now, vector, floats, times, halves, flags];
}
