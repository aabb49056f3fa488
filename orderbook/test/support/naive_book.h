// The judge of the book: the same rules in the plainest containers, written from the rules and sharing only the
// vocabulary (order.h, event.h, reject.h). Slow, obvious, and for tests and the benchmark's check alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "orderbook/event.h"
#include "orderbook/order.h"
#include "orderbook/reject.h"

namespace naive {

using namespace orderbook;

// What a book tells while it works, flattened for comparison.
struct Told {
  enum Kind { kAccept, kTrade, kCancel, kReduce, kTrigger } kind;
  OrderId id;
  OrderId other;  // taker of a trade
  std::int64_t price;
  Quantity quantity;
  Quantity more;  // reserve of an accept, remaining of a reduce
  friend bool operator==(const Told&, const Told&) = default;
};

struct Resting {
  OrderId id;
  Side side;
  std::int64_t price;
  Quantity shown;
  Quantity reserve;
  Quantity display;
  OwnerId owner;
  SelfTrade self_trade;
  PostOnly post_only;
  TimestampNs time_ns;
  Quantity open() const { return shown + reserve; }
};

struct Settings {
  std::int64_t min_price = std::numeric_limits<std::int64_t>::min();
  std::int64_t max_price = std::numeric_limits<std::int64_t>::max();
  Quantity max_quantity = std::numeric_limits<std::uint32_t>::max();
  bool limits_sum = false;  // 64-bit books: all open quantity together must fit
  bool reject_crossed = false;
};

class Book {
 public:
  using Queue = std::list<Resting>;
  using Levels = std::map<std::int64_t, Queue>;

  explicit Book(Settings settings = {}) : settings_(settings) {}

  Result<Execution> add_order(Order order) {
    if (const Reject why = check(order); why != Reject::kNone) return refuse(why);
    ++accepted;
    Execution done;
    if (is_stop(order)) {
      if (!reached(order)) {
        stops_.push_back(order);
        tell(Told::kAccept, order.id, 0, order.stop_price.ticks, order.quantity, 0);
        return Execution{0, order.quantity, 0, 0, OrderState::kPending};
      }
      done = activate(order);
    } else {
      done = enter(order);
    }
    run_stops();
    return done;
  }

  Result<Quantity> cancel_order(OrderId id) {
    for (auto stop = stops_.begin(); stop != stops_.end(); ++stop) {
      if (stop->id != id) continue;
      const Quantity open = stop->quantity;
      stops_.erase(stop);
      ++cancels;
      tell(Told::kCancel, id, 0, 0, open, 0);
      return open;
    }
    const auto* found = find(id);
    if (found == nullptr) return refuse(Reject::kUnknownId);
    const Quantity open = found->open();
    erase(id);
    ++cancels;
    tell(Told::kCancel, id, 0, 0, open, 0);
    return open;
  }

  Result<Execution> modify_order(OrderId id, Price price, Quantity quantity, TimestampNs time_ns) {
    return change(id, id, price, quantity, time_ns, true);
  }
  Result<Execution> replace_order(OrderId id, OrderId new_id, Price price, Quantity quantity,
                                  TimestampNs time_ns) {
    return change(id, new_id, price, quantity, time_ns, false);
  }

  std::uint64_t mass_cancel(std::optional<OwnerId> owner, std::optional<Side> side) {
    std::vector<OrderId> ids;
    for (const Side at : {Side::kBuy, Side::kSell}) {
      if (side && *side != at) continue;
      for_each(at, [&](const Resting& order) {
        if (!owner || *owner == order.owner) ids.push_back(order.id);
      });
      for (const Order& stop : sorted_stops(at)) {
        if (!owner || *owner == stop.owner) ids.push_back(stop.id);
      }
    }
    for (const OrderId id : ids) (void)cancel_order(id);
    return ids.size();
  }

  Reject apply(const Event& event) {
    const Reject why = apply_checked(event);
    if (why != Reject::kNone) ++rejects;
    return why;
  }

  // ---- queries

  template <class F>
  void for_each(Side side, F&& visit) const {
    const auto level = [&](const auto& entry) {
      for (const Resting& order : entry.second) visit(order);
    };
    if (side == Side::kBuy) {
      std::for_each(bids.rbegin(), bids.rend(), level);
    } else {
      std::for_each(asks.begin(), asks.end(), level);
    }
  }

