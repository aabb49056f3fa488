/** A right table of joins on a device, put in order once for any number of left tables. */
import { fail, rejectUnknown, requireRecord, requireSignal } from '../../internal/validate.js';
import type { AsofJoinOptions, By, On } from '../../join/options.js';
import type { DeviceBackend } from '../backend.js';
import type { Device } from '../device.js';
import { DeviceTable } from '../device-table.js';
import { NativeBackend } from '../native-backend.js';
import { RightSide } from './right-side.js';
import { prepareSide } from './run.js';

/** What a join with the index takes where it says nothing else. */
export interface DeviceJoinIndexOptions extends Pick<AsofJoinOptions, 'lag' | 'knownAt' | 'nullKeys' | 'timeZones'> {
  readonly on: On;
  readonly by?: By;
  readonly signal?: AbortSignal;
}

const KEYS = ['on', 'by', 'lag', 'knownAt', 'nullKeys', 'timeZones', 'signal'] as const;

/**
 * Made by `DeviceJoinIndex.build`; given to `asofJoin` and `alignStreams` in place of the right table. It holds a claim
 * on the table's memory, so that the table may be released, and is to be released itself.
 */
export class DeviceJoinIndex {
  private readonly backend: DeviceBackend;
  private readonly kept = new RightSide();
  private held: DeviceTable | null;

  private constructor(
    readonly device: Device,
    table: DeviceTable,
    /** @internal */
    readonly defaults: Omit<DeviceJoinIndexOptions, 'signal'>,
  ) {
    this.held = table;
    this.backend = device.backend;
  }

  /**
   * Sorts and groups the right side once. Left tables with times of another unit, or other options that change which
   * right rows lie where (`by`, `lag`, `knownAt`, `nullKeys`), are served too: what they need is made at the first such
   * join, and kept. Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_COLUMN_MISSING,
   * FS_ERR_SCHEMA, FS_ERR_OVERFLOW, FS_ERR_CORRUPT, FS_ERR_OUT_OF_MEMORY, FS_ERR_CUDA, FS_ERR_DEVICE_LOST,
   * FS_ERR_CLOSED, FS_ERR_ABORTED.
   */
  static async build(table: DeviceTable, options: DeviceJoinIndexOptions): Promise<DeviceJoinIndex> {
    if (!(table instanceof DeviceTable)) {
      fail('FS_ERR_ARG_TYPE', 'table must be a DeviceTable, as toDevice(table) gives it', { where: 'table' });
    }
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', KEYS);
    const { signal, ...defaults } = options;
    if (signal !== undefined) requireSignal(signal, 'options.signal');
    // A table of its own, with claims of its own.
    const own = table.share();
    const index = new DeviceJoinIndex(table.device, own, defaults);
    try {
      await prepareSide(own, index.kept, defaults, signal ?? null);
      return index;
    } catch (error) {
      index.release();
      throw error;
    }
  }

  get isReleased(): boolean {
    return this.held === null;
  }

  /** @internal */
  get table(): DeviceTable {
    return this.held ?? fail('FS_ERR_CLOSED', 'the join index was released');
  }

  /** @internal */
  get side(): RightSide {
    return this.kept;
  }

  /** Device memory that the index takes besides its table's. */
  get byteLength(): number {
    const { backend } = this;
    return backend instanceof NativeBackend ? this.kept.byteLength(backend) : 0;
  }

  /** Gives the memory back; idempotent. Joins under way keep what they use. */
  release(): void {
    const { held, backend } = this;
    this.held = null;
    if (held === null) return;
    if (backend instanceof NativeBackend) this.kept.release(backend);
    held.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
