// What lives in the engine, out and in again, and the rows that were put aside.
#include <algorithm>
#include <bit>
#include <cstring>

#include "engine_state.h"
#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

using asof::OutputColumn;

template <typename T, typename Value>
OutputColumn plain(std::size_t rows, Value&& value) {
  OutputColumn column;
  column.length = static_cast<std::int64_t>(rows);
  column.values = Buffer(rows * sizeof(T));
  for (std::size_t i = 0; i < rows; ++i) {
    const T item = static_cast<T>(value(i));
    std::memcpy(column.values.data() + i * sizeof(T), &item, sizeof(T));
  }
  return column;
}

// Clears the bits of rows for which null(row).
template <typename Null>
void mark_nulls(OutputColumn& column, std::size_t rows, Null&& null) {
  Buffer bits((rows + 7) / 8);
  for (std::size_t i = 0; i < bits.size(); ++i) bits.data()[i] = 0xFF;
  for (std::size_t i = 0; i < rows; ++i) {
    if (!null(i)) continue;
    ++column.null_count;
    bits.data()[i / 8] = static_cast<std::uint8_t>(bits.data()[i / 8] & ~(1u << (i % 8)));
  }
  if (column.null_count > 0) column.validity = std::move(bits);
}

// Engine times as plain values in the column's own unit.
ExportedColumn time_column(Kind kind, std::int64_t scale, const std::vector<std::int64_t>& times) {
  ExportedColumn out;
  out.type = kind == Kind::kFloat      ? ColumnType::kFloat64
             : kind == Kind::kUnsigned ? ColumnType::kUInt64
                                       : ColumnType::kInt64;
  out.data = plain<std::int64_t>(times.size(), [&](std::size_t i) -> std::int64_t {
    if (kind == Kind::kFloat) {
      const double value = asof::from_ordered_bits(times[i]);
      return std::bit_cast<std::int64_t>(value);
    }
    if (kind == Kind::kSigned) return times[i] / scale;
    const std::uint64_t value = static_cast<std::uint64_t>(times[i]) ^ (std::uint64_t{1} << 63);
    return static_cast<std::int64_t>(value / static_cast<std::uint64_t>(scale));
  });
  return out;
}

// One key column of rows with these codes.
ExportedColumn key_column(const KeyTable& table, const std::vector<std::vector<KeyText>>& texts,
                          std::size_t column, const KeyShape& shape, bool right,
                          const std::vector<std::int32_t>& codes) {
  static const KeyText kNone;
  const auto at = [&](std::size_t i) -> const KeyText& {
    return codes[i] < 0 ? kNone : texts[static_cast<std::size_t>(codes[i])][column];
  };
  ExportedColumn out;
  out.type = table.forms()[column] == ColumnType::kDictionary ? ColumnType::kInt64 : table.forms()[column];
  const std::size_t n = codes.size();
  if (out.type == ColumnType::kBytes64) {
    out.width = 0;
    out.data.length = static_cast<std::int64_t>(n);
    out.data.offsets = Buffer((n + 1) * 8);
    std::size_t total = 0;
    for (std::size_t i = 0; i < n; ++i) total += at(i).bytes.size();
    out.data.values = Buffer(total);
    std::size_t offset = 0;
    for (std::size_t i = 0; i <= n; ++i) {
      out.data.offsets.as<std::int64_t>()[i] = static_cast<std::int64_t>(offset);
      if (i == n) break;
      const std::string& bytes = at(i).bytes;
      if (!bytes.empty()) std::memcpy(out.data.values.data() + offset, bytes.data(), bytes.size());
      offset += bytes.size();
    }
  } else {
    const std::int64_t scale = right ? shape.right_scale : shape.left_scale;
    out.data = plain<std::uint64_t>(n, [&](std::size_t i) {
      const std::uint64_t word = at(i).word;
      if (out.type == ColumnType::kFloat64) return word;
      if (out.type == ColumnType::kUInt64) return word / static_cast<std::uint64_t>(scale);
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(word) / scale);
    });
  }
  mark_nulls(out.data, n, [&](std::size_t i) { return at(i).form == KeyText::Form::kNull; });
  return out;
}

std::vector<ExportedColumn> payload_columns(const RowStore& rows, const std::vector<std::uint32_t>& slots) {
  std::vector<ExportedColumn> columns;
  for (std::size_t c = 0; c < rows.columns().size(); ++c) {
    const ColumnShape& shape = rows.columns()[c];
    columns.push_back(
        {shape.type, shape.width, rows.gather(c, slots.data(), static_cast<std::int64_t>(slots.size()))});
  }
  return columns;
}

}  // namespace

