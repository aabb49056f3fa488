// The demand that rows ascend in time (unsorted: 'error'), within each key where there are keys.
#pragma once

#include "flowstate/device/join_columns.h"

namespace flowstate::device {

// `code`, by row (null: one key, and every row has a time): rows of codes that match nothing are not looked at. Throws
// UNSORTED with the first row that is earlier than the row before it, as asof::join does; `side` 0 left, 1 right.
void demand_ascending(JoinWork& work, const TimeInput& input, const TimeColumn& times,
                      const std::int32_t* code, std::int32_t groups, bool keyed, functors::TimeDomain domain,
                      int side);

// code[i] = from[i] (null: the one live code), but `dead_code` for rows without a time.
void mark_dead(JoinWork& work, const TimeColumn& times, const std::int32_t* from, std::int32_t dead_code,
               std::int32_t* code);

}  // namespace flowstate::device
