// Rows of the engine's outputs put together: spans of columns behind each other, bits at any place.
#include "flowstate/stream/join_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

using asof::OutputColumn;

// So many pieces below so many rows at a batch's end become one: a row is copied at most three times before it lies in
// a piece of kShort rows.
constexpr std::size_t kShort = 64;
constexpr std::size_t kShortPieces = 32;

bool is_text(ColumnType type) noexcept {
  return type == ColumnType::kBytes32 || type == ColumnType::kBytes64;
}

std::size_t fixed_bytes(const ColumnShape& column) noexcept {
  switch (column.type) {
    case ColumnType::kBool:
      return 1;
    case ColumnType::kBytes32:
      return 4;
    case ColumnType::kBytes64:
      return 8;
    case ColumnType::kFixed:
      return static_cast<std::size_t>(column.width);
    default:
      return static_cast<std::size_t>(byte_width(column.type));
  }
}

std::size_t offset_at(const OutputColumn& column, ColumnType type, std::size_t row) noexcept {
  return type == ColumnType::kBytes32 ? static_cast<std::size_t>(column.offsets.as<std::int32_t>()[row])
                                      : static_cast<std::size_t>(column.offsets.as<std::int64_t>()[row]);
}

bool bit(const Buffer& bits, std::size_t at) noexcept { return (bits.data()[at / 8] >> (at % 8) & 1) != 0; }

// Bits [from, from + count) to bits [at, at + count) of zeroed memory; returns how many of them are set.
std::size_t copy_bits(const Buffer& source, std::size_t from, std::size_t count, Buffer& target,
                      std::size_t at) noexcept {
  std::size_t set = 0;
  std::size_t i = 0;
  const auto single = [&] {
    const bool on = bit(source, from + i);
    const std::size_t to = at + i++;
    target.data()[to / 8] = static_cast<std::uint8_t>(target.data()[to / 8] | (on ? 1u << (to % 8) : 0u));
    set += on;
  };
  while (i < count && (at + i) % 8 != 0) single();
  for (; i + 8 <= count; i += 8) {
    const std::size_t first = from + i;
    unsigned byte = source.data()[first / 8] >> (first % 8);
    if (first % 8 != 0) byte |= static_cast<unsigned>(source.data()[first / 8 + 1]) << (8 - first % 8);
    target.data()[(at + i) / 8] = static_cast<std::uint8_t>(byte);
    set += static_cast<std::size_t>(std::popcount(byte & 0xffu));
  }
  while (i < count) single();
  return set;
}

void set_bits(Buffer& target, std::size_t at, std::size_t count) noexcept {
  for (std::size_t i = at; i < at + count; ++i) {
    target.data()[i / 8] = static_cast<std::uint8_t>(target.data()[i / 8] | 1u << (i % 8));
  }
}

Buffer zeroed(std::size_t bytes) {
  Buffer buffer(bytes);
  if (bytes > 0) std::memset(buffer.data(), 0, bytes);
  return buffer;
}

// One column's part of a piece.
struct Span {
  const OutputColumn* column;
  std::size_t from;
  std::size_t count;
};

Buffer put_offsets(const std::vector<Span>& spans, const ColumnShape& shape, std::size_t rows,
                   std::size_t& text_bytes) {
  const bool narrow = shape.type == ColumnType::kBytes32;
  Buffer offsets((rows + 1) * (narrow ? 4 : 8));
  std::size_t at = 0;
  text_bytes = 0;
  const auto put = [&](std::size_t offset) {
    if (narrow) {
      offsets.as<std::int32_t>()[at++] = static_cast<std::int32_t>(offset);
    } else {
      offsets.as<std::int64_t>()[at++] = static_cast<std::int64_t>(offset);
    }
  };
  put(0);
  for (const Span& span : spans) {
    const std::size_t first = offset_at(*span.column, shape.type, span.from);
    for (std::size_t i = 1; i <= span.count; ++i) {
      put(text_bytes + offset_at(*span.column, shape.type, span.from + i) - first);
    }
    text_bytes += offset_at(*span.column, shape.type, span.from + span.count) - first;
  }
  if (narrow && text_bytes > INT32_MAX) {
    throw Error(ErrorCode::LENGTH,
                shape.name + ": a batch of " + std::to_string(rows) + " rows takes " +
                    std::to_string(text_bytes) +
                    " bytes, more than 32-bit offsets can address; smaller batches are needed",
                {{"bytes", static_cast<std::int64_t>(text_bytes)}});
  }
  return offsets;
}

