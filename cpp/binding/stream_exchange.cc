#include "binding/stream_exchange.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "binding/marshal.h"
#include "flowstate/error.h"

namespace flowstate::binding {

namespace {

using stream::EngineBatch;
using stream::EngineConfig;
using stream::EngineOutput;
using stream::Kind;

// Places of words; lib/internal/native-stream.ts has the same.
enum Word : std::size_t {
  kRows,
  kLate,
  kLateBeyondHorizon,
  kTooFarAhead,
  kNullTime,
  kNullKey,
  kHasTimes,
  kMinTime,
  kMaxTime,
  kStateBytes,
  kPendingRows,
  kHasOldest,
  kOldest,
  kEmittedRows,
  kMore,
  kRevisions,
  kStateRows,  // one per input, then the words of parts or columns
};

// What a part's word says: these, and its bit offset from kBitOffset on.
constexpr std::uint64_t kHasValues = 1;
constexpr std::uint64_t kHasOffsets = 2;
constexpr std::uint64_t kHasValidity = 4;
constexpr std::uint64_t kHasDictionaries = 8;
constexpr std::uint64_t kBitOffset = 16;

// An output column's words: nulls, then place and bytes of values, offsets and validity; bytes are -1 where it has none.
constexpr std::size_t kColumnWords = 7;

// Up to here one ArrayBuffer takes all buffers, copied: it costs less to make, and less to collect, than one for each.
constexpr std::size_t kPackUpTo = 1024 * 1024;
constexpr std::size_t kPackAlign = 64;

std::size_t padded(std::size_t size) { return (size + kPackAlign - 1) / kPackAlign * kPackAlign; }

std::size_t outputs_of(const stream::StreamShape& shape) {
  return (shape.outputs < 0 ? shape.payload.size() : static_cast<std::size_t>(shape.outputs)) +
         (shape.want_age ? 1 : 0) + (shape.want_matched ? 1 : 0);
}

std::size_t place_of(const Napi::Value& value, std::size_t parts) {
  const double at = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(at >= 0 && at < static_cast<double>(parts)) || at != std::floor(at)) {
    throw Error(ErrorCode::ARG_RANGE, "native request: a place among the parts was expected");
  }
  return static_cast<std::size_t>(at);
}

std::vector<std::size_t> places_of(const Napi::Value& value, std::size_t parts) {
  if (!value.IsArray()) throw Error(ErrorCode::ARG_TYPE, "native request: an array of places was expected");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::size_t> places;
  for (std::uint32_t i = 0; i < array.Length(); ++i) places.push_back(place_of(array.Get(i), parts));
  return places;
}

Column header_of(const Napi::Object& object) {
  // A column without chunks is read for its types and name alone.
  Napi::Object head = Napi::Object::New(object.Env());
  for (const char* key : {"name", "type", "indexType", "width"}) head.Set(key, object.Get(key));
  head.Set("chunks", Napi::Array::New(object.Env()));
  head.Set("dictionaries", Napi::Array::New(object.Env()));
  return column_from_js(head);
}

}  // namespace

StreamExchange::StreamExchange(Napi::Env env, const EngineConfig& config, bool want_ids)
    : left_kind_(config.left_kind), want_ids_(want_ids), inputs_(config.streams.size() + 1) {
  std::size_t columns = config.left_columns.size() + 2;
  std::size_t parts = config.left_columns.size() + 3;
  for (const stream::StreamShape& shape : config.streams) {
    want_age_.push_back(shape.want_age);
    want_matched_.push_back(shape.want_matched);
    columns += outputs_of(shape);
    parts += shape.keys.size();
  }
  for (const stream::StreamShape& shape : config.streams) {
    parts = std::max(parts, shape.payload.size() + shape.keys.size() + 3);
  }
  tail_ = kStateRows + inputs_.size();
  limit_ = tail_ + std::max(parts, columns * kColumnWords);
  Napi::ArrayBuffer block = Napi::ArrayBuffer::New(env, limit_ * sizeof(double));
  words_ = static_cast<double*>(block.Data());
  block_ = Napi::Persistent(block);
}

