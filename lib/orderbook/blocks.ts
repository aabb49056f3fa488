/**
 * Blocks of columns as the addon returns them: one piece of memory for all columns of a kind, widest first, so that none
 * needs padding. `cpp/binding/orderbook_binding.cc` cuts the same way.
 */

const FILL_BYTES = 4 * 8 + 4 + 1;
const REMOVAL_BYTES = 2 * 8 + 4 + 1;
const TRIGGER_BYTES = 8 + 4;
const NONE = new ArrayBuffer(0);

export function answerColumns(block: ArrayBuffer, rows: number) {
  return {
    filled: new BigUint64Array(block, 0, rows),
    remaining: new BigUint64Array(block, rows * 8, rows),
    cancelled: new BigUint64Array(block, rows * 16, rows),
    status: new Uint8Array(block, rows * 24, rows),
    state: new Uint8Array(block, rows * 25, rows),
  };
}

export function fillColumns(block: ArrayBuffer | null) {
  const memory = block ?? NONE;
  const length = memory.byteLength / FILL_BYTES;
  return {
    length,
    row: new Uint32Array(memory, length * 32, length),
    makerId: new BigUint64Array(memory, 0, length),
    takerId: new BigUint64Array(memory, length * 8, length),
    price: new BigInt64Array(memory, length * 16, length),
    quantity: new BigUint64Array(memory, length * 24, length),
    takerSide: new Uint8Array(memory, length * 36, length),
  };
}

export function removalColumns(block: ArrayBuffer | null) {
  const memory = block ?? NONE;
  const length = memory.byteLength / REMOVAL_BYTES;
  return {
    length,
    row: new Uint32Array(memory, length * 16, length),
    id: new BigUint64Array(memory, 0, length),
    quantity: new BigUint64Array(memory, length * 8, length),
    reason: new Uint8Array(memory, length * 20, length),
  };
}

export function triggerColumns(block: ArrayBuffer | null) {
  const memory = block ?? NONE;
  const length = memory.byteLength / TRIGGER_BYTES;
  return {
    length,
    row: new Uint32Array(memory, length * 8, length),
    id: new BigUint64Array(memory, 0, length),
  };
}
