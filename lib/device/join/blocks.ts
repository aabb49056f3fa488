/** Claims on device memory that a new table will hold: shared with its inputs, or its own. */
import { type ColumnPlan, relocate } from '../column-plan.js';
import type { Device } from '../device.js';
import type { DeviceBuffer } from '../device-buffer.js';
import type { DeviceTable } from '../device-table.js';

export class Claims {
  private readonly held: DeviceBuffer[] = [];

  /** Takes over a claim; the block's number. */
  own(buffer: DeviceBuffer): number {
    return this.held.push(buffer) - 1;
  }

  /** One claim on a block however often it is asked for. */
  share(buffer: DeviceBuffer): number {
    const known = this.held.indexOf(buffer);
    return known === -1 ? this.own(buffer.retain()) : known;
  }

  /** A column of `table`, which goes on sharing its memory. */
  shareColumn(table: DeviceTable, plan: ColumnPlan): ColumnPlan {
    return relocate(plan, (block) => this.share(table.block(block)));
  }

  /** The claims, at least one, for a table that takes them over. */
  blocks(device: Device): readonly DeviceBuffer[] {
    if (this.held.length === 0) this.own(device.allocate(0));
    return this.held;
  }

  release(): void {
    for (const buffer of this.held.splice(0)) buffer.release();
  }
}
