// Random commands for a matching book that is also replayed, from any source of words: a generator with a seed in the
// property test, the fuzzer's bytes in the fuzz target. Prices crowd around a walking middle so that orders meet, with a
// few far away and at the ends of int64; ids are mostly new or live, some repeated, some unknown.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "orderbook/event.h"
#include "orderbook/order.h"

namespace support {

using namespace orderbook;

// Steele, Lea, Flood: SplitMix64.
class RandomSource {
 public:
  explicit RandomSource(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t x = state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
  }
  bool is_over() const { return false; }

 private:
  std::uint64_t state_;
};

enum class CommandKind { kAdd, kCancel, kModify, kReplace, kMassCancel, kApply, kSnapshot };

struct Command {
  CommandKind kind = CommandKind::kAdd;
  BookNumber book = 0;
  Order order;                   // kAdd; id, price, quantity and time of the others
  OrderId new_id = 0;            // kReplace
  std::optional<OwnerId> owner;  // kMassCancel
  std::optional<Side> side;
  Event event;  // kApply
};

struct CommandMix {
  BookNumber books = 1;
  bool sparse_ids = false;         // scattered over 64 bits
  bool wide_quantities = false;    // up to 2^64 - 1
  bool replays = true;             // events of feeds between the orders
  bool extremes = true;            // far prices and the ends of int64
  std::uint64_t recent_ids = 256;  // cancels choose among that many latest
};

template <class Source>
class CommandGenerator {
 public:
  CommandGenerator(Source& source, CommandMix mix) : source_(source), mix_(mix) {}

  Command next() {
    Command c;
    c.book = static_cast<BookNumber>(below(mix_.books));
    book_ = c.book;
    const std::uint64_t kind = below(1000);
    if (kind < 500) {
      c.kind = CommandKind::kAdd;
      c.order = order();
    } else if (kind < 690) {
      c.kind = CommandKind::kCancel;
      c.order.id = known_id();
    } else if (kind < 790) {
      c.kind = CommandKind::kModify;
      c.order = order();
      c.order.id = known_id();
    } else if (kind < 840) {
      c.kind = CommandKind::kReplace;
      c.order = order();
      c.new_id = below(8) == 0 ? known_id() : c.order.id;
      c.order.id = known_id();
    } else if (kind < 995) {
      c.kind = mix_.replays ? CommandKind::kApply : CommandKind::kCancel;
      c.order.id = known_id();
      c.event = event();
    } else if (kind < 998) {
      c.kind = CommandKind::kMassCancel;
      if (below(4) != 0) c.owner = static_cast<OwnerId>(below(4));
      if (below(2) != 0) c.side = side();
    } else {
      c.kind = CommandKind::kSnapshot;
    }
    return c;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return bound <= 1 ? 0 : source_.next() % bound; }
  Side side() { return below(2) == 0 ? Side::kBuy : Side::kSell; }

  // Ids of different books never meet here: what a shared id does is a unit test.
  OrderId id_at(std::uint64_t count) const {
    const std::uint64_t id = count * mix_.books + book_;
    return mix_.sparse_ids ? id * 0xD1342543DE82EF95ull : id;
  }
  OrderId new_id() { return id_at(below(24) == 0 ? below(count_ + 1) : ++count_); }
  OrderId known_id() {
    if (below(32) == 0) return id_at(count_ + 1 + below(1000));
    const std::uint64_t recent = count_ < mix_.recent_ids ? count_ : mix_.recent_ids;
    return id_at(count_ - below(recent + 1));
  }

  Price price() {
    if (below(16) == 0) middle_ += static_cast<std::int64_t>(below(5)) - 2;
    if (mix_.extremes && below(64) == 0) {
      switch (below(6)) {
        case 0:
          return Price{std::numeric_limits<std::int64_t>::min() + static_cast<std::int64_t>(below(3))};
        case 1:
          return Price{std::numeric_limits<std::int64_t>::max() - static_cast<std::int64_t>(below(3))};
        case 2:
          return Price{static_cast<std::int64_t>(source_.next())};
        case 3:
          middle_ += static_cast<std::int64_t>(below(4000)) - 2000;  // the market jumps
          break;
        default:
          return Price{middle_ + static_cast<std::int64_t>(below(2000)) - 1000};
      }
    }
    return Price{middle_ + static_cast<std::int64_t>(below(41)) - 20};
  }

  Quantity quantity() {
    switch (below(64)) {
      case 0:
        return 0;
      case 1:
        return mix_.wide_quantities ? source_.next() : source_.next() % (std::uint64_t{1} << 33);
      case 2:
        return mix_.wide_quantities ? std::numeric_limits<Quantity>::max()
                                    : std::numeric_limits<std::uint32_t>::max();
      default:
        return 1 + below(100);
    }
  }

  Order order() {
    Order o;
    o.id = new_id();
    o.side = side();
    o.price = price();
    // Mostly on its own side of the middle, so that queues grow.
    if (below(4) != 0 && o.price.ticks > -100'000 && o.price.ticks < 100'000) {
      o.price.ticks += o.side == Side::kBuy ? -16 : 16;
    }
    o.quantity = quantity();
    o.time_ns = ++time_;
    o.owner = static_cast<OwnerId>(below(4));
    if (below(3) == 0) o.self_trade = static_cast<SelfTrade>(below(5));
    switch (below(16)) {
      case 0:
        o.type = OrderType::kMarket;
        break;
      case 1:
      case 2:
        o.type = below(2) == 0 ? OrderType::kStop : OrderType::kStopLimit;
        o.stop_price = price();
        break;
      default:
        break;
    }
    switch (below(12)) {
      case 0:
        o.time_in_force = TimeInForce::kImmediateOrCancel;
        break;
      case 1:
        o.time_in_force = TimeInForce::kFillOrKill;
        break;
      case 2:
        o.post_only = static_cast<PostOnly>(below(3));
        break;
      case 3:
      case 4:
        o.display = 1 + below(20);
        break;
      default:
        break;
    }
    return o;
  }

  Event event() {
    Event e;
    e.time_ns = ++time_;
    e.side = side();
    e.price = price();
    e.quantity = below(3) == 0 ? 1 + below(20) : quantity();
    if (below(64) == 0) e.flags = kEventNoSide;
    e.order_id = known_id();
    const std::uint64_t kind = below(256);
    if (kind < 90) {
      e.kind = EventKind::kAdd;
      e.order_id = new_id();
    } else if (kind < 120) {
      e.kind = EventKind::kReduce;
    } else if (kind < 150) {
      e.kind = EventKind::kDelete;
    } else if (kind < 190) {
      e.kind = EventKind::kExecute;
    } else if (kind < 210) {
      e.kind = EventKind::kReplace;
      e.new_order_id = new_id();
    } else if (kind < 245) {
      e.kind = EventKind::kModify;
    } else if (kind < 250) {
      e.kind = EventKind::kTrade;
    } else if (kind < 253) {
      e.kind = EventKind::kLevel;
    } else if (kind < 254) {
      e.kind = EventKind::kClear;
    } else {
      e.kind = EventKind::kStatus;
    }
    return e;
  }

  Source& source_;
  CommandMix mix_;
  BookNumber book_ = 0;
  std::uint64_t count_ = 0;
  std::int64_t middle_ = 1000;
  TimestampNs time_ = 0;
};

}  // namespace support
