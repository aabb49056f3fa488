// The rules that decide between candidates (functors/clock.h), under the join's own names.
#pragma once

#include <cstdint>

#include "flowstate/functors/clock.h"
#include "times.h"

namespace flowstate::asof {

using functors::ahead_wins;
using functors::FloatClock;
using functors::IntegerClock;
using functors::Reach;

template <typename Clock>
bool within(const Reach& reach, typename Clock::Distance distance) noexcept {
  return functors::within(reach, distance);
}

}  // namespace flowstate::asof
