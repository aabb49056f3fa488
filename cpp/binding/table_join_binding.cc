// tableIndex, tableIndexBytes, tableIndexRelease, tableJoin: joins of tables in device memory, on the addon's threads.
#include <memory>
#include <utility>

#include "binding/addon_data.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/join_report.h"
#include "binding/marshal.h"
#include "binding/table_request.h"

namespace flowstate::binding {

namespace {

using device::DeviceBuffer;
using device::JoinWork;
using device::TakenColumn;

// Work on a stream of its own, which ends with it: a stream belongs to one thread at a time, and this one is an addon's.
class TableTask : public Task {
 public:
  TableTask(Napi::Env env, Napi::Object pinned, RequestMemory memory)
      : Task(env, pinned), memory_(std::move(memory)) {}

  void work() override {
    for (const auto& event : memory_.after) event->synchronize();
    DeviceSession& session = *memory_.session;
    // Ends last, after what was allocated in its order, and waits for the work that was given before an error.
    const std::shared_ptr<device::Stream> stream = session.device->create_stream();
    JoinWork work(session.pool, stream, {.timed = is_timed(), .cancel = &cancel_});
    run(work);
  }
  void cancel() noexcept override { cancel_.store(true); }

 protected:
  virtual void run(JoinWork& work) = 0;
  virtual bool is_timed() const { return false; }
  const std::shared_ptr<DeviceSession>& session() const { return memory_.session; }

 private:
  RequestMemory memory_;
  std::atomic<bool> cancel_{false};
};

Napi::Value index_to_js(Napi::Env env, std::shared_ptr<DeviceSession> session,
                        std::shared_ptr<const device::TableIndex> index) {
  return to_external(env,
                     std::make_shared<HeldTableIndex>(HeldTableIndex{std::move(session), std::move(index)}));
}

class IndexTask final : public TableTask {
 public:
  IndexTask(Napi::Env env, Napi::Object pinned, RequestMemory memory, device::RightInput right)
      : TableTask(env, pinned, std::move(memory)), right_(std::move(right)) {}

  Napi::Value result(Napi::Env env) override { return index_to_js(env, session(), std::move(index_)); }

 protected:
  void run(JoinWork& work) override {
    auto index = std::make_shared<device::TableIndex>(work, right_);
    work.stream().synchronize();
    index->settle();
    index_ = std::move(index);
  }

 private:
  device::RightInput right_;
  std::shared_ptr<const device::TableIndex> index_;
};

class JoinTask final : public TableTask {
 public:
  JoinTask(Napi::Env env, Napi::Object pinned, RequestMemory memory, device::TableJoin join)
      : TableTask(env, pinned, std::move(memory)), join_(std::move(join)) {}

  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("rows", static_cast<double>(result_.rows));
    result.Set("left", columns(env, result_.left));
    Napi::Array streams = Napi::Array::New(env);
    for (device::TableStreamResult& stream : result_.streams) streams.Set(streams.Length(), one(env, stream));
    result.Set("streams", streams);
    result.Set("explain", join_.explain ? explain(env) : env.Null());
    return result;
  }

 protected:
  bool is_timed() const override { return join_.explain; }
  void run(JoinWork& work) override {
    result_ = device::join_tables(work, join_);
    if (!join_.explain) return;
    phases_ = work.phases();
    copy_rate_ = session()->copy_rate->get(work);
  }

 private:
  Napi::Value explain(Napi::Env env) const {
    Napi::Object result = Napi::Object::New(env);
    result.Set("phases", phases_to_js(env, phases_));
    result.Set("copyBytesPerSecond", copy_rate_);
    return result;
  }
  Napi::Value buffer(Napi::Env env, DeviceBuffer& taken) {
    if (!taken) return env.Null();
    auto memory = std::make_shared<DeviceMemory>();
    memory->session = session();
    memory->bytes = taken.bytes();
    memory->buffer = std::move(taken);
    ++session()->allocations;
    Napi::Object result = Napi::Object::New(env);
    result.Set("byteLength", static_cast<double>(memory->bytes));
    result.Set("memory", to_external(env, std::move(memory)));
    return result;
  }
  Napi::Value column(Napi::Env env, TakenColumn& taken) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("length", static_cast<double>(taken.length));
    result.Set("nullCount", static_cast<double>(taken.null_count));
    result.Set("values", buffer(env, taken.values));
    result.Set("offsets", buffer(env, taken.offsets));
    result.Set("validity", buffer(env, taken.validity));
    result.Set("children", columns(env, taken.children));
    return result;
  }
  Napi::Array columns(Napi::Env env, std::vector<TakenColumn>& taken) {
    Napi::Array result = Napi::Array::New(env);
    for (TakenColumn& each : taken) result.Set(result.Length(), column(env, each));
    return result;
  }
  Napi::Value maybe(Napi::Env env, std::optional<TakenColumn>& taken) {
    return taken ? column(env, *taken) : env.Null();
  }
  Napi::Object one(Napi::Env env, device::TableStreamResult& stream) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("columns", columns(env, stream.columns));
    result.Set("age", maybe(env, stream.age));
    result.Set("matched", maybe(env, stream.matched));
    result.Set("stats", stats_to_js(env, stream.stats));
    result.Set("plan", static_cast<double>(stream.plan));
    result.Set("index", stream.index ? index_to_js(env, session(), std::move(stream.index)) : env.Null());
    return result;
  }

  device::TableJoin join_;
  device::TableJoinResult result_;
  std::vector<device::WorkPhase> phases_;
  double copy_rate_ = 0;
};

std::shared_ptr<DeviceSession> open_session(const Napi::Value& value) {
  std::shared_ptr<DeviceSession> session = shared_of<DeviceSession>(value, "a device");
  session->require_open();
  return session;
}

Napi::Object request_of(const Napi::CallbackInfo& info) {
  if (!info[1].IsObject()) throw Error(ErrorCode::ARG_TYPE, "native device: expected a request");
  return info[1].As<Napi::Object>();
}

// tableIndex(device, right): task of an index
Napi::Value table_index(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    RequestMemory memory{open_session(info[0]), {}, {}, {}};
    const Napi::Object request = request_of(info);
    device::RightInput right = right_from_js(request, memory);
    return data_of(env).runner.start(
        env, std::make_unique<IndexTask>(env, request, std::move(memory), std::move(right)));
  });
}

// tableIndexBytes(index): number
Napi::Value table_index_bytes(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto& held = shared_of<HeldTableIndex>(info[0], "a table index");
    return Napi::Number::New(info.Env(), held->index ? static_cast<double>(held->index->bytes()) : 0);
  });
}

// tableIndexRelease(index): void, idempotent; joins under way keep it
Napi::Value table_index_release(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    shared_of<HeldTableIndex>(info[0], "a table index")->index.reset();
    return info.Env().Undefined();
  });
}

// tableJoin(device, request): task of { rows, left, streams }
Napi::Value table_join(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    RequestMemory memory{open_session(info[0]), {}, {}, {}};
    const Napi::Object request = request_of(info);
    device::TableJoin join = join_from_js(request, memory);
    return data_of(env).runner.start(
        env, std::make_unique<JoinTask>(env, request, std::move(memory), std::move(join)));
  });
}

}  // namespace

void register_table_join(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("tableIndex", table_index);
  set("tableIndexBytes", table_index_bytes);
  set("tableIndexRelease", table_index_release);
  set("tableJoin", table_join);
}

}  // namespace flowstate::binding
