/** Market feeds by name. */
import { rejectUnknown, requireName, requireOneOf } from '../../../internal/validate.js';
import { type AlpacaCredentials, alpacaProtocol } from './alpaca.js';
import { type FeedOptions, MarketFeed } from './market-feed.js';
import { type PolygonCredentials, polygonProtocol } from './polygon.js';

export type { FeedGap } from './event-tracking.js';
export { type FeedOptions, type FeedStats, MarketFeed, type OverflowPolicy } from './market-feed.js';
export type { FeedKind } from './protocol.js';
export type { BackoffOptions, FeedClock } from './timers.js';

const COMMON = [
  ...['trades', 'quotes', 'bars', 'url', 'bufferRows', 'overflow', 'batchRows', 'reconnect', 'heartbeatMs'],
  ...['silenceMs', 'handshakeMs', 'dedupWindow', 'signal', 'onGap', 'onReconnect', 'onMalformed', 'clock', 'random'],
];

export interface AlpacaFeedOptions extends FeedOptions, AlpacaCredentials {
  /** Which feed, where no `url` is given; default `'iex'`. */
  readonly feed?: 'iex' | 'sip' | 'delayed_sip' | 'test';
}

/** Alpaca's market data over a WebSocket: `feed.trades`, `feed.quotes`, `feed.bars`. Needs the package `ws`. */
export function alpacaFeed(options: AlpacaFeedOptions): MarketFeed {
  rejectUnknown(options as unknown as Record<string, unknown>, 'options', [...COMMON, 'key', 'secret', 'feed']);
  const key = requireName(options.key, 'key');
  const secret = requireName(options.secret, 'secret');
  const feed =
    options.feed === undefined ? 'iex' : requireOneOf(options.feed, 'feed', ['iex', 'sip', 'delayed_sip', 'test']);
  const url = options.url ?? `wss://stream.data.alpaca.markets/v2/${feed}`;
  return new MarketFeed(alpacaProtocol({ key, secret }), url, options);
}

export interface PolygonFeedOptions extends FeedOptions, PolygonCredentials {
  /** Which market, where no `url` is given; default `'stocks'`. */
  readonly cluster?: 'stocks' | 'options' | 'forex' | 'crypto' | 'indices';
}

/** Polygon's market data over a WebSocket: `feed.trades`, `feed.quotes`, `feed.bars`. Needs the package `ws`. */
export function polygonFeed(options: PolygonFeedOptions): MarketFeed {
  const known = [...COMMON, 'key', 'timestampUnit', 'barSpan', 'cluster'];
  rejectUnknown(options as unknown as Record<string, unknown>, 'options', known);
  const key = requireName(options.key, 'key');
  const { timestampUnit = 'ms', barSpan = 'minute', cluster = 'stocks' } = options;
  requireOneOf(timestampUnit, 'timestampUnit', ['s', 'ms', 'us', 'ns']);
  requireOneOf(barSpan, 'barSpan', ['minute', 'second']);
  requireOneOf(cluster, 'cluster', ['stocks', 'options', 'forex', 'crypto', 'indices']);
  const url = options.url ?? `wss://socket.polygon.io/${cluster}`;
  return new MarketFeed(polygonProtocol({ key, timestampUnit, barSpan }), url, options);
}
