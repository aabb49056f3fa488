/**
 * Alpaca's market data stream, version 2: arrays of objects with `T`. Times are RFC 3339 with nanoseconds. Trades have
 * ids; quotes have nothing that names them, so that a repeated quote cannot be told from an equal one and is kept.
 */
import { isRecord } from '../../../internal/validate.js';
import {
  conditionsOf,
  type Fields,
  fieldsOf,
  MalformedMessage,
  numberOf,
  optionalNumber,
  optionalText,
  textOf,
} from './fields.js';
import type { FeedEvent, FeedProtocol, Subscription } from './protocol.js';
import { FEED_SCHEMAS } from './schemas.js';
import { parseRfc3339 } from './timestamps.js';

const MINUTE_NS = 60_000_000_000n;
const DAY_NS = 86_400_000_000_000n;
/** Wrong key, not allowed, subscription not bought, malformed request: the next attempt would get the same answer. */
const FATAL = new Set([400, 401, 402, 405, 409, 410]);

export interface AlpacaCredentials {
  readonly key: string;
  readonly secret: string;
}

function timeOf(fields: Fields, key: string): bigint {
  const time = parseRfc3339(textOf(fields, key));
  if (time === null) throw new MalformedMessage(`${key} is no RFC 3339 time`);
  return time;
}

function trade(fields: Fields): FeedEvent {
  const symbol = textOf(fields, 'S');
  const id = optionalText(fields, 'i');
  const exchange = optionalText(fields, 'x');
  const row = {
    timestamp: timeOf(fields, 't'),
    symbol,
    price: numberOf(fields, 'p'),
    size: numberOf(fields, 's'),
    exchange,
    id,
    conditions: conditionsOf(fields, 'c'),
  };
  return {
    is: 'row',
    kind: 'trades',
    symbol,
    row,
    identity: id === null ? null : `${symbol}|${exchange ?? ''}|${id}`,
    sequence: null,
  };
}

function quote(fields: Fields): FeedEvent {
  const symbol = textOf(fields, 'S');
  const row = {
    timestamp: timeOf(fields, 't'),
    symbol,
    bid: optionalNumber(fields, 'bp'),
    bid_size: optionalNumber(fields, 'bs'),
    ask: optionalNumber(fields, 'ap'),
    ask_size: optionalNumber(fields, 'as'),
    bid_exchange: optionalText(fields, 'bx'),
    ask_exchange: optionalText(fields, 'ax'),
    conditions: conditionsOf(fields, 'c'),
  };
  return { is: 'row', kind: 'quotes', symbol, row, identity: null, sequence: null };
}

function bar(fields: Fields, spanNs: bigint): FeedEvent {
  const symbol = textOf(fields, 'S');
  const timestamp = timeOf(fields, 't');
  const row = {
    timestamp,
    end: timestamp + spanNs,
    symbol,
    open: numberOf(fields, 'o'),
    high: numberOf(fields, 'h'),
    low: numberOf(fields, 'l'),
    close: numberOf(fields, 'c'),
    volume: optionalNumber(fields, 'v'),
    vwap: optionalNumber(fields, 'vw'),
  };
  // A bar of one start comes once; its update ('u') is another kind of message.
  return { is: 'row', kind: 'bars', symbol, row, identity: `${symbol}|${spanNs}|${timestamp}`, sequence: null };
}

function control(fields: Fields): FeedEvent {
  if (fields.T === 'success') {
    if (fields.msg === 'connected') return { is: 'connected' };
    if (fields.msg === 'authenticated') return { is: 'authenticated' };
    return { is: 'other' };
  }
  if (fields.T === 'subscription') return { is: 'subscribed' };
  const code = Number(fields.code);
  return { is: 'refused', reason: String(fields.msg), code: String(fields.code), fatal: FATAL.has(code) };
}

function readOne(item: unknown): FeedEvent {
  try {
    const fields = fieldsOf(item);
    switch (fields.T) {
      case 't':
        return trade(fields);
      case 'q':
        return quote(fields);
      case 'b':
        return bar(fields, MINUTE_NS);
      case 'd':
        return bar(fields, DAY_NS);
      case 'success':
      case 'subscription':
      case 'error':
        return control(fields);
      default:
        if (typeof fields.T !== 'string') throw new MalformedMessage('there is no T');
        return { is: 'other' };
    }
  } catch (error) {
    if (error instanceof MalformedMessage) return { is: 'malformed', reason: error.message };
    throw error;
  }
}

export function alpacaProtocol({ key, secret }: AlpacaCredentials): FeedProtocol {
  return {
    name: 'alpaca',
    schemas: FEED_SCHEMAS,
    authenticate: () => JSON.stringify({ action: 'auth', key, secret }),
    subscribe: (subscription: Subscription) => JSON.stringify({ action: 'subscribe', ...subscription }),
    read: (message) => {
      if (Array.isArray(message)) return message.map(readOne);
      return [isRecord(message) ? readOne(message) : { is: 'malformed', reason: 'not an array' }];
    },
  };
}
