// Replay: what each event does, and what is refused.
#include "support/commands.h"
#include "support/fixture.h"

using namespace support;

namespace {

Event event(EventKind kind, OrderId id, Side side, std::int64_t price, Quantity quantity,
            OrderId new_id = 0) {
  Event e;
  e.kind = kind;
  e.order_id = id;
  e.side = side;
  e.price = Price{price};
  e.quantity = quantity;
  e.new_order_id = new_id;
  return e;
}

template <class Book>
void refused(Book& book, const Event& e, Reject why) {
  const auto checksum = book.checksum();
  const auto rejects = book.stats().rejects;
  CHECK(book.apply(e) == why);
  CHECK(book.checksum() == checksum);
  CHECK(book.stats().rejects == rejects + 1);
  CHECK(book.check_invariants() == "");
}

constexpr Side kBuy = Side::kBuy;
constexpr Side kSell = Side::kSell;

}  // namespace

TEMPLATE_TEST_CASE("events of orders change queues and levels", "", BasicReplayBook<Recorder>,
                   BasicDenseOrderBook<Recorder>, BasicLevelBook<Recorder>, BasicDenseLevelBook<Recorder>) {
  TestType book;
  REQUIRE(book.apply(event(EventKind::kAdd, 1, kBuy, 100, 10)) == Reject::kNone);
  REQUIRE(book.apply(event(EventKind::kAdd, 2, kBuy, 100, 20)) == Reject::kNone);
  REQUIRE(book.apply(event(EventKind::kAdd, 3, kSell, 101, 5)) == Reject::kNone);
  CHECK(book.bbo() == Bbo{Price{100}, Price{101}, 30, 5, 2, 1});

  SECTION("reduce keeps the order, and removes it at zero") {
    CHECK(book.apply(event(EventKind::kReduce, 1, kBuy, 0, 4)) == Reject::kNone);
    CHECK(book.find(1)->quantity == 6);
    CHECK(book.apply(event(EventKind::kReduce, 1, kBuy, 0, 6)) == Reject::kNone);
    CHECK_FALSE(book.find(1).has_value());
    CHECK(book.bbo().bid_quantity == 20);
    CHECK(book.stats().cancels == 1);
  }
  SECTION("execute is a trade, and removes the order at zero") {
    CHECK(book.apply(event(EventKind::kExecute, 3, kBuy, 101, 2)) == Reject::kNone);
    CHECK(book.apply(event(EventKind::kExecute, 3, kBuy, 101, 3)) == Reject::kNone);
    CHECK_FALSE(book.bbo().has_ask());
    CHECK(book.stats().trades == 2);
    CHECK(book.stats().traded_quantity == 5);
    CHECK(book.stats().cancels == 0);
    REQUIRE(book.listener().trades.size() == 2);
    CHECK(book.listener().trades[0].taker_side == kBuy);  // a resting sell was hit, whatever the event's side
    CHECK(book.listener().reductions.empty());
  }
  SECTION("delete removes the order") {
    CHECK(book.apply(event(EventKind::kDelete, 2, kBuy, 0, 0)) == Reject::kNone);
    CHECK(book.bbo().bid_quantity == 10);
    CHECK(book.stats().active_orders == 2);
  }
  SECTION("replace enters under a new id on the same side") {
    CHECK(book.apply(event(EventKind::kReplace, 1, kSell, 99, 7, 9)) == Reject::kNone);
    CHECK_FALSE(book.find(1).has_value());
    CHECK(book.find(9)->side == kBuy);
    CHECK(book.find(9)->price == Price{99});
    CHECK(book.apply(event(EventKind::kReplace, 9, kSell, 98, 7, 9)) == Reject::kNone);
    CHECK(book.find(9)->price == Price{98});
    refused(book, event(EventKind::kReplace, 9, kBuy, 98, 7, 2), Reject::kDuplicateId);
    refused(book, event(EventKind::kReplace, 9, kBuy, 98, 0, 10), Reject::kZeroQuantity);
  }
  SECTION("modify changes price and quantity") {
    CHECK(book.apply(event(EventKind::kModify, 1, kBuy, 98, 11)) == Reject::kNone);
    CHECK(book.find(1)->price == Price{98});
    CHECK(book.find(1)->quantity == 11);
    CHECK(book.bbo().bid_quantity == 20);
  }
  SECTION("what cannot be is refused and changes nothing") {
    refused(book, event(EventKind::kExecute, 3, kSell, 101, 6), Reject::kOverExecution);
    refused(book, event(EventKind::kReduce, 3, kSell, 101, 6), Reject::kOverExecution);
    refused(book, event(EventKind::kReduce, 3, kSell, 101, 0), Reject::kZeroQuantity);
    refused(book, event(EventKind::kDelete, 77, kSell, 0, 0), Reject::kUnknownId);
    refused(book, event(EventKind::kAdd, 1, kBuy, 50, 1), Reject::kDuplicateId);
    refused(book, event(EventKind::kAdd, 7, kBuy, 50, 0), Reject::kZeroQuantity);
    refused(book, event(EventKind::kAdd, 7, kBuy, 50, 1ull << 32), Reject::kQuantityTooLarge);
    refused(book, event(EventKind::kModify, 1, kBuy, 50, 0), Reject::kZeroQuantity);
    Event sideless = event(EventKind::kAdd, 7, kBuy, 50, 1);
    sideless.flags = kEventNoSide;
    refused(book, sideless, Reject::kNoSide);
    Event alien = event(static_cast<EventKind>(200), 1, kBuy, 1, 1);
    refused(book, alien, Reject::kWrongKind);
  }
  SECTION("trades and status leave the book alone") {
    const auto before = book.checksum();
    CHECK(book.apply(event(EventKind::kTrade, 0, kBuy, 100, 9)) == Reject::kNone);
    CHECK(book.apply(event(EventKind::kStatus, 0, kBuy, 0, 0)) == Reject::kNone);
    CHECK(book.checksum() == before);
    CHECK(book.stats().trades == 1);
  }
  SECTION("clear empties both sides and frees the ids") {
    CHECK(book.apply(event(EventKind::kClear, 0, kBuy, 0, 0)) == Reject::kNone);
    CHECK(book.bbo() == Bbo{});
    CHECK(book.stats().active_orders == 0);
    CHECK(book.stats().bid_levels + book.stats().ask_levels == 0);
    CHECK(book.apply(event(EventKind::kAdd, 1, kSell, 5, 1)) == Reject::kNone);
  }
  SECTION("a crossing event is counted") {
    CHECK(book.apply(event(EventKind::kAdd, 8, kBuy, 101, 1)) == Reject::kNone);
    CHECK(book.stats().crossed_events == 1);
    CHECK(book.bbo().spread() == 0);
    CHECK(book.apply(event(EventKind::kAdd, 9, kBuy, 99, 1)) == Reject::kNone);
    CHECK(book.stats().crossed_events == 1);
  }
  CHECK(book.check_invariants() == "");
}

