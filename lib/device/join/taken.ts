/** What a join took, as columns of a new table. */
import { DataType, type Field } from 'apache-arrow';

import { NativeType } from '../../internal/native.js';
import type { NativeOwned, NativeTaken } from '../../internal/native-tables.js';
import type { ColumnPlan, Region } from '../column-plan.js';
import type { Device } from '../device.js';
import { DeviceBuffer } from '../device-buffer.js';
import type { DeviceTable } from '../device-table.js';
import type { NativeBackend } from '../native-backend.js';
import type { Claims } from './blocks.js';
import { physicalType } from './cells.js';

/** A source column, whose dictionaries the result shares. */
export interface Source {
  readonly table: DeviceTable;
  readonly plan: ColumnPlan;
}

export class TakenColumns {
  constructor(
    private readonly device: Device,
    private readonly backend: NativeBackend,
    private readonly claims: Claims,
  ) {}

  /** `type` is what the result is labelled with. */
  plan(taken: NativeTaken, type: DataType, source: Source | null): ColumnPlan {
    const { length, nullCount } = taken;
    const layout = physicalType(type);
    const fields: readonly Field[] = type.children ?? [];
    const isWide = DataType.isLargeUtf8(type) || DataType.isLargeBinary(type) || DataType.isLargeList(type);
    const dictionary = source?.plan.dictionary ?? null;
    return {
      type,
      length,
      nullCount,
      validity: this.region(taken.validity, bitBytes(length)),
      offsets: this.region(taken.offsets, (length + 1) * (isWide ? 8 : 4)),
      values: this.region(taken.values, layout === null ? null : valueBytes(layout, length)),
      children: taken.children.map((child, i) => {
        const of = source === null ? undefined : source.plan.children[i];
        const childType = fields[i]?.type ?? of?.type ?? type;
        return this.plan(child, childType, source === null || of === undefined ? null : { ...source, plan: of });
      }),
      dictionary: source === null || dictionary === null ? null : this.claims.shareColumn(source.table, dictionary),
    };
  }

  /** `bytes` null: all that there are. */
  private region(owned: NativeOwned | null, bytes: number | null): Region | null {
    if (owned === null) return null;
    const block = this.claims.own(new DeviceBuffer(this.device, this.backend.adopt(owned)));
    return { block, byteOffset: 0, byteLength: bytes ?? owned.byteLength };
  }
}

function bitBytes(length: number): number {
  return (length + 7) >>> 3;
}

function valueBytes({ type, width }: { readonly type: NativeType; readonly width: number }, rows: number) {
  if (type === NativeType.Bool) return bitBytes(rows);
  return type === NativeType.Bytes32 || type === NativeType.Bytes64 ? null : rows * width;
}
