// Checksums, snapshots, level deltas, arenas, statistics.
#include <algorithm>

#include "support/commands.h"
#include "support/fixture.h"

using namespace support;

namespace {

template <class Book>
void fill(Book& book, std::uint64_t seed, int commands, OrderId base = 0) {
  RandomSource source(seed);
  CommandMix mix;
  mix.replays = false;
  CommandGenerator generator(source, mix);
  for (int i = 0; i < commands; ++i) {
    Command c = generator.next();
    c.order.id += base;
    if (c.kind == CommandKind::kAdd) book.add_order(c.order);
    if (c.kind == CommandKind::kCancel) book.cancel_order(c.order.id);
    if (c.kind == CommandKind::kModify) book.modify_order(c.order.id, c.order.price, c.order.quantity);
  }
}

void reseal(std::vector<std::byte>& bytes) {
  detail::Digest digest;
  detail::WordReader in(bytes);
  for (std::size_t i = 0; i + 8 < bytes.size(); i += 8) digest.add(in.next());
  for (std::size_t i = 0; i < 8; ++i)
    bytes[bytes.size() - 8 + i] = static_cast<std::byte>(digest.value() >> 8 * i);
}

// Words of `bytes` changed at random, the checksum made right again: each is refused, or is the snapshot of a book
// that holds together.
template <class Book>
int refusals_of_hostile_snapshots(const std::vector<std::byte>& bytes) {
  RandomSource random(7);
  int refusals = 0;
  for (int i = 0; i < 4000; ++i) {
    auto hostile = bytes;
    const std::size_t word = 2 + random.next() % (bytes.size() / 8 - 3);
    const std::uint64_t value = i % 3 == 0   ? random.next()
                                : i % 3 == 1 ? random.next() % 8
                                             : ~std::uint64_t{0} - i % 5;
    for (std::size_t k = 0; k < 8; ++k) hostile[word * 8 + k] = static_cast<std::byte>(value >> 8 * k);
    reseal(hostile);
    Book other;
    const SnapshotError error = other.restore(hostile);
    refusals += error != SnapshotError::kNone;
    REQUIRE(other.check_invariants() == "");
    if (error == SnapshotError::kNone) REQUIRE(other.snapshot() == hostile);
    if (error != SnapshotError::kNone) REQUIRE(other.stats().active_orders == 0);
  }
  return refusals;
}

}  // namespace

TEST_CASE("books with the same orders have the same checksum whatever their history") {
  OrderBook a;
  BookOptions options;
  options.window_ticks = 64;
  options.expected_orders = 1;
  DenseOrderBook b(options);
  a.add_order(limit_order(1, Side::kBuy, {100}, 5));
  a.add_order(limit_order(2, Side::kSell, {900}, 5));
  b.add_order(limit_order(9, Side::kSell, {1'000'000}, 5));
  b.add_order(limit_order(1, Side::kBuy, {90}, 7));
  b.add_order(limit_order(2, Side::kSell, {900}, 8));
  b.cancel_order(9);
  CHECK(a.checksum() != b.checksum());
  b.modify_order(1, {100}, 5);
  b.modify_order(2, {900}, 5);
  CHECK(a.checksum() == b.checksum());
  CHECK(a.level_checksum() == b.level_checksum());
}

TEST_CASE("a checksum sees price, quantity, order, owner, policy, stops and last trade") {
  const auto checksum = [](auto&& change) {
    OrderBook book;
    book.add_order(limit_order(1, Side::kBuy, {100}, 5));
    book.add_order(limit_order(2, Side::kBuy, {100}, 5));
    change(book);
    return book.checksum();
  };
  const auto third = [](auto&& change) {
    return [change](OrderBook& book) {
      Order order = iceberg_order(3, Side::kBuy, {90}, 20, 5);
      change(order);
      book.add_order(order);
    };
  };
  const std::vector<std::uint64_t> all = {
      checksum([](OrderBook&) {}),
      checksum([](OrderBook& b) { b.modify_order(1, {100}, 6); }),
      checksum([](OrderBook& b) { b.modify_order(1, {99}, 5); }),
      checksum([](OrderBook& b) { b.replace_order(1, 1, {100}, 5); }),
      checksum([](OrderBook& b) { b.replace_order(2, 3, {100}, 5); }),
      checksum(third([](Order&) {})),
      checksum(third([](Order& o) { o.owner = 3; })),
      checksum(third([](Order& o) { o.self_trade = SelfTrade::kCancelBoth; })),
      checksum(third([](Order& o) { o.post_only = PostOnly::kSlide; })),
      checksum(third([](Order& o) { o.quantity = 21; })),
      checksum(third([](Order& o) { o.display = 0; })),
      checksum(third([](Order& o) { o.side = Side::kSell, o.price = Price{200}; })),
      checksum([](OrderBook& b) { b.add_order(stop_order(9, Side::kBuy, {300}, 1)); }),
      checksum([](OrderBook& b) { b.add_order(stop_limit_order(9, Side::kBuy, {300}, {300}, 1)); }),
      checksum([](OrderBook& b) {
        b.add_order(limit_order(7, Side::kSell, {150}, 1));
        b.add_order(limit_order(8, Side::kBuy, {150}, 1));
      })};
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(std::count(all.begin(), all.end(), all[i]) == 1);
  }
}

