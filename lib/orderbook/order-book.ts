/**
 * An order book that matches: integer prices, price-time priority, every command answered by a value. Rules are in
 * docs/design/order-book.md. A refused command is a value too (`ok: false`) and changes nothing; only misuse throws:
 * FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_CLOSED.
 *
 * One command costs some ten microseconds here, nearly all of it the way into native code and back. In batches
 * (`applyBatch`) it costs less than a hundredth of that.
 */
import type { RecordBatch, Table } from 'apache-arrow';

import type { NativeAddon } from '../internal/native.js';
import { NativeCommandKind, type NativeBook } from '../internal/native-book.js';
import { fail, rejectUnknown, requireInteger, requireOneOf, requireRecord, typeError } from '../internal/validate.js';
import { callNative, requireBookAddon } from './addon.js';
import { type BatchResult, batchResult, type CommandBatch, parseBatch } from './batch.js';
import { CommandRow } from './command-row.js';
import { ORDER_TYPES, POST_ONLY, SELF_TRADE, SIDES, TIMES_IN_FORCE, numberOf, type Side } from './names.js';
import { type PriceLike, type TickSize, toInt64, toTicks, toUint64, type Whole } from './numbers.js';
import { type OrderBookOptions, parseBookOptions } from './options.js';
import { readBookStats, readDeltas, readLevels, readOrders } from './read-words.js';
import type {
  Bbo,
  BookStats,
  ChangeRequest,
  DepthLevel,
  LevelDeltas,
  OrderRequest,
  OrderResult,
  QueuePosition,
  ReplaceRequest,
  RestingOrder,
} from './types.js';

const ORDER_KEYS = [
  'id',
  'side',
  'price',
  'quantity',
  'type',
  'timeInForce',
  'postOnly',
  'stopPrice',
  'displayQuantity',
  'owner',
  'selfTrade',
  'time',
] as const satisfies readonly (keyof OrderRequest)[];
const CHANGE_KEYS = ['price', 'quantity', 'time'] as const satisfies readonly (keyof ChangeRequest)[];
const REPLACE_KEYS = [...CHANGE_KEYS, 'newId'] as const satisfies readonly (keyof ReplaceRequest)[];
const MOST_OWNER = 2 ** 32 - 1;

export class OrderBook {
  readonly #addon: NativeAddon;
  readonly #handle: NativeBook;
  readonly #tickSize: TickSize | null;
  readonly #row = new CommandRow();
  readonly #records: boolean;
  #closed = false;

  /** Throws FS_ERR_ADDON_UNAVAILABLE where there is no addon, and the errors of `parseBookOptions`. */
  constructor(options?: OrderBookOptions) {
    const { tickSize, native } = parseBookOptions(options);
    this.#addon = requireBookAddon();
    this.#tickSize = tickSize;
    this.#records = native.deltas;
    this.#handle = callNative(() => this.#addon.bookOpen(native));
  }

  /** A book as `snapshot()` left it; options as for a new one. FS_ERR_CORRUPT for bytes that are no snapshot. */
  static restore(bytes: Uint8Array, options?: OrderBookOptions): OrderBook {
    const book = new OrderBook(options);
    try {
      book.restore(bytes);
    } catch (error) {
      book.close();
      throw error;
    }
    return book;
  }

  /** A new order. O(1) plus O(1) per fill. */
  addOrder(order: OrderRequest): OrderResult {
    const given = requireRecord(order, 'order');
    rejectUnknown(given, 'order', ORDER_KEYS);
    const type = given.type === undefined ? 'limit' : requireOneOf(given.type, 'order.type', ORDER_TYPES);
    const needsPrice = type === 'limit' || type === 'stop-limit';
    const needsStop = type === 'stop' || type === 'stop-limit';
    const id = toUint64(given.id, 'order.id');
    const row = this.#row;
    row.clear();
    row.kind[0] = NativeCommandKind.add;
    row.side[0] = numberOf(SIDES, requireOneOf(given.side, 'order.side', SIDES));
    row.quantity[0] = toUint64(given.quantity, 'order.quantity');
    row.type[0] = numberOf(ORDER_TYPES, type);
    row.price[0] = this.#priceFor(given.price, needsPrice, `order.price of a ${type} order`);
    row.stopPrice[0] = this.#priceFor(given.stopPrice, needsStop, `order.stopPrice of a ${type} order`);
    if (given.timeInForce !== undefined) {
      row.timeInForce[0] = numberOf(
        TIMES_IN_FORCE,
        requireOneOf(given.timeInForce, 'order.timeInForce', TIMES_IN_FORCE),
      );
    }
    if (typeof given.postOnly === 'boolean') row.postOnly[0] = given.postOnly ? 1 : 0;
    else if (given.postOnly !== undefined) {
      row.postOnly[0] = numberOf(POST_ONLY, requireOneOf(given.postOnly, 'order.postOnly', POST_ONLY));
    }
    if (given.displayQuantity !== undefined) row.display[0] = toUint64(given.displayQuantity, 'order.displayQuantity');
    if (given.owner !== undefined) row.owner[0] = requireInteger(given.owner, 'order.owner', 0, MOST_OWNER);
    if (given.selfTrade !== undefined) {
      row.selfTrade[0] = numberOf(SELF_TRADE, requireOneOf(given.selfTrade, 'order.selfTrade', SELF_TRADE));
    }
    if (given.time !== undefined) row.time[0] = toInt64(given.time, 'order.time');
    return this.#run(id);
  }

