// Rows that left the streaming join, as views of the engine's outputs: slices and joined batches share the outputs'
// memory, and columns are made once, by take().
//
// O(outputs looked at) to slice and append, apart from text columns, whose offsets are read at both ends of a cut.
// Short outputs are copied together on append, each row at most three times, so that a batch made row by row does not
// hold an output's buffers for every row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "flowstate/column.h"
#include "flowstate/stream/streaming_join.h"

namespace flowstate::stream {

// The columns of an engine's output, which the output itself does not name. Made once per engine.
class JoinShape {
 public:
  explicit JoinShape(const EngineConfig& config);

  struct Stream {
    std::vector<ColumnShape> columns;
    bool has_age = false;
    bool has_matched = false;
  };
  const std::vector<ColumnShape>& left() const noexcept { return left_; }
  const std::vector<Stream>& streams() const noexcept { return streams_; }
  // Bytes of rows [from, to) of an output: values, offsets, row id and op; a bit counts as a byte, and bitmaps of
  // validity as nothing, so that the bytes of a batch are the sum of its rows'.
  std::size_t bytes(const EngineOutput& output, std::size_t from, std::size_t to) const noexcept;

 private:
  std::vector<ColumnShape> left_;
  std::vector<Stream> streams_;
  std::size_t row_bytes_ = 0;
};

// Copies share the rows. Any thread may read a batch; one that is given to another thread is handed over as any value.
class JoinBatch {
 public:
  JoinBatch() = default;
  JoinBatch(std::shared_ptr<const JoinShape> shape, EngineOutput&& output);

  std::size_t rows() const noexcept { return rows_; }
  std::size_t bytes() const noexcept { return bytes_; }
  // Rows [from, from + count). Throws Error ARG_RANGE.
  JoinBatch slice(std::size_t from, std::size_t count) const;
  // `other` must come from the same engine.
  void append(JoinBatch&& other);

  // The rows as one output of the engine; the batch is then empty. Without a copy where the batch is the only holder
  // of a whole output. `ops` is there where one of the rows is not a first insertion; of one row a retraction and its
  // insertion may lie in two batches. `stats` are zero (they count what an inner stream drops, which no rows can carry:
  // JoinCounters has them), `more` is false. Throws Error LENGTH where 32-bit offsets cannot address a text column
  // (target_bytes keeps a batch below it), OUT_OF_MEMORY; the batch is then as before.
  EngineOutput take();

 private:
  struct Piece {
    std::shared_ptr<EngineOutput> output;
    std::size_t from = 0;
    std::size_t count = 0;
  };
  EngineOutput gather(const Piece* pieces, std::size_t count) const;
  void put(Piece&& piece);

  std::shared_ptr<const JoinShape> shape_;
  std::vector<Piece> pieces_;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace flowstate::stream
