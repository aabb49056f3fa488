// The kernels that match, as tile bodies: phases that all threads of a block finish before the next begins
// (functors/tiles.h). Both answer for every left row and count matched and too distant ones.
//
//   AsofMergeTile   both sides grouped. The merge of the two is cut into equal pieces (merge path: Green, McColl and
//                   Bader, "GPU Merge Path", ICS 2012), so that no key, however large, makes a tile longer. Each row is
//                   read once.
//   AsofProbeTile   the left in any order: one binary search per left row, for few left rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "flowstate/functors/asof.h"
#include "flowstate/functors/atomic.h"
#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// The left side and where answers go.
struct AsofLeft {
  const std::int64_t* t = nullptr;
  const std::int32_t* code = nullptr;  // null: one key
  const std::uint32_t* row = nullptr;  // input row by position; null: they lie in place
  std::uint32_t count = 0;
};

struct AsofCounts {
  std::uint64_t matched;
  std::uint64_t too_far;
};

struct AsofOut {
  std::int32_t* match = nullptr;  // by left input row
  AsofCounts* counts = nullptr;   // added to
};

// A block's own counts, so that only one thread of it adds to the common ones.
struct TileCounts {
  std::uint32_t matched;
  std::uint32_t too_far;
  FS_HD void clear() noexcept { matched = too_far = 0; }
  FS_HD void add(std::uint32_t more_matched, std::uint32_t more_too_far) noexcept {
    if (more_matched != 0) atomic_add(&matched, more_matched);
    if (more_too_far != 0) atomic_add(&too_far, more_too_far);
  }
  FS_HD void hand_over(AsofCounts& all) const noexcept {
    if (matched != 0) atomic_add(&all.matched, std::uint64_t{matched});
    if (too_far != 0) atomic_add(&all.too_far, std::uint64_t{too_far});
  }
};

// Whether right row (rc, rt) comes before left row (lc, lt) in the merge.
FS_HD inline bool right_is_before(std::int32_t rc, std::int64_t rt, std::int32_t lc, std::int64_t lt,
                                  bool strict) noexcept {
  return rc == lc ? (strict ? rt < lt : rt <= lt) : rc < lc;
}

// cuts[i]: of the first i * stride rows of the merge, how many are right ones.
struct AsofCutElement {
  AsofLeft left;
  AsofRight right;
  bool strict;
  std::uint32_t stride;
  std::uint32_t* cuts;

  FS_HD void operator()(std::size_t i) const noexcept {
    const std::uint64_t all = std::uint64_t{left.count} + right.count;
    const std::uint64_t wanted = std::uint64_t{i} * stride;
    const std::uint64_t diagonal = wanted < all ? wanted : all;
    std::uint64_t low = diagonal > left.count ? diagonal - left.count : 0;
    std::uint64_t high = diagonal < right.count ? diagonal : right.count;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const std::uint64_t other = diagonal - 1 - middle;
      const std::int32_t rc = right.code == nullptr ? 0 : right.code[middle];
      const std::int32_t lc = left.code == nullptr ? 0 : left.code[other];
      if (right_is_before(rc, right.t[middle], lc, left.t[other], strict)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    cuts[i] = static_cast<std::uint32_t>(low);
  }
};

// Reads what lies on chip from there, all else from memory.
template <typename Word>
struct Window {
  const Word* near;  // near[0] is position `begin`
  const Word* far;
  std::uint32_t begin;
  std::uint32_t end;
  FS_HD Word operator[](std::uint32_t position) const noexcept {
    return position >= begin && position < end ? near[position - begin] : far[position];
  }
};

struct AsofMergeTile {
  static constexpr unsigned kThreads = 256;
  static constexpr unsigned kPerThread = 8;
  static constexpr unsigned kRows = kThreads * kPerThread;  // left and right ones together
  static constexpr int kPhases = 4;

  AsofLeft left;
  AsofRight right;
  AsofRules rules;
  const std::uint32_t* cuts = nullptr;  // by AsofCutElement with stride kRows; one more than there are tiles
  AsofOut out;

  // Left rows first, then right ones; 32 KiB.
  struct Shared {
    std::int64_t t[kRows];
    std::int32_t code[kRows];
    std::uint32_t bound[kRows];
    TileCounts counts;
  };
  struct Thread {};

  struct Piece {
    std::uint32_t left_begin, left_count, right_begin, right_count;
  };
  FS_HD Piece piece_of(std::size_t tile) const noexcept {
    const std::uint64_t all = std::uint64_t{left.count} + right.count;
    const std::uint64_t begin = std::uint64_t{tile} * kRows;
    const std::uint64_t end = begin + kRows < all ? begin + kRows : all;
    const std::uint32_t right_begin = cuts[tile];
    const std::uint32_t right_end = cuts[tile + 1];
    const auto left_begin = static_cast<std::uint32_t>(begin - right_begin);
    return {left_begin, static_cast<std::uint32_t>(end - right_end) - left_begin, right_begin,
            right_end - right_begin};
  }