  // In the order in which they would trigger.
  std::vector<Order> sorted_stops(Side side) const {
    std::vector<Order> stops;
    for (const Order& stop : stops_) {
      if (stop.side == side) stops.push_back(stop);
    }
    std::stable_sort(stops.begin(), stops.end(), [&](const Order& a, const Order& b) {
      return side == Side::kBuy ? a.stop_price < b.stop_price : a.stop_price > b.stop_price;
    });
    return stops;
  }

  const Resting* find(OrderId id) const {
    const auto at = where_.find(id);
    if (at == where_.end()) return nullptr;
    return &*std::get<2>(at->second);
  }

  Levels& side(Side side) { return side == Side::kBuy ? bids : asks; }
  std::size_t active() const { return where_.size(); }
  std::size_t pending() const { return stops_.size(); }

  Levels bids;
  Levels asks;
  std::vector<Told> told;
  std::optional<std::int64_t> last_price;
  std::uint64_t accepted = 0, trades = 0, cancels = 0, rejects = 0, triggered = 0, crossed = 0;
  Quantity traded = 0;

 private:
  static bool is_stop(const Order& order) {
    return order.type == OrderType::kStop || order.type == OrderType::kStopLimit;
  }
  static bool is_market(const Order& order) {
    return order.type == OrderType::kMarket || order.type == OrderType::kStop;
  }
  bool in_range(Price price) const {
    return price.ticks >= settings_.min_price && price.ticks <= settings_.max_price;
  }
  bool is_known(OrderId id) const {
    return where_.count(id) != 0 ||
           std::any_of(stops_.begin(), stops_.end(), [&](const Order& stop) { return stop.id == id; });
  }
  bool fits(Quantity quantity, Quantity freed) const {
    if (quantity > settings_.max_quantity) return false;
    if (!settings_.limits_sum) return true;
    Quantity room = std::numeric_limits<Quantity>::max();
    for (const auto& [id, at] : where_) room -= std::get<2>(at)->open();
    for (const Order& stop : stops_) room -= stop.quantity;
    return quantity <= room + freed;
  }

  // Would an order at this price trade?
  bool crosses(Side side, std::int64_t price) const {
    if (side == Side::kBuy) return !asks.empty() && asks.begin()->first <= price;
    return !bids.empty() && bids.rbegin()->first >= price;
  }

  Reject refuse(Reject why) {
    ++rejects;
    return why;
  }

  Reject check(Order& order) const {
    if (order.quantity == 0) return Reject::kZeroQuantity;
    if (!fits(order.quantity, 0)) return Reject::kQuantityTooLarge;
    const bool immediate = is_market(order) || order.time_in_force != TimeInForce::kGoodTillCancel;
    if (order.post_only != PostOnly::kOff && (immediate || is_stop(order))) return Reject::kBadOrder;
    if (order.display != 0) {
      if (immediate) return Reject::kBadOrder;
      if (order.display > order.quantity) return Reject::kBadDisplay;
      if (order.quantity / order.display + (order.quantity % order.display != 0) > kMaxIcebergSlices)
        return Reject::kBadDisplay;
    }
    if (is_stop(order) && !in_range(order.stop_price)) return Reject::kBadPrice;
    if (!is_market(order) && !in_range(order.price)) return Reject::kBadPrice;
    if (is_known(order.id)) return Reject::kDuplicateId;
    if (is_stop(order)) return Reject::kNone;
    if (const Reject why = slide(order); why != Reject::kNone) return why;
    if (order.time_in_force == TimeInForce::kFillOrKill && fillable(order) < order.quantity)
      return Reject::kUnfillable;
    return Reject::kNone;
  }

  Reject slide(Order& order) const {
    if (order.post_only == PostOnly::kOff || !crosses(order.side, order.price.ticks)) return Reject::kNone;
    if (order.post_only == PostOnly::kReject) return Reject::kWouldCross;
    if (order.side == Side::kBuy) {
      if (asks.begin()->first == std::numeric_limits<std::int64_t>::min()) return Reject::kBadPrice;
      order.price.ticks = asks.begin()->first - 1;
    } else {
      if (bids.rbegin()->first == std::numeric_limits<std::int64_t>::max()) return Reject::kBadPrice;
      order.price.ticks = bids.rbegin()->first + 1;
    }
    return in_range(order.price) ? Reject::kNone : Reject::kBadPrice;
  }

