// Rows come in: everything that can fail comes first, then the state changes without fail.
#include <algorithm>
#include <string>

#include "asof/context.h"
#include "engine_state.h"
#include "flowstate/error.h"

namespace flowstate::stream {
namespace {

using asof::TimeColumn;

std::string input_name(std::size_t input) {
  return input == 0 ? "left" : "stream " + std::to_string(input - 1);
}

std::int64_t text_bytes(const Column& column) noexcept {
  std::int64_t total = 0;
  for (const Chunk& chunk : column.chunks) {
    if (chunk.length == 0) continue;
    if (column.type == ColumnType::kBytes32) {
      const auto* offsets = static_cast<const std::int32_t*>(chunk.offsets);
      total += offsets[chunk.length] - offsets[0];
    } else if (column.type == ColumnType::kBytes64) {
      const auto* offsets = static_cast<const std::int64_t*>(chunk.offsets);
      total += offsets[chunk.length] - offsets[0];
    }
  }
  return total;
}

void check_rows(const Column& column, std::int64_t rows) {
  check_column(column);
  std::int64_t filled = 0;
  for (const Chunk& chunk : column.chunks) filled += chunk.length > 0;
  if (filled > 1) throw Error(ErrorCode::ARG_RANGE, column.name + ": a batch holds one chunk per column");
  if (column.rows() != rows) {
    throw Error(ErrorCode::LENGTH, column.name + ": expected " + std::to_string(rows) + " rows, found " +
                                       std::to_string(column.rows()));
  }
}

// Reads a time column into scratch, growing it.
bool read_into(const TimeColumn& column, Kind kind, std::int64_t rows, std::vector<std::int64_t>& time,
               std::vector<std::uint8_t>& dead) {
  const auto n = static_cast<std::size_t>(rows);
  if (time.size() < n) time.resize(n);
  if (dead.size() < n) dead.resize(n);
  std::fill(dead.begin(), dead.begin() + static_cast<std::ptrdiff_t>(n), std::uint8_t{0});
  return asof::read_times_into(column, kind_of(kind), time.data(), dead.data());
}

}  // namespace

void StreamEngine::Impl::check_batch(const EngineBatch& batch, bool is_left,
                                     const std::vector<ColumnShape>& shapes, std::size_t key_lists,
                                     std::size_t keys, bool has_known) const {
  if (batch.rows < 0 || batch.rows > INT32_MAX - 1) {
    throw Error(ErrorCode::ARG_RANGE, "a batch of at most 2^31 - 2 rows was expected");
  }
  check_rows(batch.time, batch.rows);
  if (batch.columns.size() != shapes.size())
    throw Error(ErrorCode::SCHEMA, "a batch has the wrong number of columns");
  for (std::size_t c = 0; c < shapes.size(); ++c) {
    const Column& column = batch.columns[c];
    check_rows(column, batch.rows);
    if (column.type != shapes[c].type ||
        (column.type == ColumnType::kFixed && column.width != shapes[c].width)) {
      throw Error(ErrorCode::SCHEMA, column.name + ": the column's type is not the stream's");
    }
  }
  if (batch.keys.size() != key_lists)
    throw Error(ErrorCode::SCHEMA, "a batch has the wrong number of key lists");
  for (std::size_t s = 0; s < key_lists; ++s) {
    const std::size_t expected = is_left ? config.streams[s].keys.size() : keys;
    if (batch.keys[s].size() != expected)
      throw Error(ErrorCode::SCHEMA, "a batch has the wrong number of keys");
    for (const Column& key : batch.keys[s]) check_rows(key, batch.rows);
  }
  if (batch.known_at.has_value() != has_known)
    throw Error(ErrorCode::SCHEMA, "a batch with knownAt was expected, or without");
  if (has_known) check_rows(*batch.known_at, batch.rows);
  if (batch.sequence) {
    check_rows(*batch.sequence, batch.rows);
    if (batch.sequence->type != ColumnType::kInt64) {
      throw Error(ErrorCode::SCHEMA, batch.sequence->name + ": sequences are int64");
    }
    for (const Chunk& chunk : batch.sequence->chunks) {
      for (std::int64_t i = 0; chunk.validity != nullptr && i < chunk.length; ++i) {
        if (!asof::bit_at(chunk.validity, chunk.bit_offset + i)) {
          throw Error(ErrorCode::SCHEMA, batch.sequence->name + ": a sequence is null", {{"row", i}});
        }
      }
    }
  }
}

void StreamEngine::Impl::read_sequences(Input& input, const EngineBatch& batch) {
  const auto n = static_cast<std::size_t>(batch.rows);
  if (sorting.sequence.size() < n) sorting.sequence.resize(n);
  std::int64_t next = input.next_sequence[batch.source];
  if (batch.sequence) {
    for (const Chunk& chunk : batch.sequence->chunks) {
      if (chunk.length > 0) std::memcpy(sorting.sequence.data(), chunk.values, n * 8);
    }
  } else {
    for (std::size_t i = 0; i < n; ++i) {
      sorting.sequence[i] = next;
      next = add_saturating(next, 1);
    }
  }
}

void StreamEngine::Impl::finish_push(Input& input, const EngineBatch& batch,
                                     const PushReport& report) noexcept {
  if (loading != nullptr) return;
  const auto n = static_cast<std::size_t>(batch.rows);
  std::int64_t& next = input.next_sequence.find(batch.source)->second;
  if (batch.sequence) {
    for (std::size_t i = 0; i < n; ++i) next = std::max(next, add_saturating(sorting.sequence[i], 1));
  } else {
    next = add_saturating(next, batch.rows);
  }
  input.counters.rows += report.rows;
  input.counters.late += report.late;
  input.counters.late_beyond_horizon += report.late_beyond_horizon;
  input.counters.too_far_ahead += report.too_far_ahead;
  input.counters.null_time += report.null_time;
  input.counters.null_key += report.null_key;
}

// Which rows are taken, which go aside, which are dropped. Where every row may be taken, null keys of the right side are
// left to the caller, who reads the keys.
void StreamEngine::Impl::classify(std::size_t at, const EngineBatch& batch,
                                  std::optional<std::int64_t> max_time, PushReport& report) {
  const Input& input = inputs[at];
  const std::int64_t w = loading != nullptr ? kBegin : ended ? INT64_MAX : input.watermark;
  const std::int64_t most = max_time.value_or(INT64_MAX);
  Sorting& s = sorting;
  const auto n = static_cast<std::uint32_t>(batch.rows);
  std::int64_t low = INT64_MAX;
  std::int64_t high = INT64_MIN;
  bool any_dead = false;
  for (std::uint32_t i = 0; i < n; ++i) {
    any_dead |= s.dead[i] != 0;
    low = std::min(low, s.time[i]);
    high = std::max(high, s.time[i]);
  }
  s.taken.clear();
  s.aside.clear();
  s.aside_ahead.clear();
  s.late_taken.clear();
  s.null_key.clear();
  s.all = !any_dead && low >= w && high <= most && (!ended || loading != nullptr);
  if (s.all) {
    report.has_times = n > 0;
    report.min_time = low;
    report.max_time = high;
    report.rows = batch.rows;
    return;
  }
  s.taken.reserve(n);
  s.aside.reserve(n);
  s.aside_ahead.reserve(n);
  if (at > 0) {
    s.null_key.resize(n);
    rights[at - 1].keys().mark_nulls(batch.keys[0], s.null_key.data());
  }
  bool late_error = false;
  std::int64_t late_row = 0;
  const std::int64_t oldest = ended ? INT64_MAX : behind_horizon(at, w);
  report.min_time = INT64_MAX;
  report.max_time = INT64_MIN;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (s.dead[i] != 0) {
      ++report.null_time;
      if (at == 0) s.taken.push_back(i);
      continue;
    }
    if (at > 0 && s.null_key[i] != 0) {
      ++report.null_key;
      continue;
    }
    const bool ahead = s.time[i] > most;
    const bool late = !ahead && (s.time[i] < w || (ended && loading == nullptr));
    if (ahead || late) {
      (ahead ? report.too_far_ahead : report.late) += 1;
      if (late && input.late == LatePolicy::kError && !late_error) {
        late_error = true;
        late_row = i;
      }
      if (late && input.late == LatePolicy::kRevise) {
        if (s.time[i] >= oldest) {
          s.late_taken.push_back(static_cast<std::uint32_t>(s.taken.size()));
          report.has_times = true;
          report.min_time = std::min(report.min_time, s.time[i]);
          report.max_time = std::max(report.max_time, s.time[i]);
          s.taken.push_back(i);
          continue;
        }
        ++report.late_beyond_horizon;
      }
      if (input.late == LatePolicy::kSideOutput) {
        s.aside.push_back(i);
        s.aside_ahead.push_back(ahead ? 1 : 0);
      }
      continue;
    }
    report.has_times = true;
    report.min_time = std::min(report.min_time, s.time[i]);
    report.max_time = std::max(report.max_time, s.time[i]);
    s.taken.push_back(i);
  }
  report.rows = static_cast<std::int64_t>(s.taken.size());
  if (late_error) {
    throw Error(
        ErrorCode::LATE_ROW,
        input_name(at) + ": row " + std::to_string(late_row) + " of the batch lies before the watermark",
        {{"input", static_cast<std::int64_t>(at)}, {"row", late_row}});
  }
}

