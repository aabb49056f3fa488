// class StreamEngine: the streaming join's core as an object. Each method: unmarshal, one core call, marshal. Pushes and
// emits go through stream_exchange.h. Types: lib/internal/native-stream.ts.
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "binding/stream_exchange.h"
#include "flowstate/stream/streaming_join.h"

namespace flowstate::binding {

namespace {

using stream::EngineBatch;
using stream::EngineConfig;
using stream::Kind;

template <typename Enum>
Enum get_enum(const Napi::Object& object, const char* key, Enum last) {
  const std::int64_t value = get_int(object, key);
  if (value < 0 || value > static_cast<std::int64_t>(last)) {
    throw Error(ErrorCode::ARG_RANGE, std::string("native request: ") + key + " is out of range");
  }
  return static_cast<Enum>(value);
}

Napi::Object object_at(const Napi::Array& array, std::uint32_t i, const char* what) {
  const Napi::Value value = array.Get(i);
  if (!value.IsObject())
    throw Error(ErrorCode::ARG_TYPE, std::string("native request: ") + what + " must hold objects");
  return value.As<Napi::Object>();
}

std::vector<stream::ColumnShape> shapes_from_js(const Napi::Array& array) {
  std::vector<stream::ColumnShape> shapes;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object item = object_at(array, i, "columns");
    stream::ColumnShape shape;
    shape.type = get_enum(item, "type", ColumnType::kDictionary);
    shape.width = static_cast<std::int32_t>(get_int(item, "width"));
    shape.name = get_string(item, "name");
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

// A bigint, or a number for float times; null and undefined leave both at 0.
bool span_from_js(const Napi::Object& object, const char* key, std::int64_t& whole, double& real) {
  const Napi::Value value = get(object, key);
  if (value.IsBigInt()) {
    whole = get_bigint(object, key);
    return true;
  }
  if (value.IsNumber()) {
    real = value.As<Napi::Number>().DoubleValue();
    return true;
  }
  if (is_nullish(value)) return false;
  throw Error(ErrorCode::ARG_TYPE, std::string("native request: ") + key + " must be a bigint or a number");
}

stream::StreamShape stream_from_js(const Napi::Object& object) {
  stream::StreamShape shape;
  const Napi::Array keys = get_array(object, "keys");
  for (std::uint32_t i = 0; i < keys.Length(); ++i) {
    const Napi::Object key = object_at(keys, i, "keys");
    shape.keys.push_back({get_bigint(key, "leftScale"), get_bigint(key, "rightScale"),
                          get_bool(key, "leftUnsignedForeign"), get_bool(key, "rightUnsignedForeign")});
  }
  shape.kind = get_enum(object, "kind", Kind::kFloat);
  shape.left_scale = get_bigint(object, "leftScale");
  shape.right_scale = get_bigint(object, "rightScale");
  shape.payload = shapes_from_js(get_array(object, "payload"));
  if (!is_nullish(get(object, "outputs")))
    shape.outputs = static_cast<std::int32_t>(get_int(object, "outputs"));
  shape.has_known_at = get_bool(object, "hasKnownAt");
  shape.known_scale = get_bigint(object, "knownScale");
  shape.direction = get_enum(object, "direction", asof::Direction::kNearest);
  shape.allow_exact = get_bool(object, "allowExact");
  shape.ties = get_enum(object, "ties", asof::Ties::kFirst);
  shape.nearest_tie = get_enum(object, "nearestTie", asof::NearestTie::kLater);
  shape.has_tolerance = span_from_js(object, "tolerance", shape.tolerance, shape.tolerance_float);
  span_from_js(object, "lag", shape.lag, shape.lag_float);
  shape.inner = get_bool(object, "inner");
  shape.null_keys_equal = get_bool(object, "nullKeysEqual");
  shape.want_matched = get_bool(object, "wantMatched");
  shape.want_age = get_bool(object, "wantAge");
  shape.age_scale = get_bigint(object, "ageScale");
  shape.late = get_enum(object, "late", stream::LatePolicy::kError);
  shape.unit = get_string(object, "unit");
  return shape;
}

EngineConfig config_from_js(const Napi::Object& object) {
  EngineConfig config;
  const Napi::Object left = get_object(object, "left");
  config.left_kind = get_enum(left, "kind", Kind::kFloat);
  config.left_columns = shapes_from_js(get_array(left, "columns"));
  const Napi::Array streams = get_array(object, "streams");
  for (std::uint32_t i = 0; i < streams.Length(); ++i) {
    config.streams.push_back(stream_from_js(object_at(streams, i, "streams")));
  }
  config.left_late = get_enum(object, "leftLate", stream::LatePolicy::kError);
  span_from_js(object, "horizon", config.horizon, config.horizon_float);
  config.ordered = get_bool(object, "ordered");
  config.sweep_each_emit = get_bool(object, "sweepEachEmit");
  if (!is_nullish(get(object, "maxStateBytes"))) config.max_state_bytes = get_int(object, "maxStateBytes");
  return config;
}

std::vector<Column> columns_from_js(const Napi::Array& array) {
  std::vector<Column> columns;
  columns.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i)
    columns.push_back(column_from_js(object_at(array, i, "columns")));
  return columns;
}

EngineBatch batch_from_js(const Napi::Object& object) {
  EngineBatch batch;
  batch.rows = get_int(object, "rows");
  batch.time = column_from_js(get_object(object, "time"));
  const Napi::Array keys = get_array(object, "keys");
  for (std::uint32_t i = 0; i < keys.Length(); ++i) {
    const Napi::Value list = keys.Get(i);
    if (!list.IsArray()) throw Error(ErrorCode::ARG_TYPE, "native request: keys must hold arrays");
    batch.keys.push_back(columns_from_js(list.As<Napi::Array>()));
  }
  batch.columns = columns_from_js(get_array(object, "columns"));
  if (const Napi::Value known = get(object, "knownAt"); !is_nullish(known)) {
    batch.known_at = column_from_js(get_object(object, "knownAt"));
  }
  const std::int64_t source = get_int(object, "source");
  if (source < INT32_MIN || source > INT32_MAX)
    throw Error(ErrorCode::ARG_RANGE, "native request: source is out of range");
  batch.source = static_cast<std::int32_t>(source);
  if (const Napi::Value sequence = get(object, "sequence"); !is_nullish(sequence)) {
    batch.sequence = column_from_js(get_object(object, "sequence"));
  }
  return batch;
}

// A time as JavaScript gives it (bigint, number for floats) in engine time; bigints saturate.
std::int64_t time_from_js(const Napi::Value& value, Kind kind) {
  if (kind == Kind::kFloat) {
    if (!value.IsNumber()) throw Error(ErrorCode::ARG_TYPE, "a time: a number was expected");
    const double number = value.As<Napi::Number>().DoubleValue();
    if (std::isnan(number)) throw Error(ErrorCode::ARG_RANGE, "a time: NaN is none");
    return stream::engine_time(number);
  }
  if (!value.IsBigInt()) throw Error(ErrorCode::ARG_TYPE, "a time: a bigint was expected");
  bool lossless = false;
  const std::int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
  int sign = 0;
  std::size_t count = 2;
  std::uint64_t words[2] = {0, 0};
  value.As<Napi::BigInt>().ToWords(&sign, &count, words);
  const bool negative = sign != 0;
  if (kind == Kind::kUnsigned) {
    if (negative) return stream::engine_time(std::uint64_t{0});
    return stream::engine_time(count > 1 ? UINT64_MAX : words[0]);
  }
  if (lossless) return number;
  return negative ? INT64_MIN : INT64_MAX;
}

Napi::Value time_to_js(Napi::Env env, std::int64_t time, Kind kind) {
  if (kind == Kind::kUnsigned) {
    return Napi::BigInt::New(env, static_cast<std::uint64_t>(time) ^ (std::uint64_t{1} << 63));
  }
  if (kind == Kind::kFloat) {
    const std::int64_t bits = time ^ ((time >> 63) & INT64_MAX);
    double value;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    return Napi::Number::New(env, value);
  }
  return Napi::BigInt::New(env, time);
}

void set(Napi::Object& object, const char* key, std::int64_t value) {
  object.Set(key, Napi::Number::New(object.Env(), static_cast<double>(value)));
}

Napi::Value optional_buffer(Napi::Env env, Buffer&& buffer) {
  return buffer.empty() ? Napi::Value(env.Null()) : buffer_to_js(env, std::move(buffer));
}

Napi::Object column_to_js(Napi::Env env, asof::OutputColumn&& column) {
  Napi::Object object = Napi::Object::New(env);
  set(object, "length", column.length);
  set(object, "nullCount", column.null_count);
  object.Set("values", optional_buffer(env, std::move(column.values)));
  object.Set("offsets", optional_buffer(env, std::move(column.offsets)));
  object.Set("validity",
             column.null_count == 0 ? env.Null() : optional_buffer(env, std::move(column.validity)));
  return object;
}

Napi::Array columns_to_js(Napi::Env env, std::vector<asof::OutputColumn>&& columns) {
  Napi::Array array = Napi::Array::New(env, columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    array.Set(static_cast<std::uint32_t>(i), column_to_js(env, std::move(columns[i])));
  }
  return array;
}

Napi::Object exported_to_js(Napi::Env env, stream::ExportedColumn&& column) {
  Napi::Object object = column_to_js(env, std::move(column.data));
  set(object, "type", static_cast<std::int64_t>(column.type));
  set(object, "width", column.width);
  return object;
}

Napi::Array exported_list(Napi::Env env, std::vector<stream::ExportedColumn>&& columns) {
  Napi::Array array = Napi::Array::New(env, columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    array.Set(static_cast<std::uint32_t>(i), exported_to_js(env, std::move(columns[i])));
  }
  return array;
}

Napi::Object stats_to_js(Napi::Env env, const asof::StreamStats& from) {
  Napi::Object stats = Napi::Object::New(env);
  set(stats, "rows", from.rows);
  set(stats, "matched", from.matched);
  set(stats, "noCandidate", from.no_candidate);
  set(stats, "toleranceExceeded", from.tolerance_exceeded);
  set(stats, "rightRows", from.right_rows);
  return stats;
}

class StreamEngineObject : public Napi::ObjectWrap<StreamEngineObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("StreamEngine", DefineClass(env, "StreamEngine",
                                            {InstanceMethod<&StreamEngineObject::words>("words"),
                                             InstanceMethod<&StreamEngineObject::hold_beside>("holdBeside"),
                                             InstanceMethod<&StreamEngineObject::describe>("describe"),
                                             InstanceMethod<&StreamEngineObject::push>("push"),
                                             InstanceMethod<&StreamEngineObject::advance>("advance"),
                                             InstanceMethod<&StreamEngineObject::end>("end"),
                                             InstanceMethod<&StreamEngineObject::emit>("emit"),
                                             InstanceMethod<&StreamEngineObject::take_late>("takeLate"),
                                             InstanceMethod<&StreamEngineObject::export_rows>("exportRows"),
                                             InstanceMethod<&StreamEngineObject::load_rows>("loadRows"),
                                             InstanceMethod<&StreamEngineObject::counters>("counters"),
                                             InstanceMethod<&StreamEngineObject::set_counters>("setCounters"),
                                             InstanceMethod<&StreamEngineObject::reset>("reset")}));
  }

