// Which right row a left row gets, decided the same way by every kernel of a device. Rows of the right side lie grouped
// by key code and, within a code, in order of time; ties lie in input order. A kernel finds one bound in that order;
// what follows from it (direction, exactness, ties, what can be seen yet, tolerance) is decided here.
//
// Codes below kFirstLiveCode are rows that match nothing; left and right have different ones, so that they never meet.
#pragma once

#include <cstdint>

#include "flowstate/functors/clock.h"
#include "flowstate/functors/hd.h"
#include "flowstate/functors/min_tree.h"

namespace flowstate::functors {

inline constexpr std::int32_t kFirstLiveCode = 2;

enum class AsofDirection : std::uint8_t { kBackward, kForward, kNearest };

struct AsofRules {
  AsofDirection direction = AsofDirection::kBackward;
  bool exact = true;          // a right row at the left row's own time counts
  bool behind_first = false;  // of equal times at or behind: the first row, else the last
  bool ahead_last = false;    // of equal times ahead: the last row, else the first
  bool later_wins = false;    // nearest, equal distances
  bool is_float = false;      // times are ordered bits of doubles
  bool has_tolerance = false;
  Reach reach;

  // Whether the bound that is asked for counts the rows with r < t; else r <= t.
  FS_HD bool strict() const noexcept { return direction == AsofDirection::kForward ? exact : !exact; }
};

// A right side in device memory, grouped.
struct AsofRight {
  const std::int64_t* t = nullptr;
  const std::int32_t* code = nullptr;     // null: one key
  const std::uint32_t* starts = nullptr;  // by code, one more than there are codes; null: one key
  const std::uint32_t* row = nullptr;     // input row by position; null: they lie in place
  std::uint32_t count = 0;
  std::int32_t groups = 0;  // codes are below this
  MinTree seen;             // from when each row can be seen; no levels: from its own time on

  FS_HD std::uint32_t first_of(std::int32_t key) const noexcept {
    return starts == nullptr ? 0 : starts[key];
  }
  FS_HD std::uint32_t end_of(std::int32_t key) const noexcept {
    return starts == nullptr ? count : starts[key + 1];
  }
};

// Positions [begin, end) of ascending times: how many are below `time`, or with `or_equal` at most it; as a position.
template <typename Times>
FS_HD std::uint32_t bound_of(const Times& times, std::uint32_t begin, std::uint32_t end, std::int64_t time,
                             bool or_equal) noexcept {
  while (begin < end) {
    const std::uint32_t middle = begin + (end - begin) / 2;
    if (or_equal ? times[middle] <= time : times[middle] < time) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

struct AsofAnswer {
  std::int32_t row;  // input row, or -1
  bool too_far;      // there was one, beyond the tolerance
};

// `bound`: how many rows of the right lie before the left row (rules.strict() says whether its equals do), over all
// keys. `Times` and `Codes` index as the arrays of `right` do; kernels pass views of what they hold on chip.
template <typename Times, typename Codes>
FS_HD AsofAnswer decide(const AsofRules& rules, const AsofRight& right, const Times& times,
                        const Codes& codes, std::int64_t t, std::int32_t key, std::uint32_t bound) noexcept {
  const bool keyed = right.code != nullptr;
  const auto is_mine = [&](std::uint32_t position) { return !keyed || codes[position] == key; };
  const bool sees_all = right.seen.levels == 0;
  std::uint32_t behind = kNoPosition;
  std::uint32_t ahead = kNoPosition;
  if (keyed && (key < kFirstLiveCode || key >= right.groups)) return {-1, false};
  if (rules.direction != AsofDirection::kForward && bound > 0 && is_mine(bound - 1)) {
    behind = sees_all ? bound - 1 : right.seen.last(right.first_of(key), bound, t);
    if (behind != kNoPosition && rules.behind_first) {
      const std::uint32_t head = bound_of(times, right.first_of(key), behind, times[behind], false);
      behind = sees_all ? head : right.seen.first(head, behind + 1, t);
    }
  }
  if (rules.direction != AsofDirection::kBackward && bound < right.count && is_mine(bound)) {
    std::uint32_t from = bound;
    // The bound counts what is before t; the nearest row ahead is after t.
    if (rules.direction == AsofDirection::kNearest && times[from] == t) {
      from = bound_of(times, from, right.end_of(key), t, true);
    }
    const std::uint32_t end = right.end_of(key);
    if (from < end) ahead = sees_all ? from : right.seen.first(from, end, t);
    if (ahead != kNoPosition && rules.ahead_last) {
      const std::uint32_t tail = bound_of(times, ahead, end, times[ahead], true);
      ahead = sees_all ? tail - 1 : right.seen.last(ahead, tail, t);
    }
  }
  std::uint32_t pick = behind;
  if (behind == kNoPosition) {
    pick = ahead;
  } else if (ahead != kNoPosition) {
    const bool wins = rules.is_float
                          ? ahead_wins<FloatClock>(t, times[behind], times[ahead], rules.later_wins)
                          : ahead_wins<IntegerClock>(t, times[behind], times[ahead], rules.later_wins);
    if (wins) pick = ahead;
  }
  if (pick == kNoPosition) return {-1, false};
  if (rules.has_tolerance) {
    const bool reaches = rules.is_float ? within(rules.reach, FloatClock::distance(t, times[pick]))
                                        : within(rules.reach, IntegerClock::distance(t, times[pick]));
    if (!reaches) return {-1, true};
  }
  return {static_cast<std::int32_t>(right.row == nullptr ? pick : right.row[pick]), false};
}

}  // namespace flowstate::functors
