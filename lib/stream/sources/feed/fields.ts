/** Fields of feed messages: each is of its type or the message is malformed, by name. */
import { isRecord } from '../../../internal/validate.js';

export type Fields = Readonly<Record<string, unknown>>;

/** Thrown inside a protocol's reader, which makes a `malformed` event of it. */
export class MalformedMessage extends Error {}

export function fieldsOf(value: unknown): Fields {
  if (!isRecord(value)) throw new MalformedMessage('not an object');
  return value;
}

export function textOf(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string' || value === '') throw new MalformedMessage(`${key} is no text`);
  return value;
}

export function numberOf(fields: Fields, key: string): number {
  const value = fields[key];
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'number') throw new MalformedMessage(`${key} is no number`);
  return value;
}

export function optionalNumber(fields: Fields, key: string): number | null {
  return fields[key] == null ? null : numberOf(fields, key);
}

/** Text, or a number as text: ids and exchanges are either, by feed. */
export function optionalText(fields: Fields, key: string): string | null {
  const value = fields[key];
  if (value == null) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value);
  throw new MalformedMessage(`${key} is neither text nor a whole number`);
}

/** One or several condition codes, joined by commas. */
export function conditionsOf(fields: Fields, key: string): string | null {
  const value = fields[key];
  if (value == null) return null;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map(String).join(',');
}

export function optionalInteger(fields: Fields, key: string): bigint | null {
  const value = fields[key];
  if (value == null) return null;
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new MalformedMessage(`${key} is no whole number`);
  return BigInt(value);
}