void StreamExchange::describe(int at, const Napi::Object& layout) {
  Input input;
  const Napi::Array parts = get_array(layout, "parts");
  if (parts.Length() > limit_ - tail_) throw Error(ErrorCode::ARG_RANGE, "native request: too many parts");
  for (std::uint32_t i = 0; i < parts.Length(); ++i) {
    const Napi::Value part = parts.Get(i);
    if (!part.IsObject()) throw Error(ErrorCode::ARG_TYPE, "native request: parts must hold objects");
    input.parts.push_back(header_of(part.As<Napi::Object>()));
  }
  const std::size_t count = input.parts.size();
  input.time = place_of(get(layout, "time"), count);
  const Napi::Array keys = get_array(layout, "keys");
  for (std::uint32_t i = 0; i < keys.Length(); ++i) input.keys.push_back(places_of(keys.Get(i), count));
  input.columns = places_of(get(layout, "columns"), count);
  EngineBatch& batch = input.batch;
  batch.time = input.parts[input.time];
  for (const std::vector<std::size_t>& list : input.keys) {
    batch.keys.emplace_back();
    for (const std::size_t place : list) batch.keys.back().push_back(input.parts[place]);
  }
  for (const std::size_t place : input.columns) batch.columns.push_back(input.parts[place]);
  if (const Napi::Value known = get(layout, "knownAt"); !is_nullish(known)) {
    input.known_at = place_of(known, count);
    batch.known_at = input.parts[input.known_at];
  }
  if (const Napi::Value sequence = get(layout, "sequence"); !is_nullish(sequence)) {
    input.sequence = place_of(sequence, count);
    batch.sequence = input.parts[input.sequence];
  }
  input.described = true;
  inputs_[static_cast<std::size_t>(at)] = std::move(input);
}

void StreamExchange::read_part(const Napi::Array& buffers, std::uint32_t& next, double word,
                               std::int64_t rows, Column& part) {
  part.chunks.clear();
  part.dictionaries.clear();
  if (!(word >= 0 && word < 9007199254740992.0)) {
    throw Error(ErrorCode::ARG_RANGE, part.name + ": the word of its buffers is out of range");
  }
  const auto bits = static_cast<std::uint64_t>(word);
  Chunk chunk;
  chunk.length = rows;
  chunk.bit_offset = static_cast<std::int64_t>(bits / kBitOffset);
  const auto bytes = [&] { return bytes_of(buffers.Get(next++), part.name); };
  if ((bits & kHasValues) != 0) {
    const Bytes values = bytes();
    chunk.values = values.data;
    chunk.values_bytes = static_cast<std::int64_t>(values.size);
  }
  if ((bits & kHasOffsets) != 0) chunk.offsets = offsets_of(bytes(), part, rows);
  if ((bits & kHasValidity) != 0) chunk.validity = validity_of(bytes(), part, chunk);
  if ((bits & kHasDictionaries) != 0) {
    const Napi::Value item = buffers.Get(next++);
    if (!item.IsArray())
      throw Error(ErrorCode::ARG_TYPE, part.name + ": an array of dictionaries was expected");
    const Napi::Array dictionaries = item.As<Napi::Array>();
    for (std::uint32_t i = 0; i < dictionaries.Length(); ++i) {
      const Napi::Value dictionary = dictionaries.Get(i);
      if (!dictionary.IsObject())
        throw Error(ErrorCode::ARG_TYPE, part.name + ": dictionaries must be objects");
      part.dictionaries.push_back(column_from_js(dictionary.As<Napi::Object>()));
    }
    chunk.dictionary = 0;
  }
  if (rows > 0) part.chunks.push_back(chunk);
}

const EngineBatch& StreamExchange::batch(int at, std::int64_t rows, std::int32_t source,
                                         const Napi::Array& buffers) {
  Input& input = inputs_[static_cast<std::size_t>(at)];
  if (!input.described)
    throw Error(ErrorCode::INTERNAL, "native request: the input's batches are not described");
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < input.parts.size(); ++i) {
    read_part(buffers, next, words_[tail_ + i], rows, input.parts[i]);
  }
  // Names and types are in place: only what a batch brings is copied.
  const auto fill = [&input](Column& column, std::size_t place) {
    column.chunks = input.parts[place].chunks;
    if (column.type == ColumnType::kDictionary) column.dictionaries = input.parts[place].dictionaries;
  };
  EngineBatch& batch = input.batch;
  batch.rows = rows;
  batch.source = source;
  fill(batch.time, input.time);
  for (std::size_t s = 0; s < input.keys.size(); ++s) {
    for (std::size_t k = 0; k < input.keys[s].size(); ++k) fill(batch.keys[s][k], input.keys[s][k]);
  }
  for (std::size_t c = 0; c < input.columns.size(); ++c) fill(batch.columns[c], input.columns[c]);
  if (batch.known_at) fill(*batch.known_at, input.known_at);
  if (batch.sequence) fill(*batch.sequence, input.sequence);
  return batch;
}

