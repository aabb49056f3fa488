/** What differs from feed to feed: how one says hello, and what its messages mean. */
import type { Schema } from 'apache-arrow';

import type { PlainRow } from '../types.js';

export const FEED_KINDS = ['trades', 'quotes', 'bars'] as const;
export type FeedKind = (typeof FEED_KINDS)[number];

/** Symbols per kind; `['*']` for all that the feed has. */
export type Subscription = Readonly<Partial<Record<FeedKind, readonly string[]>>>;

export interface FeedRow {
  readonly kind: FeedKind;
  readonly symbol: string;
  readonly row: PlainRow;
  /** Names the event for ever (trade id, or sequence number); null where the feed gives none. */
  readonly identity: string | null;
  /** Number that grows by one per symbol and kind; null where the feed gives none. */
  readonly sequence: bigint | null;
}

/** What a message says. */
export type FeedEvent =
  | { readonly is: 'connected' | 'authenticated' | 'subscribed' | 'other' }
  | ({ readonly is: 'row' } & FeedRow)
  | { readonly is: 'malformed'; readonly reason: string }
  /** `fatal`: trying again would not help. */
  | { readonly is: 'refused'; readonly reason: string; readonly code: string; readonly fatal: boolean };

export interface FeedProtocol {
  readonly name: string;
  readonly schemas: Readonly<Record<FeedKind, Schema>>;
  /** Sent after `connected`; `authenticated` or a refusal must follow. */
  authenticate(): string;
  /** Sent after `authenticated`, again after each reconnection. */
  subscribe(subscription: Subscription): string;
  /** The events of one message, parsed already. */
  read(message: unknown): readonly FeedEvent[];
}
