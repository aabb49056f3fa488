#include "flowstate/asof/extent.h"

#include <algorithm>
#include <limits>

#include "context.h"
#include "times.h"

namespace flowstate::asof {

TimeExtent time_extent(const TimeColumn& time, ThreadPool& pool, const CancelToken& cancel) {
  check_column(time.column);
  const Context context{pool, pool.threads(), cancel, false};
  const TimeKind kind = time_kind({&time});
  const Times times = read_times(context, time, kind);

  TimeExtent extent;
  extent.rows = times.count;
  extent.is_float = kind == TimeKind::kFloat;
  extent.is_unsigned = kind == TimeKind::kUnsigned;
  std::int64_t low = std::numeric_limits<std::int64_t>::max();
  std::int64_t high = std::numeric_limits<std::int64_t>::min();
  if (times.dead.empty() && times.ascending) {
    extent.valid = times.count;
    if (times.count > 0) {
      low = times.t[0];
      high = times.t[times.count - 1];
    }
  } else {
    std::int64_t previous = -1;
    for (std::int64_t row = 0; row < times.count; ++row) {
      if (!times.dead.empty() && times.dead[static_cast<std::size_t>(row)] != 0) continue;
      const std::int64_t t = times.t[row];
      if (previous >= 0 && extent.descent_row < 0 && t < times.t[previous]) {
        extent.descent_row = row;
        extent.descent_previous_row = previous;
      }
      previous = row;
      ++extent.valid;
      low = std::min(low, t);
      high = std::max(high, t);
    }
  }
  if (extent.valid == 0) return extent;
  if (extent.is_float) {
    extent.min_float = from_ordered_bits(low);
    extent.max_float = from_ordered_bits(high);
  } else {
    // Unsigned times are kept with the sign bit turned; turning it back gives the uint64's bits.
    const std::int64_t flip = extent.is_unsigned ? std::numeric_limits<std::int64_t>::min() : 0;
    extent.min = low ^ flip;
    extent.max = high ^ flip;
  }
  return extent;
}

}  // namespace flowstate::asof
