// join(request): { promise, cancel } and joinSync(request): unmarshal, one core call, marshal. No policy
// here.
#include <memory>
#include <string>
#include <utility>

#include "binding/addon_data.h"
#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/join_report.h"
#include "binding/marshal.h"
#include "flowstate/asof/extent.h"
#include "flowstate/asof/join.h"
#include "flowstate/device/device_matcher.h"

namespace flowstate::binding {

namespace {

template <typename Enum>
Enum get_enum(const Napi::Object& object, const char* key, Enum last) {
  const std::int64_t value = get_int(object, key);
  if (value < 0 || value > static_cast<std::int64_t>(last)) {
    throw Error(ErrorCode::ARG_RANGE, std::string("native request: ") + key + " is out of range");
  }
  return static_cast<Enum>(value);
}

asof::TimeColumn time_from_js(const Napi::Object& object) {
  return {column_from_js(get_object(object, "column")), get_bigint(object, "scale"),
          get_string(object, "unit")};
}

asof::Side side_from_js(const Napi::Object& object) {
  asof::Side side;
  side.time = time_from_js(get_object(object, "time"));
  const Napi::Array keys = get_array(object, "keys");
  for (std::uint32_t i = 0; i < keys.Length(); ++i) {
    const Napi::Object key = keys.Get(i).As<Napi::Object>();
    side.keys.push_back({column_from_js(get_object(key, "column")), get_bigint(key, "scale"),
                         get_bool(key, "unsignedForeign")});
  }
  return side;
}

std::vector<Column> columns_from_js(const Napi::Array& array) {
  std::vector<Column> columns;
  columns.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i)
    columns.push_back(column_from_js(array.Get(i).As<Napi::Object>()));
  return columns;
}

asof::StreamRequest stream_from_js(const Napi::Object& object) {
  asof::StreamRequest stream;
  stream.left_side = static_cast<std::int32_t>(get_int(object, "leftSide"));
  stream.right = side_from_js(get_object(object, "right"));
  if (!is_nullish(get(object, "knownAt"))) stream.known_at = time_from_js(get_object(object, "knownAt"));
  stream.payload = columns_from_js(get_array(object, "payload"));
  stream.direction = get_enum(object, "direction", asof::Direction::kNearest);
  stream.allow_exact = get_bool(object, "allowExact");
  stream.ties = get_enum(object, "ties", asof::Ties::kFirst);
  stream.nearest_tie = get_enum(object, "nearestTie", asof::NearestTie::kLater);
  const Napi::Value tolerance = get(object, "tolerance");
  if (tolerance.IsBigInt()) {
    stream.has_tolerance = true;
    stream.tolerance = get_bigint(object, "tolerance");
  } else if (tolerance.IsNumber()) {
    stream.has_tolerance = true;
    stream.tolerance_float = tolerance.As<Napi::Number>().DoubleValue();
  }
  const Napi::Value lag = get(object, "lag");
  if (lag.IsBigInt()) {
    stream.lag = get_bigint(object, "lag");
  } else if (lag.IsNumber()) {
    stream.lag_float = lag.As<Napi::Number>().DoubleValue();
  }
  stream.inner = get_bool(object, "inner");
  stream.null_keys_equal = get_bool(object, "nullKeysEqual");
  stream.unsorted = get_enum(object, "unsorted", asof::Unsorted::kError);
  stream.plan = get_enum(object, "plan", asof::PlanKind::kProbe);
  stream.want_indices = get_bool(object, "wantIndices");
  stream.want_matched = get_bool(object, "wantMatched");
  stream.want_age = get_bool(object, "wantAge");
  stream.age_scale = get_bigint(object, "ageScale");
  return stream;
}

asof::JoinRequest request_from_js(const Napi::Object& object) {
  asof::JoinRequest request;
  request.left_rows = get_int(object, "leftRows");
  request.threads = static_cast<std::int32_t>(get_int(object, "threads"));
  request.explain = get_bool(object, "explain");
  const Napi::Array sides = get_array(object, "leftSides");
  for (std::uint32_t i = 0; i < sides.Length(); ++i) {
    request.left_sides.push_back(side_from_js(sides.Get(i).As<Napi::Object>()));
  }
  request.left_payload = columns_from_js(get_array(object, "leftPayload"));
  const Napi::Array streams = get_array(object, "streams");
  for (std::uint32_t i = 0; i < streams.Length(); ++i) {
    request.streams.push_back(stream_from_js(streams.Get(i).As<Napi::Object>()));
  }
  return request;
}

Napi::Value optional_buffer(Napi::Env env, Buffer&& buffer) {
  return buffer.empty() ? Napi::Value(env.Null()) : buffer_to_js(env, std::move(buffer));
}

Napi::Object column_to_js(Napi::Env env, asof::OutputColumn&& column) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("length", static_cast<double>(column.length));
  object.Set("nullCount", static_cast<double>(column.null_count));
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

Napi::Object explain_to_js(Napi::Env env, const asof::Explain& explain) {
  Napi::Object statistics = Napi::Object::New(env);
  for (const auto& [name, value] : explain.statistics) statistics.Set(name, static_cast<double>(value));
  Napi::Object object = Napi::Object::New(env);
  object.Set("plan", explain.plan);
  object.Set("reason", explain.reason);
  object.Set("statistics", statistics);
  object.Set("phases", phases_to_js(env, explain.phases));
  return object;
}

Napi::Value result_to_js(Napi::Env env, const asof::JoinRequest& request, asof::JoinResult&& result) {
  Napi::Array streams = Napi::Array::New(env, result.streams.size());
  for (std::size_t i = 0; i < result.streams.size(); ++i) {
    asof::StreamResult& from = result.streams[i];
    const asof::StreamRequest& asked = request.streams[i];
    Napi::Object stream = Napi::Object::New(env);
    stream.Set("indices", asked.want_indices ? buffer_to_js(env, std::move(from.indices)) : env.Null());
    stream.Set("columns", columns_to_js(env, std::move(from.columns)));
    stream.Set("age", asked.want_age ? Napi::Value(column_to_js(env, std::move(from.age))) : env.Null());
    stream.Set("matched",
               asked.want_matched ? Napi::Value(column_to_js(env, std::move(from.matched))) : env.Null());
    stream.Set("stats", stats_to_js(env, from.stats));
    stream.Set("explain", request.explain ? Napi::Value(explain_to_js(env, from.explain)) : env.Null());
    streams.Set(static_cast<std::uint32_t>(i), stream);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("rows", static_cast<double>(result.rows));
  object.Set("selection", result.has_selection ? buffer_to_js(env, std::move(result.selection)) : env.Null());
  object.Set("left", columns_to_js(env, std::move(result.left)));
  object.Set("streams", streams);
  return object;
}

// The device that a request names, or null.
std::shared_ptr<DeviceSession> device_of(const Napi::Object& request) {
  if (is_nullish(get(request, "device"))) return nullptr;
  auto session = shared_of<DeviceSession>(get(request, "device"), "a device");
  session->require_open();
  return session;
}

// Any thread; the matches are found on the device where there is one.
asof::JoinResult join_on(DeviceSession* session, asof::JoinRequest& request, ThreadPool& pool,
                         const asof::CancelToken& cancel) {
  if (session == nullptr) return asof::join(request, pool, cancel);
  device::DeviceMatcher matcher({session->device, session->pool, session->transfer, session->copy_rate});
  request.matcher = &matcher;
  return asof::join(request, pool, cancel);
}

class JoinTask final : public Task {
 public:
  JoinTask(Napi::Env env, Napi::Object pinned, ThreadPool& pool)
      : Task(env, pinned), request_(request_from_js(pinned)), session_(device_of(pinned)), pool_(pool) {}

  void work() override { result_ = join_on(session_.get(), request_, pool_, cancel_); }
  void cancel() noexcept override { cancel_.cancelled.store(true, std::memory_order_relaxed); }
  Napi::Value result(Napi::Env env) override { return result_to_js(env, request_, std::move(result_)); }

 private:
  asof::JoinRequest request_;
  std::shared_ptr<DeviceSession> session_;
  ThreadPool& pool_;
  asof::CancelToken cancel_;
  asof::JoinResult result_;
};

Napi::Object request_argument(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsObject()) {
    throw Error(ErrorCode::ARG_TYPE, "native request: an object was expected");
  }
  return info[0].As<Napi::Object>();
}

// joinSync(request: NativeJoinRequest): NativeJoinResult
Napi::Value join_sync(const Napi::CallbackInfo& info) {
  return guarded(info, [&info]() -> Napi::Value {
    const Napi::Object argument = request_argument(info);
    asof::JoinRequest request = request_from_js(argument);
    const auto session = device_of(argument);
    const asof::CancelToken cancel;
    return result_to_js(info.Env(), request,
                        join_on(session.get(), request, data_of(info.Env()).pool(), cancel));
  });
}

// join(request: NativeJoinRequest): { promise: Promise<NativeJoinResult>, cancel(): void }
Napi::Value join_async(const Napi::CallbackInfo& info) {
  return guarded(info, [&info]() -> Napi::Value {
    AddonData& data = data_of(info.Env());
    return data.runner.start(info.Env(),
                             std::make_unique<JoinTask>(info.Env(), request_argument(info), data.pool()));
  });
}

// timeExtent(time: NativeTime): NativeTimeExtent
Napi::Value time_extent(const Napi::CallbackInfo& info) {
  return guarded(info, [&info]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const asof::CancelToken cancel;
    const asof::TimeExtent extent =
        asof::time_extent(time_from_js(request_argument(info)), data_of(env).pool(), cancel);
    const auto value = [&](std::int64_t integer, double number) -> Napi::Value {
      if (extent.valid == 0) return env.Null();
      if (extent.is_float) return Napi::Number::New(env, number);
      if (extent.is_unsigned) return Napi::BigInt::New(env, static_cast<std::uint64_t>(integer));
      return Napi::BigInt::New(env, integer);
    };
    Napi::Object object = Napi::Object::New(env);
    object.Set("rows", static_cast<double>(extent.rows));
    object.Set("valid", static_cast<double>(extent.valid));
    object.Set("min", value(extent.min, extent.min_float));
    object.Set("max", value(extent.max, extent.max_float));
    object.Set("descentRow", static_cast<double>(extent.descent_row));
    object.Set("descentPreviousRow", static_cast<double>(extent.descent_previous_row));
    return object;
  });
}

}  // namespace

void register_join(Napi::Env env, Napi::Object exports) {
  exports.Set("joinSync", Napi::Function::New(env, join_sync, "joinSync"));
  exports.Set("timeExtent", Napi::Function::New(env, time_extent, "timeExtent"));
  exports.Set("join", Napi::Function::New(env, join_async, "join"));
}

}  // namespace flowstate::binding