TEST_CASE("a smaller modify at the same price keeps the place and a larger one loses it") {
  ReplayBook book;
  for (OrderId id = 1; id <= 3; ++id)
    REQUIRE(book.apply(event(EventKind::kAdd, id, kBuy, 100, 10)) == Reject::kNone);
  CHECK(book.apply(event(EventKind::kModify, 1, kBuy, 100, 4)) == Reject::kNone);
  CHECK(book.queue_position(1)->orders_ahead == 0);
  CHECK(book.apply(event(EventKind::kModify, 2, kBuy, 100, 11)) == Reject::kNone);
  CHECK(book.queue_position(2)->orders_ahead == 2);
  CHECK(book.queue_position(2)->quantity_ahead == 14);
}

TEST_CASE("replayed trades trigger no stops") {
  OrderBook book;
  CHECK(book.add_order(stop_order(1, kBuy, {100}, 1)).ok());
  CHECK(book.apply(event(EventKind::kAdd, 2, kSell, 100, 5)) == Reject::kNone);
  CHECK(book.apply(event(EventKind::kExecute, 2, kSell, 100, 1)) == Reject::kNone);
  CHECK(book.stats().pending_stops == 1);
  CHECK_FALSE(book.last_trade_price().has_value());
  CHECK(book.apply(event(EventKind::kDelete, 1, kBuy, 0, 0)) == Reject::kPendingStop);
}

