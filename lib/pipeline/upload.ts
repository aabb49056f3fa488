/** The last stages of a batch: from a filled staging slot into a block of the device, from there into its tensors. */
import type { Field } from 'apache-arrow';

import type { TablePlan } from '../device/column-plan.js';
import { DeviceTable } from '../device/device-table.js';
import { featureMatrix, type FeatureMatrix } from '../device/feature-matrix.js';
import type { Device } from '../device/device.js';
import { fail } from '../internal/validate.js';
import type { MatrixPlan } from './options.js';

/** A batch's rows in pinned memory, laid out as they will be on the device. */
export interface StagedRows {
  readonly fields: readonly Field[];
  readonly plan: TablePlan;
  readonly bytes: Uint8Array;
}

/** Copies the rows to the device; the caller releases the table. */
export async function uploadRows(
  device: Device,
  { fields, plan, bytes }: StagedRows,
  signal: AbortSignal,
): Promise<DeviceTable> {
  const buffer = device.allocate(plan.byteLength);
  try {
    await device.backend.upload([{ memory: buffer.memory, offset: 0, host: bytes }], signal);
    return new DeviceTable([buffer], fields, plan.columns, plan.rows);
  } catch (error) {
    buffer.release();
    throw error;
  }
}

export interface BatchTensors {
  readonly features: FeatureMatrix;
  readonly labels: FeatureMatrix | null;
}

/** Makes a pipeline's tensors, and holds them to the columns of the first. */
export class TensorMaker {
  private first: readonly string[] | null = null;

  constructor(
    private readonly features: MatrixPlan,
    private readonly labels: MatrixPlan | null,
  ) {}

  /** Settles when the tensors are ready; `hold` runs what may hold the thread. On any error nothing stays on the device. */
  async make(table: DeviceTable, hold: <T>(run: () => T) => T, signal: AbortSignal): Promise<BatchTensors> {
    const made: FeatureMatrix[] = [];
    const start = ({ options }: MatrixPlan): Promise<FeatureMatrix> => {
      return hold(() => featureMatrix(table, { ...options, signal }));
    };
    try {
      const features = await start(this.features);
      made.push(features);
      let labels: FeatureMatrix | null = null;
      if (this.labels !== null) {
        labels = await start(this.labels);
        made.push(labels);
      }
      this.hold(made);
      for (const { matrix } of made) await matrix.ready();
      return { features, labels };
    } catch (error) {
      for (const { matrix } of made) matrix.release();
      throw error;
    }
  }

  /** A column that is declared without nulls gets its mask only where there is one after all. */
  private hold(made: readonly FeatureMatrix[]): void {
    const names = made.flatMap(({ columns }) => columns.map(({ name }) => name));
    this.first ??= names;
    if (names.length === this.first.length) return;
    fail(
      'FS_ERR_SCHEMA',
      'a column that is declared without nulls has some, which would give this batch more columns than the first; ' +
        'declare it nullable or give it `mask: true`',
      { first: this.first, columns: names },
    );
  }
}
