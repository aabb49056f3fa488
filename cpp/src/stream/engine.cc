#include <string>

#include "engine_state.h"
#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

void check_shapes(const std::vector<ColumnShape>& columns) {
  for (const ColumnShape& column : columns) {
    if (column.type == ColumnType::kDictionary) {
      throw Error(ErrorCode::SCHEMA,
                  column.name + ": the engine takes a dictionary's codes, not the dictionary");
    }
    if (column.type == ColumnType::kFixed && column.width < 0) {
      throw Error(ErrorCode::SCHEMA, column.name + ": a negative width");
    }
  }
}

void check_config(const EngineConfig& config) {
  if (config.streams.empty())
    throw Error(ErrorCode::ARG_RANGE, "a stream join needs at least one right stream");
  if (config.horizon < 0 || !(config.horizon_float >= 0))
    throw Error(ErrorCode::ARG_RANGE, "horizon: not negative");
  check_shapes(config.left_columns);
  for (const StreamShape& stream : config.streams) {
    check_shapes(stream.payload);
    if (stream.outputs > static_cast<std::int64_t>(stream.payload.size())) {
      throw Error(ErrorCode::ARG_RANGE, "more outputs than payload columns");
    }
    if (stream.left_scale < 1 || stream.right_scale < 1 || stream.known_scale < 1) {
      throw Error(ErrorCode::ARG_RANGE, "scales are positive");
    }
    if (stream.has_tolerance && (stream.tolerance < 0 || !(stream.tolerance_float >= 0))) {
      throw Error(ErrorCode::ARG_RANGE, "tolerance: not negative");
    }
    if (stream.lag < 0 || !(stream.lag_float >= 0)) throw Error(ErrorCode::ARG_RANGE, "lag: not negative");
    const bool lags = stream.kind == Kind::kFloat ? stream.lag_float > 0 : stream.lag > 0;
    if (lags && stream.direction == asof::Direction::kForward) {
      throw Error(ErrorCode::ARG_RANGE, "a lag with direction 'forward' can match nothing");
    }
    if ((stream.kind == Kind::kFloat) != (config.left_kind == Kind::kFloat)) {
      throw Error(ErrorCode::SCHEMA, "float and integer times cannot be joined");
    }
  }
}

}  // namespace

std::int64_t engine_time(std::int64_t value) noexcept { return value; }
std::int64_t engine_time(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(value ^ (std::uint64_t{1} << 63));
}
std::int64_t engine_time(double value) noexcept { return asof::ordered_bits(value); }

namespace {

// Whether emitted rows are of use to a late one.
bool keeps_rows(const EngineConfig& config) noexcept {
  if (config.horizon <= 0 && !(config.horizon_float > 0)) return false;
  for (const StreamShape& stream : config.streams) {
    if (stream.late == LatePolicy::kRevise || stream.late == LatePolicy::kSideOutput) return true;
  }
  return false;
}

int left_words(const EngineConfig& config) noexcept {
  const int streams = static_cast<int>(config.streams.size());
  return keeps_rows(config) ? KeptLayout{streams}.words() : streams;
}

}  // namespace

StreamEngine::Impl::Impl(EngineConfig given)
    : config((check_config(given), std::move(given))),
      inputs(config.streams.size() + 1),
      left(config.left_columns, left_words(config)),
      kept(static_cast<int>(config.streams.size())),
      keeps(keeps_rows(config)),
      totals(config.streams.size()) {
  inputs[0].late = config.left_late;
  rights.reserve(config.streams.size());
  for (std::size_t s = 0; s < config.streams.size(); ++s) {
    inputs[s + 1].late = config.streams[s].late;
    rights.emplace_back(config.streams[s]);
    any_ahead |= rights[s].rules().looks_ahead();
    any_inner |= config.streams[s].inner;
  }
}

std::int64_t StreamEngine::Impl::bytes() const noexcept {
  std::int64_t total = beside + left.bytes() + pending.size() * 16;
  for (const RightSide& right : rights) total += right.bytes();
  return total;
}

StreamEngine::StreamEngine(EngineConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
StreamEngine::~StreamEngine() = default;
StreamEngine::StreamEngine(StreamEngine&&) noexcept = default;
StreamEngine& StreamEngine::operator=(StreamEngine&&) noexcept = default;

const EngineConfig& StreamEngine::config() const noexcept { return impl_->config; }
int StreamEngine::inputs() const noexcept { return static_cast<int>(impl_->inputs.size()); }

namespace {

std::size_t checked_input(int input, int inputs) {
  if (input < 0 || input >= inputs) {
    throw Error(ErrorCode::ARG_RANGE,
                "input " + std::to_string(input) + ": expected 0 to " + std::to_string(inputs - 1));
  }
  return static_cast<std::size_t>(input);
}

}  // namespace

PushReport StreamEngine::push(int input, const EngineBatch& batch, std::optional<std::int64_t> max_time) {
  const std::size_t at = checked_input(input, inputs());
  return at == 0 ? impl_->push_left(batch, max_time) : impl_->push_right(at - 1, batch, max_time);
}

void StreamEngine::advance(int input, std::int64_t time) {
  Input& state = impl_->inputs[checked_input(input, inputs())];
  state.watermark = std::max(state.watermark, time);
}

void StreamEngine::end() noexcept { impl_->ended = true; }

EngineOutput StreamEngine::emit(std::int64_t max_rows) { return impl_->emit(max_rows); }

LateOutput StreamEngine::take_late(int input) { return impl_->take_late(checked_input(input, inputs())); }

ExportedRows StreamEngine::export_rows(int input) {
  return impl_->export_rows(checked_input(input, inputs()));
}

void StreamEngine::load_rows(int input, const EngineBatch& batch, const Column& sources,
                             const std::int64_t* row_ids) {
  impl_->load_rows(checked_input(input, inputs()), batch, sources, row_ids);
}

EngineCounters StreamEngine::counters() const { return impl_->counters(); }
void StreamEngine::set_counters(const EngineCounters& counters) { impl_->set_counters(counters); }

std::int64_t StreamEngine::state_rows(int input) const noexcept {
  if (input < 0 || input >= inputs()) return 0;
  const auto at = static_cast<std::size_t>(input);
  const RowStore& store = at == 0 ? impl_->left : impl_->rights[at - 1].rows();
  return store.live() - static_cast<std::int64_t>(impl_->inputs[at].late_rows.size());
}

std::int64_t StreamEngine::state_bytes() const noexcept { return impl_->bytes(); }

void StreamEngine::hold_beside(std::int64_t bytes) noexcept { impl_->beside = bytes; }

std::optional<std::int64_t> StreamEngine::oldest_pending() const noexcept {
  if (impl_->pending.size() == 0) return std::nullopt;
  return impl_->pending.lowest();
}

std::int64_t StreamEngine::pending_rows() const noexcept {
  return impl_->pending.size() + static_cast<std::int64_t>(impl_->untimed.size());
}

void StreamEngine::reset() { *impl_ = Impl(impl_->config); }

}  // namespace flowstate::stream
