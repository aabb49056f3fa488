// The range of a time column and whether it ascends: what a join over batches must know of each batch before it may
// call a row final. Times are aligned (value * scale), as in a join.
#pragma once

#include <cstdint>

#include "flowstate/asof/join.h"

namespace flowstate::asof {

struct TimeExtent {
  std::int64_t rows = 0;
  std::int64_t valid = 0;  // rows with a time: not null, not NaN
  // Of the valid rows; meaningless when there is none. Float columns use the doubles, all others the integers;
  // with `is_unsigned` they are to be read as uint64.
  bool is_float = false;
  bool is_unsigned = false;
  std::int64_t min = 0;
  std::int64_t max = 0;
  double min_float = 0.0;
  double max_float = 0.0;
  // The first valid row that is before its valid predecessor, and that predecessor; -1 when all ascend.
  std::int64_t descent_row = -1;
  std::int64_t descent_previous_row = -1;
};

// O(n). Throws Error OVERFLOW, LENGTH, CORRUPT.
TimeExtent time_extent(const TimeColumn& time, ThreadPool& pool, const CancelToken& cancel);

}  // namespace flowstate::asof