OutputColumn put_together(const std::vector<Span>& spans, const ColumnShape& shape, std::size_t rows) {
  OutputColumn out;
  out.length = static_cast<std::int64_t>(rows);
  const bool nullable = std::any_of(spans.begin(), spans.end(),
                                    [](const Span& span) { return !span.column->validity.empty(); });
  if (nullable) {
    out.validity = zeroed((rows + 7) / 8);
    std::size_t valid = 0;
    std::size_t at = 0;
    for (const Span& span : spans) {
      if (span.column->validity.empty()) {
        set_bits(out.validity, at, span.count);
        valid += span.count;
      } else {
        valid += copy_bits(span.column->validity, span.from, span.count, out.validity, at);
      }
      at += span.count;
    }
    out.null_count = static_cast<std::int64_t>(rows - valid);
    if (out.null_count == 0) out.validity = Buffer();
  }
  if (shape.type == ColumnType::kBool) {
    out.values = zeroed((rows + 7) / 8);
    std::size_t at = 0;
    for (const Span& span : spans) {
      copy_bits(span.column->values, span.from, span.count, out.values, at);
      at += span.count;
    }
    return out;
  }
  if (is_text(shape.type)) {
    std::size_t total = 0;
    out.offsets = put_offsets(spans, shape, rows, total);
    out.values = Buffer(total);
    std::size_t at = 0;
    for (const Span& span : spans) {
      const std::size_t first = offset_at(*span.column, shape.type, span.from);
      const std::size_t size = offset_at(*span.column, shape.type, span.from + span.count) - first;
      if (size > 0) std::memcpy(out.values.data() + at, span.column->values.data() + first, size);
      at += size;
    }
    return out;
  }
  const std::size_t width = fixed_bytes(shape);
  out.values = Buffer(rows * width);
  std::uint8_t* to = out.values.data();
  for (const Span& span : spans) {
    if (width == 0 || span.count == 0) continue;
    std::memcpy(to, span.column->values.data() + span.from * width, span.count * width);
    to += span.count * width;
  }
  return out;
}

}  // namespace

JoinShape::JoinShape(const EngineConfig& config) : left_(config.left_columns) {
  row_bytes_ = sizeof(std::int64_t) + sizeof(std::int8_t);
  for (const ColumnShape& column : left_) row_bytes_ += fixed_bytes(column);
  for (const StreamShape& shape : config.streams) {
    Stream stream;
    const auto outputs = shape.outputs < 0 ? static_cast<std::ptrdiff_t>(shape.payload.size())
                                           : static_cast<std::ptrdiff_t>(shape.outputs);
    stream.columns.assign(shape.payload.begin(), shape.payload.begin() + outputs);
    stream.has_age = shape.want_age;
    stream.has_matched = shape.want_matched;
    for (const ColumnShape& column : stream.columns) row_bytes_ += fixed_bytes(column);
    row_bytes_ += (stream.has_age ? 8u : 0u) + (stream.has_matched ? 1u : 0u);
    streams_.push_back(std::move(stream));
  }
}

std::size_t JoinShape::bytes(const EngineOutput& output, std::size_t from, std::size_t to) const noexcept {
  std::size_t total = (to - from) * row_bytes_;
  const auto add = [&](const std::vector<ColumnShape>& shapes, const std::vector<OutputColumn>& columns) {
    for (std::size_t c = 0; c < shapes.size(); ++c) {
      if (!is_text(shapes[c].type)) continue;
      total += offset_at(columns[c], shapes[c].type, to) - offset_at(columns[c], shapes[c].type, from);
    }
  };
  if (from == to) return 0;
  add(left_, output.left);
  for (std::size_t s = 0; s < streams_.size(); ++s) add(streams_[s].columns, output.streams[s].columns);
  return total;
}

JoinBatch::JoinBatch(std::shared_ptr<const JoinShape> shape, EngineOutput&& output)
    : shape_(std::move(shape)) {
  const auto rows = static_cast<std::size_t>(output.rows);
  if (rows > 0) put({std::make_shared<EngineOutput>(std::move(output)), 0, rows});
}

void JoinBatch::put(Piece&& piece) {
  const std::size_t count = piece.count;
  const std::size_t bytes = shape_->bytes(*piece.output, piece.from, piece.from + count);
  if (!pieces_.empty() && pieces_.back().output == piece.output &&
      pieces_.back().from + pieces_.back().count == piece.from) {
    pieces_.back().count += count;
  } else {
    pieces_.push_back(std::move(piece));
  }
  rows_ += count;
  bytes_ += bytes;
}

JoinBatch JoinBatch::slice(std::size_t from, std::size_t count) const {
  if (from > rows_ || count > rows_ - from) {
    throw Error(ErrorCode::ARG_RANGE, "rows " + std::to_string(from) + " to " + std::to_string(from + count) +
                                          " of a batch of " + std::to_string(rows_));
  }
  JoinBatch part;
  part.shape_ = shape_;
  for (const Piece& piece : pieces_) {
    if (count == 0) break;
    if (from >= piece.count) {
      from -= piece.count;
      continue;
    }
    const std::size_t take = std::min(count, piece.count - from);
    part.put({piece.output, piece.from + from, take});
    from = 0;
    count -= take;
  }
  return part;
}

