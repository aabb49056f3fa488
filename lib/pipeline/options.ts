/** Options of a `GpuPipeline`: types, defaults, and the request they amount to. */
import { MATRIX_DTYPES, MATRIX_LAYOUTS } from '../device/backend.js';
import { defaultDevice, type Device } from '../device/device.js';
import type { FeatureColumn, FeatureMatrixOptions } from '../device/matrix-options.js';
import { requireDevice } from '../device/to-device.js';
import {
  isRecord,
  rangeError,
  rejectUnknown,
  requireBoolean,
  requireInteger,
  requireName,
  requireOneOf,
  requireRecord,
  requireSignal,
  typeError,
} from '../internal/validate.js';
import type { AlignBatchesOptions, BatchStreamOptions } from '../stream/options.js';
import type { PipelineSource } from './source-tap.js';

/** How columns become a matrix, as in `featureMatrix`. */
export type MatrixForm = Pick<FeatureMatrixOptions, 'dtype' | 'layout' | 'nulls' | 'fill'>;

/** One right side: as in `alignBatches`, with `source` in place of `batches`. */
export type PipelineStreamOptions = Omit<BatchStreamOptions, 'batches'> & { readonly source: PipelineSource };

/** As in `alignBatches`. */
export type PipelineJoinOptions = Omit<AlignBatchesOptions, 'signal'> & {
  readonly streams: Readonly<Record<string, PipelineStreamOptions>>;
};

export interface PipelineLabels extends MatrixForm {
  readonly columns: readonly (string | FeatureColumn)[];
}

export interface GpuPipelineOptions extends MatrixForm {
  /** The rows; with `join` the left side, in time order. */
  readonly source: PipelineSource;
  /** Default: none. */
  readonly join?: PipelineJoinOptions;
  /** Columns of the joined rows that become the features. */
  readonly features: readonly (string | FeatureColumn)[];
  /**
   * Columns that become a second tensor, of two axes too: one name, several, or with a form of their own. Default form:
   * float32, and a null ends the iteration. Default: none.
   */
  readonly labels?: string | readonly (string | FeatureColumn)[] | PipelineLabels;
  /** Rows of every batch but the last, whatever the batches of the source are. Default: 4096. */
  readonly batchRows?: number;
  /** Leaves out a last batch of fewer rows. Default: false. */
  readonly dropLast?: boolean;
  /** Default: the process's default device. */
  readonly device?: Device;
  /** Batches made ahead of the consumer at most, 1 to 64. Default: 2. */
  readonly depth?: number;
  readonly signal?: AbortSignal;
}

/** One tensor of a batch: its form, and the columns of the rows that it needs. */
export interface MatrixPlan {
  readonly options: FeatureMatrixOptions;
  readonly names: readonly string[];
}

export interface JoinPlan {
  readonly streams: readonly (Omit<BatchStreamOptions, 'batches'> & {
    readonly name: string;
    readonly source: unknown;
  })[];
  readonly options: AlignBatchesOptions;
}

export interface PipelineRequest {
  readonly source: unknown;
  readonly join: JoinPlan | null;
  readonly features: MatrixPlan;
  readonly labels: MatrixPlan | null;
  readonly batchRows: number;
  readonly dropLast: boolean;
  readonly device: Device;
  readonly depth: number;
  readonly signal: AbortSignal | null;
}

const NULLS = ['fill', 'mask', 'error'] as const;
const FORM_KEYS = ['dtype', 'layout', 'nulls', 'fill'] as const;
const KEYS = [
  'source',
  'join',
  'features',
  'labels',
  'batchRows',
  'dropLast',
  'device',
  'depth',
  'signal',
  ...FORM_KEYS,
] as const;

export function parsePipeline(options: unknown): PipelineRequest {
  const given = requireRecord(options, 'options');
  rejectUnknown(given, 'options', KEYS);
  return Object.freeze({
    source: given.source,
    join: given.join === undefined ? null : parseJoin(given.join),
    features: parseColumns(given.features, 'options.features', parseForm(given, 'options')),
    labels: given.labels === undefined ? null : parseLabels(given.labels),
    batchRows: requireInteger(given.batchRows ?? 4096, 'options.batchRows', 1, 2 ** 31 - 1),
    dropLast: requireBoolean(given.dropLast ?? false, 'options.dropLast'),
    device: given.device === undefined ? defaultDevice() : requireDevice(given.device, 'options.device'),
    depth: requireInteger(given.depth ?? 2, 'options.depth', 1, 64),
    signal: given.signal === undefined ? null : requireSignal(given.signal, 'options.signal'),
  });
}

/** What the join itself checks stays as it is. */
function parseJoin(value: unknown): JoinPlan {
  const { streams, ...options } = requireRecord(value, 'options.join');
  const given = requireRecord(streams, 'options.join.streams');
  if ('signal' in options) throw typeError('options.join.signal', 'left out: it is options.signal', options.signal);
  return {
    streams: Object.entries(given).map(([name, stream]) => {
      const { source, ...rest } = requireRecord(stream, `options.join.streams.${name}`);
      return { ...rest, name, source };
    }),
    options: options as AlignBatchesOptions,
  };
}

/** Of a record that has other keys too. */
function parseForm(given: Readonly<Record<string, unknown>>, where: string): MatrixForm {
  return {
    ...(given.dtype === undefined ? {} : { dtype: requireOneOf(given.dtype, `${where}.dtype`, MATRIX_DTYPES) }),
    ...(given.layout === undefined ? {} : { layout: requireOneOf(given.layout, `${where}.layout`, MATRIX_LAYOUTS) }),
    ...(given.nulls === undefined ? {} : { nulls: requireOneOf(given.nulls, `${where}.nulls`, NULLS) }),
    ...(given.fill === undefined ? {} : { fill: requireNumber(given.fill, `${where}.fill`) }),
  };
}

function requireNumber(value: unknown, where: string): number {
  if (typeof value !== 'number') throw typeError(where, 'a number', value);
  return value;
}

/** A label that is missing is a fault of the data until the caller says what it means. */
function parseLabels(value: unknown): MatrixPlan {
  const where = 'options.labels';
  if (typeof value === 'string') return parseColumns([value], where, { nulls: 'error' });
  if (!isRecord(value)) return parseColumns(value, where, { nulls: 'error' });
  rejectUnknown(value, where, ['columns', ...FORM_KEYS]);
  const form = parseForm(value, where);
  const nulls = form.nulls ?? (form.fill === undefined ? 'error' : 'fill');
  return parseColumns(value.columns, `${where}.columns`, { ...form, nulls });
}

/** What a column's object may hold is checked by `featureMatrix`, which knows the column's type. */
function parseColumns(value: unknown, where: string, form: MatrixForm): MatrixPlan {
  if (!Array.isArray(value)) throw typeError(where, 'an array of names or objects', value);
  if (value.length === 0) throw rangeError(where, 'at least one column', value);
  const names = value.map((column: unknown, i) => {
    const name = isRecord(column) ? column.column : column;
    return requireName(name, `${where}[${i}]${isRecord(column) ? '.column' : ''}`);
  });
  const columns: readonly (string | FeatureColumn)[] = value;
  return { options: { ...form, columns }, names: [...new Set(names)] };
}
