/**
 * A book as a replay would write it, row by row, from order events: a naive book in TypeScript that shares nothing with
 * the product. Columns time, symbol, bid_price_k … ask_size_k, trade_count, trade_volume, last_trade_price and side.
 */
import {
  Dictionary,
  Float64,
  Int32,
  type RecordBatch,
  Table,
  TimestampNanosecond,
  Utf8,
  Vector,
  makeData,
  vectorFromArray,
} from 'apache-arrow';

export interface NaiveEvent {
  readonly timeNs: bigint;
  readonly sequence: bigint;
  readonly kind: string;
  readonly side: 'buy' | 'sell';
  readonly price: number;
  readonly quantity: number;
  readonly id: bigint;
  readonly newId: bigint;
}

interface Order {
  side: 'buy' | 'sell';
  price: number;
  quantity: number;
}

/** Orders by id; levels are summed when they are asked for. */
export class NaiveBook {
  readonly #orders = new Map<bigint, Order>();

  apply(event: NaiveEvent): void {
    const order = this.#orders.get(event.id);
    if (event.kind === 'add') {
      this.#orders.set(event.id, { side: event.side, price: event.price, quantity: event.quantity });
      return;
    }
    if (order === undefined) throw new Error(`${event.kind} of the unknown order ${event.id}`);
    if (event.kind === 'delete') this.#orders.delete(event.id);
    else if (event.kind === 'replace') {
      this.#orders.delete(event.id);
      this.#orders.set(event.newId, { side: order.side, price: event.price, quantity: event.quantity });
    } else {
      order.quantity -= event.quantity;
      if (order.quantity < 0) throw new Error(`order ${event.id} below zero`);
      if (order.quantity === 0) this.#orders.delete(event.id);
    }
  }

  depth(side: 'buy' | 'sell', levels: number): [price: number, size: number][] {
    const sizes = new Map<number, number>();
    for (const order of this.#orders.values()) {
      if (order.side === side) sizes.set(order.price, (sizes.get(order.price) ?? 0) + order.quantity);
    }
    return [...sizes].sort((a, b) => (side === 'buy' ? b[0] - a[0] : a[0] - b[0])).slice(0, levels);
  }
}

/** Events of one symbol out of the simulator's table. Prices in ticks. */
export function eventsOf(events: Table, symbol: string): NaiveEvent[] {
  const column = (name: string): Vector => events.getChild(name)!;
  const [time, name, kind, side] = [column('timestamp'), column('symbol'), column('kind'), column('side')];
  const [price, quantity, id, newId] = [
    column('price'),
    column('quantity'),
    column('order_id'),
    column('new_order_id'),
  ];
  const sequence = column('sequence');
  const times = time.data.map((data) => data.values as BigInt64Array);
  const found: NaiveEvent[] = [];
  let row = 0;
  for (const chunk of times) {
    for (const timeNs of chunk) {
      if (name.get(row) === symbol) {
        found.push({
          timeNs,
          sequence: sequence.get(row) as bigint,
          kind: String(kind.get(row)),
          side: side.get(row) as 'buy' | 'sell',
          price: Number(price.get(row)),
          quantity: Number(quantity.get(row)),
          id: id.get(row) as bigint,
          newId: newId.get(row) as bigint,
        });
      }
      row++;
    }
  }
  return found;
}

export interface BookRow {
  readonly timeNs: bigint;
  readonly bids: readonly (readonly [number, number])[];
  readonly asks: readonly (readonly [number, number])[];
  readonly trade?: { readonly price: number; readonly size: number; readonly restingSide: 'buy' | 'sell' };
}

/** One batch of rows as `flowstate book replay` lays them out; a missing level is null. */
export function bookBatch(rows: readonly BookRow[], levels: number, symbol = 'SIM'): RecordBatch {
  const columns: Record<string, Vector> = {};
  const times = BigInt64Array.from(rows, ({ timeNs }) => timeNs);
  const type = new TimestampNanosecond();
  columns.time = new Vector([makeData({ type, length: rows.length, data: times })]);
  columns.symbol = vectorFromArray(
    rows.map(() => symbol),
    new Dictionary(new Utf8(), new Int32()),
  );
  const numbers = (pick: (row: BookRow) => number | null | undefined): Vector =>
    vectorFromArray(
      rows.map((row) => pick(row) ?? null),
      new Float64(),
    );
  for (const [prefix, pick] of [
    ['bid', (row: BookRow) => row.bids],
    ['ask', (row: BookRow) => row.asks],
  ] as const) {
    for (let level = 0; level < levels; level++) {
      columns[`${prefix}_price_${level + 1}`] = numbers((row) => pick(row)[level]?.[0]);
      columns[`${prefix}_size_${level + 1}`] = numbers((row) => pick(row)[level]?.[1]);
    }
  }
  columns.trade_count = numbers((row) => (row.trade === undefined ? 0 : 1));
  columns.trade_volume = numbers((row) => row.trade?.size ?? 0);
  columns.last_trade_price = numbers((row) => row.trade?.price);
  columns.last_trade_side = vectorFromArray(
    rows.map((row) => row.trade?.restingSide ?? null),
    new Dictionary(new Utf8(), new Int32()),
  );
  return new Table(columns).batches[0]!;
}
