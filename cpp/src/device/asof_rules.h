// What a request says of candidates, as the kernels want it: a join of host tables and one of device tables name it alike.
#pragma once

#include <cstdint>

#include "flowstate/asof/join.h"
#include "flowstate/functors/asof.h"

namespace flowstate::device {

template <typename Stream>
functors::AsofRules rules_of(const Stream& stream, bool is_float) {
  functors::AsofRules rules;
  switch (stream.direction) {
    case asof::Direction::kBackward:
      rules.direction = functors::AsofDirection::kBackward;
      break;
    case asof::Direction::kForward:
      rules.direction = functors::AsofDirection::kForward;
      break;
    case asof::Direction::kNearest:
      rules.direction = functors::AsofDirection::kNearest;
  }
  rules.exact = stream.allow_exact;
  rules.behind_first = stream.ties == asof::Ties::kFirst;
  rules.ahead_last = stream.ties == asof::Ties::kLast;
  rules.later_wins = stream.nearest_tie == asof::NearestTie::kLater;
  rules.is_float = is_float;
  rules.has_tolerance = stream.has_tolerance;
  rules.reach = {static_cast<std::uint64_t>(stream.tolerance), stream.tolerance_float};
  return rules;
}

}  // namespace flowstate::device
