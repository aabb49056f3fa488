// The deciding core of the streaming join: rows in at any order and in any batches, watermarks, and out come exactly
// the rows of the batch join (flowstate/asof/join.h), each as soon as nothing that may still come can change it.
// What a match is: docs/design/join-semantics.md. Ties, and the order of the output, are by (time, source, sequence),
// never by arrival: a replay equals the live run.
//
// Input 0 is the left side, input s + 1 the right side of stream s. Times are int64 in the representation of
// asof/times.h ("engine time"; see engine_time). The left's are kept in its own unit; stream s compares
// left * left_scale with right * right_scale.
//
// Watermark W of an input: no row with time < W will come. A row that does is late; the input's policy says what
// becomes of it. A left row is final in a stream when, with W the right's watermark, t the row's aligned time,
// b the best row at or before it and f the best one at or after it:
//   backward   W + lag > t, or W >= t where exact matches are excluded
//   forward    W > f.time, or W > t + tolerance
//   nearest    W > f.time, or W > t + min(tolerance, t - b.time); with a lag as backward
//   a key that can equal none of the right's: as backward, or W > t
// and after end(). knownAt restricts the candidates, not the rule.
//
// Single-threaded object without statics; rows are copied at push. Every call that throws changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/column.h"
#include "flowstate/memory/buffer.h"

namespace flowstate::stream {

// As asof::TimeKind in the core's private times.h.
enum class Kind : std::uint8_t { kSigned = 0, kUnsigned = 1, kFloat = 2 };

enum class LatePolicy : std::uint8_t { kDrop = 0, kSideOutput = 1, kRevise = 2, kError = 3 };

// Engine time of a plain value.
std::int64_t engine_time(std::int64_t value) noexcept;
std::int64_t engine_time(std::uint64_t value) noexcept;
std::int64_t engine_time(double value) noexcept;

struct ColumnShape {
  ColumnType type = ColumnType::kInt64;  // never kDictionary
  std::int32_t width = 8;                // kFixed
  std::string name;
};

struct KeyShape {
  std::int64_t left_scale = 1;
  std::int64_t right_scale = 1;
  bool left_unsigned_foreign = false;
  bool right_unsigned_foreign = false;
};

struct StreamShape {
  std::vector<KeyShape> keys;  // empty: one group
  Kind kind = Kind::kSigned;
  std::int64_t left_scale = 1;
  std::int64_t right_scale = 1;
  std::vector<ColumnShape> payload;
  std::int32_t outputs =
      -1;  // so many of the payload go into the output, the rest only into exports; -1: all
  bool has_known_at = false;
  std::int64_t known_scale = 1;
  asof::Direction direction = asof::Direction::kBackward;
  bool allow_exact = true;
  asof::Ties ties = asof::Ties::kAuto;
  asof::NearestTie nearest_tie = asof::NearestTie::kEarlier;
  bool has_tolerance = false;
  std::int64_t tolerance = 0;
  double tolerance_float = 0;
  std::int64_t lag = 0;
  double lag_float = 0;
  bool inner = false;
  bool null_keys_equal = false;
  bool want_matched = false;
  bool want_age = false;
  std::int64_t age_scale = 1;
  LatePolicy late = LatePolicy::kDrop;
  std::string unit;
};

struct EngineConfig {
  Kind left_kind = Kind::kSigned;
  std::vector<ColumnShape> left_columns;
  std::vector<StreamShape> streams;
  LatePolicy left_late = LatePolicy::kDrop;
  // How far behind the watermark late rows are still repaired (revise) or reported (sideOutput), in the left's raw
  // unit; 0: nothing that was emitted is kept.
  std::int64_t horizon = 0;
  double horizon_float = 0;
  bool ordered = true;
  std::int64_t max_state_bytes = -1;  // -1: no cap
  bool sweep_each_emit = false;  // for tests: whatever can go goes at every emit, not only when that pays
};

// One batch of an input; columns are borrowed for the call. `keys`: left, one list per stream; right, keys[0].
struct EngineBatch {
  std::int64_t rows = 0;
  Column time;
  std::vector<std::vector<Column>> keys;
  std::vector<Column> columns;
  std::optional<Column> known_at;
  std::int32_t source = 0;
  std::optional<Column> sequence;              // kInt64 without nulls; absent: counted on per (input, source)
  std::vector<const std::uint8_t*> dead_keys;  // load_rows only: as ExportedRows::dead_keys; may be empty
};

struct PushReport {
  std::int64_t rows = 0;  // taken into the state
  std::int64_t late = 0;
  std::int64_t late_beyond_horizon = 0;
  std::int64_t too_far_ahead = 0;
  // A row counts as the first that holds of: no time (right: dropped), null key (right: dropped), too far ahead, late.
  std::int64_t null_time = 0;
  std::int64_t null_key = 0;
  bool has_times = false;  // some taken row has a time: min and max are set (left raw, right aligned)
  std::int64_t min_time = 0;
  std::int64_t max_time = 0;
};

struct EngineStream {
  std::vector<asof::OutputColumn> columns;
  asof::OutputColumn age;
  asof::OutputColumn matched;
  asof::StreamStats stats;  // of the left rows first emitted in this call
};

struct EngineOutput {
  std::int64_t rows = 0;
  std::vector<asof::OutputColumn> left;
  std::vector<EngineStream> streams;
  Buffer row_ids;     // int64: left rows numbered as they become final, dropped ones too; kept over revisions
  Buffer ops;         // int8, +1 insertion, -1 retraction; empty: all are first insertions
  bool more = false;  // as many rows as asked for: final ones may be left for the next call
  std::int64_t revisions = 0;  // rows that were emitted before
};

// Late and too far dated rows that the policy puts aside, in order of arrival.
struct LateOutput {
  std::int64_t rows = 0;
  Buffer time;      // int64 engine time (left raw, right aligned)
  Buffer source;    // int32
  Buffer sequence;  // int64
  Buffer reason;    // uint8: 0 late, 1 too far ahead
  std::vector<asof::OutputColumn> columns;
  // Right inputs: emitted rows that late row i, at most `horizon` late, would have changed:
  // affected_ids[offsets[i] .. offsets[i + 1]), ascending.
  Buffer affected_offsets;  // int64, rows + 1
  Buffer affected_ids;      // int64
};

// A column that owns its memory.
struct ExportedColumn {
  ColumnType type = ColumnType::kInt64;
  std::int32_t width = 8;
  asof::OutputColumn data;
};

// All live rows of an input, in order of (time, source, sequence), in the shape of a batch: load() takes them back.
// Times are int64, uint64 or float64 in the input's own unit; keys int64, uint64, float64 or binary.
struct ExportedRows {
  std::int64_t rows = 0;
  ExportedColumn time;
  std::vector<std::vector<ExportedColumn>> keys;
  std::vector<ExportedColumn> columns;
  std::optional<ExportedColumn> known_at;
  // Left, per stream: 1 where the key can equal nothing on the right (its column then says null); empty: nowhere.
  std::vector<Buffer> dead_keys;
  ExportedColumn source;    // int32
  ExportedColumn sequence;  // int64
  Buffer row_ids;           // left: int64, -1 pending; empty where nothing emitted is kept
};

struct SourceSequence {
  std::int32_t input = 0;
  std::int32_t source = 0;
  std::int64_t next = 0;
};

struct InputCounters {
  std::int64_t rows = 0;
  std::int64_t late = 0;
  std::int64_t late_beyond_horizon = 0;
  std::int64_t too_far_ahead = 0;
  std::int64_t null_time = 0;
  std::int64_t null_key = 0;
  std::int64_t watermark = INT64_MIN;  // engine time; INT64_MIN: none yet
};

// Everything that a snapshot needs besides the rows.
struct EngineCounters {
  std::int64_t next_row_id = 0;
  std::int64_t revisions = 0;
  bool ended = false;
  std::vector<InputCounters> inputs;
  std::vector<asof::StreamStats> streams;  // totals
  std::vector<SourceSequence> sequences;
};

class StreamEngine {
 public:
  // Throws Error ARG_RANGE, SCHEMA.
  explicit StreamEngine(EngineConfig config);
  ~StreamEngine();
  StreamEngine(StreamEngine&&) noexcept;
  StreamEngine& operator=(StreamEngine&&) noexcept;