  // new StreamEngine(config: NativeStreamConfig)
  explicit StreamEngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StreamEngineObject>(info) {
    guarded(info, [&]() -> Napi::Value {
      if (info.Length() < 1 || !info[0].IsObject()) {
        throw Error(ErrorCode::ARG_TYPE, "native request: an object was expected");
      }
      const Napi::Object config = info[0].As<Napi::Object>();
      engine_ = std::make_unique<stream::StreamEngine>(config_from_js(config));
      exchange_.emplace(info.Env(), engine_->config(), get_bool(config, "rowIds"));
      exchange_->publish_state(*engine_);
      return info.Env().Undefined();
    });
  }

 private:
  static int input_of(const Napi::CallbackInfo& info) {
    if (info.Length() < 1 || !info[0].IsNumber())
      throw Error(ErrorCode::ARG_TYPE, "an input number was expected");
    return info[0].As<Napi::Number>().Int32Value();
  }

  static Napi::Object object_argument(const Napi::CallbackInfo& info, std::size_t at) {
    if (info.Length() <= at || !info[at].IsObject()) {
      throw Error(ErrorCode::ARG_TYPE, "native request: an object was expected");
    }
    return info[at].As<Napi::Object>();
  }

  Kind kind_of(int input) const {
    const EngineConfig& config = engine_->config();
    if (input < 0 || static_cast<std::size_t>(input) > config.streams.size()) {
      throw Error(ErrorCode::ARG_RANGE, "there is no input " + std::to_string(input));
    }
    return input == 0 ? config.left_kind : config.streams[static_cast<std::size_t>(input) - 1].kind;
  }

