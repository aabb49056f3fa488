/** What a `GpuPipeline` yields: tensors of the device, owned by the batch until it is released. */
import type { FeatureMatrix } from '../device/feature-matrix.js';
import type { DeviceTensor } from '../device/device-tensor.js';
import type { FeatureSlot } from '../device/matrix-options.js';

export class PipelineBatch {
  /** Counted from 0. */
  readonly index: number;
  readonly rows: number;
  /** [rows, columns], or [columns, rows] with `layout: 'column'`. Ready. */
  readonly features: DeviceTensor;
  /** Null where the pipeline has no labels. */
  readonly labels: DeviceTensor | null;
  /** The columns of `features`, masks included. */
  readonly columns: readonly FeatureSlot[];
  private onRelease: (() => void) | null;

  /** @internal Takes over the tensors. */
  constructor(
    index: number,
    rows: number,
    features: FeatureMatrix,
    labels: FeatureMatrix | null,
    onRelease: () => void,
  ) {
    this.index = index;
    this.rows = rows;
    this.features = features.matrix;
    this.labels = labels?.matrix ?? null;
    this.columns = features.columns;
    this.onRelease = onRelease;
  }

  get isReleased(): boolean {
    return this.onRelease === null;
  }

  /** Gives the tensors' memory back; idempotent. What was made of them by `reshape` lives on. */
  release(): void {
    const { onRelease } = this;
    if (onRelease === null) return;
    this.onRelease = null;
    this.features.release();
    this.labels?.release();
    onRelease();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
