/**
 * One command and its answer in a slot of memory that the addon reads and writes: a call passes one typed array and gets
 * back null, or what the command caused. The addon runs it as a batch of one row, so that interactive calls and batches
 * cannot differ.
 */
import { fail } from '../internal/validate.js';
import type { NativeCommandEvents } from '../internal/native-book.js';
import { fillColumns, removalColumns, triggerColumns } from './blocks.js';
import { CANCEL_REASONS, ORDER_STATES, REJECTS, SIDES, type RejectReason } from './names.js';
import type { Fill, OrderResult, Removal } from './types.js';

/** 64-bit words of the slot: nine of the command, four of its answer. `command_slot.h` has the same places. */
const SLOT_WORDS = 13;

export class CommandRow {
  /** What the addon is handed. */
  readonly slot = new BigUint64Array(SLOT_WORDS);
  readonly kind = this.#bytes(0);
  readonly side = this.#bytes(1);
  readonly type = this.#bytes(2);
  readonly timeInForce = this.#bytes(3);
  readonly postOnly = this.#bytes(4);
  readonly selfTrade = this.#bytes(5);
  readonly id = this.#word(1);
  readonly newId = this.#word(2);
  readonly price = this.#signed(3);
  readonly quantity = this.#word(4);
  readonly stopPrice = this.#signed(5);
  readonly display = this.#word(6);
  readonly owner = new Uint32Array(this.slot.buffer, 7 * 8, 1);
  readonly time = this.#signed(8);
  readonly #status = this.#bytes(9 * 8);
  readonly #state = this.#bytes(9 * 8 + 1);

  #bytes(offset: number): Uint8Array {
    return new Uint8Array(this.slot.buffer, offset, 1);
  }
  #word(index: number): BigUint64Array {
    return new BigUint64Array(this.slot.buffer, index * 8, 1);
  }
  #signed(index: number): BigInt64Array {
    return new BigInt64Array(this.slot.buffer, index * 8, 1);
  }

  clear(): void {
    this.slot.fill(0n);
  }

  /** The answer in the slot, with what the command caused. */
  result(id: bigint, events: NativeCommandEvents | null): OrderResult {
    const status = this.#status[0]!;
    if (status !== 0) {
      const reason = REJECTS[status] ?? fail('FS_ERR_INTERNAL', `unknown reject ${status}`);
      return { ok: false, status: 'rejected', id, reason: reason as RejectReason };
    }
    return {
      ok: true,
      status: ORDER_STATES[this.#state[0]!]!,
      id: this.kind[0] === 3 ? this.newId[0]! : id,
      filled: this.slot[10]!,
      remaining: this.slot[11]!,
      cancelled: this.slot[12]!,
      fills: events === null || events.fills === null ? [] : fillsOf(events.fills),
      removed: events === null || events.removals === null ? [] : removalsOf(events.removals),
      triggered: events === null || events.triggers === null ? [] : [...triggerColumns(events.triggers).id],
    };
  }
}

function fillsOf(block: ArrayBuffer): Fill[] {
  const { length, makerId, takerId, price, quantity, takerSide } = fillColumns(block);
  return Array.from({ length }, (_, i) => ({
    makerId: makerId[i]!,
    takerId: takerId[i]!,
    price: price[i]!,
    quantity: quantity[i]!,
    takerSide: SIDES[takerSide[i]!]!,
  }));
}

function removalsOf(block: ArrayBuffer): Removal[] {
  const { length, id, quantity, reason } = removalColumns(block);
  return Array.from({ length }, (_, i) => ({
    id: id[i]!,
    quantity: quantity[i]!,
    reason: CANCEL_REASONS[reason[i]!]!,
  }));
}
