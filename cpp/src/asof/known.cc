#include "known.h"

#include <algorithm>
#include <vector>

#include "order.h"

namespace flowstate::asof {

void forward_known(const Context& context, const std::int64_t* lt, const std::int32_t* lc, std::int64_t left_rows,
                   bool left_ascending, const std::int64_t* r_time, const Visibility& visible, std::int64_t right_rows,
                   std::int32_t groups, bool strict, bool later_ties, std::int32_t* out) {
  const Ordered left = left_ascending ? as_is(lt, lc, left_rows) : order_by_time(context, lt, lc, left_rows);
  const Ordered right = visible.ascending ? as_is(visible.t, visible.code, right_rows)
                                          : order_by_time(context, visible.t, visible.code, right_rows);
  // "Later" orders the heap's worst first, as the heap functions of the standard library want it.
  const auto after = [&](std::int32_t a, std::int32_t b) {
    if (r_time[a] != r_time[b]) return r_time[a] > r_time[b];
    return later_ties ? a < b : a > b;
  };
  std::vector<std::vector<std::int32_t>> heaps(static_cast<std::size_t>(groups));
  std::int64_t j = 0;
  for (std::int64_t i = 0; i < left_rows; ++i) {
    if ((i & 0xFFFF) == 0) context.check_cancelled();
    const std::int64_t t = left.t[i];
    for (; j < right_rows && right.t[j] <= t; ++j) {
      const std::int32_t code = right.code[j];
      if (code < kFirstKey) continue;
      const std::int32_t row = right.row == nullptr ? static_cast<std::int32_t>(j) : right.row[j];
      std::vector<std::int32_t>& heap = heaps[static_cast<std::size_t>(code)];
      heap.push_back(row);
      std::push_heap(heap.begin(), heap.end(), after);
    }
    const std::int32_t code = left.code == nullptr ? kFirstKey : left.code[i];
    std::int32_t pick = -1;
    if (code >= kFirstKey) {
      std::vector<std::int32_t>& heap = heaps[static_cast<std::size_t>(code)];
      while (!heap.empty() && (strict ? r_time[heap.front()] <= t : r_time[heap.front()] < t)) {
        std::pop_heap(heap.begin(), heap.end(), after);
        heap.pop_back();
      }
      if (!heap.empty()) pick = heap.front();
    }
    out[left.row == nullptr ? i : left.row[i]] = pick;
  }
}

}  // namespace flowstate::asof
