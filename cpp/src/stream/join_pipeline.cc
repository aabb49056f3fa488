// Messages into the engine, and the copy of a batch that outlives its borrowed columns.
#include "flowstate/stream/join_pipeline.h"

#include <cstring>
#include <string>

#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

// Copies columns into blocks that the owner of the rows keeps. Memory met before is not copied again: the keys of the
// streams are often the same columns.
class ColumnCopier {
 public:
  Column copy(const Column& column) {
    check_column(column);
    return copy_checked(column);
  }
  std::shared_ptr<const void> keep() && {
    return std::make_shared<const std::vector<Buffer>>(std::move(blocks_));
  }

 private:
  struct Done {
    ColumnType type;
    std::int32_t width;
    Chunk from;
    Chunk to;
  };

  std::uint8_t* bytes(const void* source, std::size_t size) {
    // A block of nothing still has an address: null would say that something is missing.
    Buffer& block = blocks_.emplace_back(std::max<std::size_t>(size, 1));
    if (size > 0) std::memcpy(block.data(), source, size);
    return block.data();
  }

  // Bits from the byte in which the first one lies.
  std::uint8_t* bits(const std::uint8_t* source, const Chunk& chunk) {
    const auto first = static_cast<std::size_t>(chunk.bit_offset / 8);
    return bytes(source + first, static_cast<std::size_t>((chunk.bit_offset + chunk.length + 7) / 8) - first);
  }

  template <typename Offset>
  void copy_text(const Chunk& from, Chunk& to) {
    const auto* offsets = static_cast<const Offset*>(from.offsets);
    const Offset first = offsets[0];
    const auto n = static_cast<std::size_t>(from.length);
    Buffer& block = blocks_.emplace_back((n + 1) * sizeof(Offset));
    auto* rebased = block.template as<Offset>();
    for (std::size_t i = 0; i <= n; ++i) rebased[i] = static_cast<Offset>(offsets[i] - first);
    to.offsets = rebased;
    to.values_bytes = static_cast<std::int64_t>(rebased[n]);
    to.values = to.values_bytes == 0 ? bytes(nullptr, 0)
                                     : bytes(from.values + first, static_cast<std::size_t>(to.values_bytes));
  }

  Chunk copy_chunk(const Column& column, const Chunk& from) {
    for (const Done& done : done_) {
      if (done.type == column.type && done.width == column.width && done.from.values == from.values &&
          done.from.offsets == from.offsets && done.from.validity == from.validity &&
          done.from.bit_offset == from.bit_offset && done.from.length == from.length &&
          done.from.values_bytes == from.values_bytes) {
        Chunk to = done.to;
        to.dictionary = from.dictionary;
        return to;
      }
    }
    Chunk to;
    to.length = from.length;
    to.dictionary = from.dictionary;
    to.bit_offset = from.bit_offset % 8;
    if (from.validity != nullptr) to.validity = bits(from.validity, from);
    if (column.type == ColumnType::kBool) {
      to.values = bits(from.values, from);
      to.values_bytes = (to.bit_offset + to.length + 7) / 8;
    } else if (column.type == ColumnType::kBytes32) {
      copy_text<std::int32_t>(from, to);
    } else if (column.type == ColumnType::kBytes64) {
      copy_text<std::int64_t>(from, to);
    } else {
      const std::int64_t width =
          column.type == ColumnType::kFixed
              ? column.width
              : byte_width(column.type == ColumnType::kDictionary ? column.index_type : column.type);
      to.values_bytes = from.length * width;
      to.values = bytes(from.values, static_cast<std::size_t>(to.values_bytes));
    }
    if (column.type != ColumnType::kDictionary) done_.push_back({column.type, column.width, from, to});
    return to;
  }

  Column copy_checked(const Column& column) {
    Column out;
    out.type = column.type;
    out.index_type = column.index_type;
    out.width = column.width;
    out.name = column.name;
    for (const Chunk& chunk : column.chunks) {
      if (chunk.length > 0) out.chunks.push_back(copy_chunk(column, chunk));
    }
    for (const Column& dictionary : column.dictionaries) out.dictionaries.push_back(copy_checked(dictionary));
    return out;
  }

  std::vector<Buffer> blocks_;
  std::vector<Done> done_;
};

void add(std::atomic<std::int64_t>& count, std::int64_t more) noexcept {
  // One writer: no need for a locked instruction.
  if (more != 0) count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

std::int64_t value(const std::atomic<std::int64_t>& count) noexcept {
  return count.load(std::memory_order_relaxed);
}

LatePolicy policy(const EngineConfig& config, std::size_t input) noexcept {
  return input == 0 ? config.left_late : config.streams[input - 1].late;
}

}  // namespace

OwnedRows OwnedRows::copy(const EngineBatch& batch) {
  ColumnCopier copier;
  OwnedRows out;
  out.batch.rows = batch.rows;
  out.batch.source = batch.source;
  out.batch.time = copier.copy(batch.time);
  for (const std::vector<Column>& list : batch.keys) {
    std::vector<Column>& keys = out.batch.keys.emplace_back();
    for (const Column& key : list) keys.push_back(copier.copy(key));
  }
  for (const Column& column : batch.columns) out.batch.columns.push_back(copier.copy(column));
  if (batch.known_at) out.batch.known_at = copier.copy(*batch.known_at);
  if (batch.sequence) out.batch.sequence = copier.copy(*batch.sequence);
  out.keep = std::move(copier).keep();
  return out;
}

