// The workload, deterministic by seed: add 46.6 %, cancel 43.3 %, modify 5 % (new price, so the place is lost), marketable
// 5 % (immediate or cancel, sized so that adds and leavers balance). Adds lie at a power-law distance from their own
// side's best, three quarters of the cancels hit one of the latest 256 orders of the symbol, the fair value walks within
// 800 ticks, symbols are drawn by Zipf's law. The same stream as a feed turns each fill into an execution.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "map_book.h"
#include "orderbook/event.h"
#include "support/commands.h"

namespace bench {

enum class Op : std::uint8_t { kAdd, kCancel, kModify, kTake };

struct Message {
  OrderId id;
  std::int32_t price;
  std::uint32_t quantity;
  std::uint16_t book;
  Op op;
  Side side;
};

struct Shape {
  const char* name;
  std::size_t books;
  std::size_t live;    // orders at which it is held
  std::size_t events;  // after the live ones were added
};

// What every engine must reproduce. The hash takes the touched book's best prices and sizes after every message.
struct Answer {
  std::uint64_t bbo_hash = 0;
  std::uint64_t fills = 0;
  std::uint64_t filled = 0;
  friend bool operator==(const Answer&, const Answer&) = default;
};

inline std::uint64_t hash_bbo(std::uint64_t hash, const Bbo& bbo) {
  const std::uint64_t bid =
      bbo.has_bid() ? static_cast<std::uint64_t>(bbo.bid_price.ticks) << 32 ^ bbo.bid_quantity : 1;
  const std::uint64_t ask =
      bbo.has_ask() ? static_cast<std::uint64_t>(bbo.ask_price.ticks) << 32 ^ bbo.ask_quantity : 2;
  return (hash ^ bid * 0x9E3779B97F4A7C15ull ^ ask) * 0xD1342543DE82EF95ull + (hash >> 29);
}

// Ids scattered over 64 bits, for engines that must not profit from dense ones.
inline OrderId scattered(OrderId id) { return (id + 1) * 0xD1342543DE82EF95ull; }

struct Workload {
  Shape shape{};
  std::vector<Message> warm;  // builds the live orders
  std::vector<Message> timed;
  std::vector<Event> feed_warm;
  std::vector<Event> feed;               // of `timed`; Event::instrument is the book
  std::vector<std::uint32_t> feed_ends;  // per message of `timed`: events so far
  Answer answer;                         // over warm and timed
  OrderId last_id = 0;
};

class Generator {
 public:
  Generator(const Shape& shape, std::uint64_t seed)
      : random_(seed), books_(shape.books, shape.live * 2), fair_(shape.books, 400), ids_(shape.books) {
    out_.shape = shape;
    double sum = 0;
    for (std::size_t i = 0; i < shape.books; ++i) zipf_.push_back(sum += 1.0 / static_cast<double>(i + 1));
    side_of_.reserve(shape.live * 2 + shape.events);
  }

  Workload run() {
    for (std::size_t i = 0; i < out_.shape.live; ++i) {
      apply(add(pick_book()), out_.warm, out_.feed_warm);
    }
    for (std::size_t i = 0; i < out_.shape.events; ++i) {
      apply(next(), out_.timed, out_.feed);
      out_.feed_ends.push_back(static_cast<std::uint32_t>(out_.feed.size()));
    }
    out_.last_id = next_id_;
    return std::move(out_);
  }

 private:
  double unit() { return static_cast<double>(random_.next() >> 11) * 0x1p-53; }

  std::size_t pick_book() {
    const double x = unit() * zipf_.back();
    return static_cast<std::size_t>(std::lower_bound(zipf_.begin(), zipf_.end(), x) - zipf_.begin());
  }

