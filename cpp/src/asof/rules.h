// The rules that decide between candidates, written once for the batch kernels and the streaming engine: distance,
// tolerance, and the choice between the row behind and the row ahead.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "times.h"

namespace flowstate::asof {

// Distances of times in the representation of times.h: whole units in u64, or doubles.
struct IntegerClock {
  using Distance = std::uint64_t;
  static Distance distance(std::int64_t a, std::int64_t b) noexcept {
    return a >= b ? static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)
                  : static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
  }
};

struct FloatClock {
  using Distance = double;
  static Distance distance(std::int64_t a, std::int64_t b) noexcept {
    return a == b ? 0.0 : std::fabs(from_ordered_bits(a) - from_ordered_bits(b));
  }
};

// A tolerance in both clocks.
struct Reach {
  std::uint64_t whole = 0;
  double real = 0;
};

template <typename Clock>
bool within(const Reach& reach, typename Clock::Distance distance) noexcept {
  if constexpr (std::is_same_v<Clock, FloatClock>) {
    return distance <= reach.real;
  } else {
    return distance <= reach.whole;
  }
}

// Nearest: whether the row ahead of t is chosen over the one at or behind it.
template <typename Clock>
bool ahead_wins(std::int64_t t, std::int64_t r_behind, std::int64_t r_ahead, bool later_wins) noexcept {
  const auto behind = Clock::distance(t, r_behind);
  const auto ahead = Clock::distance(t, r_ahead);
  return ahead < behind || (ahead == behind && later_wins);
}

}  // namespace flowstate::asof