JoinInput JoinInput::rows(int input, OwnedRows rows, std::optional<std::int64_t> watermark) {
  JoinInput message;
  message.input = input;
  message.batch = std::move(rows);
  message.watermark = watermark;
  return message;
}

JoinInput JoinInput::advance(int input, std::int64_t watermark) {
  JoinInput message;
  message.input = input;
  message.watermark = watermark;
  return message;
}

JoinInput JoinInput::end() {
  JoinInput message;
  message.ends = true;
  return message;
}

JoinCounters::JoinCounters(std::size_t inputs) : inputs_(inputs), streams_(inputs - 1) {}

JoinCounters::Input JoinCounters::input(std::size_t at) const noexcept {
  const InputCounts& counts = inputs_[at];
  return {value(counts.rows),          value(counts.late),      value(counts.late_beyond_horizon),
          value(counts.too_far_ahead), value(counts.null_time), value(counts.null_key)};
}

asof::StreamStats JoinCounters::stream(std::size_t at) const noexcept {
  const StreamCounts& counts = streams_[at];
  asof::StreamStats stats;
  stats.rows = value(counts.rows);
  stats.matched = value(counts.matched);
  stats.no_candidate = value(counts.no_candidate);
  stats.tolerance_exceeded = value(counts.tolerance_exceeded);
  stats.right_rows = value(inputs_[at + 1].rows);
  return stats;
}

void JoinCounters::add(std::size_t input, const PushReport& report) noexcept {
  InputCounts& counts = inputs_[input];
  stream::add(counts.rows, report.rows);
  stream::add(counts.late, report.late);
  stream::add(counts.late_beyond_horizon, report.late_beyond_horizon);
  stream::add(counts.too_far_ahead, report.too_far_ahead);
  stream::add(counts.null_time, report.null_time);
  stream::add(counts.null_key, report.null_key);
}

void JoinCounters::add(const EngineOutput& output) noexcept {
  for (std::size_t s = 0; s < streams_.size(); ++s) {
    const asof::StreamStats& stats = output.streams[s].stats;
    stream::add(streams_[s].rows, stats.rows);
    stream::add(streams_[s].matched, stats.matched);
    stream::add(streams_[s].no_candidate, stats.no_candidate);
    stream::add(streams_[s].tolerance_exceeded, stats.tolerance_exceeded);
  }
  stream::add(revisions_, output.revisions);
}

void JoinCounters::set_state(const StreamEngine& engine) noexcept {
  pending_rows_.store(engine.pending_rows(), std::memory_order_relaxed);
  state_bytes_.store(engine.state_bytes(), std::memory_order_relaxed);
}

JoinProcessor::JoinProcessor(EngineConfig config, JoinProcessorOptions options)
    : JoinProcessor(StreamEngine(std::move(config)), std::move(options)) {}

JoinProcessor::JoinProcessor(StreamEngine engine, JoinProcessorOptions options)
    : engine_(std::move(engine)),
      options_(std::move(options)),
      shape_(std::make_shared<const JoinShape>(engine_.config())),
      counters_(std::make_shared<JoinCounters>(static_cast<std::size_t>(engine_.inputs()))) {
  if (options_.emit_rows < 1) {
    throw Error(ErrorCode::ARG_RANGE,
                "emit_rows: expected at least 1, got " + std::to_string(options_.emit_rows));
  }
  for (int input = 0; input < engine_.inputs(); ++input) {
    if (policy(engine_.config(), static_cast<std::size_t>(input)) == LatePolicy::kSideOutput &&
        !options_.on_late) {
      throw Error(ErrorCode::ARG_RANGE, "input " + std::to_string(input) +
                                            " puts late rows aside, but on_late is not there to take them");
    }
  }
}

bool JoinProcessor::take(JoinInput&& message) {
  const EngineConfig& config = engine_.config();
  owes_ |= message.watermark.has_value() || message.ends;
  if (message.batch) {
    const PushReport report = engine_.push(message.input, message.batch->batch, message.max_time);
    message.batch.reset();  // the engine has its own copy: what kept the memory is not needed any longer
    const auto input = static_cast<std::size_t>(message.input);
    counters_->add(input, report);
    if (policy(config, input) == LatePolicy::kSideOutput && report.late + report.too_far_ahead > 0) {
      options_.on_late(message.input, engine_.take_late(message.input));
    }
    // Right rows in time change nothing that is final before their watermark moves.
    owes_ |= input == 0 || report.late > 0;
  }
  if (message.watermark) engine_.advance(message.input, *message.watermark);
  if (message.ends) engine_.end();
  const bool emits = owes_ && !message.is_followed;
  if (emits) {
    owes_ = false;
  } else {
    counters_->set_state(engine_);
  }
  return emits;
}

void JoinProcessor::note(const EngineOutput& output) noexcept {
  counters_->add(output);
  counters_->set_state(engine_);
}

}  // namespace flowstate::stream
