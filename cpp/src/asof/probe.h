// The probe plan: for each left row a binary search in the right and a walk back to the nearest row of its key.
// For few left rows against many right ones. O(n * (log m + distance to the key)).
#pragma once

#include "choose.h"
#include "right_sequence.h"

namespace flowstate::asof {

// The right ascends in time; the left may be in any order. False when the walks together got longer than `budget`
// steps (a key far back, asked for often): the caller takes another plan, and match and tally are void.
bool match_probe(const Context& context, const std::int64_t* lt, const std::int32_t* lc, std::int64_t left_rows,
                 const RightSequence& right, const Choice& choice, bool strict, const std::int32_t* forward_rows,
                 std::int64_t budget, std::int32_t* match, Tally& tally);

}  // namespace flowstate::asof
