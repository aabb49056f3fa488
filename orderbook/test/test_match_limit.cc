// Limit, market, immediate and post-only orders: price-time priority and every refusal.
#include "support/fixture.h"

using namespace support;

TEST_CASE("an empty book has no best prices and no spread") {
  Fixture f;
  CHECK_FALSE(f.book.bbo().has_bid());
  CHECK_FALSE(f.book.bbo().has_ask());
  CHECK(f.book.bbo() == Bbo{});
  CHECK_FALSE(f.book.bbo().spread().has_value());
  CHECK_FALSE(f.book.last_trade_price().has_value());
}

TEST_CASE("a limit order that meets nothing rests") {
  Fixture f;
  const auto done = f.buy(1, 100, 10);
  REQUIRE(done);
  CHECK(done->resting == 10);
  CHECK(done->state == OrderState::kResting);
  CHECK(f.book.bbo().bid_price == Price{100});
  CHECK(f.book.bbo().bid_quantity == 10);
  CHECK(f.book.bbo().bid_orders == 1);
  CHECK(f.recorder().accepted == Ids{1});
}

TEST_CASE("best prices are the highest bid and the lowest ask") {
  Fixture f;
  f.buy(1, 99, 1);
  f.buy(2, 101, 2);
  f.buy(3, 100, 4);
  f.sell(4, 105, 8);
  f.sell(5, 103, 16);
  CHECK(f.book.bbo() == Bbo{Price{101}, Price{103}, 2, 16, 1, 1});
  CHECK(f.book.bbo().spread() == 2);
}

TEST_CASE("an order trades at the resting price, not at its own") {
  Fixture f;
  f.sell(1, 100, 10);
  const auto done = f.buy(2, 105, 4);
  REQUIRE(done);
  CHECK(done->filled == 4);
  CHECK(done->state == OrderState::kFilled);
  REQUIRE(f.recorder().trades.size() == 1);
  const Trade& trade = f.recorder().trades[0];
  CHECK(trade.price == Price{100});
  CHECK(trade.maker_id == 1);
  CHECK(trade.taker_id == 2);
  CHECK(trade.taker_side == Side::kBuy);
  CHECK(f.book.last_trade_price() == Price{100});
}

TEST_CASE("orders of one price trade first come first") {
  Fixture f;
  for (OrderId id = 1; id <= 4; ++id) f.sell(id, 100, 5);
  f.buy(9, 100, 12);
  CHECK(f.makers() == Ids{1, 2, 3});
  CHECK(f.queue(Side::kSell) == Ids{3, 4});
  CHECK(f.book.find(3)->quantity == 3);
}

TEST_CASE("better prices trade before earlier orders") {
  Fixture f;
  f.buy(1, 99, 5);
  f.buy(2, 100, 5);
  f.sell(3, 99, 7);
  CHECK(f.makers() == Ids{2, 1});
  CHECK(f.book.find(1)->quantity == 3);
}

TEST_CASE("what a limit order cannot trade rests at its own price") {
  Fixture f;
  f.sell(1, 100, 3);
  f.sell(2, 101, 3);
  f.sell(3, 103, 3);
  const auto done = f.buy(4, 102, 10);
  REQUIRE(done);
  CHECK(done->filled == 6);
  CHECK(done->resting == 4);
  CHECK(done->trades == 2);
  CHECK(f.book.bbo() == Bbo{Price{102}, Price{103}, 4, 3, 1, 1});
}

TEST_CASE("equal prices trade and the next tick does not") {
  Fixture f;
  f.sell(1, 100, 5);
  CHECK(f.buy(2, 99, 5)->filled == 0);
  CHECK(f.buy(3, 100, 5)->filled == 5);
}

TEST_CASE("a filled order is gone from every count and its id is free again") {
  Fixture f;
  f.sell(1, 100, 5);
  f.buy(2, 100, 5);
  CHECK(f.book.stats().active_orders == 0);
  CHECK(f.book.stats().ask_levels == 0);
  CHECK_FALSE(f.book.find(1).has_value());
  CHECK(f.book.cancel_order(1).reject() == Reject::kUnknownId);
  CHECK(f.sell(1, 100, 5).ok());
}

