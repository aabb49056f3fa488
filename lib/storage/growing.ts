/** Buffers that grow by doubling and hand over what they hold: amortised O(1) per value. */

/** A byte buffer that grows by doubling. */
export class GrowingBytes {
  private bytes = new Uint8Array(1024);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  reserve(extra: number): void {
    const need = this.length + extra;
    if (need <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.use(grown);
  }

  private use(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  append(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  fillZero(from: number, to: number): void {
    this.bytes.fill(0, from, to);
  }

  grow(count: number): DataView {
    this.reserve(count);
    const view = new DataView(this.bytes.buffer, this.length, count);
    this.length += count;
    return view;
  }

  pushInt32(value: number): void {
    this.reserve(4);
    this.view.setInt32(this.length, value, true);
    this.length += 4;
  }

  /** The low `width` bytes of an integer. */
  pushInt(value: number, width: number): void {
    this.reserve(4);
    if (width === 1) this.view.setInt8(this.length, value);
    else if (width === 2) this.view.setInt16(this.length, value, true);
    else this.view.setInt32(this.length, value, true);
    this.length += width;
  }

  pushFloat32(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
  }

  pushBigInt64(value: bigint): void {
    this.reserve(8);
    this.view.setBigInt64(this.length, value, true);
    this.length += 8;
  }

  pushFloat64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** The bytes so far, moved out; the buffer starts anew. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length);
    this.use(new Uint8Array(1024));
    this.length = 0;
    return taken;
  }
}

/** One bit per row, least significant first. */
export class GrowingBits {
  private bytes = new Uint8Array(128);
  length = 0;
  ones = 0;

  push(bit: boolean): void {
    const at = this.length >> 3;
    this.reserve(this.length + 1);
    if (bit) {
      this.bytes[at] = (this.bytes[at] ?? 0) | (1 << (this.length & 7));
      this.ones++;
    }
    this.length++;
  }

  /** Appends `count` bits of a bitmap that starts at bit 0; null stands for ones. */
  pushAll(bits: Uint8Array | null, count: number): void {
    if ((this.length & 7) !== 0) {
      for (let row = 0; row < count; row++) this.push(isValid(bits, row));
      return;
    }
    const whole = bits === null ? count >> 3 : 0;
    this.reserve(this.length + count);
    this.bytes.fill(255, this.length >> 3, (this.length >> 3) + whole);
    this.length += whole * 8;
    this.ones += whole * 8;
    for (let row = whole * 8; row < count; row++) this.push(isValid(bits, row));
  }

  private reserve(bits: number): void {
    const need = (bits + 7) >> 3;
    if (need <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.bytes.length * 2));
    grown.set(this.bytes);
    this.bytes = grown;
  }

  take(): Uint8Array {
    const taken = this.bytes.slice(0, (this.length + 7) >> 3);
    this.bytes = new Uint8Array(128);
    this.length = 0;
    this.ones = 0;
    return taken;
  }
}

export function isValid(bits: Uint8Array | null, row: number): boolean {
  return bits === null || (((bits[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
}
