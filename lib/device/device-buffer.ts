/** A block of device memory that knows how many tensors and tables look at it. */
import { fail } from '../internal/validate.js';
import type { Copied, HostCopy, Memory } from './backend.js';
import type { Device } from './device.js';

export class DeviceBuffer {
  readonly byteLength: number;
  private owners = 1;

  /** @internal Made by `device.allocate`. */
  constructor(
    readonly device: Device,
    private readonly block: Memory,
  ) {
    this.byteLength = block.byteLength;
  }

  get isReleased(): boolean {
    return this.owners === 0;
  }

  /** Address in the device's memory; 0n for no bytes. Throws FS_ERR_CLOSED after release. */
  get devicePointer(): bigint {
    return this.memory.address();
  }

  /** False while queued work on it is under way. Throws what that work failed with. */
  get isReady(): boolean {
    return this.memory.isReady();
  }

  /** Settles when the work queued on it so far is done. */
  ready(): Promise<void> {
    return this.memory.ready();
  }

  /** Gives up one claim; with the last one the memory returns to the device. Idempotent once released. */
  release(): void {
    if (this.owners === 0) return;
    this.owners--;
    if (this.owners === 0) this.block.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** @internal One more claim, for who looks into it. */
  retain(): this {
    if (this.owners === 0) fail('FS_ERR_CLOSED', 'the device buffer was released');
    this.owners++;
    return this;
  }

  /** @internal */
  get memory(): Memory {
    if (this.owners === 0) fail('FS_ERR_CLOSED', 'the device buffer was released');
    return this.block;
  }

  /** Copies host bytes in. The source must not change until it settles. */
  upload(source: ArrayBufferView, byteOffset = 0, signal: AbortSignal | null = null): Promise<Copied> {
    return this.device.backend.upload([this.copyOf(source, byteOffset)], signal);
  }

  /** Copies bytes out into `target`. */
  download(target: ArrayBufferView, byteOffset = 0, signal: AbortSignal | null = null): Promise<Copied> {
    return this.device.backend.download([this.copyOf(target, byteOffset)], signal);
  }

  private copyOf(host: ArrayBufferView, offset: number): HostCopy {
    if (!Number.isInteger(offset) || offset < 0 || offset + host.byteLength > this.byteLength) {
      fail(
        'FS_ERR_ARG_RANGE',
        `expected bytes inside a device buffer of ${this.byteLength}, got ${host.byteLength} at ${offset}`,
        { byteLength: this.byteLength, offset, bytes: host.byteLength },
      );
    }
    return { memory: this.memory, offset, host };
  }
}
