/**
 * One command as a batch of one row, in arrays that are used again and again: interactive calls and batches go the same
 * way, so they cannot differ.
 */
import { fail } from '../internal/validate.js';
import type { NativeCommandResults, NativeCommands } from '../internal/native-book.js';
import { CANCEL_REASONS, ORDER_STATES, REJECTS, SIDES, type RejectReason } from './names.js';
import type { Fill, OrderResult, Removal } from './types.js';

export class CommandRow {
  readonly kind = new Uint8Array(1);
  readonly id = new BigUint64Array(1);
  readonly newId = new BigUint64Array(1);
  readonly side = new Uint8Array(1);
  readonly price = new BigInt64Array(1);
  readonly quantity = new BigUint64Array(1);
  readonly type = new Uint8Array(1);
  readonly timeInForce = new Uint8Array(1);
  readonly postOnly = new Uint8Array(1);
  readonly selfTrade = new Uint8Array(1);
  readonly stopPrice = new BigInt64Array(1);
  readonly display = new BigUint64Array(1);
  readonly owner = new Uint32Array(1);
  readonly time = new BigInt64Array(1);
  readonly columns: NativeCommands;

  constructor() {
    const { kind, id, newId, side, price, quantity, type, timeInForce, postOnly, selfTrade, stopPrice } = this;
    const { display, owner, time } = this;
    this.columns = {
      ...{ rows: 1, kind, id, newId, side, price, quantity, type, timeInForce, postOnly, selfTrade, stopPrice },
      ...{ display, owner, time },
    };
  }

  clear(): void {
    this.kind[0] = this.side[0] = this.type[0] = this.timeInForce[0] = this.postOnly[0] = this.selfTrade[0] = 0;
    this.id[0] = this.newId[0] = this.quantity[0] = this.display[0] = 0n;
    this.price[0] = this.stopPrice[0] = this.time[0] = 0n;
    this.owner[0] = 0;
  }

  /** The answer to this row. */
  result(id: bigint, results: NativeCommandResults): OrderResult {
    const status = new Uint8Array(results.status)[0]!;
    if (status !== 0) {
      const reason = REJECTS[status] ?? fail('FS_ERR_INTERNAL', `unknown reject ${status}`);
      return { ok: false, status: 'rejected', id, reason: reason as RejectReason };
    }
    return {
      ok: true,
      status: ORDER_STATES[new Uint8Array(results.state)[0]!]!,
      id: this.kind[0] === 3 ? this.newId[0]! : id,
      filled: new BigUint64Array(results.filled)[0]!,
      remaining: new BigUint64Array(results.resting)[0]!,
      cancelled: new BigUint64Array(results.cancelled)[0]!,
      fills: results.fills === null ? [] : fillsOf(results.fills),
      removed: results.removals === null ? [] : removalsOf(results.removals),
      triggered: results.triggers === null ? [] : [...new BigUint64Array(results.triggers.id)],
    };
  }
}

function fillsOf(fills: NonNullable<NativeCommandResults['fills']>): Fill[] {
  const makerId = new BigUint64Array(fills.makerId);
  const takerId = new BigUint64Array(fills.takerId);
  const price = new BigInt64Array(fills.price);
  const quantity = new BigUint64Array(fills.quantity);
  const takerSide = new Uint8Array(fills.takerSide);
  return Array.from({ length: fills.length }, (_, i) => ({
    makerId: makerId[i]!,
    takerId: takerId[i]!,
    price: price[i]!,
    quantity: quantity[i]!,
    takerSide: SIDES[takerSide[i]!]!,
  }));
}

function removalsOf(removals: NonNullable<NativeCommandResults['removals']>): Removal[] {
  const id = new BigUint64Array(removals.id);
  const quantity = new BigUint64Array(removals.quantity);
  const reason = new Uint8Array(removals.reason);
  return Array.from({ length: removals.length }, (_, i) => ({
    id: id[i]!,
    quantity: quantity[i]!,
    reason: CANCEL_REASONS[reason[i]!]!,
  }));
}