  // What would trade before self-trade prevention stops it.
  Quantity fillable(const Order& order) const {
    Quantity sum = 0;
    bool is_over = false;
    for_each(opposite(order.side), [&](const Resting& maker) {
      if (is_over || sum >= order.quantity) return;
      if (!is_market(order) &&
          (order.side == Side::kBuy ? maker.price > order.price.ticks : maker.price < order.price.ticks)) {
        is_over = true;
        return;
      }
      const bool own =
          order.owner != 0 && maker.owner == order.owner && order.self_trade != SelfTrade::kAllow;
      if (own && order.self_trade == SelfTrade::kCancelOldest) return;
      if (own) {
        is_over = true;
        return;
      }
      sum += std::min(maker.open(), order.quantity - sum);
    });
    return sum;
  }

  Execution enter(const Order& order) {
    Execution done;
    Quantity left = order.quantity;
    Levels& others = side(opposite(order.side));
    bool stopped = false;
    while (left != 0 && !stopped && !others.empty()) {
      const auto level = order.side == Side::kBuy ? others.begin() : std::prev(others.end());
      const std::int64_t price = level->first;
      if (!is_market(order) &&
          (order.side == Side::kBuy ? price > order.price.ticks : price < order.price.ticks))
        break;
      Resting& maker = level->second.front();
      const OrderId maker_id = maker.id;
      const bool own =
          order.owner != 0 && maker.owner == order.owner && order.self_trade != SelfTrade::kAllow;
      if (own && order.self_trade == SelfTrade::kDecrement) {
        const Quantity lost = std::min(left, maker.shown);
        const Quantity before = maker.open();
        left -= lost;
        done.cancelled += lost;
        if (before == lost) ++cancels;
        use(maker, lost);
        tell(before == lost ? Told::kCancel : Told::kReduce, maker_id, 0, 0, lost, before - lost);
        tell(left == 0 ? Told::kCancel : Told::kReduce, order.id, 0, 0, lost, left);
        continue;
      }
      if (own) {
        if (order.self_trade != SelfTrade::kCancelNewest) {
          const Quantity open = maker.open();
          erase(maker_id);
          ++cancels;
          tell(Told::kCancel, maker_id, 0, 0, open, 0);
        }
        if (order.self_trade != SelfTrade::kCancelOldest) {
          done.cancelled += left;
          tell(Told::kCancel, order.id, 0, 0, left, 0);
          left = 0;
          stopped = true;
        }
        continue;
      }
      const Quantity quantity = std::min(left, maker.shown);
      left -= quantity;
      done.filled += quantity;
      ++done.trades;
      ++trades;
      traded += quantity;
      tell(Told::kTrade, maker_id, order.id, price, quantity, 0);
      new_prices_.push_back(price);
      last_price = price;
      use(maker, quantity);
    }
    if (left != 0) {
      if (!is_market(order) && order.time_in_force == TimeInForce::kGoodTillCancel) {
        done.resting = left;
        rest(order, left);
        return done;
      }
      done.cancelled += left;
      tell(Told::kCancel, order.id, 0, 0, left, 0);
    }
    done.state = done.filled == order.quantity ? OrderState::kFilled : OrderState::kCancelled;
    if (done.state == OrderState::kCancelled) ++cancels;
    return done;
  }

  // The front order of its level loses shown quantity.
  void use(Resting& maker, Quantity quantity) {
    maker.shown -= quantity;
    if (maker.shown != 0) return;
    if (maker.reserve == 0) {
      erase(maker.id);
      return;
    }
    maker.shown = std::min(maker.display, maker.reserve);
    maker.reserve -= maker.shown;
    Queue& queue = side(maker.side).at(maker.price);
    queue.splice(queue.end(), queue, queue.begin());
  }

  void rest(const Order& order, Quantity open) {
    const Quantity shown = order.display == 0 ? open : std::min(order.display, open);
    Queue& queue = side(order.side)[order.price.ticks];
    queue.push_back(Resting{order.id, order.side, order.price.ticks, shown, open - shown, order.display,
                            order.owner, order.self_trade, order.post_only, order.time_ns});
    where_[order.id] = {order.side, order.price.ticks, std::prev(queue.end())};
    tell(Told::kAccept, order.id, 0, order.price.ticks, shown, open - shown);
  }