void StreamEngine::Impl::check_room(std::int64_t rows, const RowStore& store, const EngineBatch& batch) {
  if (config.max_state_bytes < 0 || loading != nullptr) return;
  std::int64_t more = rows * (store.record_bytes() + 16);
  for (const Column& column : batch.columns) more += text_bytes(column);
  if (bytes() + more <= config.max_state_bytes) return;
  evict(true);
  const std::int64_t now = bytes();
  if (now + more > config.max_state_bytes) {
    throw Error(ErrorCode::BACKPRESSURE,
                "the batch would take the state to " + std::to_string(now + more) +
                    " bytes, above the cap of " + std::to_string(config.max_state_bytes),
                {{"stateBytes", now}, {"batchBytes", more}, {"maxStateBytes", config.max_state_bytes}});
  }
}

PushReport StreamEngine::Impl::push_left(const EngineBatch& batch, std::optional<std::int64_t> max_time) {
  check_batch(batch, true, config.left_columns, config.streams.size(), 0, false);
  PushReport report;
  Sorting& s = sorting;
  const auto n = static_cast<std::size_t>(batch.rows);
  const TimeColumn time{batch.time, 1, ""};
  read_into(time, config.left_kind, batch.rows, s.time, s.dead);
  for (std::size_t stream = 0; stream < config.streams.size(); ++stream) {
    const StreamShape& shape = config.streams[stream];
    if (shape.kind == config.left_kind && shape.left_scale == 1) continue;
    for (std::size_t i = 0; i < n; ++i) {
      bool fits = true;
      if (s.dead[i] == 0) align(s.time[i], config.left_kind, shape.left_scale, shape.kind, fits);
      if (!fits) {
        throw Error(ErrorCode::OVERFLOW,
                    batch.time.name + ": the time of row " + std::to_string(i) + " does not fit 64 bits" +
                        (shape.unit.empty() ? std::string() : " in " + shape.unit),
                    {{"row", static_cast<std::int64_t>(i)}});
      }
    }
  }
  classify(0, batch, max_time, report);
  read_sequences(inputs[0], batch);
  const std::int64_t count = report.rows + static_cast<std::int64_t>(s.aside.size());
  check_room(count, left, batch);
  s.codes.resize(config.streams.size());
  for (std::size_t stream = 0; stream < config.streams.size(); ++stream) {
    if (s.codes[stream].size() < n) s.codes[stream].resize(n);
    rights[stream].keys().code(batch.keys[stream], batch.rows, false, s.codes[stream].data());
    rights[stream].reserve_keys();
    if (stream >= batch.dead_keys.size() || batch.dead_keys[stream] == nullptr) continue;
    for (std::size_t i = 0; i < n; ++i) {
      if (batch.dead_keys[stream][i] != 0) s.codes[stream][i] = kDeadKey;
    }
  }
  left.reserve(count, batch.columns);
  pending.reserve(report.rows);
  s.slots.resize(static_cast<std::size_t>(count));
  s.timed.resize(static_cast<std::size_t>(report.rows));
  untimed.reserve(untimed.size() + static_cast<std::size_t>(s.all ? 0 : report.rows));
  inputs[0].late_rows.reserve(inputs[0].late_rows.size() + s.aside.size());
  // Nothing fails from here on.
  left.take(count, s.slots.data());
  const auto file = [&](const std::uint32_t* rows, const std::uint32_t* slots, std::int64_t number) {
    left.write(batch.columns, rows, slots, number);
    for (std::int64_t i = 0; i < number; ++i) {
      const std::size_t row = rows == nullptr ? static_cast<std::size_t>(i) : rows[i];
      RowHeader& header = left.header(slots[i]);
      header.time = s.time[row];
      header.sequence = s.sequence[row];
      header.source = loading != nullptr ? loading[row] : batch.source;
      for (std::size_t stream = 0; stream < s.codes.size(); ++stream) {
        left.word(slots[i], static_cast<int>(stream)) = s.codes[stream][row];
      }
    }
  };
  if (s.all) {
    file(nullptr, s.slots.data(), report.rows);
    pending.add(s.slots.data(), report.rows, left);
  } else {
    file(s.taken.data(), s.slots.data(), report.rows);
    std::int64_t timed = 0;
    for (std::int64_t i = 0; i < report.rows; ++i) {
      const std::uint32_t slot = s.slots[static_cast<std::size_t>(i)];
      if (s.dead[s.taken[static_cast<std::size_t>(i)]] != 0) {
        untimed.push_back(slot);
      } else {
        s.timed[static_cast<std::size_t>(timed++)] = slot;
      }
    }
    pending.add(s.timed.data(), timed, left);
    file(s.aside.data(), s.slots.data() + report.rows, static_cast<std::int64_t>(s.aside.size()));
    for (std::size_t i = 0; i < s.aside.size(); ++i) {
      inputs[0].late_rows.push_back(
          {s.slots[static_cast<std::size_t>(report.rows) + i], s.aside_ahead[i] != 0, {}});
    }
  }
  finish_push(inputs[0], batch, report);
  return report;
}

