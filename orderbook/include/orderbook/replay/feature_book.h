// What a replay asks of a book, so that the features are computed once for every book and tested on a naive one.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

#include "orderbook/event.h"
#include "orderbook/reject.h"
#include "orderbook/views.h"

namespace orderbook {

// What an event did to a book: the prices whose shown quantity or order count changed, as they are now, in the order of
// the changes. More than kMost of them (a clear) only say that everything may have changed.
class BookTouch {
 public:
  struct Change {
    Side side = Side::kBuy;
    DepthLevel level;
  };
  static constexpr std::size_t kMost = 4;

  void clear() noexcept {
    count_ = 0;
    is_whole_ = false;
  }
  void changed(Side side, const DepthLevel& level) noexcept {
    if (count_ == kMost) {
      is_whole_ = true;
    } else {
      changes_[count_++] = {side, level};
    }
  }
  void changed_all() noexcept { is_whole_ = true; }

  [[nodiscard]] std::span<const Change> changes() const noexcept { return {changes_.data(), count_}; }
  [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

 private:
  std::array<Change, kMost> changes_{};
  std::size_t count_ = 0;
  bool is_whole_ = false;
};

template <class B>
concept FeatureBook = requires(B& book, const B& constant, const Event& event, BookTouch& touch, Side side,
                               std::span<DepthLevel> levels, OrderId id) {
                        // kNone: done, and `touch` (cleared by the caller) tells what changed; of a kExecute first the resting order's level.
                        // Else nothing was changed. kTrade and kStatus are never refused.
                        { book.apply(event, touch) } -> std::same_as<Reject>;
                        // The best levels of a side, best first; how many there are, at most levels.size().
                        { constant.depth(side, levels) } -> std::same_as<std::size_t>;
                        // Empty when the order does not rest, and always for a book that keeps no queues.
                        { constant.queue_position(id) } -> std::same_as<std::optional<QueuePosition>>;
                      };

}  // namespace orderbook
