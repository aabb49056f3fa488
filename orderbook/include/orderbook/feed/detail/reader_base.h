// What all readers share: the input cursor, the final error, the counts and the gap log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "orderbook/feed/detail/chunk_buffer.h"
#include "orderbook/feed/detail/exact_divider.h"
#include "orderbook/feed/error.h"
#include "orderbook/feed/reader.h"

namespace orderbook {

class FeedReaderBase {
 public:
  void feed(std::span<const std::byte> chunk) {
    if (!error_) in_.feed(chunk);
  }
  void finish() noexcept { is_finished_ = true; }

  // The error that ended reading, or null.
  [[nodiscard]] const FeedError* error() const noexcept { return error_ ? &*error_ : nullptr; }
  [[nodiscard]] const FeedStats& stats() const noexcept { return stats_; }
  [[nodiscard]] const GapLog& gaps() const noexcept { return gaps_; }

 protected:
  FeedReaderBase(std::int64_t tick, OnGap on_gap) : tick_(tick > 0 ? tick : 1), on_gap_(on_gap) {
    if (tick <= 0) fail(FeedErrorCode::kBadOption, "tick must be positive, found " + std::to_string(tick));
  }

  // The message at the cursor is number stats_.messages + 1.
  void fail(FeedErrorCode code, std::string text) {
    if (!error_) error_ = FeedError{code, in_.offset(), stats_.messages + 1, std::move(text)};
  }
  void fail_header(FeedErrorCode code, std::string text) {
    if (!error_) error_ = FeedError{code, in_.offset(), 0, std::move(text)};
  }

  [[nodiscard]] bool to_ticks(std::int64_t units, Price& price) {
    if (tick_.divide(units, price.ticks)) return true;
    fail(FeedErrorCode::kNotOnTick, "price of " + std::to_string(units) +
                                        " units is no multiple of the tick " +
                                        std::to_string(tick_.divisor()));
    return false;
  }

  // False when the policy makes the gap an error.
  [[nodiscard]] bool note_gap(std::uint64_t expected, std::uint64_t found) {
    gaps_.add({in_.offset(), stats_.messages + 1, expected, found});
    if (on_gap_ == OnGap::kReport) return true;
    fail(FeedErrorCode::kSequenceGap,
         "expected " + std::to_string(expected) + ", found " + std::to_string(found));
    return false;
  }

  void note_time(TimestampNs time_ns) noexcept {
    stats_.time_regressions += time_ns < last_time_ns_ ? 1 : 0;
    last_time_ns_ = time_ns;
  }

  void consumed(std::size_t bytes) noexcept {
    in_.consume(bytes);
    stats_.bytes += bytes;
    ++stats_.messages;
  }

  feed_detail::ChunkBuffer in_;
  feed_detail::ExactDivider tick_;
  OnGap on_gap_;
  bool is_finished_ = false;
  std::optional<FeedError> error_;
  FeedStats stats_;
  GapLog gaps_;
  TimestampNs last_time_ns_ = std::numeric_limits<TimestampNs>::min();
};

}  // namespace orderbook
