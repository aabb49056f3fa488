// The as-of join: one left table, N right streams, one pass over the left. docs/design/join-semantics.md is
// the specification; this header is how the core is asked for it. The request arrives validated and complete
// (lib/join/request.ts); the core re-checks only what memory safety needs.
//
// Results never depend on the thread count, the plan, or how the inputs are chunked.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/column.h"
#include "flowstate/memory/buffer.h"

namespace flowstate {
class ThreadPool;
}

namespace flowstate::asof {

enum class Direction : std::uint8_t { kBackward = 0, kForward = 1, kNearest = 2 };
enum class Ties : std::uint8_t { kAuto = 0, kLast = 1, kFirst = 2 };
enum class NearestTie : std::uint8_t { kEarlier = 0, kLater = 1 };
enum class Unsorted : std::uint8_t { kSort = 0, kError = 1 };
enum class PlanKind : std::uint8_t {
  kAuto = 0,     // chosen from measured statistics
  kMerge = 1,    // both sides ascending in time: one pass, last-seen table by key code
  kGrouped = 2,  // rows bucketed by key (stable), then one merge per group
  kSort = 3,     // stable sort by time of the unsorted sides, then kMerge through the permutation
  kProbe = 4,    // few left rows: bound by binary search, walk to the nearest row of the same key
};

// A time column and the factor that takes it to the join's common unit. The aligned time is value * scale in
// int64 (overflow: Error OVERFLOW naming the row); float columns are compared as doubles and ignore `scale`.
// uint64 columns keep their order and distances (the whole range is valid). Null and NaN match nothing.
struct TimeColumn {
  Column column;
  std::int64_t scale = 1;
  std::string unit;  // of the aligned value, for messages: "ns", "us", "ms", "s", "d" or "" for plain numbers
};

// A key column. Integers of any width compare by value * scale; a product that overflows equals nothing on
// the other side. `unsigned_foreign`: this side is uint64 and the other signed, so values >= 2^63 equal
// nothing. Floats compare by value, -0 equals 0 and every NaN equals every NaN. Bytes and kFixed compare
// bytewise. Dictionaries compare by the value they stand for.
struct KeyColumn {
  Column column;
  std::int64_t scale = 1;
  bool unsigned_foreign = false;
};

struct Side {
  TimeColumn time;
  std::vector<KeyColumn> keys;  // empty: one group
};

struct StreamRequest {
  std::int32_t left_side = 0;  // index into JoinRequest::left_sides
  Side right;
  std::optional<TimeColumn> known_at;  // same unit as right.time; null: never known
  std::vector<Column> payload;         // columns of the right table to gather; never kDictionary
  Direction direction = Direction::kBackward;
  bool allow_exact = true;
  Ties ties = Ties::kAuto;
  NearestTie nearest_tie = NearestTie::kEarlier;
  bool has_tolerance = false;
  std::int64_t tolerance = 0;    // integer times: aligned unit, >= 0, inclusive
  double tolerance_float = 0.0;  // float times
  std::int64_t lag = 0;          // aligned unit, >= 0: visible at time + lag
  double lag_float = 0.0;
  bool inner = false;  // drop left rows without a match in this stream
  bool null_keys_equal = false;
  Unsorted unsorted = Unsorted::kSort;
  PlanKind plan =
      PlanKind::kAuto;  // forced by tests; a plan that cannot run the request falls back to one that can
  bool want_indices = false;
  bool want_matched = false;
  bool want_age = false;
  std::int64_t age_scale = 1;  // aligned unit to the unit of the age column
};

class Matcher;

struct JoinRequest {
  std::int64_t left_rows = 0;
  std::int64_t right_rows_hint = 0;
  std::vector<Side> left_sides;      // distinct (on, by, scale) combinations of the streams
  std::vector<Column> left_payload;  // gathered only when some stream is inner; never kDictionary
  std::vector<StreamRequest> streams;
  std::int32_t threads = 0;  // 0: all of the pool's
  bool trusting = true;      // put row checks off to the pass that reads the rows; tests run both ways
  bool explain = false;
  Matcher* matcher = nullptr;  // not null: finds the matches of all streams (matcher.h)
};

// One gathered column. Null slots hold zero bytes (or an empty string), so that results are equal bit for
// bit. `validity` is empty when null_count == 0. kBytes32 that would pass 2^31 bytes throws Error LENGTH.
struct OutputColumn {
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  Buffer values;
  Buffer offsets;
  Buffer validity;
};

struct StreamStats {
  std::int64_t rows = 0;  // left rows
  std::int64_t matched = 0;
  std::int64_t no_candidate = 0;        // nothing to match in that direction (null key or time included)
  std::int64_t tolerance_exceeded = 0;  // a candidate existed but was too far
  std::int64_t right_rows = 0;
};

struct ExplainPhase {
  std::string name;
  std::int64_t ns = 0;
  std::int64_t bytes = 0;  // bytes the phase must at least touch
};

struct Explain {
  std::string plan;    // "merge", "grouped", "sort", "probe"
  std::string reason;  // one sentence with the statistics that decided
  std::vector<std::pair<std::string, std::int64_t>> statistics;
  std::vector<ExplainPhase> phases;
};

struct StreamResult {
  Buffer indices;                     // int32 right row per output row, -1: none; empty unless wanted
  std::vector<OutputColumn> columns;  // in the order of StreamRequest::payload
  OutputColumn age;                   // int64 (float64 for float times)
  OutputColumn matched;               // bits, never null
  StreamStats stats;
  Explain explain;
};

struct JoinResult {
  std::int64_t rows = 0;
  bool has_selection = false;  // some stream was inner
  Buffer selection;            // int32 left row per output row, ascending
  std::vector<OutputColumn> left;
  std::vector<StreamResult> streams;
};

// Set by the caller's AbortSignal; looked at between blocks. A cancelled join throws Error ABORTED.
struct CancelToken {
  std::atomic<bool> cancelled{false};
};

// Throws Error: UNSORTED, OVERFLOW, LENGTH, CORRUPT, OUT_OF_MEMORY, ABORTED. Inputs of more than 2^31 - 2
// rows a side are ARG_RANGE. O(n + m) for ascending inputs, O((n + m) log) where it must sort.
JoinResult join(const JoinRequest& request, ThreadPool& pool, const CancelToken& cancel);

}  // namespace flowstate::asof