  Message next() {
    const std::size_t book = pick_book();
    if (unit() < 0.02) fair_[book] = std::clamp(fair_[book] + (unit() < 0.5 ? -1 : 1), 200, 600);
    double x = unit();
    // Held at its size: where too few or too many live, adds and cancels trade places.
    const double drift =
        (static_cast<double>(books_.live()) / static_cast<double>(out_.shape.live) - 1.0) * 2.0;
    const double adds = 0.466 - std::clamp(drift, -0.05, 0.05);
    if (ids_[book].size() < 4 || x < adds) return add(book);
    if (x < 0.9) return {pick_live(book), 0, 0, static_cast<std::uint16_t>(book), Op::kCancel, Side::kBuy};
    if (x < 0.95) {
      const OrderId id = pick_live(book);
      const Side side = side_of_[id];
      std::int32_t to = price(book, side);
      // Another price always: at the same one a smaller order would keep its place.
      if (to == books_.price_of(id)) to += side == Side::kBuy ? -1 : 1;
      return {id, to, 1 + below(100), static_cast<std::uint16_t>(book), Op::kModify, side};
    }
    const Bbo bbo = books_.bbo(book);
    const Side side = unit() < 0.5 ? Side::kBuy : Side::kSell;
    if (side == Side::kBuy ? !bbo.has_ask() : !bbo.has_bid()) return add(book);
    const std::int64_t best = side == Side::kBuy ? bbo.ask_price.ticks : bbo.bid_price.ticks;
    // Of at most what the best level shows, so that it always fills; two thirds of an order on average.
    const Quantity shown = side == Side::kBuy ? bbo.ask_quantity : bbo.bid_quantity;
    const auto quantity = static_cast<std::uint32_t>(std::min<Quantity>(1 + below(66), shown));
    return {next_id_++, static_cast<std::int32_t>(best),
            quantity,   static_cast<std::uint16_t>(book),
            Op::kTake,  side};
  }

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_.next() % bound); }

  Message add(std::size_t book) {
    const Side side = unit() < 0.5 ? Side::kBuy : Side::kSell;
    return {next_id_++, price(book, side), 1 + below(100), static_cast<std::uint16_t>(book), Op::kAdd, side};
  }

  // From the own best outwards, or one better while the spread allows; never crossing.
  std::int32_t price(std::size_t book, Side side) {
    const Bbo bbo = books_.bbo(book);
    const auto distance =
        static_cast<std::int64_t>(std::pow(1.0 - unit(), -0.9) - 1.0) - (unit() < 0.1 ? 1 : 0);
    std::int64_t price;
    if (side == Side::kBuy) {
      const std::int64_t best =
          std::min<std::int64_t>(bbo.has_bid() ? bbo.bid_price.ticks : fair_[book] - 1, fair_[book]);
      price = best - std::min<std::int64_t>(distance, 150);
      if (bbo.has_ask()) price = std::min(price, bbo.ask_price.ticks - 1);
    } else {
      const std::int64_t best =
          std::max<std::int64_t>(bbo.has_ask() ? bbo.ask_price.ticks : fair_[book] + 1, fair_[book]);
      price = best + std::min<std::int64_t>(distance, 150);
      if (bbo.has_bid()) price = std::max(price, bbo.bid_price.ticks + 1);
    }
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(price, 0, 800));
  }

  // Live orders of a book, oldest first but for the holes that swaps fill; dead ids are dropped when met.
  OrderId pick_live(std::size_t book) {
    auto& ids = ids_[book];
    for (;;) {
      const std::size_t recent = std::min<std::size_t>(ids.size(), 256);
      const std::size_t i = unit() < 0.75 ? ids.size() - 1 - below(static_cast<std::uint32_t>(recent))
                                          : below(static_cast<std::uint32_t>(ids.size()));
      const OrderId id = ids[i];
      if (is_live_[id]) return id;
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  void apply(const Message& m, std::vector<Message>& messages, std::vector<Event>& events) {
    messages.push_back(m);
    is_live_.resize(next_id_, false);
    side_of_.resize(next_id_, Side::kBuy);
    Event e;
    e.order_id = m.id;
    e.price = Price{m.price};
    e.quantity = m.quantity;
    e.instrument = m.book;
    e.side = m.side;
    e.time_ns = e.sequence = messages.size();
    switch (m.op) {
      case Op::kAdd:
        books_.add(m.book, m.id, m.side, m.price, m.quantity);
        is_live_[m.id] = true;
        side_of_[m.id] = m.side;
        ids_[m.book].push_back(m.id);
        e.kind = EventKind::kAdd;
        events.push_back(e);
        break;
      case Op::kCancel:
        books_.cancel(m.id);
        is_live_[m.id] = false;
        e.kind = EventKind::kDelete;
        events.push_back(e);
        break;
      case Op::kModify:
        books_.modify(m.id, m.price, m.quantity);
        e.kind = EventKind::kModify;
        events.push_back(e);
        break;
      case Op::kTake:
        books_.take(m.book, m.side, m.price, m.quantity, [&](OrderId maker, Quantity quantity) {
          ++out_.answer.fills;
          out_.answer.filled += quantity;
          e.kind = EventKind::kExecute;
          e.order_id = maker;
          e.quantity = quantity;
          e.side = opposite(m.side);
          events.push_back(e);
          gone_.push_back(maker);
        });
        for (const OrderId maker : gone_) is_live_[maker] = books_.has(maker);
        gone_.clear();
        break;
    }
    out_.answer.bbo_hash = hash_bbo(out_.answer.bbo_hash, books_.bbo(m.book));
  }

  support::RandomSource random_;
  MapBooks books_;
  std::vector<int> fair_;
  std::vector<std::vector<OrderId>> ids_;
  std::vector<bool> is_live_;
  std::vector<Side> side_of_;
  std::vector<double> zipf_;
  std::vector<OrderId> gone_;
  OrderId next_id_ = 0;
  Workload out_;
};

}  // namespace bench
