// The book most people write first: std::map of prices, std::list of orders, std::unordered_map of ids. Generates the
// workload, is what the book is compared with, and is itself checked against the naive book before anything is timed.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <unordered_map>
#include <vector>

#include "orderbook/types.h"
#include "orderbook/views.h"

namespace bench {

using namespace orderbook;

class MapBooks {
 public:
  struct Resting {
    OrderId id;
    Quantity quantity;
  };
  struct Level {
    Quantity quantity = 0;
    std::list<Resting> orders;
  };
  using Bids = std::map<std::int64_t, Level, std::greater<>>;
  using Asks = std::map<std::int64_t, Level>;

  explicit MapBooks(std::size_t books, std::size_t expected_orders = 0) : bids_(books), asks_(books) {
    where_.reserve(expected_orders);
  }

  void add(std::size_t book, OrderId id, Side side, std::int64_t price, Quantity quantity) {
    Level& level = side == Side::kBuy ? bids_[book][price] : asks_[book][price];
    level.quantity += quantity;
    level.orders.push_back({id, quantity});
    where_[id] = {static_cast<std::uint32_t>(book), side, price, std::prev(level.orders.end())};
  }

  void cancel(OrderId id) {
    const auto at = where_.find(id);
    const Where where = at->second;
    if (where.side == Side::kBuy) {
      erase(bids_[where.book], where);
    } else {
      erase(asks_[where.book], where);
    }
    where_.erase(at);
  }

  // Leaves `quantity`, or nothing.
  void reduce(OrderId id, Quantity by) {
    const Where& where = where_.find(id)->second;
    if (where.order->quantity == by) {
      cancel(id);
      return;
    }
    where.order->quantity -= by;
    (where.side == Side::kBuy ? bids_[where.book].find(where.price)->second
                              : asks_[where.book].find(where.price)->second)
        .quantity -= by;
  }

  void modify(OrderId id, std::int64_t price, Quantity quantity) {
    const Where where = where_.find(id)->second;
    cancel(id);
    add(where.book, id, where.side, price, quantity);
  }

  // Immediate or cancel; on_fill(maker, quantity) for each.
  template <class F>
  void take(std::size_t book, Side side, std::int64_t limit, Quantity quantity, F&& on_fill) {
    if (side == Side::kBuy) {
      sweep(asks_[book], limit, quantity, on_fill,
            [](std::int64_t best, std::int64_t l) { return best <= l; });
    } else {
      sweep(bids_[book], limit, quantity, on_fill,
            [](std::int64_t best, std::int64_t l) { return best >= l; });
    }
  }

  Bbo bbo(std::size_t book) const {
    Bbo bbo;
    if (!bids_[book].empty()) {
      const auto& [price, level] = *bids_[book].begin();
      bbo.bid_price = Price{price};
      bbo.bid_quantity = level.quantity;
    }
    if (!asks_[book].empty()) {
      const auto& [price, level] = *asks_[book].begin();
      bbo.ask_price = Price{price};
      bbo.ask_quantity = level.quantity;
    }
    return bbo;
  }

  const Bids& bids(std::size_t book) const { return bids_[book]; }
  const Asks& asks(std::size_t book) const { return asks_[book]; }
  std::int64_t price_of(OrderId id) const { return where_.at(id).price; }
  bool has(OrderId id) const { return where_.count(id) != 0; }
  std::size_t live() const { return where_.size(); }

 private:
  struct Where {
    std::uint32_t book;
    Side side;
    std::int64_t price;
    std::list<Resting>::iterator order;
  };

  template <class Levels>
  static void erase(Levels& levels, const Where& where) {
    const auto level = levels.find(where.price);
    level->second.quantity -= where.order->quantity;
    level->second.orders.erase(where.order);
    if (level->second.orders.empty()) levels.erase(level);
  }

  template <class Levels, class F, class Reaches>
  void sweep(Levels& levels, std::int64_t limit, Quantity quantity, F& on_fill, Reaches reaches) {
    while (quantity != 0 && !levels.empty() && reaches(levels.begin()->first, limit)) {
      Level& level = levels.begin()->second;
      while (quantity != 0 && !level.orders.empty()) {
        Resting& maker = level.orders.front();
        const Quantity traded = std::min(quantity, maker.quantity);
        on_fill(maker.id, traded);
        quantity -= traded;
        maker.quantity -= traded;
        level.quantity -= traded;
        if (maker.quantity == 0) {
          where_.erase(maker.id);
          level.orders.pop_front();
        }
      }
      if (level.orders.empty()) levels.erase(levels.begin());
    }
  }

  std::vector<Bids> bids_;
  std::vector<Asks> asks_;
  std::unordered_map<OrderId, Where> where_;
};

}  // namespace bench
