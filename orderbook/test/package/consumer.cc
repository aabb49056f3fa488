// A program outside this project: exits 0 when a trade happened as it should.
#include <orderbook/orderbook.h>

int main() {
  orderbook::OrderBook book;
  const bool rests = book.add_order(orderbook::limit_order(1, orderbook::Side::kBuy, {100}, 10)).ok();
  const auto sold = book.add_order(orderbook::market_order(2, orderbook::Side::kSell, 4));
  return rests && sold && sold->filled == 4 && book.bbo().bid_quantity == 6 ? 0 : 1;
}
