/** Columns of a device table on the host: the bytes of their regions, and Arrow data over them. */
import { Data, DataType, Vector } from 'apache-arrow';

import { fixedColumn } from '../storage/make-column.js';
import type { HostCopy } from './backend.js';
import { BUFFER_ALIGNMENT, type ColumnPlan, type Region } from './column-plan.js';
import type { DeviceBuffer } from './device-buffer.js';

/** What the columns are read from. */
export interface Blocks {
  readonly blocks: readonly DeviceBuffer[];
}

/** Downloads what the columns need, no more, as one call. Throws FS_ERR_ABORTED, FS_ERR_CLOSED and the device's errors. */
export async function columnsToHost(
  { blocks }: Blocks,
  plans: readonly ColumnPlan[],
  signal: AbortSignal | null,
): Promise<readonly Data[]> {
  const regions = new Map<string, { readonly region: Region; readonly at: number }>();
  let end = 0;
  for (const region of plans.flatMap((plan) => regionsOf(plan))) {
    const key = keyOf(region);
    if (regions.has(key)) continue;
    const at = Math.ceil(end / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT;
    regions.set(key, { region, at });
    end = at + region.byteLength;
  }
  const bytes = new Uint8Array(new ArrayBuffer(end));
  const copies: HostCopy[] = [];
  for (const { region, at } of regions.values()) {
    const block = blocks[region.block];
    if (block === undefined || region.byteLength === 0) continue;
    copies.push({
      memory: block.memory,
      offset: region.byteOffset,
      host: bytes.subarray(at, at + region.byteLength),
    });
  }
  const [first] = blocks;
  if (copies.length > 0 && first !== undefined) await first.device.backend.download(copies, signal);
  const reader = new HostColumns((region) => {
    const at = regions.get(keyOf(region))?.at ?? 0;
    return bytes.subarray(at, at + region.byteLength);
  });
  return plans.map((plan) => reader.data(plan));
}

function keyOf({ block, byteOffset, byteLength }: Region): string {
  return `${block}:${byteOffset}:${byteLength}`;
}

function regionsOf(plan: ColumnPlan): readonly Region[] {
  const own = [plan.validity, plan.offsets, plan.values].filter((region) => region !== null);
  const nested = plan.dictionary === null ? plan.children : [...plan.children, plan.dictionary];
  return [...own, ...nested.flatMap(regionsOf)];
}

/** Arrow columns over bytes on the host. */
export class HostColumns {
  private readonly dictionaries = new Map<ColumnPlan, Vector>();

  constructor(private readonly region: (region: Region) => Uint8Array) {}

  data(plan: ColumnPlan): Data {
    const { type, length, nullCount } = plan;
    const nullBitmap = plan.validity === null ? null : this.region(plan.validity);
    const rows = { length, nullCount, nullBitmap };
    if (DataType.isNull(type)) return new Data(type, 0, length, length);
    if (DataType.isDictionary(type) && plan.values !== null && plan.dictionary !== null) {
      const codes = fixedColumn(type.indices, rows, this.region(plan.values));
      const buffers = [undefined, codes.values, nullBitmap ?? undefined] as const;
      return new Data(type, 0, length, nullCount, [...buffers], [], this.dictionary(plan.dictionary));
    }
    if (plan.offsets !== null) {
      const isLarge = plan.offsets.byteLength === (length + 1) * 8;
      const { buffer, byteOffset } = this.region(plan.offsets);
      const offsets = isLarge
        ? new BigInt64Array(buffer, byteOffset, length + 1)
        : new Int32Array(buffer, byteOffset, length + 1);
      const values = plan.values === null ? undefined : this.region(plan.values);
      const children = plan.children.map((child) => this.data(child));
      return new Data(type, 0, length, nullCount, [offsets as Int32Array, values, nullBitmap ?? undefined], children);
    }
    if (plan.values !== null) return fixedColumn(type, rows, this.region(plan.values));
    const children = plan.children.map((child) => this.data(child));
    return new Data(type, 0, length, nullCount, [undefined, undefined, nullBitmap ?? undefined], children);
  }

  private dictionary(plan: ColumnPlan): Vector {
    let vector = this.dictionaries.get(plan);
    if (vector === undefined) {
      vector = new Vector([this.data(plan)]);
      this.dictionaries.set(plan, vector);
    }
    return vector;
  }
}
