// From "the last row before" to the row that is matched: direction, ties, nearest, tolerance, and the counts. Every
// plan ends here, so a rule is written once.
#pragma once

#include <cstdint>

#include "context.h"
#include "right_sequence.h"
#include "rules.h"
#include "times.h"

namespace flowstate::asof {

struct Choice {
  Direction direction = Direction::kBackward;
  bool exact = true;
  bool later_wins = false;  // nearest at equal distance
  bool has_tolerance = false;
  std::uint64_t tolerance = 0;
  double tolerance_float = 0;
  TimeKind kind = TimeKind::kSigned;
  const std::int64_t* r_time = nullptr;  // by input row

  Reach reach() const noexcept { return {tolerance, tolerance_float}; }
};

struct Tally {
  std::int64_t matched = 0;
  std::int64_t too_far = 0;
};

// Whether the kernels' question is r < t rather than r <= t.
inline bool strict_question(const Choice& choice, bool exact_folded) noexcept {
  if (choice.direction == Direction::kForward) return choice.exact;
  return !choice.exact && !exact_folded;
}

// `raw` are the kernels' answers for `count` left rows with times lt. `forward_rows`, where given, are forward
// choices made elsewhere (known.h), by input row, and `raw` serves the backward half only. `out` may be `raw`.
void choose_block(const Choice& choice, const RightSequence& right, const std::int64_t* lt,
                  const std::uint32_t* raw, const std::int32_t* forward_rows, std::int64_t count,
                  std::int32_t* out, Tally& tally) noexcept;

}  // namespace flowstate::asof