TEST_CASE("a restored book goes on as the original does") {
  OrderBook a;
  fill(a, 3, 3000);
  OrderBook b;
  b.add_order(limit_order(77, Side::kBuy, {1}, 1));  // what is there before is gone after
  REQUIRE(b.restore(a.snapshot()) == SnapshotError::kNone);
  CHECK(a.stats().active_orders > 20);
  CHECK(b.checksum() == a.checksum());
  CHECK(b.stats().trades == a.stats().trades);
  CHECK(b.stats().cancels == a.stats().cancels);
  CHECK(b.check_invariants() == "");
  fill(a, 4, 3000, 100'000);
  fill(b, 4, 3000, 100'000);
  CHECK(b.checksum() == a.checksum());
  CHECK(b.snapshot() == a.snapshot());
}

TEST_CASE("level-only books restore with their orders") {
  LevelBook a;
  Event e;
  e.kind = EventKind::kAdd;
  for (OrderId id = 1; id <= 50; ++id) {
    e.order_id = id * 977;
    e.side = id % 2 != 0 ? Side::kBuy : Side::kSell;
    e.price = Price{static_cast<std::int64_t>(id % 2 != 0 ? id % 7 : 10 + id % 7)};
    e.quantity = id;
    REQUIRE(a.apply(e) == Reject::kNone);
  }
  e.kind = EventKind::kLevel;
  e.side = Side::kSell;
  e.price = Price{999};
  REQUIRE(a.apply(e) == Reject::kNone);
  LevelBook b;
  REQUIRE(b.restore(a.snapshot()) == SnapshotError::kNone);
  CHECK(b.checksum() == a.checksum());
  CHECK(b.check_invariants() == "");
  e.kind = EventKind::kDelete;
  e.order_id = 977;
  CHECK(b.apply(e) == Reject::kNone);
  PriceBook c;
  CHECK(c.restore(a.snapshot()) == SnapshotError::kBadKind);
  OrderBook d;
  CHECK(d.restore(a.snapshot()) == SnapshotError::kBadKind);
}

TEST_CASE("damaged snapshots are refused and change nothing") {
  OrderBook book;
  fill(book, 5, 300);
  const auto before = book.checksum();
  const auto bytes = book.snapshot();
  for (std::size_t length = 0; length < bytes.size(); length += 7) {
    CHECK(book.restore(std::span(bytes).first(length)) != SnapshotError::kNone);
  }
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    auto damaged = bytes;
    damaged[at] ^= std::byte{0x10};
    CHECK(book.restore(damaged) != SnapshotError::kNone);
  }
  CHECK(book.checksum() == before);
  auto version = bytes;
  version[6] = std::byte{9};
  CHECK(book.restore(version) == SnapshotError::kBadVersion);
  version[0] = std::byte{9};
  CHECK(book.restore(version) == SnapshotError::kBadMagic);
}

TEST_CASE("hostile snapshots with a right checksum give an error or a sound book") {
  OrderBook book;
  fill(book, 6, 400);
  CHECK(refusals_of_hostile_snapshots<OrderBook>(book.snapshot()) > 1000);
}

TEST_CASE("hostile snapshots of level-only books too, with and without an index of ids") {
  Event e;
  e.price = Price{100};
  e.quantity = 7;
  LevelBook by_id;
  for (e.order_id = 1; e.order_id <= 8; ++e.order_id) {
    e.side = e.order_id % 2 != 0 ? Side::kBuy : Side::kSell;
    e.price = Price{100 + static_cast<std::int64_t>(e.side) * 10};
    REQUIRE(by_id.apply(e) == Reject::kNone);
  }
  CHECK(refusals_of_hostile_snapshots<LevelBook>(by_id.snapshot()) > 1000);
  PriceBook by_price;
  e.kind = EventKind::kLevel;
  for (std::int64_t i = 0; i < 8; ++i) {
    e.side = i < 4 ? Side::kBuy : Side::kSell;
    e.price = Price{100 + i};
    REQUIRE(by_price.apply(e) == Reject::kNone);
  }
  CHECK(refusals_of_hostile_snapshots<PriceBook>(by_price.snapshot()) > 1000);
}

TEST_CASE("a snapshot outside the book's range or capacity is refused") {
  OrderBook book;
  book.add_order(limit_order(5000, Side::kBuy, {100}, 5));
  book.add_order(limit_order(5001, Side::kBuy, {100}, 5));
  BookOptions options;
  options.max_price = Price{99};
  OrderBook narrow(options);
  CHECK(narrow.restore(book.snapshot()) == SnapshotError::kBadContent);
  options = {};
  options.max_orders = 1;
  OrderBook small(options);
  CHECK(small.restore(book.snapshot()) == SnapshotError::kTooLarge);
  options = {};
  options.max_dense_id = 100;
  DenseOrderBook dense(options);
  CHECK(dense.restore(book.snapshot()) == SnapshotError::kTooLarge);
}

TEST_CASE("level deltas are numbered without gaps and rebuild the levels") {
  BasicOrderBook<DeltaRecorder> book;
  DeltaFollower follower;
  fill(book, 8, 2000);
  for (const LevelDelta& delta : book.listener().deltas()) REQUIRE(follower.apply(delta) == Reject::kNone);
  CHECK(follower.sequence() == book.listener().sequence());
  for (const Side side : {Side::kBuy, Side::kSell}) {
    std::vector<DepthLevel> want, got;
    book.for_each_level(side, [&](const DepthLevel& level) { want.push_back(level); });
    follower.for_each_level(side, [&](const DepthLevel& level) { got.push_back(level); });
    CHECK(want == got);
    CHECK(want.size() > 3);
  }
  const LevelDelta last = book.listener().deltas().back();
  CHECK(follower.apply(last) == Reject::kSequenceGap);
}

TEST_CASE("a follower can start in the middle from a level 2 image") {
  BasicOrderBook<DeltaRecorder> book;
  fill(book, 9, 500);
  DeltaFollower follower;
  follower.start(book, book.listener().sequence());
  book.listener().clear();
  fill(book, 10, 500, 10'000);
  for (const LevelDelta& delta : book.listener().deltas()) REQUIRE(follower.apply(delta) == Reject::kNone);
  std::vector<DepthLevel> want, got;
  book.for_each_level(Side::kBuy, [&](const DepthLevel& level) { want.push_back(level); });
  follower.for_each_level(Side::kBuy, [&](const DepthLevel& level) { got.push_back(level); });
  CHECK(want == got);
}

TEST_CASE("an id is unique in its arena, and belongs to one book of it") {
  BookOptions options;
  options.books = 3;
  OrderBookArena<> arena(options);
  REQUIRE(arena.add_order(0, limit_order(1, Side::kBuy, {100}, 5)));
  CHECK(arena.add_order(1, limit_order(1, Side::kBuy, {100}, 5)).reject() == Reject::kDuplicateId);
  CHECK(arena[1].cancel_order(1).reject() == Reject::kUnknownId);
  CHECK(arena[1].modify_order(1, {5}, 5).reject() == Reject::kUnknownId);
  CHECK_FALSE(arena[1].find(1).has_value());
  CHECK(arena.find(1)->book == 0);
  CHECK(arena.add_order(3, limit_order(2, Side::kBuy, {100}, 5)).reject() == Reject::kBadBook);
  CHECK(arena.apply(3, Event{}) == Reject::kBadBook);
  CHECK(arena.modify_order(1, {7}, 5).ok());
  CHECK(arena[0].bbo().bid_price == Price{7});
  CHECK_FALSE(arena[1].bbo().has_bid());
  CHECK(arena.replace_order(1, 2, {8}, 5).ok());
  CHECK(arena.cancel_order(2).ok());
  CHECK(arena.check_invariants() == "");
}

TEST_CASE("books of an arena do not trade with each other and restore one by one") {
  BookOptions options;
  options.books = 2;
  OrderBookArena<> arena(options);
  arena.add_order(0, limit_order(1, Side::kSell, {100}, 5));
  CHECK(arena.add_order(1, limit_order(2, Side::kBuy, {100}, 5))->filled == 0);
  const auto image = arena[0].snapshot();
  CHECK(arena[1].restore(image) == SnapshotError::kDuplicateId);  // the order still rests in book 0
  arena[0].clear();
  CHECK(arena[1].restore(image) == SnapshotError::kNone);
  CHECK(arena.find(1)->book == 1);
  CHECK_FALSE(arena.find(2).has_value());
  CHECK(arena.check_invariants() == "");
}

TEST_CASE("the same commands give the same bytes") {
  OrderBook a, b;
  fill(a, 11, 5000);
  fill(b, 11, 5000);
  CHECK(a.snapshot() == b.snapshot());
}

TEST_CASE("a book can be moved with all it holds") {
  OrderBook a;
  fill(a, 12, 1000);
  const auto checksum = a.checksum();
  OrderBook b(std::move(a));
  CHECK(b.checksum() == checksum);
  CHECK(b.check_invariants() == "");
  fill(b, 13, 1000, 5000);
  CHECK(b.check_invariants() == "");
}

TEST_CASE("every reject and snapshot error has a name") {
  for (std::size_t i = 0; i < kRejectCount; ++i) CHECK(to_string(static_cast<Reject>(i)) != "?");
  CHECK(to_string(static_cast<Reject>(kRejectCount)) == "?");
  for (int i = 0; i <= static_cast<int>(SnapshotError::kTooLarge); ++i) {
    CHECK(to_string(static_cast<SnapshotError>(i)) != "?");
  }
}
