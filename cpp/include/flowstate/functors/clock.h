// Times as every executor compares them: one int64 whose order is the order of time, distances that cannot overflow,
// and the choice between the row behind and the row ahead. Written once for the batch kernels, the streaming engine
// and the devices.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// The bits of a double as an int64 in its order: negative ones mirrored, -0 as 0. NaN has no place in it.
FS_HD inline std::int64_t ordered_bits(double value) noexcept {
  const double positive_zero = value + 0.0;
  std::int64_t bits = 0;
  std::memcpy(&bits, &positive_zero, sizeof bits);
  return bits ^ ((bits >> 63) & INT64_MAX);
}

FS_HD inline double from_ordered_bits(std::int64_t ordered) noexcept {
  const std::int64_t bits = ordered ^ ((ordered >> 63) & INT64_MAX);
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Distances of times: whole units in u64, or doubles.
struct IntegerClock {
  using Distance = std::uint64_t;
  FS_HD static Distance distance(std::int64_t a, std::int64_t b) noexcept {
    return a >= b ? static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)
                  : static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
  }
};

struct FloatClock {
  using Distance = double;
  FS_HD static Distance distance(std::int64_t a, std::int64_t b) noexcept {
    return a == b ? 0.0 : ::fabs(from_ordered_bits(a) - from_ordered_bits(b));
  }
};

// A tolerance in both clocks; inclusive.
struct Reach {
  std::uint64_t whole = 0;
  double real = 0;
};

FS_HD inline bool within(const Reach& reach, std::uint64_t distance) noexcept {
  return distance <= reach.whole;
}
FS_HD inline bool within(const Reach& reach, double distance) noexcept { return distance <= reach.real; }

// Nearest: whether the row ahead of t is chosen over the one at or behind it.
template <typename Clock>
FS_HD bool ahead_wins(std::int64_t t, std::int64_t r_behind, std::int64_t r_ahead, bool later_wins) noexcept {
  const auto behind = Clock::distance(t, r_behind);
  const auto ahead = Clock::distance(t, r_ahead);
  return ahead < behind || (ahead == behind && later_wins);
}

}  // namespace flowstate::functors
