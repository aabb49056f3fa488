#include "grouped.h"

#include <mutex>

#include "merge.h"

namespace flowstate::asof {
namespace {

constexpr std::int64_t kBlock = 2048;

// Answers for left positions [begin, end) of one key whose right rows are [first, stop).
void merge_group(const MergeInput& in, std::int64_t begin, std::int64_t end, std::int64_t first,
                 std::int64_t stop, std::uint32_t none, std::uint32_t* out) noexcept {
  const auto answer = [&](std::int64_t j) { return j == first ? none : static_cast<std::uint32_t>(j - 1); };
  std::int64_t j = first + rows_before(in.rt + first, stop - first, in.lt[begin], in.strict);
  // Few left rows among many right ones: search instead of walking.
  if ((stop - first) / 16 > end - begin) {
    for (std::int64_t i = begin; i < end; ++i) {
      j += rows_before(in.rt + j, stop - j, in.lt[i], in.strict);
      out[i - begin] = answer(j);
    }
    return;
  }
  std::int64_t i = begin;
  while (i < end) {
    const std::int64_t steps = std::min(end - i, stop - j);
    if (steps == 0) break;
    for (std::int64_t s = 0; s < steps; ++s) {
      const bool take = in.strict ? in.rt[j] < in.lt[i] : in.rt[j] <= in.lt[i];
      out[i - begin] = answer(j);
      j += take;
      i += !take;
    }
  }
  for (; i < end; ++i) out[i - begin] = answer(j);
}

}  // namespace

void match_grouped(const Context& context, const Ordered& left, const RightSequence& right,
                   const Choice& choice, bool strict, const std::int32_t* forward_rows, std::int32_t* match,
                   Tally& tally) {
  const MergeInput in{left.t, right.order.t, right.order.code, right.order.count, strict};
  const auto count = static_cast<std::uint32_t>(right.order.count);
  std::mutex mutex;
  context.ranges(left.count, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t raw[kBlock];
    std::int32_t rows[kBlock];
    std::int32_t ahead[kBlock];
    Tally mine;
    for (std::int64_t block = begin; block < end; block += kBlock) {
      const std::int64_t stop = std::min(end, block + kBlock);
      for (std::int64_t i = block; i < stop;) {
        const std::int32_t code = left.code[i];
        const std::int64_t group_end = std::min(stop, left.starts[static_cast<std::size_t>(code) + 1]);
        const std::uint32_t none = right.chained() ? count + static_cast<std::uint32_t>(code) : kNone;
        const std::int64_t first = right.order.starts[static_cast<std::size_t>(code)];
        const std::int64_t last = right.order.starts[static_cast<std::size_t>(code) + 1];
        if (first == last || code < kFirstKey) {
          std::fill(raw + (i - block), raw + (group_end - block),
                    code < kFirstKey && right.chained() ? count + kDeadLeft : none);
        } else {
          merge_group(in, i, group_end, first, last, none, raw + (i - block));
        }
        i = group_end;
      }
      if (forward_rows != nullptr) {
        for (std::int64_t i = block; i < stop; ++i) ahead[i - block] = forward_rows[left.row[i]];
      }
      choose_block(choice, right, left.t + block, raw, forward_rows != nullptr ? ahead : nullptr,
                   stop - block, rows, mine);
      for (std::int64_t i = block; i < stop; ++i) match[left.row[i]] = rows[i - block];
    }
    const std::lock_guard<std::mutex> lock(mutex);
    tally.matched += mine.matched;
    tally.too_far += mine.too_far;
  });
}

}  // namespace flowstate::asof
