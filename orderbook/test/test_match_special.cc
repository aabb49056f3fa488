// Icebergs, stops, modify and replace, self-trade prevention.
#include "support/fixture.h"

using namespace support;

namespace {

Order owned(Order order, OwnerId owner, SelfTrade policy = SelfTrade::kAllow) {
  order.owner = owner;
  order.self_trade = policy;
  return order;
}

}  // namespace

TEST_CASE("an iceberg shows its display and hides the rest") {
  Fixture f;
  f.add(iceberg_order(1, Side::kSell, {100}, 25, 10));
  CHECK(f.book.bbo().ask_quantity == 10);
  CHECK(f.book.find(1)->reserve == 15);
  CHECK(f.book.find(1)->open() == 25);
}

TEST_CASE("a refreshed slice goes to the end of its queue") {
  Fixture f;
  f.add(iceberg_order(1, Side::kSell, {100}, 25, 10));
  f.sell(2, 100, 5);
  f.buy(3, 100, 10);
  CHECK(f.queue(Side::kSell) == Ids{2, 1});
  CHECK(f.book.bbo().ask_quantity == 15);
  f.buy(4, 100, 8);
  CHECK(f.makers() == Ids{1, 2, 1});
  CHECK(f.book.find(1)->quantity == 7);
  CHECK(f.book.find(1)->reserve == 5);
}

TEST_CASE("one order can take an iceberg through all its slices") {
  Fixture f;
  f.add(iceberg_order(1, Side::kSell, {100}, 25, 10));
  const auto done = f.buy(2, 100, 30);
  CHECK(done->filled == 25);
  CHECK(done->trades == 3);
  CHECK(done->resting == 5);
  CHECK(f.book.stats().active_orders == 1);
}

TEST_CASE("an iceberg trades its whole quantity on entry and shows a display of what is left") {
  Fixture f;
  f.buy(1, 100, 12);
  const auto done = f.add(iceberg_order(2, Side::kSell, {100}, 25, 10));
  CHECK(done->filled == 12);
  CHECK(done->resting == 13);
  CHECK(f.book.find(2)->quantity == 10);
  CHECK(f.book.find(2)->reserve == 3);
}

TEST_CASE("a display above the quantity or too many slices are refused") {
  Fixture f;
  f.refused(Reject::kBadDisplay, [&] { return f.book.add_order(iceberg_order(1, Side::kBuy, {1}, 5, 6)); });
  f.refused(Reject::kBadDisplay,
            [&] { return f.book.add_order(iceberg_order(1, Side::kBuy, {1}, kMaxIcebergSlices + 1, 1)); });
  CHECK(f.add(iceberg_order(1, Side::kBuy, {1}, kMaxIcebergSlices, 1)).ok());
}

TEST_CASE("cancelling an iceberg returns the hidden quantity too") {
  Fixture f;
  f.add(iceberg_order(1, Side::kSell, {100}, 25, 10));
  const auto left = f.book.cancel_order(1);
  CHECK(*left == 25);
}

TEST_CASE("less quantity at the same price keeps the place, the hidden part goes first") {
  Fixture f;
  f.add(iceberg_order(1, Side::kSell, {100}, 25, 10));
  f.sell(2, 100, 5);
  CHECK(f.modify(1, 100, 12).ok());
  CHECK(f.book.find(1)->quantity == 10);
  CHECK(f.book.find(1)->reserve == 2);
  CHECK(f.modify(1, 100, 4).ok());
  CHECK(f.book.find(1)->quantity == 4);
  CHECK(f.queue(Side::kSell) == Ids{1, 2});
  REQUIRE(f.recorder().reductions.size() == 2);
  CHECK(f.recorder().reductions[1].removed == 8);
  CHECK(f.recorder().reductions[1].remaining == 4);
}

TEST_CASE("the same quantity at the same price is no change") {
  Fixture f;
  f.buy(1, 100, 5);
  f.buy(2, 100, 5);
  CHECK(f.modify(1, 100, 5)->resting == 5);
  CHECK(f.queue(Side::kBuy) == Ids{1, 2});
}