PushReport StreamEngine::Impl::push_right(std::size_t stream, const EngineBatch& batch,
                                          std::optional<std::int64_t> max_time) {
  const StreamShape& shape = config.streams[stream];
  RightSide& right = rights[stream];
  Input& input = inputs[stream + 1];
  check_batch(batch, false, shape.payload, 1, shape.keys.size(), shape.has_known_at);
  PushReport report;
  Sorting& s = sorting;
  const auto n = static_cast<std::size_t>(batch.rows);
  read_into({batch.time, shape.right_scale, shape.unit}, shape.kind, batch.rows, s.time, s.dead);
  if (shape.has_known_at) {
    read_into({*batch.known_at, shape.known_scale, shape.unit}, shape.kind, batch.rows, s.known,
              s.known_dead);
  }
  classify(stream + 1, batch, max_time, report);
  read_sequences(input, batch);
  check_room(report.rows + static_cast<std::int64_t>(s.aside.size()), right.rows(), batch);
  s.codes.resize(std::max<std::size_t>(s.codes.size(), 1));
  std::vector<std::int32_t>& codes = s.codes[0];
  if (codes.size() < n) codes.resize(n);
  right.keys().code(batch.keys[0], batch.rows, true, codes.data());
  right.reserve_keys();
  // Rows that can match nothing are counted and not kept: null keys, and, as taken, keys and knowledge that no left row
  // can meet.
  bool some_dead = false;
  for (std::size_t i = 0; i < n; ++i)
    some_dead |= codes[i] < 0 || (shape.has_known_at && s.known_dead[i] != 0);
  if (some_dead) {
    if (s.all) {
      s.taken.clear();
      report.has_times = false;
      report.min_time = INT64_MAX;
      report.max_time = INT64_MIN;
      for (std::size_t i = 0; i < n; ++i) {
        if (codes[i] == kNullKey) continue;
        s.taken.push_back(static_cast<std::uint32_t>(i));
        report.has_times = true;
        report.min_time = std::min(report.min_time, s.time[i]);
        report.max_time = std::max(report.max_time, s.time[i]);
      }
      report.rows = static_cast<std::int64_t>(s.taken.size());
      report.null_key = batch.rows - report.rows;
      s.all = false;
    }
    std::size_t stay = 0;
    std::size_t late_stay = 0;
    std::size_t late_at = 0;
    for (std::size_t i = 0; i < s.taken.size(); ++i) {
      const std::uint32_t row = s.taken[i];
      const bool late = late_at < s.late_taken.size() && s.late_taken[late_at] == i;
      late_at += late;
      if (codes[row] < 0 || (shape.has_known_at && s.known_dead[row] != 0)) continue;
      if (late) s.late_taken[late_stay++] = static_cast<std::uint32_t>(stay);
      s.taken[stay++] = row;
    }
    s.taken.resize(stay);
    s.late_taken.resize(late_stay);
  }
  const std::int64_t filed = s.all ? batch.rows : static_cast<std::int64_t>(s.taken.size());
  const std::int64_t count = filed + static_cast<std::int64_t>(s.aside.size());
  right.rows().reserve(count, batch.columns);
  s.slots.resize(static_cast<std::size_t>(count));
  input.late_rows.reserve(input.late_rows.size() + s.aside.size());
  right.rows().take(count, s.slots.data());
  const auto file = [&](const std::uint32_t* rows, const std::uint32_t* slots, std::int64_t number) {
    right.rows().write(batch.columns, rows, slots, number);
    for (std::int64_t i = 0; i < number; ++i) {
      const std::size_t row = rows == nullptr ? static_cast<std::size_t>(i) : rows[i];
      RowHeader& header = right.rows().header(slots[i]);
      header.time = s.time[row];
      header.sequence = s.sequence[row];
      header.source = loading != nullptr ? loading[row] : batch.source;
      right.set_code(slots[i], codes[row]);
      if (shape.has_known_at) right.set_known(slots[i], s.known[row]);
      right.prefetch(codes[row]);
    }
  };
  file(s.all ? nullptr : s.taken.data(), s.slots.data(), filed);
  file(s.aside.data(), s.slots.data() + filed, static_cast<std::int64_t>(s.aside.size()));
  std::vector<LateRow> aside;
  const std::int64_t oldest = ended ? INT64_MAX : behind_horizon(stream + 1, input.watermark);
  try {
    aside.reserve(s.aside.size());
    for (std::size_t i = 0; i < s.aside.size(); ++i) {
      aside.push_back({s.slots[static_cast<std::size_t>(filed) + i], s.aside_ahead[i] != 0, {}});
      // A row that nobody ever knows of changes nothing.
      const bool unknown = shape.has_known_at && s.known_dead[s.aside[i]] != 0;
      const bool near = s.time[s.aside[i]] >= oldest;  // else what it would have changed may be forgotten
      if (keeps && s.aside_ahead[i] == 0 && near && !unknown) report_affected(stream, aside.back());
    }
    if (!s.late_taken.empty()) kept.reserve(kept.live());
    // Insertion evicts as it goes, these rows too: whoever repairs with them holds them.
    for (const std::uint32_t at : s.late_taken) right.rows().keep(s.slots[at]);
    right.insert(s.slots.data(), filed);
  } catch (...) {
    for (const std::uint32_t slot : s.slots) {
      while (right.rows().header(slot).references > 0) right.rows().release(slot);
    }
    throw;
  }
  for (const std::uint32_t at : s.late_taken) {
    repair(stream, s.slots[at]);
    right.rows().release(s.slots[at]);
  }
  for (LateRow& row : aside) input.late_rows.push_back(std::move(row));
  finish_push(input, batch, report);
  return report;
}

}  // namespace flowstate::stream
