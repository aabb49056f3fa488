#include "probe.h"

#include <atomic>
#include <mutex>

#include "merge.h"

namespace flowstate::asof {

bool match_probe(const Context& context, const std::int64_t* lt, const std::int32_t* lc, std::int64_t left_rows,
                 const RightSequence& right, const Choice& choice, bool strict, const std::int32_t* forward_rows,
                 std::int64_t budget, std::int32_t* match, Tally& tally) {
  constexpr std::int64_t kBlock = 512;
  const std::int64_t* rt = right.order.t;
  const std::int32_t* rc = right.order.code;
  const std::int64_t m = right.order.count;
  const bool chained = right.chained();
  std::atomic<std::int64_t> walked{0};
  std::mutex mutex;
  context.ranges(left_rows, kBlock, [&](std::int64_t begin, std::int64_t end) {
    if (walked.load(std::memory_order_relaxed) > budget) return;
    std::uint32_t raw[kBlock];
    std::int64_t steps = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      std::int64_t j = rows_before(rt, m, lt[i], strict);
      if (rc != nullptr) {
        const std::int32_t code = lc[i];
        const std::int64_t from = j;
        if (code == kDeadLeft) j = 0;
        while (j > 0 && rc[j - 1] != code) {
          --j;
          if (((from - j) & 0xFFFF) == 0 && walked.load(std::memory_order_relaxed) + from - j > budget) break;
        }
        steps += from - j;
        raw[i - begin] = j > 0 ? static_cast<std::uint32_t>(j - 1)
                               : chained ? static_cast<std::uint32_t>(m + code) : kNone;
      } else {
        raw[i - begin] = static_cast<std::uint32_t>(j - 1);
      }
    }
    walked.fetch_add(steps, std::memory_order_relaxed);
    Tally mine;
    choose_block(choice, right, lt + begin, raw, forward_rows != nullptr ? forward_rows + begin : nullptr,
                 end - begin, match + begin, mine);
    const std::lock_guard<std::mutex> lock(mutex);
    tally.matched += mine.matched;
    tally.too_far += mine.too_far;
  });
  return walked.load() <= budget;
}

}  // namespace flowstate::asof
