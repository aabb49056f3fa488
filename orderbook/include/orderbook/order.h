// What is asked of a matching book, and what came of it.
#pragma once

#include <cstdint>

#include "orderbook/types.h"

namespace orderbook {

using OwnerId =
    std::uint32_t;  // who sent it, for self-trade prevention; 0 is nobody and never trades with itself
using BookNumber = std::uint32_t;  // a book's place in its arena
using OrderCount = std::uint32_t;

enum class OrderType : std::uint8_t {
  kLimit = 0,
  kMarket = 1,     // trades at any price; what is left is cancelled
  kStop = 2,       // waits for a trade at `stop_price` or beyond, then is a market order
  kStopLimit = 3,  // waits in the same way, then is a limit order at `price`
};

enum class TimeInForce : std::uint8_t {
  kGoodTillCancel = 0,
  kImmediateOrCancel = 1,  // what does not trade at once is cancelled
  kFillOrKill = 2,         // all of it trades at once, or it is refused (kUnfillable) and nothing happens
};

enum class PostOnly : std::uint8_t {
  kOff = 0,
  kReject = 1,  // refused (kWouldCross) if it would trade
  kSlide = 2,   // if it would trade it rests one tick away from the opposite best instead
};

// Read from the incoming order when it meets a resting order of the same owner.
enum class SelfTrade : std::uint8_t {
  kAllow = 0,
  kCancelNewest = 1,  // the rest of the incoming order is cancelled
  kCancelOldest = 2,  // the resting order is cancelled, hidden part included; the incoming one goes on
  kCancelBoth = 3,
  kDecrement = 4,  // both lose the smaller of the two visible quantities without a trade; zero leaves
};

// An iceberg's quantity is at most this many times its display, so that one command does bounded work.
inline constexpr std::uint64_t kMaxIcebergSlices = 4096;

struct Order {
  OrderId id = 0;
  Price price;       // limit and stop-limit
  Price stop_price;  // stop and stop-limit
  Quantity quantity = 0;
  Quantity display = 0;  // iceberg: shown at a time; 0 shows everything
  TimestampNs time_ns = 0;
  OwnerId owner = 0;
  Side side = Side::kBuy;
  OrderType type = OrderType::kLimit;
  TimeInForce time_in_force = TimeInForce::kGoodTillCancel;
  PostOnly post_only = PostOnly::kOff;
  SelfTrade self_trade = SelfTrade::kAllow;
};

[[nodiscard]] constexpr Order limit_order(OrderId id, Side side, Price price, Quantity quantity) noexcept {
  Order order;
  order.id = id;
  order.side = side;
  order.price = price;
  order.quantity = quantity;
  return order;
}

[[nodiscard]] constexpr Order market_order(OrderId id, Side side, Quantity quantity) noexcept {
  Order order = limit_order(id, side, Price{}, quantity);
  order.type = OrderType::kMarket;
  return order;
}

[[nodiscard]] constexpr Order ioc_order(OrderId id, Side side, Price price, Quantity quantity) noexcept {
  Order order = limit_order(id, side, price, quantity);
  order.time_in_force = TimeInForce::kImmediateOrCancel;
  return order;
}

[[nodiscard]] constexpr Order fok_order(OrderId id, Side side, Price price, Quantity quantity) noexcept {
  Order order = limit_order(id, side, price, quantity);
  order.time_in_force = TimeInForce::kFillOrKill;
  return order;
}

[[nodiscard]] constexpr Order stop_order(OrderId id, Side side, Price stop_price,
                                         Quantity quantity) noexcept {
  Order order = limit_order(id, side, Price{}, quantity);
  order.type = OrderType::kStop;
  order.stop_price = stop_price;
  return order;
}

[[nodiscard]] constexpr Order stop_limit_order(OrderId id, Side side, Price stop_price, Price price,
                                               Quantity quantity) noexcept {
  Order order = stop_order(id, side, stop_price, quantity);
  order.type = OrderType::kStopLimit;
  order.price = price;
  return order;
}

[[nodiscard]] constexpr Order iceberg_order(OrderId id, Side side, Price price, Quantity quantity,
                                            Quantity display) noexcept {
  Order order = limit_order(id, side, price, quantity);
  order.display = display;
  return order;
}

enum class OrderState : std::uint8_t {
  kResting = 0,    // in the book, in part or whole
  kFilled = 1,     // all of it traded
  kCancelled = 2,  // nothing rests and not all of it traded
  kPending = 3,    // a stop that waits for its trade
};

// What an accepted order came to: quantity = filled + resting + cancelled.
struct Execution {
  Quantity filled = 0;
  Quantity resting = 0;    // hidden part included; of a pending stop, all of it
  Quantity cancelled = 0;  // remainders of market and IOC orders, self-trade prevention
  std::uint32_t trades = 0;
  OrderState state = OrderState::kResting;
};

}  // namespace orderbook
