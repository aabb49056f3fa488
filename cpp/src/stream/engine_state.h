// The engine's parts in one place; push.cc, emit.cc, late.cc and snapshot.cc each hold the work of one call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "clock.h"
#include "flowstate/stream/streaming_join.h"
#include "kept.h"
#include "pending.h"
#include "right_side.h"

namespace flowstate::stream {

struct LateRow {
  std::uint32_t slot;
  bool too_far_ahead;
  std::vector<std::int64_t> affected;  // row ids
};

struct Input {
  std::int64_t watermark = kBegin;
  LatePolicy late = LatePolicy::kDrop;
  InputCounters counters;
  std::map<std::int32_t, std::int64_t> next_sequence;  // by source
  std::vector<LateRow> late_rows;
};

// What one batch's rows turn out to be; scratch that keeps its memory.
struct Sorting {
  std::vector<std::int64_t> time;
  std::vector<std::uint8_t> dead;
  std::vector<std::int64_t> known;
  std::vector<std::uint8_t> known_dead;
  std::vector<std::uint8_t> null_key;
  std::vector<std::int64_t> sequence;
  std::vector<std::vector<std::int32_t>> codes;  // per stream
  std::vector<std::uint32_t> taken;              // batch rows
  std::vector<std::uint32_t> aside;              // rows for the side output
  std::vector<std::uint8_t> aside_ahead;
  std::vector<std::uint32_t> slots;
  std::vector<std::uint32_t> timed;
  std::vector<std::uint32_t> untimed;
  std::vector<std::uint32_t> late_taken;  // of `taken` (positions): late rows that are repaired
  bool all = false;                       // every row is taken
};

struct StreamEngine::Impl {
  explicit Impl(EngineConfig given);

  PushReport push_left(const EngineBatch& batch, std::optional<std::int64_t> max_time);
  PushReport push_right(std::size_t stream, const EngineBatch& batch, std::optional<std::int64_t> max_time);
  EngineOutput emit(std::int64_t max_rows);
  LateOutput take_late(std::size_t input);
  ExportedRows export_rows(std::size_t input);
  void load_rows(std::size_t input, const EngineBatch& batch, const Column& sources,
                 const std::int64_t* row_ids);

  void keep_loaded(std::int64_t rows, const std::int64_t* row_ids);
  EngineCounters counters() const;
  void set_counters(const EngineCounters& counters);

  // push.cc
  void check_batch(const EngineBatch& batch, bool left, const std::vector<ColumnShape>& shapes,
                   std::size_t key_lists, std::size_t keys, bool has_known) const;
  void read_sequences(Input& input, const EngineBatch& batch);
  void classify(std::size_t input, const EngineBatch& batch, std::optional<std::int64_t> max_time,
                PushReport& report);
  void check_room(std::int64_t rows, const RowStore& store, const EngineBatch& batch);
  void finish_push(Input& input, const EngineBatch& batch, const PushReport& report) noexcept;

  // emit.cc
  struct Judged {
    std::vector<std::uint32_t> left;
    std::vector<std::vector<std::uint32_t>> matched;  // per stream
    std::vector<std::vector<std::uint8_t>> why;       // of first emissions only
    std::vector<std::int64_t> ids;                    // of revisions; the others' follow
    std::vector<std::int8_t> ops;
  };
  std::size_t judge_block(const PendingRow* rows, std::size_t count, Judged& out);
  std::size_t put_out(const Judged& out, std::size_t from) const noexcept;
  void judge_in_order(std::size_t room, Judged& out);
  void judge_any(std::size_t room, Judged& out);
  asof::OutputColumn age_column(std::size_t stream, const std::vector<std::uint32_t>& lefts,
                                const std::vector<std::uint32_t>& matches) const;
  std::int64_t lowest_left() const noexcept;
  void evict(bool exactly) noexcept;
  std::int64_t aligned(std::size_t stream, std::int64_t left_time) const noexcept {
    bool fits;
    const StreamShape& shape = config.streams[stream];
    return align(left_time, config.left_kind, shape.left_scale, shape.kind, fits);
  }
  std::int64_t bytes() const noexcept;

  // late.cc
  std::int64_t behind_horizon(std::size_t input, std::int64_t w) const noexcept;
  bool settled(std::uint32_t slot) const noexcept;
  template <typename Change>
  void each_changed(std::size_t stream, std::uint32_t slot, Change&& change);
  void report_affected(std::size_t stream, LateRow& late);
  void repair(std::size_t stream, std::uint32_t slot) noexcept;
  std::size_t revise(std::size_t room, Judged& out);
  void settle_revisions(std::size_t looked) noexcept;

  EngineConfig config;
  std::vector<Input> inputs;
  RowStore left;  // words: a code per stream
  Pending pending;
  std::vector<std::uint32_t> untimed;  // left rows without a time, waiting
  std::vector<RightSide> rights;
  Kept kept;
  bool keeps = false;      // emitted rows are kept for late ones
  bool any_ahead = false;  // some stream looks ahead
  bool any_inner = false;  // some stream drops rows without a match
  bool ended = false;
  const std::int32_t* loading = nullptr;  // sources per row while load_rows runs
  std::int64_t beside = 0;                // bytes that the caller keeps for these rows
  std::int64_t next_row_id = 0;
  std::int64_t revisions = 0;
  std::vector<asof::StreamStats> totals;
  Sorting sorting;
  Judged judged;
};

}  // namespace flowstate::stream
