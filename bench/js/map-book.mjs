// A limit order book as one writes it in JavaScript: a Map of orders, a Map of levels per side, each level a linked list,
// best prices found by stepping from tick to tick. Numbers, not bigints: the fastest that plain JavaScript allows.
class Level {
  constructor(price) {
    this.price = price;
    this.head = null;
    this.tail = null;
  }
}

export class MapBook {
  orders = new Map();
  levels = [new Map(), new Map()];
  best = [-Infinity, Infinity];
  fills = 0;
  traded = 0;

  apply(kind, id, side, price, quantity, timeInForce) {
    if (kind === 0) this.add(id, side, price, quantity, timeInForce === 1);
    else if (kind === 1) this.cancel(id);
    else this.modify(id, price, quantity);
  }

  bestBid() {
    return this.best[0];
  }

  bestAsk() {
    return this.best[1];
  }

  add(id, side, price, quantity, immediate) {
    if (quantity === 0 || this.orders.has(id)) return;
    const other = 1 - side;
    let left = quantity;
    while (left > 0 && (side === 0 ? price >= this.best[other] : price <= this.best[other])) {
      const level = this.levels[other].get(this.best[other]);
      const maker = level.head;
      const traded = Math.min(left, maker.quantity);
      left -= traded;
      maker.quantity -= traded;
      this.fills++;
      this.traded += traded;
      if (maker.quantity === 0) this.remove(maker);
    }
    if (left > 0 && !immediate) this.rest({ id, side, price, quantity: left, previous: null, next: null });
  }

  cancel(id) {
    const order = this.orders.get(id);
    if (order !== undefined) this.remove(order);
  }

  modify(id, price, quantity) {
    const order = this.orders.get(id);
    if (order === undefined || quantity === 0) return;
    if (price === order.price && quantity <= order.quantity) {
      order.quantity = quantity;
      return;
    }
    this.remove(order);
    this.add(id, order.side, price, quantity, false);
  }

  rest(order) {
    const { side, price } = order;
    let level = this.levels[side].get(price);
    if (level === undefined) {
      level = new Level(price);
      this.levels[side].set(price, level);
      if (side === 0 ? price > this.best[0] : price < this.best[1]) this.best[side] = price;
    }
    order.previous = level.tail;
    if (level.tail === null) level.head = order;
    else level.tail.next = order;
    level.tail = order;
    this.orders.set(order.id, order);
  }

  remove(order) {
    const { side, price, previous, next } = order;
    const levels = this.levels[side];
    const level = levels.get(price);
    if (previous === null) level.head = next;
    else previous.next = next;
    if (next === null) level.tail = previous;
    else next.previous = previous;
    this.orders.delete(order.id);
    if (level.head !== null) return;
    levels.delete(price);
    if (price !== this.best[side]) return;
    if (levels.size === 0) this.best[side] = side === 0 ? -Infinity : Infinity;
    else for (const step = side === 0 ? -1 : 1; !levels.has(this.best[side]);) this.best[side] += step;
  }
}
