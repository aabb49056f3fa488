/**
 * An order book as slow and plain as the rules: one list of orders in order of arrival, searched for every question.
 * Shares nothing with the product. Rules: docs/design/order-book.md.
 */
export interface NaiveOrder {
  id: bigint;
  side: 0 | 1;
  price: bigint;
  shown: bigint;
  hidden: bigint;
  display: bigint;
  owner: number;
  postOnly: number;
  selfTrade: number;
}

export interface NaiveCommand {
  kind: number;
  id: bigint;
  newId: bigint;
  side: 0 | 1;
  price: bigint;
  quantity: bigint;
  type: number;
  timeInForce: number;
  postOnly: number;
  selfTrade: number;
  display: bigint;
  owner: number;
}

export interface NaiveAnswer {
  status: string;
  state: string;
  filled: bigint;
  remaining: bigint;
  cancelled: bigint;
}

export interface NaiveFill {
  row: number;
  makerId: bigint;
  takerId: bigint;
  price: bigint;
  quantity: bigint;
}

const REJECTED = { state: 'resting', filled: 0n, remaining: 0n, cancelled: 0n };
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export class NaiveBook {
  /** In order of arrival; an order that loses its place moves to the end. */
  orders: NaiveOrder[] = [];
  fills: NaiveFill[] = [];
  removed: { row: number; id: bigint; quantity: bigint; reason: string }[] = [];
  row = 0;

  apply(command: NaiveCommand, row: number): NaiveAnswer {
    this.row = row;
    const { kind, id } = command;
    if (kind === 0) return this.add(command);
    const order = this.orders.find((each) => each.id === id);
    if (order === undefined) return { status: 'unknown-id', ...REJECTED };
    const open = order.shown + order.hidden;
    if (kind === 1) {
      this.drop(order);
      return { status: 'none', state: 'cancelled', filled: 0n, remaining: 0n, cancelled: open };
    }
    const { price, quantity } = command;
    if (kind === 2 && quantity !== 0n && quantity <= open && price === order.price) {
      const cut = open - quantity;
      const fromHidden = smaller(cut, order.hidden);
      order.hidden -= fromHidden;
      order.shown -= cut - fromHidden;
      return { status: 'none', state: 'resting', filled: 0n, remaining: quantity, cancelled: 0n };
    }
    const newId = kind === 3 ? command.newId : id;
    if (newId !== id && this.orders.some((each) => each.id === newId)) return { status: 'duplicate-id', ...REJECTED };
    if (quantity === 0n) return { status: 'zero-quantity', ...REJECTED };
    const entry = { ...command, ...order, id: newId, price, quantity, type: 0, timeInForce: 0 };
    const rest = this.restPrice(entry);
    if (typeof rest === 'string') return { status: rest, ...REJECTED };
    this.drop(order);
    return this.enter({ ...entry, price: rest });
  }

  /** Best first; first come first among equals. */
  side(side: 0 | 1): NaiveOrder[] {
    const better = (a: NaiveOrder, b: NaiveOrder): number => (a.price === b.price ? 0 : a.price < b.price ? -1 : 1);
    return this.orders.filter((each) => each.side === side).sort((a, b) => (side === 0 ? better(b, a) : better(a, b)));
  }

  private add(command: NaiveCommand): NaiveAnswer {
    const { quantity, type, timeInForce, postOnly, display } = command;
    if (quantity === 0n) return { status: 'zero-quantity', ...REJECTED };
    const immediate = type === 1 || timeInForce !== 0;
    if (postOnly !== 0 && immediate) return { status: 'bad-order', ...REJECTED };
    if (display !== 0n && immediate) return { status: 'bad-order', ...REJECTED };
    if (display > quantity) return { status: 'bad-display', ...REJECTED };
    if (this.orders.some((each) => each.id === command.id)) return { status: 'duplicate-id', ...REJECTED };
    const rest = this.restPrice(command);
    if (typeof rest === 'string') return { status: rest, ...REJECTED };
    if (timeInForce === 2 && !this.fillable(command)) return { status: 'unfillable', ...REJECTED };
    return this.enter({ ...command, price: rest });
  }

  private crosses(order: NaiveCommand, other: NaiveOrder): boolean {
    return order.type === 1 || (order.side === 0 ? order.price >= other.price : order.price <= other.price);
  }

  /** The price at which a post-only order may rest, or why it may not. */
  private restPrice(order: NaiveCommand): bigint | string {
    const best = this.side(order.side === 0 ? 1 : 0)[0];
    if (order.postOnly === 0 || best === undefined || !this.crosses(order, best)) return order.price;
    if (order.postOnly === 1) return 'would-cross';
    return order.side === 0 ? best.price - 1n : best.price + 1n;
  }

  private guards(order: NaiveCommand, maker: NaiveOrder): boolean {
    return order.selfTrade !== 0 && order.owner !== 0 && maker.owner === order.owner;
  }

  private fillable(order: NaiveCommand): boolean {
    let missing = order.quantity;
    for (const maker of this.side(order.side === 0 ? 1 : 0)) {
      if (!this.crosses(order, maker)) break;
      if (this.guards(order, maker)) {
        if (order.selfTrade === 2) continue;
        return false;
      }
      missing -= smaller(missing, maker.shown + maker.hidden);
      if (missing === 0n) return true;
    }
    return false;
  }

  private enter(order: NaiveCommand): NaiveAnswer {
    let left = order.quantity;
    let filled = 0n;
    let cancelled = 0n;
    const loseAll = (): void => {
      this.removed.push({ row: this.row, id: order.id, quantity: left, reason: 'self-trade' });
      cancelled += left;
      left = 0n;
    };
    while (left > 0n) {
      const maker = this.side(order.side === 0 ? 1 : 0)[0];
      if (maker === undefined || !this.crosses(order, maker)) break;
      if (this.guards(order, maker)) {
        if (order.selfTrade === 2 || order.selfTrade === 3) {
          const quantity = maker.shown + maker.hidden;
          this.removed.push({ row: this.row, id: maker.id, quantity, reason: 'self-trade' });
          this.drop(maker);
        }
        if (order.selfTrade === 1 || order.selfTrade === 3) loseAll();
        continue;
      }
      const quantity = smaller(left, maker.shown);
      this.fills.push({ row: this.row, makerId: maker.id, takerId: order.id, price: maker.price, quantity });
      left -= quantity;
      filled += quantity;
      maker.shown -= quantity;
      if (maker.shown > 0n) continue;
      this.drop(maker);
      if (maker.hidden === 0n) continue;
      maker.shown = smaller(maker.display, maker.hidden);
      maker.hidden -= maker.shown;
      this.orders.push(maker);
    }
    const rests = order.type === 0 && order.timeInForce === 0;
    if (left > 0n && rests) {
      const shown = order.display === 0n ? left : smaller(order.display, left);
      const { id, side, price, display, owner, postOnly, selfTrade } = order;
      this.orders.push({ id, side, price, shown, hidden: left - shown, display, owner, postOnly, selfTrade });
      return { status: 'none', state: 'resting', filled, remaining: left, cancelled };
    }
    if (left > 0n) this.removed.push({ row: this.row, id: order.id, quantity: left, reason: 'remainder' });
    const state = filled === order.quantity ? 'filled' : 'cancelled';
    return { status: 'none', state, filled, remaining: 0n, cancelled: cancelled + left };
  }

  private drop(order: NaiveOrder): void {
    this.orders = this.orders.filter((each) => each !== order);
  }
}