TEST_CASE("a partly filled order keeps its place") {
  Fixture f;
  f.sell(1, 100, 10);
  f.sell(2, 100, 10);
  f.buy(3, 100, 4);
  CHECK(f.queue(Side::kSell) == Ids{1, 2});
  CHECK(f.book.bbo().ask_quantity == 16);
}

TEST_CASE("a cancelled order leaves its level and the others keep their order") {
  Fixture f;
  for (OrderId id = 1; id <= 5; ++id) f.buy(id, 100, id);
  const auto first = f.book.cancel_order(1);
  const auto middle = f.book.cancel_order(3);
  const auto last = f.book.cancel_order(5);
  CHECK(*first == 1);
  CHECK(*middle == 3);
  CHECK(*last == 5);
  CHECK(f.queue(Side::kBuy) == Ids{2, 4});
  CHECK(f.book.bbo().bid_quantity == 6);
  CHECK(f.book.check_invariants() == "");
}

TEST_CASE("cancelling the last order of the best level uncovers the next one") {
  Fixture f;
  f.buy(1, 100, 1);
  f.buy(2, 90, 2);
  (void)f.book.cancel_order(1);
  CHECK(f.book.bbo().bid_price == Price{90});
  (void)f.book.cancel_order(2);
  CHECK_FALSE(f.book.bbo().has_bid());
}

TEST_CASE("an unknown id cannot be cancelled, modified or replaced") {
  Fixture f;
  f.buy(1, 100, 1);
  f.refused(Reject::kUnknownId, [&] { return f.book.cancel_order(2); });
  f.refused(Reject::kUnknownId, [&] { return f.book.modify_order(2, Price{1}, 1); });
  f.refused(Reject::kUnknownId, [&] { return f.book.replace_order(2, 3, Price{1}, 1); });
}

TEST_CASE("a duplicate id is refused, even where it would trade at once") {
  Fixture f;
  f.buy(1, 100, 1);
  f.refused(Reject::kDuplicateId, [&] { return f.book.add_order(limit_order(1, Side::kBuy, {99}, 1)); });
  f.refused(Reject::kDuplicateId, [&] { return f.book.add_order(market_order(1, Side::kSell, 1)); });
}

TEST_CASE("a quantity of zero is refused") {
  Fixture f;
  f.refused(Reject::kZeroQuantity, [&] { return f.book.add_order(limit_order(1, Side::kBuy, {99}, 0)); });
}

TEST_CASE("a quantity above what an order can hold is refused, and the largest is not") {
  Fixture f;
  f.refused(Reject::kQuantityTooLarge,
            [&] { return f.book.add_order(limit_order(1, Side::kBuy, {9}, 1ull << 32)); });
  CHECK(f.buy(1, 9, 0xFFFFFFFF).ok());
  CHECK(f.buy(2, 9, 0xFFFFFFFF).ok());
  CHECK(f.book.bbo().bid_quantity == 2ull * 0xFFFFFFFF);
}

TEST_CASE("a price outside the book's range is refused and its ends are not") {
  BookOptions options;
  options.min_price = Price{10};
  options.max_price = Price{20};
  Fixture f(options);
  f.refused(Reject::kBadPrice, [&] { return f.book.add_order(limit_order(1, Side::kBuy, {9}, 1)); });
  f.refused(Reject::kBadPrice, [&] { return f.book.add_order(limit_order(1, Side::kSell, {21}, 1)); });
  CHECK(f.buy(1, 10, 1).ok());
  CHECK(f.sell(2, 20, 1).ok());
}

TEST_CASE("the extremes of int64 are prices on both sides") {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  Fixture f;
  CHECK(f.buy(1, kMin, 1).ok());
  CHECK(f.sell(2, kMax, 1).ok());
  CHECK(f.book.bbo().bid_price == Price{kMin});
  CHECK(f.book.bbo().ask_price == Price{kMax});
  CHECK_FALSE(f.book.bbo().spread().has_value());  // does not fit
  CHECK(f.sell(3, kMin, 1)->filled == 1);
  CHECK(f.buy(4, kMax, 1)->filled == 1);
}