TEST_CASE("more quantity or another price loses the place") {
  Fixture f;
  f.buy(1, 100, 5);
  f.buy(2, 100, 5);
  f.buy(3, 100, 5);
  CHECK(f.modify(1, 100, 6).ok());
  CHECK(f.queue(Side::kBuy) == Ids{2, 3, 1});
  CHECK(f.modify(2, 99, 1).ok());
  CHECK(f.modify(2, 100, 1).ok());
  CHECK(f.queue(Side::kBuy) == Ids{3, 1, 2});
}

TEST_CASE("a modified order may trade, under its old id") {
  Fixture f;
  f.buy(1, 99, 5);
  f.sell(2, 101, 3);
  const auto done = f.modify(1, 101, 5);
  CHECK(done->filled == 3);
  CHECK(done->resting == 2);
  CHECK(f.recorder().trades[0].taker_id == 1);
  CHECK(f.book.bbo().bid_price == Price{101});
}

TEST_CASE("a refused modify or replace leaves the order where it was") {
  Fixture f;
  f.buy(1, 100, 5);
  f.buy(2, 100, 5);
  f.refused(Reject::kZeroQuantity, [&] { return f.book.modify_order(1, Price{100}, 0); });
  f.refused(Reject::kQuantityTooLarge, [&] { return f.book.modify_order(1, Price{100}, 1ull << 40); });
  f.refused(Reject::kDuplicateId, [&] { return f.book.replace_order(1, 2, Price{100}, 5); });
  f.refused(Reject::kZeroQuantity, [&] { return f.book.replace_order(1, 3, Price{100}, 0); });
  CHECK(f.queue(Side::kBuy) == Ids{1, 2});
}

TEST_CASE("replace gives a new id, a new place and the old policies") {
  Fixture f;
  f.add(owned(limit_order(1, Side::kBuy, {100}, 5), 7));
  f.buy(2, 100, 5);
  const auto done = f.book.replace_order(1, 3, Price{100}, 4);
  REQUIRE(done);
  CHECK(f.queue(Side::kBuy) == Ids{2, 3});
  CHECK(f.book.find(3)->owner == 7);
  CHECK_FALSE(f.book.find(1).has_value());
  CHECK(f.recorder().cancels.back().reason == CancelReason::kReplaced);
  CHECK(f.book.replace_order(3, 3, Price{99}, 4).ok());  // its own id is no duplicate
  CHECK(f.book.check_invariants() == "");
}

TEST_CASE("a post-only order stays post-only when it is modified") {
  Fixture f;
  f.sell(1, 101, 5);
  Order order = limit_order(2, Side::kBuy, {100}, 5);
  order.post_only = PostOnly::kReject;
  f.add(order);
  f.refused(Reject::kWouldCross, [&] { return f.book.modify_order(2, Price{101}, 5); });
}

TEST_CASE("a stop waits outside the book until a trade reaches its price") {
  Fixture f;
  const auto done = f.add(stop_order(1, Side::kBuy, {105}, 5));
  CHECK(done->state == OrderState::kPending);
  CHECK(done->resting == 5);
  CHECK_FALSE(f.book.bbo().has_bid());
  CHECK(f.book.stats().pending_stops == 1);
  CHECK(f.book.stats().active_orders == 0);
  CHECK(f.book.find(1)->pending_stop);
  f.sell(2, 104, 1);
  f.buy(3, 104, 1);
  CHECK(f.book.stats().pending_stops == 1);
  f.sell(4, 105, 1);
  f.sell(5, 110, 9);
  f.buy(6, 105, 1);
  CHECK(f.recorder().triggered == Ids{1});
  CHECK(f.makers() == Ids{2, 4, 5});
  CHECK(f.book.stats().pending_stops == 0);
  CHECK(f.book.stats().triggered_stops == 1);
}

