// The best N levels of a side, kept up to date from the changes that a book tells, so that a sample at every event and
// the order flow do not read the book again. Only a level that leaves while all N are filled asks for the book: what
// moves up from behind is not known here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "orderbook/replay/feature_book.h"

namespace orderbook::replay_detail {

class TopLevels {
 public:
  TopLevels(Side side, std::uint32_t most) : side_(side), levels_(most) {}

  // True where `a` is nearer to the touch than `b`.
  [[nodiscard]] bool is_better(Price a, Price b) const noexcept {
    return side_ == Side::kBuy ? a > b : a < b;
  }

  void change(const DepthLevel& level) noexcept {
    if (needs_refill_) return mark(0, levels_.size());  // the ranks are not known any more
    std::size_t rank = 0;
    while (rank < count_ && is_better(levels_[rank].price, level.price)) ++rank;
    const std::size_t most = levels_.size();
    if (rank == most) return;
    const bool is_there = rank < count_ && levels_[rank].price == level.price;
    const auto at = levels_.begin() + static_cast<std::ptrdiff_t>(rank);
    const auto end = levels_.begin() + static_cast<std::ptrdiff_t>(count_);
    if (level.quantity != 0) {
      if (is_there) {
        *at = level;
        mark(rank, rank + 1);
        return;
      }
      if (count_ < most) ++count_;
      std::copy_backward(at, count_ == most && end == levels_.end() ? end - 1 : end,
                         levels_.begin() + static_cast<std::ptrdiff_t>(count_));
      *at = level;
      mark(rank, count_);
    } else if (is_there) {
      needs_refill_ = count_ == most;
      std::copy(at + 1, end, at);
      mark(rank, count_);
      --count_;
    }
  }

  void invalidate() noexcept {
    needs_refill_ = true;
    mark(0, levels_.size());
  }

  // Reads the book where changes did not suffice.
  template <FeatureBook Book>
  void settle(const Book& book) {
    if (!needs_refill_) return;
    needs_refill_ = false;
    count_ = book.depth(side_, levels_);
    dirty_end_ = levels_.size();
  }

  [[nodiscard]] std::span<const DepthLevel> levels() const noexcept { return {levels_.data(), count_}; }
  // Ranks that may differ since mark_clean.
  [[nodiscard]] std::size_t dirty_begin() const noexcept { return dirty_begin_; }
  [[nodiscard]] std::size_t dirty_end() const noexcept { return dirty_end_; }
  void mark_clean() noexcept { dirty_begin_ = dirty_end_ = 0; }

 private:
  void mark(std::size_t begin, std::size_t end) noexcept {
    dirty_begin_ = dirty_begin_ == dirty_end_ ? begin : std::min(dirty_begin_, begin);
    dirty_end_ = std::max(dirty_end_, end);
  }

  Side side_;
  bool needs_refill_ = false;
  std::size_t count_ = 0;
  std::size_t dirty_begin_ = 0;
  std::size_t dirty_end_ = 0;
  std::vector<DepthLevel> levels_;
};

}  // namespace orderbook::replay_detail
