/** The addon's engine behind the interface of the JavaScript one: translation only. */
import { type NativeColumn, type NativeOutputColumn, NativeType } from '../../internal/native.js';
import { type NativeStreamEngine, type NativeStreamEngineClass, StreamWord } from '../../internal/native-stream.js';
import { BatchWriter } from './batch-writer.js';
import { OutputReader } from './output-reader.js';
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
import { type TimeWords, timeWords } from './time-words.js';

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
  /** What the engine tells in numbers: `StreamWord`. */
  readonly #words: Float64Array;
  /** Per input, for the times among them. */
  readonly #times: readonly TimeWords[];
  readonly #writers: readonly BatchWriter[];
  readonly #reader: OutputReader;

  constructor(Engine: NativeStreamEngineClass, config: EngineConfig) {
    this.#engine = new Engine(config);
    const block = this.#engine.words();
    this.#words = new Float64Array(block);
    this.#times = [config.left, ...config.streams].map(({ kind }) => timeWords(kind, block));
    const tail = StreamWord.stateRows + this.#times.length;
    this.#writers = this.#times.map((_, input) => new BatchWriter(this.#engine, input, this.#words, tail));
    this.#reader = new OutputReader(config, this.#words, tail);
  }

  push(input: number, batch: EngineBatch, maxTime: EngineTime | null): PushReport {
    this.#engine.push(input, batch.rows, batch.source, this.#writers[input]!.write(batch), maxTime);
    const words = this.#words;
    const times = this.#times[input]!;
    const timed = words[StreamWord.hasTimes] === 1;
    return {
      rows: words[StreamWord.rows]!,
      late: words[StreamWord.late]!,
      tooFarAhead: words[StreamWord.tooFarAhead]!,
      nullTime: words[StreamWord.nullTime]!,
      nullKey: words[StreamWord.nullKey]!,
      minTime: timed ? times[StreamWord.minTime]! : null,
      maxTime: timed ? times[StreamWord.maxTime]! : null,
    };
  }

  advance(input: number, time: EngineTime): void {
    this.#engine.advance(input, time);
  }

  end(): void {
    this.#engine.end();
  }

  emit(maxRows: number): EngineOutput {
    return this.#reader.read(this.#engine.emit(maxRows));
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
    return this.#words[StreamWord.stateRows + input]!;
  }

  stateBytes(): number {
    return this.#words[StreamWord.stateBytes]!;
  }

  holdBeside(bytes: number): void {
    this.#engine.holdBeside(bytes);
  }

  pendingRows(): number {
    return this.#words[StreamWord.pendingRows]!;
  }

  oldestPending(): EngineTime | null {
    return this.#words[StreamWord.hasOldest] === 1 ? this.#times[0]![StreamWord.oldest]! : null;
  }

  reset(): void {
    this.#engine.reset();
  }
}