// In the representation of the kind's typed array: int64, uint64 or double.
void StreamExchange::put_time(std::size_t at, std::int64_t time, Kind kind) noexcept {
  std::int64_t bits = time;
  if (kind == Kind::kUnsigned) bits = time ^ INT64_MIN;
  if (kind == Kind::kFloat) bits = time ^ ((time >> 63) & INT64_MAX);
  std::memcpy(words_ + at, &bits, sizeof bits);
}

void StreamExchange::publish(const stream::PushReport& report, Kind kind) {
  put(kRows, report.rows);
  put(kLate, report.late);
  put(kLateBeyondHorizon, report.late_beyond_horizon);
  put(kTooFarAhead, report.too_far_ahead);
  put(kNullTime, report.null_time);
  put(kNullKey, report.null_key);
  put(kHasTimes, report.has_times ? 1 : 0);
  put_time(kMinTime, report.min_time, kind);
  put_time(kMaxTime, report.max_time, kind);
}

void StreamExchange::publish_state(const stream::StreamEngine& engine) {
  put(kStateBytes, engine.state_bytes());
  put(kPendingRows, engine.pending_rows());
  const std::optional<std::int64_t> oldest = engine.oldest_pending();
  put(kHasOldest, oldest ? 1 : 0);
  put_time(kOldest, oldest.value_or(0), left_kind_);
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    put(kStateRows + i, engine.state_rows(static_cast<int>(i)));
}

Napi::Value StreamExchange::publish(Napi::Env env, EngineOutput&& output) {
  if (!want_ids_) output.row_ids = Buffer();
  std::size_t total = 0;
  const auto each_column = [&](auto&& visit) {
    for (asof::OutputColumn& column : output.left) visit(column);
    for (std::size_t s = 0; s < output.streams.size(); ++s) {
      stream::EngineStream& from = output.streams[s];
      for (asof::OutputColumn& column : from.columns) visit(column);
      if (want_age_[s]) visit(from.age);
      if (want_matched_[s]) visit(from.matched);
    }
  };
  each_column([&](const asof::OutputColumn& column) {
    total += padded(column.values.size()) + padded(column.offsets.size()) + padded(column.validity.size());
  });
  total += padded(output.row_ids.size()) + padded(output.ops.size());
  const bool packed = total <= kPackUpTo;
  Napi::Value pack;
  Napi::Array list;
  std::uint8_t* to = nullptr;
  if (packed) {
    // Of a Buffer, because those are not zeroed first: every byte is written below.
    Napi::Buffer<std::uint8_t> bytes = Napi::Buffer<std::uint8_t>::New(env, total);
    to = bytes.Data();
    pack = bytes.ArrayBuffer();
  } else {
    list = Napi::Array::New(env);
  }
  std::size_t at = tail_;
  std::size_t used = 0;
  std::uint32_t listed = 0;
  const auto add = [&](Buffer& buffer) {
    if (buffer.empty()) {
      put(at++, 0);
      put(at++, -1);
    } else if (packed) {
      const std::size_t whole = padded(buffer.size());
      std::memcpy(to + used, buffer.data(), buffer.size());
      std::memset(to + used + buffer.size(), 0, whole - buffer.size());
      put(at++, static_cast<std::int64_t>(used));
      put(at++, static_cast<std::int64_t>(buffer.size()));
      used += whole;
    } else {
      put(at++, listed);
      put(at++, static_cast<std::int64_t>(buffer.size()));
      list.Set(listed++, buffer_to_js(env, std::move(buffer)));
    }
  };
  each_column([&](asof::OutputColumn& column) {
    put(at++, column.null_count);
    add(column.values);
    add(column.offsets);
    if (column.null_count == 0) column.validity = Buffer();
    add(column.validity);
  });
  add(output.row_ids);
  add(output.ops);
  put(kEmittedRows, output.rows);
  put(kMore, output.more ? 1 : 0);
  put(kRevisions, output.revisions);
  return packed ? pack : Napi::Value(list);
}

}  // namespace flowstate::binding
