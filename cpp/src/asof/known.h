// Forward choices among rows that must also be visible: with knownAt, the smallest r >= t is not one bound away,
// since a row may become known long after its time. A heap of right times per key, filled as rows become visible
// and emptied from below as the left time passes. O((n + m) log m), one thread.
#pragma once

#include <cstdint>

#include "right_sequence.h"

namespace flowstate::asof {

// Writes, by left input row, the input row of the forward choice or -1. `strict`: r > t, else r >= t. `later_ties`:
// the last of equal r. `visible` must not have had exactness folded in.
void forward_known(const Context& context, const std::int64_t* lt, const std::int32_t* lc, std::int64_t left_rows,
                   bool left_ascending, const std::int64_t* r_time, const Visibility& visible, std::int64_t right_rows,
                   std::int32_t groups, bool strict, bool later_ties, std::int32_t* out);

}  // namespace flowstate::asof
