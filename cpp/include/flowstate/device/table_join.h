// The as-of join of tables in device memory: columns in, columns out, nothing through the host but counts. The meaning
// of every field is that of the same one in asof/join.h; rows, values and errors are those of asof::join.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/device/asof_join.h"
#include "flowstate/device/join_columns.h"
#include "flowstate/device/take_columns.h"

namespace flowstate::device {

// A right side; its memory is borrowed. What an index is made from and what it is called in errors.
struct RightInput {
  TimeInput time;
  std::optional<TimeInput> known;
  std::vector<KeyInput> keys;
  functors::TimeDomain domain = functors::TimeDomain::kSigned;
  std::int64_t lag = 0;
  double lag_float = 0;
  bool nulls_equal = false;
  // Without keys: whether rows have codes all the same, because some row of either side may lack a time.
  bool coded = false;
};

// A right side put in order, for any number of left sides of the same times, scales and kinds of keys. Borrows the
// memory of the time column where that already is what the join compares.
class TableIndex {
 public:
  // Waits for the stream. Throws OVERFLOW, CORRUPT, what the stream throws, ABORTED.
  TableIndex(JoinWork& work, const RightInput& right);

  // The first row before its predecessor of the same key: demanded to be none by Unsorted::kError. Throws UNSORTED.
  void demand_order(JoinWork& work, const RightInput& right) const;

  const TimeColumn& times() const noexcept { return times_; }
  const std::optional<KeyCoder>& coder() const noexcept { return coder_; }
  bool coded() const noexcept { return static_cast<bool>(code_); }
  const JoinIndex& rows() const noexcept { return *index_; }
  std::size_t bytes() const noexcept;
  // Its memory may be freed at once from now on: the stream's work is done.
  void settle() noexcept;

 private:
  TimeColumn times_;
  Array<std::int32_t> code_;  // by row; dead ones lack a time or a key
  std::optional<KeyCoder> coder_;
  std::optional<JoinIndex> index_;
  // What the index may borrow.
  Array<std::int32_t> seen_code_;
  Array<std::int64_t> seen_;
};

struct TableStream {
  TimeInput left_time;
  std::vector<KeyInput> left_keys;
  RightInput right;
  std::shared_ptr<const TableIndex> index;  // null: made by the join, and given back
  std::vector<TakeInput> payload;
  asof::Direction direction = asof::Direction::kBackward;
  bool allow_exact = true;
  asof::Ties ties = asof::Ties::kAuto;
  asof::NearestTie nearest_tie = asof::NearestTie::kEarlier;
  bool has_tolerance = false;
  std::int64_t tolerance = 0;
  double tolerance_float = 0;
  bool inner = false;
  asof::Unsorted unsorted = asof::Unsorted::kSort;
  MatchPlan plan = MatchPlan::kAuto;
  bool want_matched = false;
  bool want_age = false;
  std::int64_t age_scale = 1;
};

struct TableJoin {
  std::uint32_t left_rows = 0;
  std::vector<TakeInput> left_payload;  // taken only when some stream is inner
  std::vector<TableStream> streams;
  bool explain = false;  // for whoever makes the JoinWork: timed phases
};

struct TableStreamResult {
  std::vector<TakenColumn> columns;
  std::optional<TakenColumn> age;
  std::optional<TakenColumn> matched;
  asof::StreamStats stats;
  std::shared_ptr<const TableIndex> index;  // where the join made it
  MatchPlan plan = MatchPlan::kMerge;
};

struct TableJoinResult {
  std::int64_t rows = 0;
  bool has_selection = false;
  std::vector<TakenColumn> left;
  std::vector<TableStreamResult> streams;
};

// All work is done when it returns. Throws UNSORTED, OVERFLOW, LENGTH, CORRUPT, OUT_OF_MEMORY, POOL_EXHAUSTED, CUDA,
// DEVICE_LOST, ABORTED; what it allocated is then free again.
TableJoinResult join_tables(JoinWork& work, const TableJoin& join);

}  // namespace flowstate::device