void JoinBatch::append(JoinBatch&& other) {
  if (other.rows_ == 0) return;
  if (!shape_) shape_ = other.shape_;
  for (Piece& piece : other.pieces_) put(std::move(piece));
  other.pieces_.clear();
  other.rows_ = other.bytes_ = 0;
  std::size_t tail = 0;
  while (tail < pieces_.size() && pieces_[pieces_.size() - 1 - tail].count < kShort) ++tail;
  if (tail < kShortPieces) return;
  const std::size_t first = pieces_.size() - tail;
  auto together = std::make_shared<EngineOutput>(gather(pieces_.data() + first, tail));
  const auto rows = static_cast<std::size_t>(together->rows);
  pieces_.resize(first);
  pieces_.push_back({std::move(together), 0, rows});
}

EngineOutput JoinBatch::gather(const Piece* pieces, std::size_t count) const {
  const std::span<const Piece> parts(pieces, count);
  EngineOutput out;
  std::size_t rows = 0;
  bool has_ops = false;
  for (const Piece& piece : parts) {
    rows += piece.count;
    // Revisions are an output's first rows, all others are first insertions.
    const auto revisions = static_cast<std::size_t>(piece.output->revisions);
    const std::size_t revised =
        std::min(revisions, piece.from + piece.count) - std::min(revisions, piece.from);
    out.revisions += static_cast<std::int64_t>(revised);
  }
  has_ops = out.revisions > 0;
  out.rows = static_cast<std::int64_t>(rows);
  std::vector<Span> spans;
  const auto column = [&](const ColumnShape& shape, auto&& of) {
    spans.clear();
    for (const Piece& piece : parts) spans.push_back({&of(*piece.output), piece.from, piece.count});
    return put_together(spans, shape, rows);
  };
  for (std::size_t c = 0; c < shape_->left().size(); ++c) {
    out.left.push_back(
        column(shape_->left()[c], [&](const EngineOutput& o) -> const OutputColumn& { return o.left[c]; }));
  }
  for (std::size_t s = 0; s < shape_->streams().size(); ++s) {
    const JoinShape::Stream& shape = shape_->streams()[s];
    EngineStream stream;
    for (std::size_t c = 0; c < shape.columns.size(); ++c) {
      stream.columns.push_back(column(shape.columns[c], [&](const EngineOutput& o) -> const OutputColumn& {
        return o.streams[s].columns[c];
      }));
    }
    if (shape.has_age) {
      stream.age = column({ColumnType::kInt64, 8, "age"},
                          [&](const EngineOutput& o) -> const OutputColumn& { return o.streams[s].age; });
    }
    if (shape.has_matched) {
      stream.matched =
          column({ColumnType::kBool, 1, "matched"},
                 [&](const EngineOutput& o) -> const OutputColumn& { return o.streams[s].matched; });
    }
    out.streams.push_back(std::move(stream));
  }
  out.row_ids = Buffer(rows * 8);
  if (has_ops) out.ops = Buffer(rows);
  std::size_t at = 0;
  for (const Piece& piece : parts) {
    std::memcpy(out.row_ids.data() + at * 8, piece.output->row_ids.data() + piece.from * 8, piece.count * 8);
    if (has_ops && piece.output->ops.empty()) std::memset(out.ops.data() + at, 1, piece.count);
    if (has_ops && !piece.output->ops.empty()) {
      std::memcpy(out.ops.data() + at, piece.output->ops.data() + piece.from, piece.count);
    }
    at += piece.count;
  }
  return out;
}

EngineOutput JoinBatch::take() {
  EngineOutput out;
  if (rows_ > 0 && pieces_.size() == 1 && pieces_[0].from == 0 && pieces_[0].output.use_count() == 1 &&
      static_cast<std::size_t>(pieces_[0].output->rows) == pieces_[0].count) {
    // Who held the output before may have been another thread: letting go of a copy waits for what it did.
    std::shared_ptr<EngineOutput>(pieces_[0].output).reset();
    out = std::move(*pieces_[0].output);
    for (EngineStream& stream : out.streams) stream.stats = {};
    out.more = false;
  } else if (rows_ > 0) {
    out = gather(pieces_.data(), pieces_.size());
  } else if (shape_) {
    out.left.resize(shape_->left().size());
    out.streams.resize(shape_->streams().size());
    for (std::size_t s = 0; s < out.streams.size(); ++s) {
      out.streams[s].columns.resize(shape_->streams()[s].columns.size());
    }
  }
  pieces_.clear();
  rows_ = bytes_ = 0;
  return out;
}

}  // namespace flowstate::stream