ExportedRows StreamEngine::Impl::export_rows(std::size_t input) {
  if (!kept.changed().empty()) {
    throw Error(ErrorCode::BUSY, "revisions wait to be emitted; emit before the state is exported");
  }
  evict(true);
  ExportedRows out;
  const bool is_left = input == 0;
  const RowStore& store = is_left ? left : rights[input - 1].rows();
  std::vector<std::uint32_t> slots;
  if (is_left) {
    slots.reserve(static_cast<std::size_t>(pending.size()));
    pending.each([&](std::uint32_t slot) { slots.push_back(slot); });
    kept.each([&](std::uint32_t slot) { slots.push_back(slot); });
  } else {
    slots = rights[input - 1].all();
    // Rows that nothing but an emitted row refers to are needed to retract it.
    std::vector<std::uint32_t> more;
    kept.each([&](std::uint32_t row) {
      for (const int word : {kept.layout().shown(static_cast<int>(input) - 1),
                             kept.layout().current(static_cast<int>(input) - 1)}) {
        const auto match = static_cast<std::uint32_t>(left.word(row, word));
        if (match != kNoSlot) more.push_back(match);
      }
    });
    slots.insert(slots.end(), more.begin(), more.end());
    std::sort(slots.begin(), slots.end());
    slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  }
  std::vector<std::uint32_t> emitted;
  if (is_left) kept.each([&](std::uint32_t slot) { emitted.push_back(slot); });
  std::sort(emitted.begin(), emitted.end());
  std::sort(slots.begin(), slots.end(), [&](std::uint32_t a, std::uint32_t b) { return store.before(a, b); });
  const std::size_t without_time = is_left ? untimed.size() : 0;
  if (is_left) slots.insert(slots.begin(), untimed.begin(), untimed.end());
  const std::size_t n = slots.size();
  out.rows = static_cast<std::int64_t>(n);
  std::vector<std::int64_t> times(n);
  for (std::size_t i = 0; i < n; ++i) times[i] = i < without_time ? kBegin : store.header(slots[i]).time;
  if (is_left) {
    for (std::size_t i = 0; i < without_time; ++i) times[i] = engine_time(std::int64_t{0});
    out.time = time_column(config.left_kind, 1, times);
    mark_nulls(out.time.data, n, [&](std::size_t i) { return i < without_time; });
  } else {
    const StreamShape& shape = config.streams[input - 1];
    out.time = time_column(shape.kind, shape.right_scale, times);
  }
  if (!emitted.empty()) {
    out.row_ids = Buffer(n * 8);
    for (std::size_t i = 0; i < n; ++i) {
      const bool is_out = std::binary_search(emitted.begin(), emitted.end(), slots[i]);
      out.row_ids.as<std::int64_t>()[i] = is_out ? left.word(slots[i], kept.layout().row_id()) : -1;
    }
  }
  std::vector<std::int32_t> codes(n);
  for (std::size_t s = is_left ? 0 : input - 1; s < (is_left ? rights.size() : input); ++s) {
    bool any_dead = false;
    for (std::size_t i = 0; i < n; ++i) {
      codes[i] = static_cast<std::int32_t>(store.word(slots[i], is_left ? static_cast<int>(s) : 0));
      any_dead |= codes[i] == kDeadKey;
    }
    const std::vector<std::vector<KeyText>> texts = rights[s].keys().texts();
    std::vector<ExportedColumn> columns;
    for (std::size_t k = 0; k < config.streams[s].keys.size(); ++k) {
      columns.push_back(key_column(rights[s].keys(), texts, k, config.streams[s].keys[k], !is_left, codes));
    }
    out.keys.push_back(std::move(columns));
    if (is_left) out.dead_keys.emplace_back(any_dead ? Buffer(n) : Buffer());
    for (std::size_t i = 0; any_dead && i < n; ++i) out.dead_keys.back().data()[i] = codes[i] == kDeadKey;
  }
  out.columns = payload_columns(store, slots);
  if (!is_left && config.streams[input - 1].has_known_at) {
    const StreamShape& shape = config.streams[input - 1];
    for (std::size_t i = 0; i < n; ++i) times[i] = rights[input - 1].known(slots[i]);
    out.known_at = time_column(shape.kind, shape.known_scale, times);
  }
  out.source = {ColumnType::kInt32, 4,
                plain<std::int32_t>(n, [&](std::size_t i) { return store.header(slots[i]).source; })};
  out.sequence = {ColumnType::kInt64, 8,
                  plain<std::int64_t>(n, [&](std::size_t i) { return store.header(slots[i]).sequence; })};
  return out;
}

void StreamEngine::Impl::load_rows(std::size_t input, const EngineBatch& batch, const Column& sources,
                                   const std::int64_t* row_ids) {
  if (row_ids != nullptr && (!keeps || input != 0)) {
    throw Error(ErrorCode::ARG_RANGE, "only a left input with a horizon keeps emitted rows");
  }
  if (!batch.sequence) throw Error(ErrorCode::ARG_RANGE, "rows to load carry their sequences");
  check_column(sources);
  if (sources.type != ColumnType::kInt32 || sources.rows() != batch.rows || sources.chunks.size() > 1) {
    throw Error(ErrorCode::SCHEMA, "sources of rows to load: one chunk of int32, one per row");
  }
  static const std::int32_t kNone = 0;
  loading = sources.chunks.empty() ? &kNone : reinterpret_cast<const std::int32_t*>(sources.chunks[0].values);
  if (loading == nullptr) loading = &kNone;
  try {
    if (input == 0) {
      push_left(batch, std::nullopt);
      if (row_ids != nullptr) keep_loaded(batch.rows, row_ids);
    } else {
      push_right(input - 1, batch, std::nullopt);
    }
  } catch (...) {
    loading = nullptr;
    throw;
  }
  loading = nullptr;
}

