// The first, or last, of a range of rows whose value is at most a limit: minima over blocks of 16, of 16 blocks, and so
// on. "Which row after this one can already be seen" is one such question.
#pragma once

#include <cstdint>

#include "flowstate/functors/group.h"
#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// Not a row.
inline constexpr std::uint32_t kNoPosition = 0xFFFFFFFFu;

struct MinTree {
  // 16^7 rows under one cell of the last: more than a side may have.
  static constexpr int kLevels = 8;
  const std::int64_t* level[kLevels] = {};  // [0]: the rows themselves; null from `levels` on
  int levels = 0;                           // 0: there is no tree

  // The first position in [begin, end) whose value is <= limit, or kNoPosition. O(log).
  FS_HD std::uint32_t first(std::uint32_t begin, std::uint32_t end, std::int64_t limit) const noexcept {
    std::uint64_t position = begin;
    std::uint64_t span = 1;
    int at = 0;
    bool descending = false;
    while (position < end) {
      // As high as a whole block that begins here lies in the range.
      while (!descending && at + 1 < levels && position % (span * kTreeFan) == 0 &&
             position + span * kTreeFan <= end) {
        ++at;
        span *= kTreeFan;
      }
      if (level[at][position / span] <= limit) {
        if (at == 0) return static_cast<std::uint32_t>(position);
        --at;
        span /= kTreeFan;
        descending = true;
      } else {
        position += span;
        // The block is known to hold one while we descend in it; otherwise the range may end before the next block does.
        if (!descending) {
          while (at > 0 && position + span > end) {
            --at;
            span /= kTreeFan;
          }
        }
      }
    }
    return kNoPosition;
  }

  // The last position in [begin, end) whose value is <= limit, or kNoPosition. O(log).
  FS_HD std::uint32_t last(std::uint32_t begin, std::uint32_t end, std::int64_t limit) const noexcept {
    std::uint64_t position = end;  // one past the rows still in question
    std::uint64_t span = 1;
    int at = 0;
    bool descending = false;
    while (position > begin) {
      while (!descending && at + 1 < levels && position % (span * kTreeFan) == 0 &&
             position - begin >= span * kTreeFan) {
        ++at;
        span *= kTreeFan;
      }
      if (level[at][position / span - 1] <= limit) {
        if (at == 0) return static_cast<std::uint32_t>(position - 1);
        --at;
        span /= kTreeFan;
        descending = true;
      } else {
        position -= span;
        if (!descending) {
          while (at > 0 && position - begin < span) {
            --at;
            span /= kTreeFan;
          }
        }
      }
    }
    return kNoPosition;
  }
};

}  // namespace flowstate::functors
