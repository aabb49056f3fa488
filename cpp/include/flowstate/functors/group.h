// Putting rows in order by key and time: the elementwise parts around a stable sort.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flowstate/functors/atomic.h"
#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// out[i] = i.
struct IotaElement {
  std::uint32_t* out;
  FS_HD void operator()(std::size_t i) const noexcept { out[i] = static_cast<std::uint32_t>(i); }
};

// out[i] = in[index[i]].
template <typename Word>
struct GatherElement {
  Word* out;
  const Word* in;
  const std::uint32_t* index;
  FS_HD void operator()(std::size_t i) const noexcept { out[i] = in[index[i]]; }
};

// The first row that is earlier than the row before it, into *first (which begins at or above the row count).
struct OrderElement {
  const std::int64_t* t;
  std::uint64_t* first;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (i > 0 && t[i] < t[i - 1]) atomic_min(first, i);
  }
};

// The first row that is below the row before it in (code, time). `code` null: one key.
struct GroupOrderElement {
  const std::int64_t* t;
  const std::int32_t* code;
  std::uint64_t* first;
  FS_HD void operator()(std::size_t i) const noexcept {
    if (i == 0) return;
    const bool falls = code == nullptr || code[i] == code[i - 1] ? t[i] < t[i - 1] : code[i] < code[i - 1];
    if (falls) atomic_min(first, i);
  }
};

// start[g] = how many of `count` ascending codes are below g; for g in [0, groups].
struct GroupStartElement {
  std::uint32_t* start;
  const std::int32_t* code;
  std::uint32_t count;
  FS_HD void operator()(std::size_t g) const noexcept {
    std::uint32_t low = 0;
    std::uint32_t high = count;
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (code[middle] < static_cast<std::int32_t>(g)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    start[g] = low;
  }
};

// Cells of one level of a MinTree (min_tree.h) that one cell of the next stands for.
inline constexpr std::uint32_t kTreeFan = 16;

// above[i] = the least of below[16 i .. 16 i + 15], as far as there are so many.
struct MinLevelElement {
  std::int64_t* above;
  const std::int64_t* below;
  std::uint32_t below_count;
  FS_HD void operator()(std::size_t i) const noexcept {
    const std::size_t begin = i * kTreeFan;
    const std::size_t end = begin + kTreeFan < below_count ? begin + kTreeFan : below_count;
    std::int64_t least = INT64_MAX;
    for (std::size_t j = begin; j < end; ++j) least = below[j] < least ? below[j] : least;
    above[i] = least;
  }
};

}  // namespace flowstate::functors