// Loaded rows that were emitted before: out of what waits, with the matches that the loaded state gives them. That is
// what they matched: everything that lives was accepted, and their matches live.
void StreamEngine::Impl::keep_loaded(std::int64_t rows, const std::int64_t* row_ids) {
  std::vector<std::uint32_t> matches(rights.size());
  std::vector<std::uint32_t> gone;
  kept.reserve(rows);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (row_ids[i] < 0) continue;
    const std::uint32_t slot = sorting.slots[static_cast<std::size_t>(i)];
    for (std::size_t s = 0; s < rights.size(); ++s) {
      const auto code = static_cast<std::int32_t>(left.word(slot, static_cast<int>(s)));
      matches[s] = rights[s].judge(code, aligned(s, left.header(slot).time), kBegin, true).slot;
    }
    kept.add(slot, row_ids[i], matches.data(), left, rights);
    gone.push_back(slot);
  }
  std::sort(gone.begin(), gone.end());
  pending.remove([&](std::uint32_t slot) { return std::binary_search(gone.begin(), gone.end(), slot); });
}

LateOutput StreamEngine::Impl::take_late(std::size_t input) {
  LateOutput out;
  std::vector<LateRow>& late = inputs[input].late_rows;
  RowStore& store = input == 0 ? left : rights[input - 1].rows();
  const std::size_t n = late.size();
  out.rows = static_cast<std::int64_t>(n);
  std::vector<std::uint32_t> slots;
  std::size_t affected = 0;
  for (const LateRow& row : late) {
    slots.push_back(row.slot);
    affected += row.affected.size();
  }
  const auto header = [&](std::size_t i) -> const RowHeader& { return store.header(slots[i]); };
  out.time = plain<std::int64_t>(n, [&](std::size_t i) { return header(i).time; }).values;
  out.source = plain<std::int32_t>(n, [&](std::size_t i) { return header(i).source; }).values;
  out.sequence = plain<std::int64_t>(n, [&](std::size_t i) { return header(i).sequence; }).values;
  out.reason = plain<std::uint8_t>(n, [&](std::size_t i) { return late[i].too_far_ahead ? 1 : 0; }).values;
  for (std::size_t c = 0; c < store.columns().size(); ++c) {
    out.columns.push_back(store.gather(c, slots.data(), static_cast<std::int64_t>(n)));
  }
  if (input > 0) {
    out.affected_offsets = Buffer((n + 1) * 8);
    out.affected_ids = Buffer(affected * 8);
    std::int64_t at = 0;
    for (std::size_t i = 0; i <= n; ++i) {
      out.affected_offsets.as<std::int64_t>()[i] = at;
      if (i == n) break;
      for (const std::int64_t id : late[i].affected) out.affected_ids.as<std::int64_t>()[at++] = id;
    }
  }
  for (const std::uint32_t slot : slots) store.release(slot);
  late.clear();
  return out;
}

EngineCounters StreamEngine::Impl::counters() const {
  EngineCounters out;
  out.next_row_id = next_row_id;
  out.revisions = revisions;
  out.ended = ended;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    out.inputs.push_back(inputs[i].counters);
    out.inputs.back().watermark = inputs[i].watermark;
    for (const auto& [source, next] : inputs[i].next_sequence) {
      out.sequences.push_back({static_cast<std::int32_t>(i), source, next});
    }
  }
  out.streams = totals;
  return out;
}

void StreamEngine::Impl::set_counters(const EngineCounters& given) {
  if (given.inputs.size() != inputs.size() || given.streams.size() != totals.size()) {
    throw Error(ErrorCode::ARG_RANGE, "counters of another shape of engine");
  }
  for (const SourceSequence& sequence : given.sequences) {
    if (sequence.input < 0 || static_cast<std::size_t>(sequence.input) >= inputs.size()) {
      throw Error(ErrorCode::ARG_RANGE, "counters name an input that is not there");
    }
  }
  std::vector<std::map<std::int32_t, std::int64_t>> next(inputs.size());
  for (const SourceSequence& sequence : given.sequences) {
    next[static_cast<std::size_t>(sequence.input)][sequence.source] = sequence.next;
  }
  std::vector<asof::StreamStats> streams = given.streams;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].counters = given.inputs[i];
    inputs[i].watermark = given.inputs[i].watermark;
    inputs[i].next_sequence = std::move(next[i]);
  }
  totals = std::move(streams);
  next_row_id = given.next_row_id;
  revisions = given.revisions;
  ended = given.ended;
}

}  // namespace flowstate::stream
