/**
 * Polygon's stream: arrays of objects with `ev`. Times are whole epoch milliseconds, or nanoseconds on feeds that say so
 * (`timestampUnit`). `q` numbers the events of a symbol; on the consolidated feeds it grows but skips numbers, so that
 * its gaps are a hint there, and rows are never refused for them.
 */
import { isRecord } from '../../../internal/validate.js';
import {
  conditionsOf,
  type Fields,
  fieldsOf,
  MalformedMessage,
  numberOf,
  optionalInteger,
  optionalNumber,
  optionalText,
  textOf,
} from './fields.js';
import type { FeedEvent, FeedKind, FeedProtocol, Subscription } from './protocol.js';
import { FEED_SCHEMAS } from './schemas.js';
import { type EpochUnit, parseEpoch } from './timestamps.js';

export interface PolygonCredentials {
  readonly key: string;
  /** Unit of the times; default `'ms'`. */
  readonly timestampUnit?: EpochUnit;
  /** Bars: `'minute'` (default) or `'second'`. */
  readonly barSpan?: 'minute' | 'second';
}

const EVENTS: Readonly<Record<FeedKind, (barSpan: 'minute' | 'second') => string>> = {
  trades: () => 'T',
  quotes: () => 'Q',
  bars: (barSpan) => (barSpan === 'minute' ? 'AM' : 'A'),
};

export function polygonProtocol(credentials: PolygonCredentials): FeedProtocol {
  const { key, timestampUnit = 'ms', barSpan = 'minute' } = credentials;
  const timeOf = (fields: Fields, name: string): bigint => {
    const time = parseEpoch(fields[name], timestampUnit);
    if (time === null) throw new MalformedMessage(`${name} is no whole epoch time`);
    return time;
  };

  const trade = (fields: Fields): FeedEvent => {
    const symbol = textOf(fields, 'sym');
    const id = optionalText(fields, 'i');
    const exchange = optionalText(fields, 'x');
    const sequence = optionalInteger(fields, 'q');
    const row = {
      timestamp: timeOf(fields, 't'),
      symbol,
      price: numberOf(fields, 'p'),
      size: numberOf(fields, 's'),
      exchange,
      id,
      conditions: conditionsOf(fields, 'c'),
      sequence,
    };
    // Ids are one exchange's (or trade reporting facility's); numbers are the symbol's.
    const facility = optionalText(fields, 'trfi') ?? '';
    const named = id === null ? null : `${symbol}|${exchange ?? ''}|${facility}|${id}`;
    const identity = sequence === null ? named : `${symbol}#${sequence}`;
    return { is: 'row', kind: 'trades', symbol, row, identity, sequence };
  };

  const quote = (fields: Fields): FeedEvent => {
    const symbol = textOf(fields, 'sym');
    const sequence = optionalInteger(fields, 'q');
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
      sequence,
    };
    return {
      is: 'row',
      kind: 'quotes',
      symbol,
      row,
      identity: sequence === null ? null : `${symbol}#${sequence}`,
      sequence,
    };
  };

  const bar = (fields: Fields): FeedEvent => {
    const symbol = textOf(fields, 'sym');
    const timestamp = timeOf(fields, 's');
    const row = {
      timestamp,
      end: timeOf(fields, 'e'),
      symbol,
      open: numberOf(fields, 'o'),
      high: numberOf(fields, 'h'),
      low: numberOf(fields, 'l'),
      close: numberOf(fields, 'c'),
      volume: optionalNumber(fields, 'v'),
      vwap: optionalNumber(fields, 'vw'),
    };
    return { is: 'row', kind: 'bars', symbol, row, identity: `${symbol}|${timestamp}`, sequence: null };
  };

  const status = (fields: Fields): FeedEvent => {
    switch (fields.status) {
      case 'connected':
        return { is: 'connected' };
      case 'auth_success':
        return { is: 'authenticated' };
      case 'success':
        return { is: 'subscribed' };
      case 'auth_failed':
      case 'not_authorized':
      case 'error':
        return { is: 'refused', reason: String(fields.message), code: String(fields.status), fatal: true };
      case 'max_connections':
      case 'auth_timeout':
        return { is: 'refused', reason: String(fields.message), code: String(fields.status), fatal: false };
      default:
        return { is: 'other' };
    }
  };

  const readOne = (item: unknown): FeedEvent => {
    try {
      const fields = fieldsOf(item);
      switch (fields.ev) {
        case 'T':
          return trade(fields);
        case 'Q':
          return quote(fields);
        case 'A':
        case 'AM':
          return bar(fields);
        case 'status':
          return status(fields);
        default:
          if (typeof fields.ev !== 'string') throw new MalformedMessage('there is no ev');
          return { is: 'other' };
      }
    } catch (error) {
      if (error instanceof MalformedMessage) return { is: 'malformed', reason: error.message };
      throw error;
    }
  };

  return {
    name: 'polygon',
    schemas: FEED_SCHEMAS,
    authenticate: () => JSON.stringify({ action: 'auth', params: key }),
    subscribe: (subscription: Subscription) => {
      const params = Object.entries(subscription).flatMap(([kind, symbols]) =>
        symbols.map((symbol) => `${EVENTS[kind as FeedKind](barSpan)}.${symbol}`),
      );
      return JSON.stringify({ action: 'subscribe', params: params.join(',') });
    },
    read: (message) => {
      if (Array.isArray(message)) return message.map(readOne);
      return [isRecord(message) ? readOne(message) : { is: 'malformed', reason: 'not an array' }];
    },
  };
}
