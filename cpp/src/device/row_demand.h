// The demand that rows ascend in time (unsorted: 'error'), within each key where there are keys.
#pragma once

#include <vector>

#include "flowstate/device/join_columns.h"

namespace flowstate::device {

// Throws UNSORTED with the first row that is earlier than the row before it, of the same key where there are keys, as
// asof::join does. Rows that lack a time or a key are not looked at; rows whose key the other side cannot have are.
// `code`: codes of the rows where they are known to tell apart what the keys do, else null; `side`: 0 left, 1 right.
struct DemandedSide {
  const TimeInput& input;
  const TimeColumn& times;
  const std::vector<KeyInput>& keys;
  bool nulls_equal = false;
  functors::TimeDomain domain = functors::TimeDomain::kSigned;
  int side = 0;
  const std::int32_t* code = nullptr;
  std::int32_t groups = 0;
};
void demand_ascending(JoinWork& work, const DemandedSide& demanded);

// code[i] = from[i] (null: the one live code), but `dead_code` for rows without a time.
void mark_dead(JoinWork& work, const TimeColumn& times, const std::int32_t* from, std::int32_t dead_code,
               std::int32_t* code);

}  // namespace flowstate::device