TEST_CASE("a triggered stop-limit order rests at its limit") {
  Fixture f;
  f.add(stop_limit_order(1, Side::kSell, {95}, {94}, 5));
  f.buy(2, 95, 1);
  f.sell(3, 95, 1);
  CHECK(f.recorder().triggered == Ids{1});
  CHECK(f.book.bbo().ask_price == Price{94});
  CHECK(f.book.bbo().ask_quantity == 5);
}

TEST_CASE("a stop whose price is reached already triggers on entry") {
  Fixture f;
  f.sell(1, 100, 2);
  f.buy(2, 100, 1);
  const auto done = f.add(stop_order(3, Side::kBuy, {99}, 1));
  CHECK(done->filled == 1);
  CHECK(f.recorder().triggered == Ids{3});
}

TEST_CASE("buy stops trigger upwards, then sell stops downwards, first come first within a price") {
  Fixture f;
  // No trade yet, so stops on both sides of the market can wait.
  f.add(stop_order(1, Side::kSell, {110}, 1));
  f.add(stop_order(2, Side::kSell, {120}, 1));
  f.add(stop_order(3, Side::kBuy, {95}, 1));
  f.add(stop_order(4, Side::kBuy, {90}, 1));
  f.add(stop_order(5, Side::kBuy, {95}, 1));
  f.sell(6, 100, 1);
  f.buy(7, 100, 1);
  CHECK(f.recorder().triggered == Ids{4, 3, 5, 2, 1});
}

TEST_CASE("every price that traded counts for stops, not only the last") {
  Fixture f;
  f.sell(1, 100, 1);
  f.sell(2, 103, 1);
  f.add(stop_order(3, Side::kSell, {101}, 1));
  f.buy(4, 103, 2);  // trades at 100 and 103, the first trades of the book
  CHECK(f.recorder().triggered == Ids{3});
}

TEST_CASE("triggered stops trigger more stops, behind those that wait already") {
  Fixture f;
  for (OrderId id = 1; id <= 4; ++id) f.sell(id, 100 + static_cast<std::int64_t>(id), 1);
  f.add(stop_order(11, Side::kBuy, {101}, 1));
  f.add(stop_order(12, Side::kBuy, {102}, 1));
  f.add(stop_order(13, Side::kBuy, {103}, 1));
  f.buy(5, 101, 1);
  CHECK(f.recorder().triggered == Ids{11, 12, 13});
  CHECK(f.makers() == Ids{1, 2, 3, 4});
  CHECK(f.book.stats().active_orders == 0);
}

TEST_CASE("a pending stop can be cancelled and not modified") {
  Fixture f;
  f.add(stop_order(1, Side::kBuy, {105}, 5));
  f.refused(Reject::kPendingStop, [&] { return f.book.modify_order(1, Price{1}, 1); });
  f.refused(Reject::kPendingStop, [&] { return f.book.replace_order(1, 2, Price{1}, 1); });
  f.refused(Reject::kDuplicateId, [&] { return f.book.add_order(limit_order(1, Side::kBuy, {1}, 1)); });
  CHECK_FALSE(f.book.queue_position(1).has_value());
  CHECK(*f.book.cancel_order(1) == 5);
  CHECK(f.book.stats().pending_stops == 0);
  CHECK(f.book.check_invariants() == "");
}

TEST_CASE("a triggered fill-or-kill stop that cannot trade in full is cancelled") {
  Fixture f;
  Order stop = stop_order(1, Side::kBuy, {100}, 5);
  stop.time_in_force = TimeInForce::kFillOrKill;
  f.add(stop);
  f.sell(2, 100, 3);
  f.buy(3, 100, 1);
  CHECK(f.recorder().triggered == Ids{1});
  CHECK(f.recorder().cancels.back().reason == CancelReason::kUnfillable);
  CHECK(f.book.bbo().ask_quantity == 2);
}

TEST_CASE("without a policy an owner trades with itself") {
  Fixture f;
  f.add(owned(limit_order(1, Side::kSell, {100}, 5), 7));
  CHECK(f.add(owned(limit_order(2, Side::kBuy, {100}, 5), 7))->filled == 5);
}

