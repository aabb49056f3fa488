// Random streams for the engine: rows with their (source, sequence), an arrival order that honours random watermarks,
// random batches and emits; and what the batch join says of the same rows in order of (time, source, sequence).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/stream/streaming_join.h"
#include "support/columns.h"
#include "support/random_request.h"

namespace flowstate::test {

struct StreamInput {
  ColumnType time_type = ColumnType::kInt64;
  Cells time;
  std::vector<ColumnType> key_types;
  std::vector<Cells> keys;
  std::vector<Payload> payload;  // the first is the row's number, int64
  ColumnType known_type = ColumnType::kInt64;
  Cells known;
  bool has_known = false;
  std::vector<std::int32_t> source;
  std::vector<std::int64_t> sequence;
  std::vector<std::optional<std::int64_t>> engine_time;  // left raw, right aligned; none: null or NaN

  std::int64_t rows() const { return static_cast<std::int64_t>(time.size()); }
  // These rows, of one source, as a batch.
  stream::EngineBatch batch(Arena& arena, const std::vector<std::int64_t>& rows, const Layout& layout,
                            bool left, std::size_t streams, bool sequences) const;
  // (time, source, sequence); rows without a time first, by (source, sequence).
  std::vector<std::int64_t> ordered(const std::vector<std::int64_t>& rows) const;
};

struct StreamCase {
  stream::EngineConfig config;
  std::vector<StreamInput> inputs;  // left, then one per stream
};

struct StreamCaseLimits {
  int max_rows = 30;
  int max_streams = 3;
};

StreamCase make_stream_case(Choices& pick, const StreamCaseLimits& limits);

// What each of `left` (original row numbers) matches in stream s among `rights[s]`: original row numbers, -1 none.
struct Expected {
  std::vector<std::int64_t> order;                 // the left rows, in order
  std::vector<std::vector<std::int64_t>> matches;  // per stream, by position in `order`
  std::vector<asof::StreamStats> stats;
};
Expected batch_answer(const StreamCase& random, const std::vector<std::int64_t>& left,
                      const std::vector<std::vector<std::int64_t>>& rights);

// One output row, by original row numbers; left -1 where the columns contradict the row's values.
struct Emitted {
  std::int64_t left;
  std::vector<std::int64_t> matches;
  std::int64_t id;
  int op;
  bool operator==(const Emitted&) const = default;
};
// Reads an output and holds every column to the cells it should come from; "" or the first difference.
std::string read_output(const StreamCase& random, const stream::EngineOutput& output,
                        std::vector<Emitted>& rows);

}  // namespace flowstate::test
