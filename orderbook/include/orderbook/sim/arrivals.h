// When the next command of a symbol comes, and of which kind.
//
// Spontaneous arrivals are Poisson; their rate depends on the number of live orders, each of which may be cancelled.
// Between events that rate is constant, and an exponential time has no memory, so a candidate that an earlier event
// overtakes is simply drawn again: exact (Gillespie 1977). Excited arrivals are simulated by their branching structure
// (Hawkes and Oakes 1974): every event has Poisson(branching) children, each after an exponential delay. That is the Hawkes
// process with (a mixture of) exponential kernels, exactly, and needs neither thinning nor exp(). With n = branching the
// spontaneous rate is (1 - n) of the rates given, so that these are the mean rates under both models.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "orderbook/sim/options.h"

namespace orderbook::sim {

enum class FlowKind : std::uint8_t { kLimit = 0, kMarket = 1, kCancel = 2 };

// `side` of the order that comes; it means nothing for a cancel.
struct Flow {
  FlowKind kind = FlowKind::kLimit;
  Side side = Side::kBuy;
};

class Arrivals {
 public:
  Arrivals(const MarketOptions& market, const SymbolOptions& symbol) {
    branching_q32_ = market.model == Model::kHawkes ? market.hawkes.branching_q32 : 0;
    persistence_q32_ = market.hawkes.persistence_q32;
    for (const MicroHertz rate : symbol.limit_rates) limit_rate_ += rate;
    for (const MicroHertz rate : symbol.cancel_rates) cancel_rate_ = std::max(cancel_rate_, rate);
    market_rate_ = symbol.market_rate;
    if (market.model == Model::kHawkes) {
      for (const Kernel& kernel : market.hawkes.kernels) {
        total_weight_ += kernel.weight;
        kernels_.push_back({total_weight_, kernel.mean_delay_ns});
      }
    }
  }

  // Draws the next arrival after `now`, with so many orders live. Call it again whenever that number changed.
  void prepare(Random& random, std::int64_t now, std::uint64_t live_orders) {
    const MicroHertz rate = scale_q32(total(live_orders), kOneQ32 - branching_q32_);
    next_time_ =
        rate == 0 ? kNever : later(now, delay(random.exponential_q32(), 1e15 / static_cast<double>(rate)));
    is_child_ = !pending_.empty() && pending_.front().time <= next_time_;
    if (is_child_) next_time_ = pending_.front().time;
  }

  // Of the prepared arrival, ns after the start.
  [[nodiscard]] std::int64_t time() const noexcept { return next_time_; }

  // Takes the prepared arrival.
  Flow take(Random& random, std::uint64_t live_orders) {
    if (!is_child_) return draw(random, live_orders);
    std::pop_heap(pending_.begin(), pending_.end(), LaterThan{});
    const Child child = pending_.back();
    pending_.pop_back();
    return child.repeats ? child.flow : draw(random, live_orders);
  }

  // What happened sets off others.
  void excite(Random& random, std::int64_t now, Flow flow) {
    if (branching_q32_ == 0) return;
    for (std::uint32_t left = random.poisson(branching_q32_); left != 0; --left) {
      const std::uint64_t place = random.below(total_weight_);
      const auto kernel = std::find_if(kernels_.begin(), kernels_.end(),
                                       [place](const Step& step) { return place < step.up_to; });
      const std::int64_t time =
          later(now, delay(random.exponential_q32(), static_cast<double>(kernel->mean_delay_ns)));
      pending_.push_back({time, made_++, flow, random.chance(persistence_q32_)});
      std::push_heap(pending_.begin(), pending_.end(), LaterThan{});
    }
  }

  static constexpr std::int64_t kNever = INT64_MAX;

 private:
  struct Step {
    std::uint64_t up_to = 0;
    std::uint64_t mean_delay_ns = 0;
  };
  struct Child {
    std::int64_t time = 0;
    std::uint64_t number = 0;  // ties in the order they were made
    Flow flow;
    bool repeats = false;
  };
  struct LaterThan {
    bool operator()(const Child& a, const Child& b) const noexcept {
      return a.time != b.time ? a.time > b.time : a.number > b.number;
    }
  };

  [[nodiscard]] MicroHertz total(std::uint64_t live_orders) const noexcept {
    return 2 * limit_rate_ + 2 * market_rate_ + cancel_rate_ * live_orders;
  }

  [[nodiscard]] Flow draw(Random& random, std::uint64_t live_orders) const noexcept {
    std::uint64_t place = random.below(total(live_orders));
    for (const FlowKind kind : {FlowKind::kLimit, FlowKind::kMarket}) {
      const MicroHertz rate = kind == FlowKind::kLimit ? limit_rate_ : market_rate_;
      if (place < rate) return {kind, Side::kBuy};
      place -= rate;
      if (place < rate) return {kind, Side::kSell};
      place -= rate;
    }
    return {FlowKind::kCancel, Side::kBuy};
  }

  // Products only, then down to an integer: IEEE arithmetic gives the same bits everywhere, and there is no sum that a
  // compiler could fuse with a product.
  [[nodiscard]] static std::int64_t delay(std::uint64_t exponential, double mean_ns) noexcept {
    const double ns = static_cast<double>(exponential) * mean_ns * (1.0 / 4294967296.0);
    return ns < 4e18 ? static_cast<std::int64_t>(ns) : kNever;
  }
  [[nodiscard]] static std::int64_t later(std::int64_t now, std::int64_t by) noexcept {
    return by > kNever - now ? kNever : now + by;
  }

  MicroHertz limit_rate_ = 0;  // of each side
  MicroHertz market_rate_ = 0;
  MicroHertz cancel_rate_ = 0;  // of each order, at the distance where it is greatest
  std::uint64_t branching_q32_ = 0;
  std::uint64_t persistence_q32_ = 0;
  std::vector<Step> kernels_;
  std::uint64_t total_weight_ = 0;
  std::vector<Child> pending_;  // a heap, the next one first
  std::uint64_t made_ = 0;
  std::int64_t next_time_ = kNever;
  bool is_child_ = false;
};

}  // namespace orderbook::sim