TEST_CASE("a book told to refuse crossing events refuses them") {
  BookOptions options;
  options.reject_crossed = true;
  LevelBook book(options);
  CHECK(book.apply(event(EventKind::kLevel, 0, kSell, 101, 5)) == Reject::kNone);
  refused(book, event(EventKind::kLevel, 0, kBuy, 101, 5), Reject::kCrossed);
  CHECK(book.apply(event(EventKind::kLevel, 0, kBuy, 100, 5)) == Reject::kNone);
}

TEST_CASE("a level event sets what a price shows") {
  LevelBook book;
  CHECK(book.apply(event(EventKind::kLevel, 0, kBuy, 100, 5'000'000'000'000)) == Reject::kNone);
  CHECK(book.bbo().bid_quantity == 5'000'000'000'000);
  CHECK(book.apply(event(EventKind::kLevel, 0, kBuy, 100, 7)) == Reject::kNone);
  CHECK(book.bbo() == Bbo{Price{100}, Price{}, 7, 0, 0, 0});
  CHECK(book.apply(event(EventKind::kLevel, 0, kBuy, 99, 0)) == Reject::kNone);  // never shown: no error
  CHECK(book.apply(event(EventKind::kLevel, 0, kBuy, 100, 0)) == Reject::kNone);
  CHECK(book.stats().bid_levels == 0);
  CHECK(book.check_invariants() == "");
}

TEST_CASE("levels of orders and levels of level events do not mix at one price") {
  LevelBook book;
  REQUIRE(book.apply(event(EventKind::kAdd, 1, kBuy, 100, 5)) == Reject::kNone);
  REQUIRE(book.apply(event(EventKind::kLevel, 0, kBuy, 99, 5)) == Reject::kNone);
  refused(book, event(EventKind::kLevel, 0, kBuy, 100, 9), Reject::kMixedLevel);
  refused(book, event(EventKind::kAdd, 2, kBuy, 99, 9), Reject::kMixedLevel);
  refused(book, event(EventKind::kModify, 1, kBuy, 99, 9), Reject::kMixedLevel);
}

TEST_CASE("a FIFO book takes no level events") {
  ReplayBook book;
  refused(book, event(EventKind::kLevel, 0, kBuy, 100, 5), Reject::kWrongKind);
}

TEST_CASE("a book without ids adds and takes at prices") {
  PriceBook book;
  CHECK(book.apply(event(EventKind::kLevel, 0, kSell, 101, 50)) == Reject::kNone);
  CHECK(book.apply(event(EventKind::kAdd, 7, kSell, 101, 5)) == Reject::kNone);
  CHECK(book.apply(event(EventKind::kExecute, 8, kSell, 101, 15)) == Reject::kNone);
  CHECK(book.apply(event(EventKind::kDelete, 9, kSell, 101, 20)) == Reject::kNone);
  CHECK(book.bbo().ask_quantity == 20);
  refused(book, event(EventKind::kReduce, 1, kSell, 101, 21), Reject::kNegativeLevel);
  refused(book, event(EventKind::kReduce, 1, kSell, 102, 1), Reject::kNegativeLevel);
  refused(book, event(EventKind::kReplace, 1, kSell, 102, 1), Reject::kWrongKind);
  refused(book, event(EventKind::kAdd, 1, kSell, 101, ~0ull), Reject::kQuantityTooLarge);
  CHECK(book.apply(event(EventKind::kReduce, 1, kSell, 101, 20)) == Reject::kNone);
  CHECK_FALSE(book.bbo().has_ask());
}

