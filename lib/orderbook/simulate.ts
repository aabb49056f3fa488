/**
 * Simulated markets on the real matching core: trades and quotes are what the books did with the order flow, and the
 * order events, replayed, give the same books. The work runs on the addon's threads; columns are the addon's memory.
 */
import { type RecordBatch, Table } from 'apache-arrow';

import { createError, fromNative } from '../errors/from-native.js';
import { loadAddon, type NativeAddon } from '../internal/native.js';
import type { NativeSimBatch, NativeSimulation } from '../internal/native-sim.js';
import { requireBookAddon } from './addon.js';
import { SimulatedColumns, type SimulatedBatch } from './simulate-columns.js';
import { parseSimulateOptions, type SimulateMarketOptions, type SimulationPlan } from './simulate-options.js';

export type { SimulatedBatch } from './simulate-columns.js';

export interface SimulatedMarket {
  /**
   * `timestamp` (ns), `symbol`, `price`, `size`, `side` (of the order that came in), `sequence` (of its event),
   * `maker_id`, `taker_id`; in time order over all symbols.
   */
  readonly trades: Table;
  /** The best prices after each command that changed them: `bid`, `bid_size`, `ask`, `ask_size`; an empty side is null. */
  readonly quotes: Table;
  /**
   * The complete feed: `timestamp`, `symbol`, `sequence`, `kind`, `side` (of the resting order), `price` (in ticks),
   * `quantity`, `order_id`, `new_order_id` (of a replace), `flags`, `instrument`. The books at the start come first.
   */
  readonly events: Table;
}

/** Whether this machine has the addon, without which there is no simulator. */
export function canSimulate(): boolean {
  return typeof loadAddon().addon?.simulateOpen === 'function';
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw createError('FS_ERR_ABORTED', 'the simulation was aborted by its signal', { cause: signal.reason });
}

async function nextBatch(
  addon: NativeAddon,
  simulation: NativeSimulation,
  plan: SimulationPlan,
): Promise<NativeSimBatch> {
  const { signal } = plan;
  throwIfAborted(signal);
  let cancel: (() => void) | null = null;
  try {
    const task = addon.simulateNext(simulation, plan.batchSize);
    cancel = () => task.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const batch = await task.promise;
    // The work may have ended before it saw the signal; the caller must not be handed what it gave up.
    throwIfAborted(signal);
    return batch;
  } catch (error) {
    throwIfAborted(signal);
    throw fromNative(error);
  } finally {
    if (cancel !== null) signal?.removeEventListener('abort', cancel);
  }
}

async function* generate(plan: SimulationPlan, addon: NativeAddon): AsyncGenerator<SimulatedBatch, void, undefined> {
  let simulation: NativeSimulation;
  try {
    simulation = addon.simulateOpen(plan.request);
  } catch (error) {
    throw fromNative(error);
  }
  const columns = new SimulatedColumns(plan.names);
  for (let done = false; !done;) {
    const batch = await nextBatch(addon, simulation, plan);
    done = batch.done;
    yield columns.batch(batch);
  }
}

/**
 * The market batch by batch, in bounded memory: each batch has the trades, quotes and events of the same stretch of time,
 * as record batches (some may be empty; the schemas are the same throughout). Made as they are asked for. Options are
 * checked at the call: FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_ADDON_UNAVAILABLE; while it runs
 * FS_ERR_ABORTED, FS_ERR_OUT_OF_MEMORY.
 */
export function simulateMarketBatches(
  options: SimulateMarketOptions = {},
): AsyncGenerator<SimulatedBatch, void, undefined> {
  const plan = parseSimulateOptions(options);
  return generate(plan, requireBookAddon('market simulator', 'simulateOpen'));
}

function tableOf(batches: readonly RecordBatch[]): Table {
  const [first] = batches;
  if (first === undefined) throw createError('FS_ERR_INTERNAL', 'the simulator returned no batch');
  const full = batches.filter((batch) => batch.numRows > 0);
  return new Table(first.schema, full.length > 0 ? full : [first]);
}

/**
 * The whole market as three tables. Memory: about 61 bytes an event, 57 a trade, 52 a quote; for long runs use
 * `simulateMarketBatches`. Errors as there, all by rejection.
 */
export async function simulateMarket(options: SimulateMarketOptions = {}): Promise<SimulatedMarket> {
  const [trades, quotes, events]: [RecordBatch[], RecordBatch[], RecordBatch[]] = [[], [], []];
  for await (const batch of simulateMarketBatches(options)) {
    trades.push(batch.trades);
    quotes.push(batch.quotes);
    events.push(batch.events);
  }
  return { trades: tableOf(trades), quotes: tableOf(quotes), events: tableOf(events) };
}