  const EngineConfig& config() const noexcept;
  int inputs() const noexcept;

  // Takes a batch. Rows after `max_time` (engine time; left raw, right aligned) are not taken. Throws SCHEMA, LENGTH,
  // CORRUPT, OVERFLOW (naming the row), LATE_ROW, BACKPRESSURE, OUT_OF_MEMORY. O(1) expected per row in order, and
  // O(log n) amortised in any order.
  PushReport push(int input, const EngineBatch& batch, std::optional<std::int64_t> max_time = std::nullopt);

  // Raises an input's watermark; a lower one is ignored. O(1).
  void advance(int input, std::int64_t time);
  // No row will come any more: everything is final.
  void end() noexcept;

  // At most `max_rows` final rows (one more where a revision would be torn apart): revisions by row id first (of one row
  // its retraction, then its insertion), then rows without a time by (source, sequence), then the others by (time,
  // source, sequence). Fewer only where no more are final. O(rows), then eviction, amortised O(1) per row that went in
  // or out.
  EngineOutput emit(std::int64_t max_rows);

  LateOutput take_late(int input);

  // Throws BUSY while revisions wait to be emitted. O(n log n). Rows put aside are not part of it: take_late first.
  ExportedRows export_rows(int input);
  // Takes back what export_rows gave, before anything else is pushed; watermarks, policies and counters are not looked
  // at. `sources` (kInt32): per row. `row_ids` where given
  // mark emitted rows; their right rows must be loaded already.
  void load_rows(int input, const EngineBatch& batch, const Column& sources, const std::int64_t* row_ids);
  EngineCounters counters() const;
  void set_counters(const EngineCounters& counters);

  // Left: pending and kept; right: rows held. Without the side output.
  std::int64_t state_rows(int input) const noexcept;
  std::int64_t state_bytes() const noexcept;
  // Bytes that the caller keeps for the rows held: they count in state_bytes() and against the cap.
  void hold_beside(std::int64_t bytes) noexcept;
  std::int64_t pending_rows() const noexcept;
  // Earliest time of a pending left row; none where no pending row has one.
  std::optional<std::int64_t> oldest_pending() const noexcept;
  void reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace flowstate::stream
