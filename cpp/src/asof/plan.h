// Which way a stream is matched, from what was measured about its inputs.
#pragma once

#include <cstdint>
#include <string>

#include "context.h"

namespace flowstate::asof {

struct PlanFacts {
  std::int64_t left_rows = 0;
  std::int64_t right_rows = 0;
  std::int32_t groups = 0;  // key codes, reserved ones included
  bool keyed = false;
  bool left_ascends = true;
  bool right_ascends = true;  // in order of visibility
  PlanKind forced = PlanKind::kAuto;
};

struct PlanChoice {
  PlanKind plan = PlanKind::kMerge;
  std::string reason;
};

PlanChoice choose_plan(const PlanFacts& facts);

const char* plan_name(PlanKind plan) noexcept;

}  // namespace flowstate::asof
