// Makes batches of a wanted size out of batches of any size: small ones are joined, large ones split, order is kept,
// and no row waits longer than a limit. Row r of the input is row r of the output.
//
// Where batches are cut depends on the sequence of rows alone, not on how it arrived, as long as no time limit strikes
// and a batch's bytes are the sum of its rows': each output is the longest run of rows that fits both targets, or one
// row where already one is too large.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "flowstate/error.h"

namespace flowstate::stream {

// Rows with a size in bytes that does not fall when rows are added. slice() gives rows [from, from + count) and leaves
// the batch as it is; append() puts another's rows behind its own.
template <typename B>
concept CoalescableBatch = std::movable<B> && requires(B batch, const B& fixed, std::size_t n) {
                                                { fixed.rows() } -> std::convertible_to<std::size_t>;
                                                { fixed.bytes() } -> std::convertible_to<std::size_t>;
                                                { fixed.slice(n, n) } -> std::convertible_to<B>;
                                                batch.append(std::move(batch));
                                              };

struct CoalescerOptions {
  std::size_t target_rows = 8192;                                      // at least 1
  std::size_t target_bytes = std::numeric_limits<std::size_t>::max();  // at least 1
  std::optional<std::chrono::nanoseconds> longest_wait =
      std::nullopt;  // none: rows wait for a full batch or flush
};

template <CoalescableBatch B>
class Coalescer {
 public:
  using Clock = std::chrono::steady_clock;

  // Throws Error ARG_RANGE.
  explicit Coalescer(const CoalescerOptions& options) : options_(options) {
    if (options.target_rows == 0 || options.target_bytes == 0 ||
        (options.longest_wait && options.longest_wait->count() < 0)) {
      throw Error(ErrorCode::ARG_RANGE,
                  "a coalescer needs targets of at least 1 row and 1 byte, and a wait of at least 0");
    }
  }

  // Takes the batch and calls `out(B&&)` for every batch that is full. Empty batches are nothing. `now` is when the
  // rows came.
  template <typename Out>
  void push(B batch, Clock::time_point now, Out&& out) {
    const std::size_t rows = batch.rows();
    for (std::size_t from = 0; from < rows;) {
      const std::size_t count = fitting(batch, from, rows - from);
      if (count == 0) {
        emit(out);
        continue;
      }
      const bool whole = from == 0 && count == rows;
      if (!pending_) {
        oldest_ = now;
        pending_.emplace(whole ? std::move(batch) : batch.slice(from, count));
      } else if (whole) {
        pending_->append(std::move(batch));
      } else {
        pending_->append(batch.slice(from, count));
      }
      from += count;
      if (pending_->rows() >= options_.target_rows || pending_->bytes() >= options_.target_bytes) emit(out);
    }
  }

  // Gives out what has waited for the limit.
  template <typename Out>
  void poll(Clock::time_point now, Out&& out) {
    if (const auto due = deadline(); due && now >= *due) emit(out);
  }

  // Gives out what there is.
  template <typename Out>
  void flush(Out&& out) {
    if (pending_) emit(out);
  }

  // When poll() will have something; none while nothing waits or no limit is set.
  std::optional<Clock::time_point> deadline() const {
    if (!pending_ || !options_.longest_wait) return std::nullopt;
    // A limit near the end of time is none.
    if (*options_.longest_wait > std::chrono::hours(24 * 365)) return std::nullopt;
    return oldest_ + std::chrono::duration_cast<Clock::duration>(*options_.longest_wait);
  }

  std::size_t pending_rows() const { return pending_ ? static_cast<std::size_t>(pending_->rows()) : 0; }

 private:
  // How many of the rows from `from` fit into the pending batch; at least 1 when nothing is pending.
  std::size_t fitting(const B& batch, std::size_t from, std::size_t left) const {
    const std::size_t held_rows = pending_rows();
    const std::size_t held_bytes = pending_ ? static_cast<std::size_t>(pending_->bytes()) : 0;
    std::size_t most = std::min(left, options_.target_rows - held_rows);
    const std::size_t room = options_.target_bytes - std::min(held_bytes, options_.target_bytes);
    const auto bytes_of = [&](std::size_t count) {
      return static_cast<std::size_t>(from == 0 && count == batch.rows() ? batch.bytes()
                                                                         : batch.slice(from, count).bytes());
    };
    if (bytes_of(most) <= room) return most;
    std::size_t least = 0;  // fits
    while (most - least > 1) {
      const std::size_t middle = least + (most - least) / 2;
      (bytes_of(middle) <= room ? least : most) = middle;
    }
    return least == 0 && !pending_ ? 1 : least;
  }

  template <typename Out>
  void emit(Out& out) {
    B full = std::move(*pending_);
    pending_.reset();  // before the call: an exception of the taker must not give the rows out twice
    out(std::move(full));
  }

  CoalescerOptions options_;
  std::optional<B> pending_;
  Clock::time_point oldest_{};
};

}  // namespace flowstate::stream