  /** A resting order or a waiting stop leaves; `cancelled` is what was open. O(1). */
  cancelOrder(id: Whole): OrderResult {
    const row = this.#row;
    const exact = toUint64(id, 'id');
    row.clear();
    row.kind[0] = NativeCommandKind.cancel;
    return this.#run(exact);
  }

  /**
   * Another price or quantity. At the same price and not more than before it keeps its place; otherwise it enters again
   * at the end of the queue, and may trade. O(1).
   */
  modifyOrder(id: Whole, change: ChangeRequest): OrderResult {
    const exact = toUint64(id, 'id');
    this.#change(change, CHANGE_KEYS);
    this.#row.kind[0] = NativeCommandKind.modify;
    return this.#run(exact);
  }

  /** The order leaves and another enters in its stead, with its side and policies; its place is always lost. O(1). */
  replaceOrder(id: Whole, change: ReplaceRequest): OrderResult {
    const exact = toUint64(id, 'id');
    const given = this.#change(change, REPLACE_KEYS);
    this.#row.newId[0] = toUint64(given.newId, 'change.newId');
    this.#row.kind[0] = NativeCommandKind.replace;
    return this.#run(exact);
  }

  /** Orders and waiting stops leave, of one owner or side where told. How many. O(orders). */
  massCancel(which: { readonly owner?: number; readonly side?: Side } = {}): number {
    const given = requireRecord(which, 'which');
    rejectUnknown(given, 'which', ['owner', 'side']);
    const owner = given.owner === undefined ? null : requireInteger(given.owner, 'which.owner', 0, MOST_OWNER);
    const side = given.side === undefined ? null : numberOf(SIDES, requireOneOf(given.side, 'which.side', SIDES));
    return this.#call((handle) => this.#addon.bookMassCancel(handle, owner, side));
  }

