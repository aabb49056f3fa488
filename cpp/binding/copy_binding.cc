// copyOpen, copyPush, copyRoom, copyFinish, copyClose: batches from JavaScript into a COPY statement.
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "binding/addon_data.h"
#include "binding/guard.h"
#include "binding/io_state.h"
#include "binding/marshal.h"
#include "flowstate/io/copy_job.h"

namespace flowstate::binding {

namespace {

// A job and the batches it still reads, by id. JavaScript thread only, but for the job itself.
struct CopyHandle {
  std::shared_ptr<io::CopyJob> job;
  std::map<std::uint64_t, Napi::ObjectReference> pinned;
  std::uint64_t next = 1;

  void unpin() {
    for (const std::uint64_t id : job->released()) pinned.erase(id);
  }
};

using HandleExternal = Napi::External<std::shared_ptr<CopyHandle>>;

std::shared_ptr<CopyHandle> handle_of(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsExternal())
    throw Error(ErrorCode::ARG_TYPE, "native copy: expected a job");
  std::shared_ptr<CopyHandle> handle = *info[0].As<HandleExternal>().Data();
  if (!handle->job) throw Error(ErrorCode::CLOSED, "native copy: the job is closed");
  return handle;
}

io::ArrowType type_from_js(const Napi::Object& object) {
  io::ArrowType type;
  type.format = get_string(object, "format");
  type.name = get_string(object, "name");
  const Napi::Array children = get_array(object, "children");
  for (std::uint32_t i = 0; i < children.Length(); ++i) {
    type.children.push_back(type_from_js(children.Get(i).As<Napi::Object>()));
  }
  if (!is_nullish(get(object, "dictionary"))) {
    type.dictionary = std::make_unique<io::ArrowType>(type_from_js(get_object(object, "dictionary")));
  }
  return type;
}

io::ArrowData data_from_js(const Napi::Object& object) {
  io::ArrowData data;
  data.length = get_int(object, "length");
  data.null_count = get_int(object, "nullCount");
  const Napi::Array buffers = get_array(object, "buffers");
  for (std::uint32_t i = 0; i < buffers.Length(); ++i) {
    const Napi::Value buffer = buffers.Get(i);
    data.buffers.push_back(is_nullish(buffer) ? nullptr : bytes_of(buffer, "a batch's buffer").data);
  }
  const Napi::Array children = get_array(object, "children");
  for (std::uint32_t i = 0; i < children.Length(); ++i) {
    data.children.push_back(data_from_js(children.Get(i).As<Napi::Object>()));
  }
  if (!is_nullish(get(object, "dictionary"))) {
    data.dictionary = std::make_unique<io::ArrowData>(data_from_js(get_object(object, "dictionary")));
  }
  return data;
}

class WaitTask final : public Task {
 public:
  WaitTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<CopyHandle> handle, bool finish)
      : Task(env, pinned), handle_(std::move(handle)), job_(handle_->job), finish_(finish) {}

  void work() override {
    if (finish_) {
      job_->finish();
    } else {
      job_->wait_for_room();
    }
  }
  Napi::Value result(Napi::Env env) override {
    handle_->unpin();
    return env.Undefined();
  }
  void cancel() noexcept override { job_->abort(); }

 private:
  std::shared_ptr<CopyHandle> handle_;
  std::shared_ptr<io::CopyJob> job_;
  bool finish_;
};

Napi::Value start_wait(const Napi::CallbackInfo& info, bool finish) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<CopyHandle> handle = handle_of(info);
    Napi::Object pinned = Napi::Object::New(info.Env());
    pinned.Set("job", info[0]);
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<WaitTask>(info.Env(), pinned, handle, finish));
  });
}

// copyPush(job, batch): void; the batch's buffers must not change until the job is finished
Napi::Value copy_push(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const std::shared_ptr<CopyHandle> handle = handle_of(info);
    const Napi::Object batch = info[1].As<Napi::Object>();
    handle->unpin();
    const std::uint64_t id = handle->next++;
    io::ArrowData data = data_from_js(batch);
    handle->pinned.emplace(id, Napi::Persistent(batch));
    handle->job->push(id, std::move(data));
    return info.Env().Undefined();
  });
}

// copyClose(job): void, idempotent; aborts what is not finished
Napi::Value copy_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() > 0 && info[0].IsExternal()) {
      const std::shared_ptr<CopyHandle> handle = *info[0].As<HandleExternal>().Data();
      handle->job.reset();  // ends the statement, if it still runs, and waits: no buffer is read after this
      handle->pinned.clear();
    }
    return info.Env().Undefined();
  });
}

}  // namespace

void register_copy(Napi::Env env, Napi::Object exports, const std::shared_ptr<IoState>& state) {
  // copyOpen({ library, threads, view, sql, schema }): job
  exports.Set("copyOpen", Napi::Function::New(
                              env,
                              [state](const Napi::CallbackInfo& info) {
                                return guarded(info, [&]() -> Napi::Value {
                                  const Napi::Object object = info[0].As<Napi::Object>();
                                  auto handle = std::make_unique<std::shared_ptr<CopyHandle>>(
                                      std::make_shared<CopyHandle>());
                                  (*handle)->job = std::make_shared<io::CopyJob>(
                                      state->connect(object), get_string(object, "view"),
                                      get_string(object, "sql"), type_from_js(get_object(object, "schema")));
                                  auto external = HandleExternal::New(
                                      info.Env(), handle.get(),
                                      [](Napi::Env, std::shared_ptr<CopyHandle>* held) { delete held; });
                                  handle.release();
                                  return external;
                                });
                              },
                              "copyOpen"));
  exports.Set("copyPush", Napi::Function::New(env, copy_push, "copyPush"));
  // copyRoom(job), copyFinish(job): { promise: Promise<void>, cancel }
  exports.Set("copyRoom",
              Napi::Function::New(
                  env, [](const Napi::CallbackInfo& info) { return start_wait(info, false); }, "copyRoom"));
  exports.Set("copyFinish",
              Napi::Function::New(
                  env, [](const Napi::CallbackInfo& info) { return start_wait(info, true); }, "copyFinish"));
  exports.Set("copyClose", Napi::Function::New(env, copy_close, "copyClose"));
}

}  // namespace flowstate::binding