TEST_CASE("orders without an owner never count as the same owner's") {
  Fixture f;
  f.sell(1, 100, 5);
  CHECK(f.add(owned(limit_order(2, Side::kBuy, {100}, 5), 0, SelfTrade::kCancelNewest))->filled == 5);
}

TEST_CASE("cancel newest trades up to the own order and cancels the rest") {
  Fixture f;
  f.add(owned(limit_order(1, Side::kSell, {100}, 2), 8));
  f.add(owned(limit_order(2, Side::kSell, {100}, 5), 7));
  const auto done = f.add(owned(limit_order(3, Side::kBuy, {100}, 6), 7, SelfTrade::kCancelNewest));
  CHECK(done->filled == 2);
  CHECK(done->cancelled == 4);
  CHECK(done->state == OrderState::kCancelled);
  CHECK(f.queue(Side::kSell) == Ids{2});
  CHECK(f.recorder().cancels.back().reason == CancelReason::kSelfTrade);
}

TEST_CASE("cancel oldest removes the own resting order and goes on") {
  Fixture f;
  f.add(owned(iceberg_order(1, Side::kSell, {100}, 50, 5), 7));
  f.add(owned(limit_order(2, Side::kSell, {101}, 5), 8));
  const auto done = f.add(owned(limit_order(3, Side::kBuy, {101}, 6), 7, SelfTrade::kCancelOldest));
  CHECK(done->filled == 5);
  CHECK(done->resting == 1);
  REQUIRE(f.recorder().cancels.size() == 1);
  CHECK(f.recorder().cancels[0].quantity == 50);
}

TEST_CASE("cancel both removes the resting order and the rest of the incoming one") {
  Fixture f;
  f.add(owned(limit_order(1, Side::kSell, {100}, 5), 7));
  f.sell(2, 100, 5);
  const auto done = f.add(owned(limit_order(3, Side::kBuy, {100}, 6), 7, SelfTrade::kCancelBoth));
  CHECK(done->filled == 0);
  CHECK(done->cancelled == 6);
  CHECK(f.queue(Side::kSell) == Ids{2});
  CHECK(f.book.stats().cancels == 2);
}

TEST_CASE("decrement takes the smaller quantity from both without a trade") {
  Fixture f;
  f.add(owned(limit_order(1, Side::kSell, {100}, 5), 7));
  f.sell(2, 100, 5);
  const auto done = f.add(owned(limit_order(3, Side::kBuy, {100}, 8), 7, SelfTrade::kDecrement));
  CHECK(done->cancelled == 5);
  CHECK(done->filled == 3);
  CHECK(f.makers() == Ids{2});
  CHECK_FALSE(f.book.find(1).has_value());
  const auto less = f.add(owned(limit_order(4, Side::kSell, {90}, 9), 7));
  CHECK(less->resting == 9);
  CHECK(f.add(owned(limit_order(5, Side::kBuy, {90}, 4), 7, SelfTrade::kDecrement))->cancelled == 4);
  CHECK(f.book.find(4)->quantity == 5);
}

TEST_CASE("a fill-or-kill order counts only what self-trade prevention lets it trade") {
  Fixture f;
  f.add(owned(limit_order(1, Side::kSell, {100}, 5), 7));
  f.sell(2, 100, 5);
  const auto fok = [](OrderId id, Quantity quantity, SelfTrade policy) {
    return owned(fok_order(id, Side::kBuy, {100}, quantity), 7, policy);
  };
  f.refused(Reject::kUnfillable, [&] { return f.book.add_order(fok(3, 1, SelfTrade::kCancelNewest)); });
  f.refused(Reject::kUnfillable, [&] { return f.book.add_order(fok(3, 1, SelfTrade::kDecrement)); });
  f.refused(Reject::kUnfillable, [&] { return f.book.add_order(fok(3, 6, SelfTrade::kCancelOldest)); });
  CHECK(f.add(fok(3, 5, SelfTrade::kCancelOldest))->filled == 5);
  CHECK(f.book.stats().active_orders == 0);
}
