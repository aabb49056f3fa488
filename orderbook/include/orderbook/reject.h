// Why a command or an event was refused, as a value: nothing here throws, and a refused command has changed nothing.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace orderbook {

enum class Reject : std::uint8_t {
  kNone = 0,          // not refused
  kDuplicateId,       // an order with this id rests or waits already
  kUnknownId,         // no order with this id rests or waits here
  kZeroQuantity,      // a quantity of zero where one is needed
  kQuantityTooLarge,  // above what the queue policy holds per order, or a level's sum would overflow
  kBadPrice,          // outside BookOptions::min_price … max_price, or no price is left to slide to
  kBadId,             // an id the index cannot hold (direct index: above BookOptions::max_dense_id)
  kBadDisplay,        // iceberg: display above the quantity, or more than kMaxIcebergSlices slices
  kBadOrder,          // a combination without meaning: a post-only market order, an iceberg that cannot rest
  kWouldCross,        // post-only, and it would have traded
  kUnfillable,        // fill-or-kill, and not all of it could trade now
  kPendingStop,       // a stop that has not triggered can only be cancelled
  kOverExecution,     // replay: more executed or reduced than the order has
  kNegativeLevel,     // replay without ids: more taken from a level than it shows
  kCrossed,           // replay with BookOptions::reject_crossed: the event would cross the book
  kWrongKind,         // replay: an event kind this book cannot take (kLevel on a FIFO book)
  kMixedLevel,        // replay: kLevel on a level that orders make up, or an order on a level that kLevel set
  kNoSide,            // replay: the event needs a side and says that it has none
  kFull,              // BookOptions::max_orders live orders
  kBadBook,           // no such book in the arena
  kSequenceGap,       // following level deltas: this one is not the next
};

inline constexpr std::size_t kRejectCount = static_cast<std::size_t>(Reject::kSequenceGap) + 1;

[[nodiscard]] constexpr std::string_view to_string(Reject reject) noexcept {
  constexpr std::string_view kNames[kRejectCount] = {
      "none",         "duplicate id", "unknown id",     "zero quantity",  "quantity too large",
      "bad price",    "bad id",       "bad display",    "bad order",      "would cross",
      "unfillable",   "pending stop", "over-execution", "negative level", "crossed",
      "wrong kind",   "mixed level",  "no side",        "full",           "bad book",
      "sequence gap",
  };
  const auto index = static_cast<std::size_t>(reject);
  return index < kRejectCount ? kNames[index] : std::string_view("?");
}

// A value or the reason that there is none (what std::expected<T, Reject> will be in C++23).
template <class T>
class Result {
 public:
  constexpr Result(T value) noexcept : value_(std::move(value)) {}         // NOLINT: implicit by design
  constexpr Result(Reject reject) noexcept : value_{}, reject_(reject) {}  // NOLINT: implicit by design

  [[nodiscard]] constexpr bool ok() const noexcept { return reject_ == Reject::kNone; }
  constexpr explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] constexpr Reject reject() const noexcept { return reject_; }
  [[nodiscard]] constexpr const T& value() const noexcept {
    assert(ok());
    return value_;
  }
  constexpr const T& operator*() const noexcept { return value(); }
  constexpr const T* operator->() const noexcept { return &value(); }

 private:
  T value_;
  Reject reject_ = Reject::kNone;
};

}  // namespace orderbook
