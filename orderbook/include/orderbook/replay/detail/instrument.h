// All that a replay keeps of one instrument: its book, its best levels, and what happened since its last sample.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "orderbook/event.h"
#include "orderbook/replay/detail/top_levels.h"
#include "orderbook/replay/feature_book.h"
#include "orderbook/replay/order_flow.h"

namespace orderbook::replay_detail {

// What is summed up between samples.
struct Interval {
  std::vector<std::int64_t> order_flow;
  std::uint32_t trades = 0;
  Quantity volume = 0;
  bool has_trade = false;  // with a price
  Price last_price;
  Quantity last_size = 0;
  std::uint8_t last_side = 2;

  void clear() noexcept {
    std::fill(order_flow.begin(), order_flow.end(), 0);
    trades = 0;
    volume = 0;
    has_trade = false;
  }
};

template <FeatureBook Book>
class Instrument {
 public:
  struct Settings {
    std::uint32_t levels = 10;
    bool order_flow = true;
    bool keeps_levels = true;  // from change to change; else they are read at each sample
  };

  Instrument(InstrumentId id, Book book, const Settings& settings)
      : id_(id),
        settings_(settings),
        book_(std::move(book)),
        bids_(Side::kBuy, settings.levels),
        asks_(Side::kSell, settings.levels),
        flow_bids_(settings.levels),
        flow_asks_(settings.levels) {
    now_.order_flow.resize(settings.order_flow ? settings.levels : 0);
    shown_.order_flow.resize(now_.order_flow.size());
  }

  // `is_unit_end`: the order flow of what came since the last unit's end is taken now.
  [[nodiscard]] Reject apply(const Event& event, bool is_unit_end) {
    touch_.clear();
    const Reject reject = book_.apply(event, touch_);
    if (reject == Reject::kNone) [[likely]] {
      seen_ = true;
      sequence_ = event.sequence;
      note_trade(event);
      if (settings_.keeps_levels) note_levels(event);
    }
    if (settings_.order_flow && is_unit_end) end_unit();
    return reject;
  }

  // The levels as they are, for a row.
  void settle() {
    if (!settings_.keeps_levels) {
      bids_.invalidate();
      asks_.invalidate();
    }
    bids_.settle(book_);
    asks_.settle(book_);
  }

  // Samples at one time show the same interval: nothing can have come between them.
  [[nodiscard]] const Interval& take_interval(TimestampNs time_ns, bool is_same_if_equal) noexcept {
    if (!is_same_if_equal || !has_sample_ || time_ns != sample_time_ns_) {
      std::swap(shown_, now_);
      now_.clear();
    }
    has_sample_ = true;
    sample_time_ns_ = time_ns;
    return shown_;
  }

  void note_time(TimestampNs time_ns) noexcept { event_time_ns_ = time_ns; }

  [[nodiscard]] InstrumentId id() const noexcept { return id_; }
  [[nodiscard]] const Book& book() const noexcept { return book_; }
  [[nodiscard]] std::span<const DepthLevel> bids() const noexcept { return bids_.levels(); }
  [[nodiscard]] std::span<const DepthLevel> asks() const noexcept { return asks_.levels(); }
  [[nodiscard]] bool seen() const noexcept { return seen_; }
  [[nodiscard]] Sequence sequence() const noexcept { return sequence_; }
  [[nodiscard]] TimestampNs event_time_ns() const noexcept { return event_time_ns_; }

  std::optional<OrderId> tracked;
  std::vector<std::pair<Event, std::uint64_t>> held;  // an open group, with each event's place in the stream

 private:
  void note_trade(const Event& event) noexcept {
    if (event.kind != EventKind::kExecute && event.kind != EventKind::kTrade) return;
    now_.trades += now_.trades == std::numeric_limits<std::uint32_t>::max() ? 0 : 1;
    now_.volume = event.quantity > ~now_.volume ? ~Quantity{0} : now_.volume + event.quantity;
    const bool has_order = event.kind == EventKind::kExecute && !touch_.changes().empty();
    const bool has_price = (event.flags & kEventNoPrice) == 0;
    now_.has_trade = has_price || has_order;
    if (!now_.has_trade) return;
    now_.last_price = has_price ? event.price : touch_.changes().front().level.price;
    now_.last_size = event.quantity;
    if (has_order) {
      now_.last_side = static_cast<std::uint8_t>(touch_.changes().front().side);
    } else {
      now_.last_side =
          (event.flags & kEventNoSide) != 0 ? std::uint8_t{2} : static_cast<std::uint8_t>(event.side);
    }
  }

  void note_levels(const Event& event) {
    if (touch_.is_whole()) {
      bids_.invalidate();
      asks_.invalidate();
    } else {
      for (const BookTouch::Change& change : touch_.changes()) {
        (change.side == Side::kBuy ? bids_ : asks_).change(change.level);
      }
    }
    if (event.kind == EventKind::kClear || (event.flags & kEventSnapshot) != 0) is_reset_ = true;
  }

  void end_unit() {
    end_side(Side::kBuy, bids_, flow_bids_, flow_bid_count_);
    end_side(Side::kSell, asks_, flow_asks_, flow_ask_count_);
    is_reset_ = false;
  }

  void end_side(Side side, TopLevels& top, std::vector<DepthLevel>& before, std::size_t& before_count) {
    if (top.dirty_begin() == top.dirty_end()) return;
    top.settle(book_);
    const auto after = top.levels();
    const std::size_t begin = top.dirty_begin();
    const std::size_t end = top.dirty_end();
    if (!is_reset_) add_order_flow(side, {before.data(), before_count}, after, begin, end, now_.order_flow);
    before_count = after.size();
    const std::size_t last = std::min(end, before_count);
    for (std::size_t m = begin; m < last; ++m) before[m] = after[m];
    top.mark_clean();
  }

  InstrumentId id_;
  Settings settings_;
  Book book_;
  BookTouch touch_;
  TopLevels bids_;
  TopLevels asks_;
  std::vector<DepthLevel> flow_bids_;  // as they were when the order flow was last taken
  std::vector<DepthLevel> flow_asks_;
  std::size_t flow_bid_count_ = 0;
  std::size_t flow_ask_count_ = 0;
  bool is_reset_ = false;
  Interval now_;
  Interval shown_;
  bool has_sample_ = false;
  bool seen_ = false;
  TimestampNs sample_time_ns_ = 0;
  Sequence sequence_ = 0;
  TimestampNs event_time_ns_ = 0;
};

}  // namespace orderbook::replay_detail
