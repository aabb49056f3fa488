// Incremental level 2: each change of a price as a numbered delta, and a follower that rebuilds the levels from them.
//
// A delta carries the price's new quantity and order count, not a difference, so a later one makes an earlier one
// obsolete. Numbers count from 1 per book without gaps. Applying all of them in order to an empty follower gives the
// book's levels; a follower that starts later first takes the levels and the number of the last delta behind them.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "orderbook/level.h"
#include "orderbook/listener.h"

namespace orderbook {

struct LevelDelta {
  Sequence sequence = 0;
  Price price;
  Quantity quantity = 0;  // 0: the level is gone
  OrderCount orders = 0;
  BookNumber book = 0;
  Side side = Side::kBuy;

  friend constexpr bool operator==(const LevelDelta&, const LevelDelta&) = default;
};

// A listener that numbers level changes and keeps them until take(). Allocates when its vectors grow.
class DeltaRecorder : public NullListener {
 public:
  void on_level_change(const LevelChange& change) {
    if (change.book >= sequences_.size()) sequences_.resize(std::size_t{change.book} + 1);
    deltas_.push_back(LevelDelta{++sequences_[change.book], change.price, change.quantity, change.orders,
                                 change.book, change.side});
  }

  [[nodiscard]] std::span<const LevelDelta> deltas() const noexcept { return deltas_; }
  void clear() noexcept { deltas_.clear(); }
  // Of the last delta; 0: none yet.
  [[nodiscard]] Sequence sequence(BookNumber book = 0) const noexcept {
    return book < sequences_.size() ? sequences_[book] : 0;
  }

 private:
  std::vector<LevelDelta> deltas_;
  std::vector<Sequence> sequences_;
};

static_assert(EventListener<DeltaRecorder>);

// One book's levels from its deltas. O(log n) each.
class DeltaFollower {
 public:
  // kSequenceGap unless the delta is the next one, and then nothing has changed.
  Reject apply(const LevelDelta& delta) {
    if (delta.sequence != sequence_ + 1) return Reject::kSequenceGap;
    set(delta.side, delta.price, delta.quantity, delta.orders);
    ++sequence_;
    return Reject::kNone;
  }

  // Starts from a level 2 image taken right after the delta `sequence`.
  template <class Book>
  void start(const Book& book, Sequence sequence) {
    for (const Side side : {Side::kBuy, Side::kSell}) {
      levels_[static_cast<std::size_t>(side)].clear();
      book.for_each_level(
          side, [&](const DepthLevel& level) { set(side, level.price, level.quantity, level.orders); });
    }
    sequence_ = sequence;
  }

  [[nodiscard]] Sequence sequence() const noexcept { return sequence_; }

  // visit(DepthLevel), best first.
  template <class F>
  void for_each_level(Side side, F&& visit) const {
    const auto& levels = levels_[static_cast<std::size_t>(side)];
    for (auto at = levels.rbegin(); at != levels.rend(); ++at) visit(at->second);
  }

 private:
  void set(Side side, Price price, Quantity quantity, OrderCount orders) {
    auto& levels = levels_[static_cast<std::size_t>(side)];
    if (quantity == 0) {
      levels.erase(key_of(side, price));
    } else {
      levels[key_of(side, price)] = DepthLevel{price, quantity, orders};
    }
  }

  std::map<LevelKey, DepthLevel> levels_[2];
  Sequence sequence_ = 0;
};

}  // namespace orderbook
