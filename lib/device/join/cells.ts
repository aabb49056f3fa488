/** Columns of device tables as the addon takes them. */
import { DataType, type Field } from 'apache-arrow';

import { type NativeType } from '../../internal/native.js';
import {
  type NativeCells,
  type NativeRegion,
  type NativeTake,
  NativeTakeKind,
  type NativeTableTime,
} from '../../internal/native-tables.js';
import { fail } from '../../internal/validate.js';
import { layoutOf } from '../../schema/arrow-columns.js';
import { typeName } from '../../schema/arrow-types.js';
import type { ColumnPlan, Region } from '../column-plan.js';
import type { DeviceTable } from '../device-table.js';
import { handleOf } from '../native-backend.js';

export function regionOf(table: DeviceTable, region: Region | null): NativeRegion | null {
  if (region === null) return null;
  const { block, byteOffset, byteLength } = region;
  return { memory: handleOf(table.block(block).memory), byteOffset, byteLength };
}

/** The physical type of a column's values; of a dictionary's indices. */
export function physicalType(type: DataType): { readonly type: NativeType; readonly width: number } | null {
  return layoutOf(DataType.isDictionary(type) ? type.indices : type);
}

/** A flat column, or a dictionary's indices. Throws FS_ERR_SCHEMA for others. */
export function cellsOf(table: DeviceTable, where: string, plan: ColumnPlan): NativeCells {
  const layout = physicalType(plan.type);
  if (layout === null) {
    return fail('FS_ERR_SCHEMA', `${where} has the type ${typeName(plan.type)}, which cannot be joined`, {
      column: where,
    });
  }
  return {
    ...layout,
    values: regionOf(table, plan.values),
    offsets: regionOf(table, plan.offsets),
    validity: regionOf(table, plan.validity),
  };
}

export function timeOf(
  table: DeviceTable,
  where: string,
  plan: ColumnPlan,
  times: { readonly scale: bigint; readonly unit: string },
): NativeTableTime {
  const { scale, unit } = times;
  return { name: where, unit, scale, rows: plan.length, cells: cellsOf(table, where, plan) };
}

function kindOf(type: DataType): NativeTakeKind {
  if (DataType.isNull(type)) return NativeTakeKind.null;
  if (DataType.isStruct(type)) return NativeTakeKind.struct;
  if (DataType.isFixedSizeList(type)) return NativeTakeKind.fixedList;
  if (DataType.isList(type) || DataType.isMap(type)) return NativeTakeKind.list;
  if (DataType.isLargeList(type)) return NativeTakeKind.largeList;
  return NativeTakeKind.flat;
}

/** A column to take rows from. */
export function takeOf(table: DeviceTable, where: string, plan: ColumnPlan): NativeTake {
  const kind = kindOf(plan.type);
  const isFlat = kind === NativeTakeKind.flat;
  const fields: readonly Field[] = plan.type.children ?? [];
  return {
    name: where,
    kind,
    rows: plan.length,
    listSize: DataType.isFixedSizeList(plan.type) ? plan.type.listSize : 0,
    cells: isFlat ? cellsOf(table, where, plan) : null,
    offsets: isFlat ? null : regionOf(table, plan.offsets),
    validity: isFlat ? null : regionOf(table, plan.validity),
    children: plan.children.map((child, i) => takeOf(table, `${where}.${fields[i]?.name ?? i}`, child)),
  };
}
