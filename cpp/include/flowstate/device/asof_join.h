// The as-of join on a device: a right side put in order once, and left sides matched against it. Everything is in device
// memory; what is asked for and how candidates are chosen is functors/asof.h, and the rows are those of asof::join.
//
// Times are int64 in the order of time (functors/clock.h), codes dense from functors::kFirstLiveCode; the two codes
// below are rows that match nothing, one for each side. Without codes there is one key and no dead row.
#pragma once

#include <cstdint>
#include <memory>

#include "flowstate/device/join_work.h"
#include "flowstate/functors/asof_tiles.h"

namespace flowstate::device {

inline constexpr std::int32_t kDeadLeftCode = 0;
inline constexpr std::int32_t kDeadRightCode = 1;

enum class RowOrder : std::uint8_t {
  kUnknown,  // found out
  kByTime,   // ascending in time over all rows
  kByKey,    // ascending in (code, time)
};

// One side. Borrowed; at most 2^31 - 2 rows.
struct JoinRows {
  const std::int64_t* t = nullptr;
  const std::int32_t* code = nullptr;
  std::uint32_t count = 0;
  RowOrder order = RowOrder::kUnknown;
};

// Rows grouped by key and, within a key, in order of time; equal ones as they came. What already lay so is borrowed,
// not copied.
struct GroupedRows {
  const std::int64_t* t = nullptr;
  const std::int32_t* code = nullptr;
  const std::uint32_t* row = nullptr;  // input row by position; null: they lie in place
  std::uint32_t count = 0;
  Array<std::int64_t> t_owned;
  Array<std::int32_t> code_owned;
  Array<std::uint32_t> row_owned;
};

// Codes are below `groups`. Throws what the stream throws, and ABORTED.
GroupedRows group_rows(JoinWork& work, const JoinRows& rows, std::int32_t groups);

// A right side that any number of left sides may be matched against, by work on any stream that is ordered after the
// one that built it. Where the input already lay in order, its arrays are borrowed and must outlive the index.
class JoinIndex {
 public:
  // `seen`, by input row: from when on a row can be seen (null: from its own time); rows that never can have the dead
  // code.
  JoinIndex(JoinWork& work, const JoinRows& rows, const std::int64_t* seen, std::int32_t groups);

  const functors::AsofRight& view() const noexcept { return view_; }
  std::size_t bytes() const noexcept;
  // Its memory may be freed at once from now on: the stream's work is done.
  void settle() noexcept;

 private:
  GroupedRows rows_;
  Array<std::uint32_t> starts_;
  std::vector<Array<std::int64_t>> seen_;  // by level
  functors::AsofRight view_;
};

enum class MatchPlan : std::uint8_t {
  kAuto,   // by the sizes
  kMerge,  // the left grouped too, both read once
  kProbe,  // a search per left row
};

struct MatchCounts {
  std::int64_t matched = 0;
  std::int64_t too_far = 0;  // a candidate existed, beyond the tolerance
};

struct Matched {
  MatchCounts counts;
  MatchPlan plan = MatchPlan::kMerge;
};

MatchPlan choose_plan(const JoinRows& left, const JoinIndex& index);

// match[i], device memory: the right input row for left input row i, or -1. All wait for the stream, and throw what it
// throws, and ABORTED.
Matched match_rows(JoinWork& work, const JoinRows& left, const JoinIndex& index,
                   const functors::AsofRules& rules, std::int32_t* match, MatchPlan plan = MatchPlan::kAuto);
// The two plans by themselves. The left of a merge was grouped by codes of the same index.
MatchCounts match_by_merge(JoinWork& work, const GroupedRows& left, const JoinIndex& index,
                           const functors::AsofRules& rules, std::int32_t* match);
MatchCounts match_by_probe(JoinWork& work, const JoinRows& left, const JoinIndex& index,
                           const functors::AsofRules& rules, std::int32_t* match);

}  // namespace flowstate::device
