// Level containers against std::map, the window's movements, and level-only books against FIFO books.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "orderbook/orderbook.h"
#include "support/commands.h"

using namespace orderbook;

namespace {

constexpr LevelKey kMin = std::numeric_limits<LevelKey>::min();
constexpr LevelKey kMax = std::numeric_limits<LevelKey>::max();

BookOptions window_of(std::uint32_t ticks) {
  BookOptions options;
  options.window_ticks = ticks;
  return options;
}

template <class C>
void compare(C& levels, const std::map<LevelKey, LevelId>& want) {
  REQUIRE(levels.check(0) == "");
  REQUIRE(levels.size(0) == want.size());
  auto at = want.rbegin();
  for (LevelId id = levels.best(0); id != 0; ++at) {
    REQUIRE(at != want.rend());
    REQUIRE(id == at->second);
    id = levels.next_worse(0, at->first);
  }
  REQUIRE(at == want.rend());
  at = want.rbegin();
  levels.walk(0, [&](LevelId id) {
    REQUIRE(at != want.rend());
    REQUIRE(id == at->second);
    ++at;
    return true;
  });
  REQUIRE(at == want.rend());
}

}  // namespace

TEMPLATE_TEST_CASE("containers find, order and forget levels as a map does", "", LadderLevels, TreeLevels) {
  for (const std::uint32_t window : {64u, 4096u, 8192u, 262144u}) {
    std::mt19937_64 random(window);
    TestType levels(window_of(window), 1);
    std::map<LevelKey, LevelId> want;
    LevelKey middle = 0;
    LevelId next = 1;
    const int steps = window > 100'000 ? 3'000 : 20'000;
    for (int i = 0; i < steps; ++i) {
      if (random() % 50 == 0) middle += static_cast<LevelKey>(random() % 400) - 200;
      if (random() % 2000 == 0) middle = static_cast<LevelKey>(random());
      LevelKey key = static_cast<LevelKey>(static_cast<std::uint64_t>(middle) + random() % 200);
      if (random() % 100 == 0) key = random() % 2 == 0 ? kMin + static_cast<LevelKey>(random() % 3) : kMax;
      const auto found = want.find(key);
      REQUIRE(levels.find(0, key) == (found == want.end() ? 0 : found->second));
      REQUIRE(levels.peek(0, key) == (found == want.end() ? 0 : found->second));
      if (found != want.end()) {
        levels.erase(0, key);
        want.erase(found);
      } else {
        levels.insert(0, key, next);
        want[key] = next++;
      }
      if (!want.empty()) {
        REQUIRE(levels.best_key(0) == want.rbegin()->first);
        REQUIRE(levels.best(0) == want.rbegin()->second);
      } else {
        REQUIRE(levels.best(0) == 0);
      }
      if (i % (steps / 40) == 0) compare(levels, want);
    }
    compare(levels, want);
  }
}

TEST_CASE("a far quote does not move the window and a moved market does") {
  LadderLevels levels(window_of(64), 1);
  for (LevelId i = 20; i >= 1; --i) levels.insert(0, static_cast<LevelKey>(i), i);
  levels.insert(0, 1'000'000, 99);
  CHECK(levels.outside(0) == 1);
  CHECK(levels.best_key(0) == 1'000'000);
  levels.erase(0, 1'000'000);
  CHECK(levels.best_key(0) == 20);
  CHECK(levels.outside(0) == 0);
  for (LevelKey key = 5000; key < 5060; ++key) {
    CHECK(levels.find(0, key) == 0);
    levels.insert(0, key, static_cast<LevelId>(key));
  }
  CHECK(levels.find(0, 5059) == 5059);
  CHECK(levels.outside(0) < 60);  // the new market is in the window now, the old one in the map
  CHECK(levels.find(0, 20) == 20);
  CHECK(levels.next_worse(0, 5000) == 20);
  CHECK(levels.check(0) == "");
}

TEST_CASE("ladders of one container do not touch each other") {
  LadderLevels levels(window_of(64), 3);
  levels.insert(0, 5, 1);
  levels.insert(1, 5, 2);
  levels.insert(2, kMin, 3);
  levels.erase(1, 5);
  CHECK(levels.best(0) == 1);
  CHECK(levels.best(1) == 0);
  CHECK(levels.best(2) == 3);
}

TEST_CASE("the bitmap finds the nearest member at or below a slot") {
  for (const std::uint32_t slots : {64u, 128u, 4096u, 65536u, 262144u}) {
    std::vector<std::uint64_t> words(detail::Bitmap::words(slots));
    detail::Bitmap bitmap(words.data(), slots);
    std::mt19937_64 random(slots);
    std::map<std::uint32_t, bool> want;
    for (int i = 0; i < 4000; ++i) {
      const std::uint32_t slot = static_cast<std::uint32_t>(random() % slots);
      if (random() % 2 == 0) {
        bitmap.set(slot);
        want[slot] = true;
      } else if (!want.empty()) {
        const auto victim = want.lower_bound(slot);
        if (victim != want.end()) {
          bitmap.clear(victim->first);
          want.erase(victim);
        }
      }
      const std::uint32_t from = static_cast<std::uint32_t>(random() % slots);
      auto at = want.upper_bound(from);
      const std::uint32_t expected = at == want.begin() ? detail::Bitmap::kNone : (--at)->first;
      REQUIRE(bitmap.at_or_below(from) == expected);
      REQUIRE(bitmap.test(from) == (want.count(from) != 0));
    }
  }
}

