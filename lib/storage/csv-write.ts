/**
 * CSV as RFC 4180: comma, CRLF-free lines ended by LF, quotes where needed. Nulls are empty, empty strings are "".
 * Timestamps are ISO 8601 with nine decimals (and Z where the column has a zone); integers, decimals and times are
 * exact; floats are the shortest text that reads back as the same value. O(values).
 */
import { DataType, TimeUnit, Vector, type Data, type RecordBatch, type Schema } from 'apache-arrow';
import { gzip } from 'node:zlib';
import { promisify } from 'node:util';
import { createError } from '../errors/from-native.js';
import { abortError } from './io-error.js';
import { conform } from './conform.js';
import type { ByteSink } from './atomic-file.js';

const NS: Readonly<Record<TimeUnit, bigint>> = {
  [TimeUnit.SECOND]: 1_000_000_000n,
  [TimeUnit.MILLISECOND]: 1_000_000n,
  [TimeUnit.MICROSECOND]: 1000n,
  [TimeUnit.NANOSECOND]: 1n,
};

const NS_PER_DAY = 86_400_000_000_000n;

function pad(value: number | bigint, width: number): string {
  return String(value).padStart(width, '0');
}

/** `YYYY-MM-DD` of a day count (Howard Hinnant's civil_from_days); years beyond 9999 get a sign. */
function dateText(days: number): string {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const ofEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const yearText = year >= 0 && year <= 9999 ? pad(year, 4) : `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;
  return `${yearText}-${pad(month, 2)}-${pad(day, 2)}`;
}

function clockText(nanos: bigint): string {
  const seconds = Number(nanos / 1_000_000_000n);
  const clock = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return `${clock}.${pad(nanos % 1_000_000_000n, 9)}`;
}

function instantText(value: bigint, unit: TimeUnit, zone: string): string {
  const nanos = value * NS[unit];
  const ofDay = ((nanos % NS_PER_DAY) + NS_PER_DAY) % NS_PER_DAY;
  return `${dateText(Number((nanos - ofDay) / NS_PER_DAY))}T${clockText(ofDay)}${zone}`;
}

function decimalText(words: Uint32Array, at: number, count: number, scale: number): string {
  let value = 0n;
  for (let i = count - 1; i >= 0; i--) value = (value << 32n) | BigInt(words[at + i] ?? 0);
  value = BigInt.asIntN(count * 32, value);
  const digits = pad(value < 0n ? -value : value, scale + 1);
  const sign = value < 0n ? '-' : '';
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function floatText(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

/** Quotes text where a reader would need it; the empty string always, because nothing means null. */
export function quoteField(text: string): string {
  return text === '' || /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

type Format = (row: number) => string;

function formatter(data: Data, name: string): Format {
  const { type, values } = data;
  if (DataType.isTimestamp(type)) {
    const zone = type.timezone === null || type.timezone === undefined || type.timezone === '' ? '' : 'Z';
    return (row) => instantText(BigInt(values[row]), type.unit, zone);
  }
  if (DataType.isTime(type)) return (row) => clockText(BigInt(values[row]) * NS[type.unit]);
  if (DataType.isDate(type)) {
    // Days as int32, or milliseconds as int64.
    return (row) =>
      dateText(typeof values[row] === 'bigint' ? Math.floor(Number(values[row]) / 86_400_000) : values[row]);
  }
  if (DataType.isInt(type) || DataType.isDuration(type)) return (row) => String(values[row]);
  if (DataType.isDecimal(type)) {
    const words = type.bitWidth / 32;
    return (row) => decimalText(values, row * words, words, type.scale);
  }
  if (DataType.isDictionary(type)) return dictionaryFormatter(data, name);
  const vector = vectorOf(data);
  if (DataType.isFloat(type)) {
    // The shortest text of a float32 is that of its own precision, not of the double it is read as.
    if (type.precision === 1) return (row) => float32Text(Number(vector.get(row)));
    return (row) => floatText(Number(vector.get(row)));
  }
  if (DataType.isBool(type)) return (row) => (vector.get(row) === true ? 'true' : 'false');
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) {
    return (row) => quoteField(String(vector.get(row)));
  }
  if (DataType.isNull(type)) return () => '';
  throw createError(
    'FS_ERR_SCHEMA',
    `column ${name}: ${type} has no form in CSV; leave it out or write Parquet or Arrow`,
    {
      details: { column: name },
    },
  );
}

function float32Text(value: number): string {
  if (!Number.isFinite(value) || Object.is(value, -0)) return floatText(value);
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
}

function dictionaryFormatter(data: Data, name: string): Format {
  const parts = data.dictionary?.data ?? [];
  const texts: (string | null)[] = [];
  for (const part of parts) {
    const format = formatter(part, name);
    for (let row = 0; row < part.length; row++) texts.push(part.getValid(row) ? format(row) : null);
  }
  const { values } = data;
  return (row) => texts[Number(values[row])] ?? '';
}

function vectorOf(data: Data): Vector {
  return new Vector([data]);
}

const FLUSH_CHARACTERS = 1 << 20;
const compress = promisify(gzip);

/** Writes header and rows to `sink`, packed by members of gzip when `packed`; returns the rows. */
export async function writeCsv(
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  sink: ByteSink,
  packed: boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  let text = `${schema.fields.map((field) => quoteField(field.name)).join(',')}\n`;
  let rows = 0;
  let index = 0;
  const flush = async (): Promise<void> => {
    if (signal?.aborted === true) throw abortError('the write');
    const bytes = Buffer.from(text, 'utf8');
    text = '';
    await sink.write([packed ? await compress(bytes) : bytes]);
  };
  for await (const batch of batches) {
    const { data } = conform(batch, schema, index++);
    const columns = data.children.map((child, column) => ({
      child,
      format: formatter(child, schema.fields[column]?.name ?? ''),
    }));
    for (let row = 0; row < data.length; row++) {
      let line = '';
      for (const [column, { child, format }] of columns.entries()) {
        if (column > 0) line += ',';
        if (child.getValid(row)) line += format(row);
      }
      text += `${line}\n`;
      if (text.length > FLUSH_CHARACTERS) await flush();
    }
    rows += data.length;
  }
  if (text !== '') await flush();
  return rows;
}