  // words(): ArrayBuffer of the block that push and emit leave their numbers in
  Napi::Value words(const Napi::CallbackInfo&) { return exchange_->words(); }

  // describe(input, layout: NativeBatchLayout): void
  Napi::Value describe(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const int input = input_of(info);
      kind_of(input);
      exchange_->describe(input, object_argument(info, 1));
      return info.Env().Undefined();
    });
  }

  // push(input, rows, source, buffers: NativePart[], maxTime | null): void; the report is in the words
  Napi::Value push(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const int input = input_of(info);
      const Kind kind = kind_of(input);
      std::optional<std::int64_t> most;
      if (info.Length() < 4 || !info[1].IsNumber() || !info[2].IsNumber() || !info[3].IsArray()) {
        throw Error(ErrorCode::ARG_TYPE, "native request: rows, a source and buffers were expected");
      }
      if (info.Length() > 4 && !is_nullish(info[4])) most = time_from_js(info[4], kind);
      const EngineBatch& batch =
          exchange_->batch(input, info[1].As<Napi::Number>().Int64Value(),
                           info[2].As<Napi::Number>().Int32Value(), info[3].As<Napi::Array>());
      const Published state(*this);  // a push that throws may have evicted
      exchange_->publish(engine_->push(input, batch, most), kind);
      return info.Env().Undefined();
    });
  }

  // advance(input, time: bigint | number): void
  Napi::Value advance(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const int input = input_of(info);
      engine_->advance(input, time_from_js(info[1], kind_of(input)));
      return info.Env().Undefined();
    });
  }

  // end(): void
  Napi::Value end(const Napi::CallbackInfo& info) {
    const Published state(*this);
    engine_->end();
    return info.Env().Undefined();
  }

  // emit(maxRows): ArrayBuffer | ArrayBuffer[]; where columns lie in it is in the words
  Napi::Value emit(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      if (info.Length() < 1 || !info[0].IsNumber())
        throw Error(ErrorCode::ARG_TYPE, "a number of rows was expected");
      const double most = info[0].As<Napi::Number>().DoubleValue();
      if (!(most >= 0))
        throw Error(ErrorCode::ARG_RANGE, "a number of rows that is not negative was expected");
      const Published state(*this);
      return exchange_->publish(
          info.Env(), engine_->emit(most > INT32_MAX ? INT32_MAX : static_cast<std::int64_t>(most)));
    });
  }

  // takeLate(): NativeLateOutput[], one per input
  Napi::Value take_late(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const Napi::Env env = info.Env();
      const Published state(*this);
      Napi::Array all = Napi::Array::New(env);
      for (int input = 0; input < engine_->inputs(); ++input) {
        stream::LateOutput late = engine_->take_late(input);
        Napi::Object object = Napi::Object::New(env);
        set(object, "rows", late.rows);
        object.Set("time", buffer_to_js(env, std::move(late.time)));
        object.Set("source", buffer_to_js(env, std::move(late.source)));
        object.Set("sequence", buffer_to_js(env, std::move(late.sequence)));
        object.Set("reason", buffer_to_js(env, std::move(late.reason)));
        object.Set("columns", columns_to_js(env, std::move(late.columns)));
        object.Set("affectedOffsets", optional_buffer(env, std::move(late.affected_offsets)));
        object.Set("affectedIds", optional_buffer(env, std::move(late.affected_ids)));
        all.Set(static_cast<std::uint32_t>(input), object);
      }
      return all;
    });
  }

  // exportRows(input): NativeExportedRows
  Napi::Value export_rows(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const Napi::Env env = info.Env();
      stream::ExportedRows rows = engine_->export_rows(input_of(info));
      Napi::Array keys = Napi::Array::New(env);
      for (auto& list : rows.keys) keys.Set(keys.Length(), exported_list(env, std::move(list)));
      Napi::Array dead = Napi::Array::New(env);
      for (Buffer& flags : rows.dead_keys) dead.Set(dead.Length(), optional_buffer(env, std::move(flags)));
      Napi::Object object = Napi::Object::New(env);
      set(object, "rows", rows.rows);
      object.Set("time", exported_to_js(env, std::move(rows.time)));
      object.Set("keys", keys);
      object.Set("deadKeys", dead);
      object.Set("columns", exported_list(env, std::move(rows.columns)));
      object.Set("knownAt",
                 rows.known_at ? Napi::Value(exported_to_js(env, std::move(*rows.known_at))) : env.Null());
      object.Set("source", exported_to_js(env, std::move(rows.source)));
      object.Set("sequence", exported_to_js(env, std::move(rows.sequence)));
      object.Set("rowIds", optional_buffer(env, std::move(rows.row_ids)));
      return object;
    });
  }

  // loadRows(input, batch, sources: NativeColumn, emittedRowIds: BigInt64Array | null, deadKeys: (Uint8Array | null)[])
  Napi::Value load_rows(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const int input = input_of(info);
      EngineBatch batch = batch_from_js(object_argument(info, 1));
      const Column sources = column_from_js(object_argument(info, 2));
      const std::int64_t* ids = nullptr;
      if (info.Length() > 3 && !is_nullish(info[3])) {
        const Bytes bytes = bytes_of(info[3], "row ids");
        if (bytes.size != static_cast<std::size_t>(batch.rows) * 8)
          throw Error(ErrorCode::LENGTH, "row ids: one per row");
        ids = reinterpret_cast<const std::int64_t*>(bytes.data);
      }
      if (info.Length() > 4 && info[4].IsArray()) {
        const Napi::Array dead = info[4].As<Napi::Array>();
        for (std::uint32_t i = 0; i < dead.Length(); ++i) {
          const Napi::Value flags = dead.Get(i);
          batch.dead_keys.push_back(nullptr);
          if (is_nullish(flags)) continue;
          const Bytes bytes = bytes_of(flags, "dead keys");
          if (bytes.size != static_cast<std::size_t>(batch.rows))
            throw Error(ErrorCode::LENGTH, "dead keys: one per row");
          batch.dead_keys.back() = bytes.data;
        }
      }
      const Published state(*this);
      engine_->load_rows(input, batch, sources, ids);
      return info.Env().Undefined();
    });
  }

  // counters(): NativeStreamCounters
  Napi::Value counters(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const Napi::Env env = info.Env();
      const stream::EngineCounters from = engine_->counters();
      Napi::Array inputs = Napi::Array::New(env);
      for (std::size_t i = 0; i < from.inputs.size(); ++i) {
        const stream::InputCounters& counts = from.inputs[i];
        Napi::Object item = Napi::Object::New(env);
        set(item, "rows", counts.rows);
        set(item, "late", counts.late);
        set(item, "lateBeyondHorizon", counts.late_beyond_horizon);
        set(item, "tooFarAhead", counts.too_far_ahead);
        set(item, "nullTime", counts.null_time);
        set(item, "nullKey", counts.null_key);
        item.Set("watermark", counts.watermark == INT64_MIN
                                  ? Napi::Value(env.Null())
                                  : time_to_js(env, counts.watermark, kind_of(static_cast<int>(i))));
        inputs.Set(static_cast<std::uint32_t>(i), item);
      }
      Napi::Array streams = Napi::Array::New(env);
      for (const asof::StreamStats& stats : from.streams)
        streams.Set(streams.Length(), stats_to_js(env, stats));
      Napi::Array sequences = Napi::Array::New(env);
      for (const stream::SourceSequence& sequence : from.sequences) {
        Napi::Object item = Napi::Object::New(env);
        set(item, "input", sequence.input);
        set(item, "source", sequence.source);
        item.Set("next", Napi::BigInt::New(env, sequence.next));
        sequences.Set(sequences.Length(), item);
      }
      Napi::Object object = Napi::Object::New(env);
      object.Set("nextRowId", Napi::BigInt::New(env, from.next_row_id));
      set(object, "revisions", from.revisions);
      object.Set("ended", from.ended);
      object.Set("inputs", inputs);
      object.Set("streams", streams);
      object.Set("sequences", sequences);
      return object;
    });
  }

  // setCounters(counters: NativeStreamCounters): void
  Napi::Value set_counters(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const Napi::Object object = object_argument(info, 0);
      stream::EngineCounters to;
      to.next_row_id = get_bigint(object, "nextRowId");
      to.revisions = get_int(object, "revisions");
      to.ended = get_bool(object, "ended");
      const Napi::Array inputs = get_array(object, "inputs");
      for (std::uint32_t i = 0; i < inputs.Length(); ++i) {
        const Napi::Object item = object_at(inputs, i, "inputs");
        stream::InputCounters counts{
            get_int(item, "rows"),        get_int(item, "late"),     get_int(item, "lateBeyondHorizon"),
            get_int(item, "tooFarAhead"), get_int(item, "nullTime"), get_int(item, "nullKey")};
        if (const Napi::Value watermark = get(item, "watermark"); !is_nullish(watermark)) {
          counts.watermark = time_from_js(watermark, kind_of(static_cast<int>(i)));
        }
        to.inputs.push_back(counts);
      }
      const Napi::Array streams = get_array(object, "streams");
      for (std::uint32_t i = 0; i < streams.Length(); ++i) {
        const Napi::Object item = object_at(streams, i, "streams");
        to.streams.push_back({get_int(item, "rows"), get_int(item, "matched"), get_int(item, "noCandidate"),
                              get_int(item, "toleranceExceeded"), get_int(item, "rightRows")});
      }
      const Napi::Array sequences = get_array(object, "sequences");
      for (std::uint32_t i = 0; i < sequences.Length(); ++i) {
        const Napi::Object item = object_at(sequences, i, "sequences");
        to.sequences.push_back({static_cast<std::int32_t>(get_int(item, "input")),
                                static_cast<std::int32_t>(get_int(item, "source")),
                                get_bigint(item, "next")});
      }
      engine_->set_counters(to);
      return info.Env().Undefined();
    });
  }

  // holdBeside(bytes: number): void
  Napi::Value hold_beside(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      if (info.Length() < 1 || !info[0].IsNumber())
        throw Error(ErrorCode::ARG_TYPE, "a number of bytes was expected");
      const Published state(*this);
      engine_->hold_beside(info[0].As<Napi::Number>().Int64Value());
      return info.Env().Undefined();
    });
  }

  // reset(): void
  Napi::Value reset(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const Published state(*this);
      engine_->reset();
      return info.Env().Undefined();
    });
  }

  // What is held, told in the words when a call that changes it ends, however it ends.
  struct Published {
    explicit Published(StreamEngineObject& of) : of_(of) {}
    ~Published() { of_.exchange_->publish_state(*of_.engine_); }
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;

   private:
    StreamEngineObject& of_;
  };

  std::unique_ptr<stream::StreamEngine> engine_;
  std::optional<StreamExchange> exchange_;
};

}  // namespace

void register_stream(Napi::Env env, Napi::Object exports) { StreamEngineObject::define(env, exports); }

}  // namespace flowstate::binding
