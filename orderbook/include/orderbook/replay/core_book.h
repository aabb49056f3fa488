// The books of orderbook.h as the replay wants them.
//
//   FullBook   level 3 with queue positions, by order id: ITCH, DBN, LOBSTER from an empty book, tables of orders
//   WideBook   the same with 64-bit quantities
//   LevelsBook  prices and sizes: by order id or by kLevel. Half the memory, no queue positions. Binance
//   PlacesBook  prices and sizes by side and price, whatever the ids: LOBSTER from a book row (lobster_book.h)
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "orderbook/orderbook.h"
#include "orderbook/replay/feature_book.h"

namespace orderbook {

// Writes what changed into the touch of the event at hand, where there is one.
class TouchListener : public NullListener {
 public:
  void aim(BookTouch* touch) noexcept { touch_ = touch; }
  void on_level_change(const LevelChange& change) noexcept {
    if (touch_ != nullptr) touch_->changed(change.side, {change.price, change.quantity, change.orders});
  }

 private:
  BookTouch* touch_ = nullptr;
};

template <template <class> class CoreBook>
class ListenedBook {
 public:
  using Book = CoreBook<TouchListener>;

  explicit ListenedBook(const BookOptions& options = default_options())
      : book_(std::make_unique<Book>(options)) {}

  // Small to begin with, because a feed may hold thousands of instruments; the storage doubles as it fills.
  [[nodiscard]] static BookOptions default_options() noexcept {
    BookOptions options;
    options.expected_orders = 1024;
    return options;
  }

  [[nodiscard]] Reject apply(const Event& event, BookTouch& touch) {
    const bool is_clear = event.kind == EventKind::kClear;
    book_->listener().aim(is_clear ? nullptr : &touch);
    const Reject reject = book_->apply(event);
    if (is_clear && reject == Reject::kNone) touch.changed_all();
    return reject;
  }

  [[nodiscard]] std::size_t depth(Side side, std::span<DepthLevel> levels) const noexcept {
    return book_->depth(side, levels);
  }

  [[nodiscard]] std::optional<QueuePosition> queue_position(OrderId id) const noexcept {
    if constexpr (requires { book_->queue_position(id); }) {
      return book_->queue_position(id);
    } else {
      return std::nullopt;
    }
  }

  [[nodiscard]] Book& core() noexcept { return *book_; }
  [[nodiscard]] const Book& core() const noexcept { return *book_; }

 private:
  std::unique_ptr<Book> book_;
};

using FullBook = ListenedBook<BasicReplayBook>;
using WideBook = ListenedBook<BasicWideOrderBook>;
using LevelsBook = ListenedBook<BasicLevelBook>;
using PlacesBook = ListenedBook<BasicPriceBook>;

static_assert(FeatureBook<FullBook> && FeatureBook<LevelsBook> && FeatureBook<PlacesBook>);

}  // namespace orderbook