TEST_CASE("a dense book refuses ids beyond its range and a hashed one takes them") {
  BookOptions options;
  options.max_dense_id = 1000;
  DenseOrderBook dense(options);
  OrderBook hashed;
  CHECK(dense.apply(event(EventKind::kAdd, 1000, kBuy, 1, 1)) == Reject::kNone);
  refused(dense, event(EventKind::kAdd, 1001, kBuy, 1, 1), Reject::kBadId);
  refused(dense, event(EventKind::kReplace, 1000, kBuy, 1, 1, 1001), Reject::kBadId);
  refused(dense, event(EventKind::kDelete, ~0ull, kBuy, 1, 1), Reject::kUnknownId);
  CHECK(hashed.apply(event(EventKind::kAdd, ~0ull, kBuy, 1, 1)) == Reject::kNone);
  CHECK(hashed.apply(event(EventKind::kAdd, 0, kBuy, 1, 1)) ==
        Reject::kNone);  // zero is an id like any other
  CHECK(hashed.find(0)->quantity == 1);
}

TEMPLATE_TEST_CASE("events applied as a batch do what they do one by one", "", OrderBookArena<Recorder>,
                   DenseOrderBookArena<Recorder>, LevelBookArena<Recorder>) {
  BookOptions options;
  options.books = 3;
  options.expected_orders = 16;
  options.prefault = true;
  const OrderId resting = GENERATE(OrderId{0}, OrderId{30'000});  // without and with fetching ahead
  TestType batch(options);
  TestType single(options);
  RandomSource source(5);
  CommandMix mix;
  mix.books = 3;
  CommandGenerator generator(source, mix);
  std::vector<Event> events;
  for (OrderId id = 0; id < resting; ++id) {
    events.push_back(event(EventKind::kAdd, 1'000'000 + id, kBuy, -static_cast<std::int64_t>(id % 100), 5));
  }
  while (events.size() < resting + 20'000) {
    const Command c = generator.next();
    if (c.kind != CommandKind::kApply) continue;
    events.push_back(c.event);
    events.back().instrument = c.book;
  }
  events.push_back(event(EventKind::kDelete, 1, kBuy, 0, 0));
  events.back().instrument = 3;  // no such book
  std::size_t refused = 0;
  for (const Event& e : events) refused += single.apply(e.instrument, e) != Reject::kNone;
  const std::span all(events);
  CHECK(batch.apply_all(all.first(resting + 7001)) + batch.apply_all(all.subspan(resting + 7001)) == refused);
  CHECK(batch.listener().rejects.size() == refused);
  for (BookNumber book = 0; book < 3; ++book) CHECK(batch[book].checksum() == single[book].checksum());
  CHECK(refused > 100);
  CHECK(batch.check_invariants() == "");
}

TEMPLATE_TEST_CASE("fetching ahead changes nothing, whatever the ids", "", OrderBook, DenseOrderBook) {
  TestType book;
  for (OrderId id = 1; id <= 30'000; ++id) {
    REQUIRE(book.add_order(limit_order(id, Side::kBuy, Price{static_cast<std::int64_t>(id % 700)}, 5)).ok());
  }
  for (OrderId id = 1; id <= 30'000; id += 7) REQUIRE(book.cancel_order(id).ok());
  const std::uint64_t before = book.checksum();
  std::vector<OrderId> ids = {0, 1, 2, 30'000, 30'001, std::numeric_limits<OrderId>::max()};
  for (OrderId id = 1; id <= 200; ++id) ids.push_back(id * 0x9E3779B97F4A7C15ull);
  for (OrderId id = 1; id <= 200; ++id) ids.push_back(id * 149);
  std::size_t furthest = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    book.fetch_ahead(i, ids.size(), [&](std::size_t at) {
      furthest = std::max(furthest, at);
      return ids.at(at);
    });
  }
  CHECK(furthest == ids.size() - 1);
  CHECK(book.checksum() == before);
  CHECK(book.check_invariants().empty());
}