  /**
   * Commands in columns, in order: typed arrays, or an Arrow table or batch with columns of the same names. The columns
   * are checked whole first (FS_ERR_LENGTH, FS_ERR_ARG_RANGE, FS_ERR_SCHEMA, and nothing has changed); then each command
   * is answered in its row, and a refused one does not stop the others. O(rows + fills).
   */
  applyBatch(commands: CommandBatch | Table | RecordBatch): BatchResult {
    const columns = parseBatch(commands);
    return batchResult(this.#call((handle) => this.#addon.bookApply(handle, columns)));
  }

  /** Best prices. O(1). */
  bbo(): Bbo {
    return { bid: this.bidDepth(1)[0] ?? null, ask: this.askDepth(1)[0] ?? null };
  }

  /** The best `levels` prices, best first. O(levels). */
  bidDepth(levels = 10): DepthLevel[] {
    return this.#depth('buy', levels);
  }

  askDepth(levels = 10): DepthLevel[] {
    return this.#depth('sell', levels);
  }

  /** Orders of a side in priority order, best price first. O(orders). */
  orders(side: Side): RestingOrder[] {
    return this.#orders(side, false);
  }

  /** Waiting stops of a side in the order in which they would be triggered. O(stops). */
  stops(side: Side): RestingOrder[] {
    return this.#orders(side, true);
  }

  /** The resting order or waiting stop, or null. O(1). */
  find(id: Whole): RestingOrder | null {
    const exact = toUint64(id, 'id');
    return readOrders(this.#call((handle) => this.#addon.bookFind(handle, exact)))[0] ?? null;
  }

  /** What trades before this order at its price; null where it does not rest. O(orders ahead). */
  queuePosition(id: Whole): QueuePosition | null {
    const exact = toUint64(id, 'id');
    const words = new BigUint64Array(this.#call((handle) => this.#addon.bookQueue(handle, exact)));
    const [orders, quantity] = words;
    return orders === undefined || quantity === undefined
      ? null
      : { ordersAhead: Number(orders), quantityAhead: quantity };
  }

  stats(): BookStats {
    return readBookStats(this.#call((handle) => this.#addon.bookStats(handle)));
  }

  /**
   * 64 bits over everything that decides what the book does next, or with `levels` over prices, quantities and counts
   * only. Books that behave alike have the same checksum, whatever their history and storage. O(orders).
   */
  checksum(what: 'book' | 'levels' = 'book'): bigint {
    const levelsOnly = requireOneOf(what, 'what', ['book', 'levels']) === 'levels';
    return this.#call((handle) => this.#addon.bookChecksum(handle, levelsOnly));
  }

  /** The book as bytes, versioned, with a checksum. O(orders). */
  snapshot(): Uint8Array {
    return new Uint8Array(this.#call((handle) => this.#addon.bookSnapshot(handle)));
  }

  /** Makes this book what the snapshot says. FS_ERR_CORRUPT, and nothing has changed. O(orders). */
  restore(bytes: Uint8Array): void {
    if (!ArrayBuffer.isView(bytes)) throw typeError('bytes', 'a Uint8Array', bytes);
    this.#call((handle) => this.#addon.bookRestore(handle, bytes));
  }

  /** Changes of levels since the last call. FS_ERR_ARG_RANGE where the book was made without `deltas: true`. */
  takeDeltas(): LevelDeltas {
    if (!this.#records) fail('FS_ERR_ARG_RANGE', 'takeDeltas() needs a book made with deltas: true');
    return readDeltas(this.#call((handle) => this.#addon.bookTakeDeltas(handle)));
  }

  /** Ticks of a price: `'187.25'` with a tick size, or ticks as they are. */
  ticksOf(price: PriceLike): bigint {
    return toTicks(price, this.#tickSize, 'price');
  }

  /** A price in ticks as a decimal; as the whole number it is without a tick size. */
  priceOf(ticks: bigint): string {
    const exact = toInt64(ticks, 'ticks');
    return this.#tickSize === null ? exact.toString() : this.#tickSize.textOf(exact);
  }

  /** Gives the memory back. Idempotent; every other call throws FS_ERR_CLOSED from then on. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    callNative(() => this.#addon.bookClose(this.#handle));
  }

  get closed(): boolean {
    return this.#closed;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #call<T>(call: (handle: NativeBook) => T): T {
    if (this.#closed) fail('FS_ERR_CLOSED', 'the order book is closed');
    return callNative(() => call(this.#handle));
  }

  #run(id: bigint): OrderResult {
    this.#row.id[0] = id;
    return this.#row.result(
      id,
      this.#call((handle) => this.#addon.bookCommand(handle, this.#row.slot)),
    );
  }

  #change(change: ChangeRequest, known: readonly string[]): Readonly<Record<string, unknown>> {
    const given = requireRecord(change, 'change');
    rejectUnknown(given, 'change', known);
    const row = this.#row;
    row.clear();
    row.price[0] = toTicks(given.price, this.#tickSize, 'change.price');
    row.quantity[0] = toUint64(given.quantity, 'change.quantity');
    if (given.time !== undefined) row.time[0] = toInt64(given.time, 'change.time');
    return given;
  }

  #priceFor(value: unknown, needed: boolean, where: string): bigint {
    if (needed) return toTicks(value, this.#tickSize, where);
    if (value !== undefined) fail('FS_ERR_ARG_RANGE', `${where} must be left out`, { received: value });
    return 0n;
  }

  #depth(side: Side, levels: number): DepthLevel[] {
    const count = requireInteger(levels, 'levels', 0, 2 ** 20);
    return readLevels(this.#call((handle) => this.#addon.bookDepth(handle, numberOf(SIDES, side), count)));
  }

  #orders(side: Side, stops: boolean): RestingOrder[] {
    const which = numberOf(SIDES, requireOneOf(side, 'side', SIDES));
    return readOrders(this.#call((handle) => this.#addon.bookOrders(handle, which, stops)));
  }
}
