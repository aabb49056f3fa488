/**
 * An Arrow table in device memory: every buffer of every column, validity bitmaps included, in one block that was
 * uploaded, or, where a join made the table, in blocks that it may share with the tables that were joined.
 */
import { Data, DataType, type Field, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import { didYouMean, listNames } from '../internal/suggest.js';
import { fail } from '../internal/validate.js';
import { localField, typeName } from '../schema/arrow-types.js';
import type { ColumnPlan, Region } from './column-plan.js';
import { columnsToHost } from './columns-to-host.js';
import type { Device } from './device.js';
import type { DeviceBuffer } from './device-buffer.js';
import { DeviceTensor } from './device-tensor.js';
import type { DType } from './dtype.js';

/** A buffer of a column, as Arrow's columnar format defines it, in device memory. 256-byte aligned. */
export interface DeviceRegion extends Region {
  readonly devicePointer: bigint;
}

/** One column. Its buffers live as long as the table. */
export class DeviceColumn {
  readonly type: DataType;
  readonly length: number;
  readonly nullCount: number;
  readonly children: readonly DeviceColumn[];
  /** Dictionary columns: the values that `values` holds the indices of. */
  readonly dictionary: DeviceColumn | null;

  /** @internal */
  constructor(
    readonly name: string,
    private readonly table: DeviceTable,
    /** @internal */
    readonly plan: ColumnPlan,
  ) {
    this.type = plan.type;
    this.length = plan.length;
    this.nullCount = plan.nullCount;
    this.children = plan.children.map((child, i) => new DeviceColumn(childName(plan.type, i), table, child));
    this.dictionary = plan.dictionary === null ? null : new DeviceColumn(name, table, plan.dictionary);
  }

  /** One bit a row from bit 0, 1 for valid; null where no row is null. */
  get validity(): DeviceRegion | null {
    return this.region(this.plan.validity);
  }
  /** int32 (int64 for large types), `length + 1` of them, from 0; null for types without. */
  get offsets(): DeviceRegion | null {
    return this.region(this.plan.offsets);
  }
  /** Values, dictionary indices, or the bytes that `offsets` point into; null for types without. */
  get values(): DeviceRegion | null {
    return this.region(this.plan.values);
  }

  /**
   * The values as a tensor of one axis, over the same memory. What lies under nulls is undefined: look at `validity`.
   * Throws FS_ERR_SCHEMA for columns that are not numbers of a fixed width. To be released on its own.
   */
  tensor(): DeviceTensor {
    const dtype = dtypeOfType(this.type);
    if (dtype === null || this.plan.values === null) {
      return fail(
        'FS_ERR_SCHEMA',
        `${this.name} is ${typeName(this.type)}; only numbers of a fixed width are tensors`,
        {
          column: this.name,
        },
      );
    }
    const { block, byteOffset } = this.plan.values;
    return new DeviceTensor(this.table.block(block).retain(), dtype, [this.length], byteOffset);
  }

  private region(region: Region | null): DeviceRegion | null {
    if (region === null) return null;
    const buffer = this.table.block(region.block);
    return {
      ...region,
      get devicePointer(): bigint {
        return buffer.devicePointer + BigInt(region.byteOffset);
      },
    };
  }
}

export class DeviceTable {
  readonly schema: Schema;
  readonly numRows: number;
  readonly columns: readonly DeviceColumn[];
  /** Of its blocks, those that it shares included. */
  readonly byteLength: number;
  private held: readonly DeviceBuffer[] | null;

  /** @internal Takes over one claim on each block; there is at least one. */
  constructor(blocks: readonly DeviceBuffer[], fields: readonly Field[], plans: readonly ColumnPlan[], rows: number) {
    this.held = blocks;
    this.schema = new Schema(fields.map(localField));
    this.numRows = rows;
    this.byteLength = blocks.reduce((bytes, block) => bytes + block.byteLength, 0);
    this.columns = plans.map((plan, i) => new DeviceColumn(fields[i]?.name ?? '', this, plan));
  }

  /** @internal */
  get blocks(): readonly DeviceBuffer[] {
    return this.held ?? fail('FS_ERR_CLOSED', 'the device table was released');
  }
  /** @internal */
  block(index: number): DeviceBuffer {
    return this.blocks[index] ?? fail('FS_ERR_INTERNAL', `the device table has no block ${index}`);
  }
  get device(): Device {
    return this.block(0).device;
  }
  get isReleased(): boolean {
    return this.held === null;
  }
  get isReady(): boolean {
    return this.blocks.every((block) => block.isReady);
  }
  async ready(): Promise<void> {
    await Promise.all(this.blocks.map((block) => block.ready()));
  }

  /** The column called `name`. Throws FS_ERR_COLUMN_MISSING. */
  column(name: string): DeviceColumn {
    const names = this.columns.map((column) => column.name);
    return (
      this.columns.find((column) => column.name === name) ??
      fail(
        'FS_ERR_COLUMN_MISSING',
        `the device table has no column '${name}'${didYouMean(name, names)}; its columns are ${listNames(names)}`,
        { column: name, columns: names },
      )
    );
  }

  /** A copy on the host: one record batch, the very bytes that are on the device. */
  async toHost(options: { readonly signal?: AbortSignal } = {}): Promise<Table> {
    const children = await columnsToHost(
      this,
      this.columns.map((column) => column.plan),
      options.signal ?? null,
    );
    const struct = new Data(new Struct(this.schema.fields), 0, this.numRows, 0, undefined, [...children]);
    return new Table(this.schema, [new RecordBatch(this.schema, struct)]);
  }

  /** @internal The same table with claims of its own. */
  share(): DeviceTable {
    const plans = this.columns.map((column) => column.plan);
    return new DeviceTable(
      this.blocks.map((block) => block.retain()),
      this.schema.fields,
      plans,
      this.numRows,
    );
  }

  /** Gives the memory back, once the tensors and tables over it are released too; idempotent. */
  release(): void {
    const { held } = this;
    this.held = null;
    for (const block of held ?? []) block.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

function childName(type: DataType, index: number): string {
  const fields: readonly Field[] = type.children ?? [];
  return fields[index]?.name ?? String(index);
}

const INT_DTYPES = {
  true: { 8: 'int8', 16: 'int16', 32: 'int32', 64: 'int64' },
  false: { 8: 'uint8', 16: 'uint16', 32: 'uint32', 64: 'uint64' },
} as const;
const FLOAT_DTYPES = ['float16', 'float32', 'float64'] as const;

/** The dtype of a column's values; null where they are no numbers. Times are their int64. */
export function dtypeOfType(type: DataType): DType | null {
  if (DataType.isInt(type)) return INT_DTYPES[type.isSigned ? 'true' : 'false'][type.bitWidth];
  if (DataType.isFloat(type)) return FLOAT_DTYPES[type.precision];
  if (DataType.isTimestamp(type) || DataType.isDuration(type)) return 'int64';
  if (DataType.isTime(type)) return type.bitWidth === 32 ? 'int32' : 'int64';
  if (DataType.isDate(type)) return type.unit === 0 ? 'int32' : 'int64';
  if (DataType.isDictionary(type)) return dtypeOfType(type.indices);
  return null;
}