  template <int kPhase>
  FS_HD void run(std::size_t tile, unsigned thread, Shared& shared, Thread& /*registers*/) const noexcept {
    const Piece piece = piece_of(tile);
    const bool keyed = right.code != nullptr;
    if constexpr (kPhase == 0) {
      if (thread == 0) shared.counts.clear();
      const std::uint32_t rows = piece.left_count + piece.right_count;
      for (std::uint32_t i = thread; i < rows; i += kThreads) {
        const bool is_left = i < piece.left_count;
        const std::uint32_t from =
            is_left ? piece.left_begin + i : piece.right_begin + (i - piece.left_count);
        shared.t[i] = is_left ? left.t[from] : right.t[from];
        if (keyed) shared.code[i] = is_left ? left.code[from] : right.code[from];
      }
    } else if constexpr (kPhase == 1) {
      merge(piece, thread, shared, keyed);
    } else if constexpr (kPhase == 2) {
      const std::uint32_t end = piece.right_begin + piece.right_count;
      const Window<std::int64_t> times{shared.t + piece.left_count, right.t, piece.right_begin, end};
      const Window<std::int32_t> codes{shared.code + piece.left_count, right.code, piece.right_begin, end};
      std::uint32_t matched = 0;
      std::uint32_t too_far = 0;
      for (std::uint32_t i = thread; i < piece.left_count; i += kThreads) {
        const AsofAnswer answer = decide(rules, right, times, codes, shared.t[i],
                                         keyed ? shared.code[i] : kFirstLiveCode, shared.bound[i]);
        const std::uint32_t position = piece.left_begin + i;
        out.match[left.row == nullptr ? position : left.row[position]] = answer.row;
        matched += answer.row >= 0 ? 1 : 0;
        too_far += answer.too_far ? 1 : 0;
      }
      shared.counts.add(matched, too_far);
    } else {
      if (thread == 0) shared.counts.hand_over(*out.counts);
    }
  }

 private:
  // kPerThread rows of the merge, begun where they are by a search along the thread's diagonal.
  FS_HD void merge(const Piece& piece, unsigned thread, Shared& shared, bool keyed) const noexcept {
    const std::uint32_t lefts = piece.left_count;
    const std::uint32_t rights = piece.right_count;
    const bool strict = rules.strict();
    const auto before = [&](std::uint32_t r, std::uint32_t l) {
      return right_is_before(keyed ? shared.code[lefts + r] : 0, shared.t[lefts + r],
                             keyed ? shared.code[l] : 0, shared.t[l], strict);
    };
    const std::uint32_t rows = lefts + rights;
    const std::uint32_t diagonal = thread * kPerThread < rows ? thread * kPerThread : rows;
    std::uint32_t r = diagonal > lefts ? diagonal - lefts : 0;
    std::uint32_t high = diagonal < rights ? diagonal : rights;
    while (r < high) {
      const std::uint32_t middle = r + (high - r) / 2;
      if (before(middle, diagonal - 1 - middle)) {
        r = middle + 1;
      } else {
        high = middle;
      }
    }
    std::uint32_t l = diagonal - r;
    for (unsigned step = 0; step < kPerThread && l + r < rows; ++step) {
      if (l == lefts || (r < rights && before(r, l))) {
        ++r;
      } else {
        shared.bound[l] = piece.right_begin + r;
        ++l;
      }
    }
  }
};

struct AsofProbeTile {
  static constexpr unsigned kThreads = 256;
  static constexpr unsigned kRows = 4 * kThreads;
  static constexpr int kPhases = 3;

  AsofLeft left;
  AsofRight right;
  AsofRules rules;
  AsofOut out;

  struct Shared {
    TileCounts counts;
  };
  struct Thread {};

  template <int kPhase>
  FS_HD void run(std::size_t tile, unsigned thread, Shared& shared, Thread& /*registers*/) const noexcept {
    if constexpr (kPhase == 0) {
      if (thread == 0) shared.counts.clear();
    } else if constexpr (kPhase == 1) {
      std::uint32_t matched = 0;
      std::uint32_t too_far = 0;
      const std::uint64_t begin = std::uint64_t{tile} * kRows;
      const std::uint64_t end = begin + kRows < left.count ? begin + kRows : left.count;
      for (std::uint64_t i = begin + thread; i < end; i += kThreads) {
        const AsofAnswer answer = probe(static_cast<std::uint32_t>(i));
        out.match[left.row == nullptr ? i : left.row[i]] = answer.row;
        matched += answer.row >= 0 ? 1 : 0;
        too_far += answer.too_far ? 1 : 0;
      }
      shared.counts.add(matched, too_far);
    } else {
      if (thread == 0) shared.counts.hand_over(*out.counts);
    }
  }

 private:
  FS_HD AsofAnswer probe(std::uint32_t i) const noexcept {
    const std::int32_t key = left.code == nullptr ? kFirstLiveCode : left.code[i];
    if (right.code != nullptr && (key < kFirstLiveCode || key >= right.groups)) return {-1, false};
    const std::uint32_t bound =
        bound_of(right.t, right.first_of(key), right.end_of(key), left.t[i], !rules.strict());
    return decide(rules, right, right.t, right.code, left.t[i], key, bound);
  }
};

}  // namespace flowstate::functors
