// The grouped plan: rows bucketed by key, then one merge per key. For inputs that ascend within keys but not over
// all rows, and for unsorted input with keys. O(n + m), plus the sorts within keys that were out of order.
#pragma once

#include "choose.h"
#include "order.h"
#include "right_sequence.h"

namespace flowstate::asof {

// `left` and `right.order` come from order_by_group. Writes match (by left input row), cut into tasks of equal left
// rows, so that one huge key is shared by all threads.
void match_grouped(const Context& context, const Ordered& left, const RightSequence& right, const Choice& choice,
                   bool strict, const std::int32_t* forward_rows, std::int32_t* match, Tally& tally);

}  // namespace flowstate::asof