TEST_CASE("a market order takes all it can at any price and cancels the rest") {
  Fixture f;
  f.sell(1, 100, 3);
  f.sell(2, 1'000'000'000, 3);
  const auto done = f.add(market_order(3, Side::kBuy, 10));
  REQUIRE(done);
  CHECK(done->filled == 6);
  CHECK(done->cancelled == 4);
  CHECK(done->state == OrderState::kCancelled);
  CHECK(f.recorder().cancels.back().reason == CancelReason::kRemainder);
  CHECK_FALSE(f.book.bbo().has_bid());
}

TEST_CASE("a market order against nothing is accepted and cancelled") {
  Fixture f;
  const auto done = f.add(market_order(1, Side::kSell, 5));
  REQUIRE(done);
  CHECK(done->cancelled == 5);
  CHECK(f.book.stats().active_orders == 0);
}

TEST_CASE("an immediate order trades within its limit and never rests") {
  Fixture f;
  f.sell(1, 100, 3);
  f.sell(2, 101, 3);
  const auto done = f.add(ioc_order(3, Side::kBuy, {100}, 5));
  REQUIRE(done);
  CHECK(done->filled == 3);
  CHECK(done->cancelled == 2);
  CHECK_FALSE(f.book.find(3).has_value());
  CHECK(f.book.bbo().ask_price == Price{101});
}

TEST_CASE("a fill-or-kill order trades in full over several levels") {
  Fixture f;
  f.sell(1, 100, 3);
  f.sell(2, 101, 3);
  const auto done = f.add(fok_order(3, Side::kBuy, {101}, 6));
  REQUIRE(done);
  CHECK(done->filled == 6);
  CHECK(done->state == OrderState::kFilled);
}

TEST_CASE("a fill-or-kill order that lacks one unit changes nothing") {
  Fixture f;
  f.sell(1, 100, 3);
  f.sell(2, 101, 3);
  f.sell(3, 102, 3);
  f.refused(Reject::kUnfillable, [&] { return f.book.add_order(fok_order(9, Side::kBuy, {101}, 7)); });
}

TEST_CASE("a fill-or-kill order counts what icebergs hide") {
  Fixture f;
  f.add(iceberg_order(1, Side::kSell, {100}, 50, 5));
  CHECK(f.add(fok_order(2, Side::kBuy, {100}, 50))->filled == 50);
}

TEST_CASE("a market fill-or-kill order is unlimited in price") {
  Fixture f;
  f.sell(1, 100, 3);
  f.sell(2, 5000, 3);
  Order order = market_order(3, Side::kBuy, 6);
  order.time_in_force = TimeInForce::kFillOrKill;
  CHECK(f.add(order)->filled == 6);
}

TEST_CASE("a post-only order that would trade is refused or slides, as asked") {
  Fixture f;
  f.sell(1, 100, 3);
  Order order = limit_order(2, Side::kBuy, {100}, 5);
  order.post_only = PostOnly::kReject;
  f.refused(Reject::kWouldCross, [&] { return f.book.add_order(order); });
  order.post_only = PostOnly::kSlide;
  REQUIRE(f.add(order));
  CHECK(f.book.bbo().bid_price == Price{99});
  CHECK(f.recorder().trades.empty());
  order.id = 3;
  order.price = Price{98};
  REQUIRE(f.add(order));
  CHECK(f.book.find(3)->price == Price{98});  // nothing to slide from
}

TEST_CASE("a sliding post-only order without a price left is refused") {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  Fixture f;
  f.sell(1, kMin, 1);
  Order order = limit_order(2, Side::kBuy, {5}, 1);
  order.post_only = PostOnly::kSlide;
  f.refused(Reject::kBadPrice, [&] { return f.book.add_order(order); });
}

TEST_CASE("combinations without meaning are refused") {
  Fixture f;
  const auto bad = [&](Order order) {
    f.refused(Reject::kBadOrder, [&] { return f.book.add_order(order); });
  };
  Order order = market_order(1, Side::kBuy, 1);
  order.post_only = PostOnly::kReject;
  bad(order);
  order = ioc_order(1, Side::kBuy, {1}, 1);
  order.post_only = PostOnly::kSlide;
  bad(order);
  order = stop_limit_order(1, Side::kBuy, {5}, {6}, 1);
  order.post_only = PostOnly::kReject;
  bad(order);
  order = ioc_order(1, Side::kBuy, {1}, 10);
  order.display = 2;
  bad(order);
  order = stop_order(1, Side::kBuy, {1}, 10);
  order.display = 2;
  bad(order);
}

TEST_CASE("a full book refuses orders that could rest and takes those that cannot") {
  BookOptions options;
  options.max_orders = 3;
  Fixture f(options);
  for (OrderId id = 1; id <= 3; ++id) CHECK(f.sell(id, 100, 1).ok());
  f.refused(Reject::kFull, [&] { return f.book.add_order(limit_order(4, Side::kSell, {100}, 1)); });
  f.refused(Reject::kFull, [&] { return f.book.add_order(stop_order(4, Side::kSell, {90}, 1)); });
  CHECK(f.add(ioc_order(4, Side::kBuy, {100}, 1))->filled == 1);
  CHECK(f.sell(4, 100, 1).ok());
}

TEST_CASE("depth gives the best levels into the caller's span and no more than there are") {
  Fixture f;
  for (OrderId id = 1; id <= 5; ++id) {
    f.buy(id, 100 - static_cast<std::int64_t>(id), id);
    f.sell(id + 10, 100 + static_cast<std::int64_t>(id), id);
  }
  f.buy(20, 99, 7);
  DepthLevel out[3];
  REQUIRE(f.book.bid_depth(out) == 3);
  CHECK(out[0] == DepthLevel{{99}, 8, 2});
  CHECK(out[2] == DepthLevel{{97}, 3, 1});
  DepthLevel many[9];
  CHECK(f.book.ask_depth(many) == 5);
  CHECK(many[4] == DepthLevel{{105}, 5, 1});
  CHECK(f.book.ask_depth({}) == 0);
  CHECK(f.book.level(Side::kBuy, {99}) == DepthLevel{{99}, 8, 2});
  CHECK_FALSE(f.book.level(Side::kSell, {99}).has_value());
}

TEST_CASE("a queue position tells the orders and the quantity ahead") {
  Fixture f;
  f.buy(1, 100, 10);
  f.buy(2, 100, 20);
  f.buy(3, 100, 30);
  CHECK(f.book.queue_position(1)->orders_ahead == 0);
  CHECK(f.book.queue_position(3)->orders_ahead == 2);
  CHECK(f.book.queue_position(3)->quantity_ahead == 30);
  f.sell(4, 100, 15);
  CHECK(f.book.queue_position(3)->orders_ahead == 1);
  CHECK(f.book.queue_position(3)->quantity_ahead == 15);
  CHECK_FALSE(f.book.queue_position(1).has_value());
}

TEST_CASE("mass cancel takes one owner's or one side's orders, stops included") {
  Fixture f;
  for (OrderId id = 1; id <= 6; ++id) {
    Order order = limit_order(id, id % 2 != 0 ? Side::kBuy : Side::kSell, {id % 2 != 0 ? 90 : 110}, 1);
    order.owner = static_cast<OwnerId>(id % 3);
    f.add(order);
  }
  Order stop = stop_order(7, Side::kBuy, {200}, 1);
  stop.owner = 1;
  f.add(stop);
  CHECK(f.book.mass_cancel(1) == 3);
  CHECK(f.book.stats().pending_stops == 0);
  CHECK(f.book.mass_cancel(std::nullopt, Side::kBuy) == 2);
  CHECK(f.book.mass_cancel() == 2);
  CHECK(f.book.mass_cancel() == 0);
  CHECK(f.book.stats().cancels == 7);
  CHECK(f.book.check_invariants() == "");
}
