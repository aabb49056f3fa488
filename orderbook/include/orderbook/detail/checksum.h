// Checksum of a book, version 1.
//
// h = 0; each 64-bit word w in turn: h = mix(h ^ w) + 0x9E3779B97F4A7C15, where mix is the finaliser of SplitMix64
// (Steele, Lea, Flood, OOPSLA 2014): x ^= x >> 30; x *= 0xBF58476D1CE4E5B9; x ^= x >> 27; x *= 0x94D049BB133111EB;
// x ^= x >> 31. Words of level_checksum: for bids, then asks: the number of levels; for each from the best: price,
// quantity, orders. checksum starts with level_checksum. With a queue: for bids, then asks, orders in priority: id,
// price, shown, reserve, display, owner << 32 | policies; then buy and sell stops in trigger order: id, stop price,
// limit price, quantity, display, owner << 32 | type << 16 | time in force << 8 | policies; then whether there was a
// match, and its price. Without a queue: the sum over live ids of the h of (id, price, side, quantity), as a word: it
// has no order to go by. Equal books have equal checksums; different ones differ but for 2^-64.
#pragma once

#include <cstdint>

#include "orderbook/detail/query.h"

namespace orderbook::detail {

class Digest {
 public:
  void add(std::uint64_t word) noexcept {
    std::uint64_t x = value_ ^ word;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    value_ = (x ^ (x >> 31)) + 0x9E3779B97F4A7C15ull;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0;
};

template <class S>
[[nodiscard]] std::uint64_t level_checksum(const S& store, BookNumber book) {
  Digest digest;
  for (const Side side : {Side::kBuy, Side::kSell}) {
    digest.add(store.ladders.size(S::ladder(book, side)));
    Query(store).for_each_level(book, side, [&](const DepthLevel& level) {
      digest.add(static_cast<std::uint64_t>(level.price.ticks));
      digest.add(level.quantity);
      digest.add(level.orders);
    });
  }
  return digest.value();
}

template <class S>
[[nodiscard]] std::uint64_t checksum(const S& store, BookNumber book) {
  Digest digest;
  digest.add(level_checksum(store, book));
  if constexpr (S::kKeepsOrders) {
    for (const Side side : {Side::kBuy, Side::kSell}) {
      Query(store).for_each_order(book, side, [&](const OrderView& order) {
        const auto flags = store.queue.details(const_cast<S&>(store).ids.find(order.id)->node).flags;
        digest.add(order.id);
        digest.add(static_cast<std::uint64_t>(order.price.ticks));
        digest.add(order.quantity);
        digest.add(order.reserve);
        digest.add(order.display);
        digest.add(std::uint64_t{order.owner} << 32 | flags);
      });
    }
    for (const Side side : {Side::kBuy, Side::kSell}) {
      Query(store).for_each_stop(book, side, [&](const OrderView& stop) {
        const auto& details = store.queue.details(const_cast<S&>(store).ids.find(stop.id)->node);
        const Order& terms = store.stop_terms[static_cast<std::size_t>(details.reserve)];
        digest.add(stop.id);
        digest.add(static_cast<std::uint64_t>(stop.price.ticks));
        digest.add(terms.type == OrderType::kStopLimit ? static_cast<std::uint64_t>(terms.price.ticks) : 0);
        digest.add(stop.quantity);
        digest.add(terms.display);
        digest.add(
            std::uint64_t{terms.owner} << 32 | std::uint64_t{static_cast<std::uint8_t>(terms.type)} << 16 |
            std::uint64_t{static_cast<std::uint8_t>(terms.time_in_force)} << 8 | EntryFlags::of(terms));
      });
    }
    digest.add(store.books[book].has_last_trade ? 1 : 0);
    digest.add(store.books[book].has_last_trade
                   ? static_cast<std::uint64_t>(store.books[book].last_trade.ticks)
                   : 0);
  } else {
    std::uint64_t sum = 0;
    store.ids.for_each([&](OrderId id, const typename S::Record& record) {
      const Level& level = store.levels[store.queue.level_of(record)];
      if (level.book() != book) return;
      Digest one;
      one.add(id);
      one.add(static_cast<std::uint64_t>(price_of(level.side(), level.key).ticks));
      one.add(static_cast<std::uint64_t>(level.side()));
      one.add(store.queue.shown(record));
      sum += one.value();
    });
    digest.add(sum);
  }
  return digest.value();
}

}  // namespace orderbook::detail