  void erase(OrderId id) {
    const auto [its_side, price, order] = where_.at(id);
    Levels& levels = side(its_side);
    Queue& queue = levels.at(price);
    where_.erase(id);
    queue.erase(order);
    if (queue.empty()) levels.erase(price);
  }

  Result<Execution> change(OrderId id, OrderId new_id, Price price, Quantity quantity, TimestampNs time_ns,
                           bool keeps_place) {
    const auto is_it = [&](const Order& stop) { return stop.id == id; };
    if (std::any_of(stops_.begin(), stops_.end(), is_it)) return refuse(Reject::kPendingStop);
    if (find(id) == nullptr) return refuse(Reject::kUnknownId);
    Resting& old = *std::get<2>(where_.at(id));
    if (keeps_place && quantity != 0 && price.ticks == old.price && quantity <= old.open()) {
      const Quantity cut = old.open() - quantity;
      const Quantity hidden = std::min(cut, old.reserve);
      old.reserve -= hidden;
      old.shown -= cut - hidden;
      if (cut != 0) tell(Told::kReduce, id, 0, 0, cut, quantity);
      return Execution{0, quantity, 0, 0, OrderState::kResting};
    }
    Order order = limit_order(new_id, old.side, price, quantity);
    order.display = old.display;
    order.owner = old.owner;
    order.self_trade = old.self_trade;
    order.post_only = old.post_only;
    order.time_ns = time_ns;
    if (!keeps_place && new_id != id && is_known(new_id)) return refuse(Reject::kDuplicateId);
    if (quantity == 0) return refuse(Reject::kZeroQuantity);
    if (!fits(quantity, old.open())) return refuse(Reject::kQuantityTooLarge);
    if (order.display != 0 &&
        quantity / order.display + (quantity % order.display != 0) > kMaxIcebergSlices) {
      return refuse(Reject::kBadDisplay);
    }
    if (!in_range(price)) return refuse(Reject::kBadPrice);
    if (const Reject why = slide(order); why != Reject::kNone) return refuse(why);
    if (!keeps_place) ++accepted;
    const Quantity open = old.open();
    erase(id);
    if (!keeps_place || crosses(order.side, order.price.ticks)) tell(Told::kCancel, id, 0, 0, open, 0);
    const Execution done = enter(order);
    run_stops();
    return done;
  }

  // ---- stops

  bool reached(const Order& stop) const {
    if (!last_price) return false;
    return stop.side == Side::kBuy ? *last_price >= stop.stop_price.ticks
                                   : *last_price <= stop.stop_price.ticks;
  }

  Execution activate(Order order) {
    ++triggered;
    tell(Told::kTrigger, order.id, 0, 0, 0, 0);
    order.type = order.type == OrderType::kStop ? OrderType::kMarket : OrderType::kLimit;
    if (order.time_in_force == TimeInForce::kFillOrKill && fillable(order) < order.quantity) {
      ++cancels;
      tell(Told::kCancel, order.id, 0, 0, order.quantity, 0);
      return Execution{0, 0, order.quantity, 0, OrderState::kCancelled};
    }
    return enter(order);
  }

  void run_stops() {
    std::list<Order> elected;
    for (;;) {
      if (!new_prices_.empty()) {
        const std::int64_t high = *std::max_element(new_prices_.begin(), new_prices_.end());
        const std::int64_t low = *std::min_element(new_prices_.begin(), new_prices_.end());
        new_prices_.clear();
        for (const Side at : {Side::kBuy, Side::kSell}) {
          for (const Order& stop : sorted_stops(at)) {
            if (at == Side::kBuy ? stop.stop_price.ticks > high : stop.stop_price.ticks < low) continue;
            elected.push_back(stop);
            stops_.remove_if([&](const Order& other) { return other.id == stop.id; });
          }
        }
      }
      if (elected.empty()) return;
      const Order order = elected.front();
      elected.pop_front();
      activate(order);
    }
  }

  // ---- replay

  Reject check_place(Side its_side, Price price, Quantity quantity, Quantity freed) const {
    if (quantity == 0) return Reject::kZeroQuantity;
    if (!fits(quantity, freed)) return Reject::kQuantityTooLarge;
    if (!in_range(price)) return Reject::kBadPrice;
    return settings_.reject_crossed && crosses(its_side, price.ticks) ? Reject::kCrossed : Reject::kNone;
  }

