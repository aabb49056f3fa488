// How a book or an arena of books is made. The defaults suit one instrument with some ten thousand live orders.
#pragma once

#include <cstdint>
#include <limits>

#include "orderbook/order.h"
#include "orderbook/types.h"

namespace orderbook {

struct BookOptions {
  BookNumber books = 1;

  // Ticks per side kept in the array window; 64 to 262,144, rounded up to a power of two. Prices outside it are kept
  // too, in an ordered map; the window follows the touch. 4 bytes per tick and side, untouched pages cost nothing.
  std::uint32_t window_ticks = 4096;

  // Live orders over all books for which room is made at once. Below it no command allocates (but for levels outside
  // the window, whose nodes come from a pool); above it the storage doubles.
  std::uint64_t expected_orders = 16384;
  std::uint64_t max_orders = std::numeric_limits<std::uint32_t>::max() - 1;  // then Reject::kFull

  // The direct index only: ids from 0 to this one. Room is made for `expected_ids` of them at once.
  OrderId max_dense_id = (OrderId{1} << 28) - 1;
  OrderId expected_ids = 1 << 16;

  Price min_price{std::numeric_limits<std::int64_t>::min()};
  Price max_price{std::numeric_limits<std::int64_t>::max()};

  bool reject_crossed = false;  // replay: refuse an event that would cross the book, instead of counting it
  bool prefault = false;  // touch every page of the storage now: the first touch is a page fault in the tail
};

}  // namespace orderbook