TEMPLATE_TEST_CASE("an id index holds what was put in and nothing else", "", HashedIndex<LevelOnly<>::Record>,
                   DirectIndex<LevelOnly<>::Record>) {
  BookOptions options;
  options.expected_orders = 4;
  options.expected_ids = 4;
  TestType index(options);
  std::map<OrderId, LevelId> want;
  std::mt19937_64 random(1);
  const bool is_hashed = index.admits(~0ull);
  for (int i = 0; i < 200'000; ++i) {
    const OrderId id = is_hashed && random() % 2 == 0 ? random() % 64 * 0x10000000000ull : random() % 900;
    auto* record = index.find(id);
    const auto at = want.find(id);
    REQUIRE((record != nullptr) == (at != want.end()));
    if (record == nullptr) {
      index.make_room(id);
      *index.insert(id) = {1, static_cast<LevelId>(i + 1)};
      want[id] = static_cast<LevelId>(i + 1);
    } else {
      REQUIRE(record->level == at->second);
      index.erase(id, record);
      want.erase(at);
    }
    REQUIRE(index.size() == want.size());
  }
  std::size_t count = 0;
  index.for_each([&](OrderId id, const auto& record) {
    ++count;
    REQUIRE(want.at(id) == record.level);
  });
  CHECK(count == want.size());
}

TEST_CASE("a level-only book shows the levels of a FIFO book fed the same events") {
  BookOptions options;
  options.window_ticks = 64;
  options.expected_orders = 16;
  ReplayBook fifo(options);
  LevelBook hashed(options);
  DenseLevelBook dense(options);
  BasicBook<LevelOnly<std::uint64_t>, HashedIndex, TreeLevels> wide(options);
  support::RandomSource source(21);
  support::CommandGenerator generator(source, {});
  for (int i = 0; i < 200'000; ++i) {
    const support::Command c = generator.next();
    if (c.kind != support::CommandKind::kApply || c.event.kind == EventKind::kLevel) continue;
    const Reject why = fifo.apply(c.event);
    REQUIRE(hashed.apply(c.event) == why);
    REQUIRE(dense.apply(c.event) == why);
    if (c.event.quantity <= 0xFFFFFFFF) REQUIRE(wide.apply(c.event) == why);
    REQUIRE(hashed.bbo() == fifo.bbo());
    if (i % 500 == 0) {
      REQUIRE(hashed.level_checksum() == fifo.level_checksum());
      REQUIRE(dense.level_checksum() == fifo.level_checksum());
      REQUIRE(wide.level_checksum() == fifo.level_checksum());
      REQUIRE(dense.checksum() == hashed.checksum());
      REQUIRE(hashed.check_invariants() == "");
      REQUIRE(dense.check_invariants() == "");
      REQUIRE(wide.check_invariants() == "");
    }
  }
  CHECK(fifo.stats().trades > 500);
  CHECK(hashed.stats().cancels == fifo.stats().cancels);
}

TEST_CASE("level feeds and feeds without ids agree with a map of levels") {
  BookOptions options;
  options.window_ticks = 64;
  LevelBook by_level(options);
  PriceBook by_price(options);
  std::map<std::int64_t, Quantity> want[2];
  support::RandomSource random(22);
  for (int i = 0; i < 100'000; ++i) {
    Event e;
    e.side = random.next() % 2 == 0 ? Side::kBuy : Side::kSell;
    e.price = Price{static_cast<std::int64_t>(random.next() % 64 + (random.next() % 50 == 0 ? 100'000 : 0)) +
                    i / 500};
    e.quantity = random.next() % 3 == 0 ? 0 : random.next() % 1000;
    auto& levels = want[static_cast<std::size_t>(e.side)];
    const auto at = levels.find(e.price.ticks);
    const Quantity before = at == levels.end() ? 0 : at->second;
    // The same change, once as a new level and once as a difference.
    Event difference = e;
    difference.kind = e.quantity >= before ? EventKind::kAdd : EventKind::kReduce;
    difference.quantity = e.quantity >= before ? e.quantity - before : before - e.quantity;
    e.kind = EventKind::kLevel;
    REQUIRE(by_level.apply(e) == Reject::kNone);
    if (difference.quantity != 0) REQUIRE(by_price.apply(difference) == Reject::kNone);
    if (e.quantity == 0) {
      levels.erase(e.price.ticks);
    } else {
      levels[e.price.ticks] = e.quantity;
    }
    REQUIRE(by_level.bbo() == by_price.bbo());
    if (i % 1000 != 0) continue;
    REQUIRE(by_level.level_checksum() == by_price.level_checksum());
    REQUIRE(by_level.check_invariants() == "");
    std::size_t asks = 0;
    auto ask = want[1].begin();
    by_level.for_each_level(Side::kSell, [&](const DepthLevel& level) {
      ++asks;
      REQUIRE(ask->first == level.price.ticks);
      REQUIRE(ask->second == level.quantity);
      ++ask;
    });
    REQUIRE(asks == want[1].size());
    REQUIRE(by_level.stats().bid_levels == want[0].size());
  }
}