  Reject apply_checked(const Event& event) {
    const OrderId id = event.order_id;
    const bool no_side = (event.flags & kEventNoSide) != 0;
    if (event.kind == EventKind::kStatus) return Reject::kNone;
    if (event.kind == EventKind::kLevel) return Reject::kWrongKind;
    if (event.kind == EventKind::kClear) {
      mass_cancel(std::nullopt, std::nullopt);
      return Reject::kNone;
    }
    if (event.kind == EventKind::kTrade) {
      ++trades;
      traded += event.quantity;
      tell(Told::kTrade, id, 0, event.price.ticks, event.quantity, 0);
      return Reject::kNone;
    }
    if (event.kind == EventKind::kAdd) {
      if (no_side) return Reject::kNoSide;
      if (is_known(id)) return Reject::kDuplicateId;
      if (const Reject why = check_place(event.side, event.price, event.quantity, 0); why != Reject::kNone)
        return why;
      ++accepted;
      place(event.side, id, event, 0, SelfTrade::kAllow, PostOnly::kOff);
      return Reject::kNone;
    }
    if (find(id) == nullptr) return is_known(id) ? Reject::kPendingStop : Reject::kUnknownId;
    Resting& order = *std::get<2>(where_.at(id));
    const Resting old = order;
    switch (event.kind) {
      case EventKind::kReduce:
      case EventKind::kExecute:
        if (event.quantity == 0) return Reject::kZeroQuantity;
        if (event.quantity > order.shown) return Reject::kOverExecution;
        order.shown -= event.quantity;
        if (event.kind == EventKind::kExecute) {
          ++trades;
          traded += event.quantity;
          tell(Told::kTrade, id, 0, event.price.ticks, event.quantity, 0);
        } else if (order.shown == 0) {
          tell(Told::kCancel, id, 0, 0, old.open(), 0);
          ++cancels;
        } else {
          tell(Told::kReduce, id, 0, 0, event.quantity, order.open());
        }
        if (order.shown == 0) erase(id);
        return Reject::kNone;
      case EventKind::kDelete:
        erase(id);
        ++cancels;
        tell(Told::kCancel, id, 0, 0, old.open(), 0);
        return Reject::kNone;
      case EventKind::kModify:
        if (event.price.ticks == old.price && event.quantity <= old.shown && event.quantity != 0) {
          if (event.quantity == old.shown) return Reject::kNone;
          order.shown = event.quantity;
          tell(Told::kReduce, id, 0, 0, old.shown - event.quantity, order.open());
          return Reject::kNone;
        }
        break;
      default:
        if (event.new_order_id != id && is_known(event.new_order_id)) return Reject::kDuplicateId;
        break;
    }
    const Reject why = check_place(old.side, event.price, event.quantity, old.open());
    if (why != Reject::kNone) return why;
    erase(id);
    if (event.kind == EventKind::kModify) {
      place(old.side, id, event, old.owner, old.self_trade, old.post_only);
      return Reject::kNone;
    }
    ++accepted;
    tell(Told::kCancel, id, 0, 0, old.open(), 0);
    place(old.side, event.new_order_id, event, 0, SelfTrade::kAllow, PostOnly::kOff);
    return Reject::kNone;
  }

  void place(Side its_side, OrderId id, const Event& event, OwnerId owner, SelfTrade self_trade,
             PostOnly post_only) {
    if (crosses(its_side, event.price.ticks)) ++crossed;
    Order order = limit_order(id, its_side, event.price, event.quantity);
    order.owner = owner;
    order.self_trade = self_trade;
    order.post_only = post_only;
    order.time_ns = event.time_ns;
    rest(order, event.quantity);
  }

  void tell(Told::Kind kind, OrderId id, OrderId other, std::int64_t price, Quantity quantity,
            Quantity more) {
    told.push_back(Told{kind, id, other, price, quantity, more});
  }

  Settings settings_;
  std::unordered_map<OrderId, std::tuple<Side, std::int64_t, Queue::iterator>> where_;
  std::list<Order> stops_;
  std::vector<std::int64_t> new_prices_;
};

}  // namespace naive
