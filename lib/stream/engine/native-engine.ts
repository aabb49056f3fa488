/** The addon's engine behind the interface of the JavaScript one: translation only. */
import { type NativeColumn, type NativeOutputColumn, NativeType } from '../../internal/native.js';
import type { NativeStreamEngine, NativeStreamEngineClass } from '../../internal/native-stream.js';
import type {
  EngineBatch,
  EngineConfig,
  EngineCounters,
  EngineOutput,
  EngineTime,
  ExportedRows,
  LateOutput,
  PushReport,
  StreamEngine,
} from './types.js';

function bufferOf(column: NativeOutputColumn): ArrayBuffer {
  return column.values ?? new ArrayBuffer(0);
}

function narrow(offsets: ArrayBuffer | null, rows: number): ArrayBuffer {
  if (offsets === null) return new ArrayBuffer(4 * (rows + 1));
  return Int32Array.from(new BigInt64Array(offsets), Number).buffer;
}

function sourcesColumn(sources: Int32Array): NativeColumn {
  const chunk = {
    length: sources.length,
    bitOffset: 0,
    values: sources,
    offsets: null,
    validity: null,
    dictionary: -1,
  };
  return {
    name: 'source',
    type: NativeType.Int32,
    indexType: NativeType.Int32,
    width: 4,
    chunks: sources.length === 0 ? [] : [chunk],
    dictionaries: [],
  };
}

export class NativeEngine implements StreamEngine {
  readonly #engine: NativeStreamEngine;

  constructor(Engine: NativeStreamEngineClass, config: EngineConfig) {
    this.#engine = new Engine(config);
  }

  push(input: number, batch: EngineBatch, maxTime: EngineTime | null): PushReport {
    return this.#engine.push(input, batch, maxTime);
  }

  advance(input: number, time: EngineTime): void {
    this.#engine.advance(input, time);
  }

  end(): void {
    this.#engine.end();
  }

  emit(maxRows: number): EngineOutput {
    return this.#engine.emit(maxRows);
  }

  takeLate(): readonly LateOutput[] {
    return this.#engine.takeLate().flatMap((late, input) =>
      late.rows === 0
        ? []
        : [
            {
              input,
              rows: late.rows,
              columns: late.columns,
              source: late.source,
              sequence: late.sequence,
              reasons: late.reason,
              affectedOffsets: narrow(late.affectedOffsets, late.rows),
              affected: late.affectedIds ?? new ArrayBuffer(0),
            },
          ],
    );
  }

  exportRows(input: number): ExportedRows {
    const { rows, columns, source, sequence, rowIds } = this.#engine.exportRows(input);
    return { rows, columns, source: bufferOf(source), sequence: bufferOf(sequence), emittedRowIds: rowIds };
  }

  loadRows(input: number, batch: EngineBatch, sources: Int32Array, emittedRowIds: BigInt64Array | null): void {
    const emitted = emittedRowIds?.some((id) => id !== -1n) === true ? emittedRowIds : null;
    const dead = input === 0 ? batch.keys.map(() => null) : [];
    this.#engine.loadRows(input, batch, sourcesColumn(sources), emitted, dead);
  }

  counters(): EngineCounters {
    return this.#engine.counters();
  }

  setCounters(counters: EngineCounters): void {
    const { inputs, streams } = counters;
    this.#engine.setCounters({
      ...counters,
      ended: false,
      inputs: inputs.map((input) => ({ ...input, watermark: null })),
      streams: streams.map((stream) => ({ ...stream, rightRows: 0 })),
    });
  }

  stateRows(input: number): number {
    return this.#engine.stateRows(input);
  }

  stateBytes(): number {
    return this.#engine.stateBytes();
  }

  holdBeside(bytes: number): void {
    this.#engine.holdBeside(bytes);
  }

  pendingRows(): number {
    return this.#engine.pendingRows();
  }

  oldestPending(): EngineTime | null {
    return this.#engine.oldestPending();
  }

  reset(): void {
    this.#engine.reset();
  }
}
