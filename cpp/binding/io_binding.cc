// mapFile, warmEngine, scanTable, scanOpen, scanNext, scanClose: unmarshal, one call, marshal. Engines (a loaded libduckdb with
// its instances) live in the state that the exported functions share, one per environment.
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "binding/addon_data.h"
#include "binding/guard.h"
#include "binding/io_state.h"
#include "binding/marshal.h"
#include "flowstate/io/mapped_file.h"
#include "flowstate/io/scan.h"

namespace flowstate::binding {

namespace {

// A cursor and whether a call is running on it.
struct CursorHandle {
  std::shared_ptr<io::ScanCursor> cursor;
  bool busy = false;
};

std::string optional_string(const Napi::Object& object, const char* key) {
  return is_nullish(get(object, key)) ? std::string() : get_string(object, key);
}

io::ScanRequest request_from_js(const Napi::Object& object) {
  io::ScanRequest request;
  const Napi::Array columns = get_array(object, "columns");
  for (std::uint32_t i = 0; i < columns.Length(); ++i) {
    const Napi::Object item = columns.Get(i).As<Napi::Object>();
    io::ScanColumn column;
    column.name = get_string(item, "name");
    const std::int64_t kind = get_int(item, "kind");
    const std::int64_t width = get_int(item, "width");
    if (kind < 0 || kind > static_cast<std::int64_t>(io::ScanKind::kInterval) || width < 0 ||
        width > (1 << 20)) {
      throw Error(ErrorCode::ARG_RANGE, "native scan: a column's kind or width is out of range");
    }
    column.kind = static_cast<io::ScanKind>(kind);
    column.width = static_cast<std::int32_t>(width);
    request.columns.push_back(std::move(column));
    request.expressions.push_back(get_string(item, "expression"));
  }
  request.from = get_string(object, "from");
  request.where = optional_string(object, "where");
  request.row_number = optional_string(object, "rowNumber");
  request.rows = get_int(object, "rows");
  return request;
}

Napi::Value optional_buffer(Napi::Env env, Buffer&& buffer, bool present) {
  return present ? buffer_to_js(env, std::move(buffer)) : Napi::Value(env.Null());
}

Napi::Object scanned_to_js(Napi::Env env, io::Scanned&& scanned) {
  Napi::Array columns = Napi::Array::New(env, scanned.columns.size());
  for (std::uint32_t i = 0; i < scanned.columns.size(); ++i) {
    io::ScannedColumn& column = scanned.columns[i];
    Napi::Object item = Napi::Object::New(env);
    item.Set("length", static_cast<double>(column.length));
    item.Set("nullCount", static_cast<double>(column.null_count));
    const bool has_offsets = !column.offsets.empty();
    const bool has_dictionary = !column.dictionary_offsets.empty();
    item.Set("values", buffer_to_js(env, std::move(column.values)));
    item.Set("offsets", optional_buffer(env, std::move(column.offsets), has_offsets));
    item.Set("validity", optional_buffer(env, std::move(column.validity), column.null_count > 0));
    item.Set("dictionaryOffsets", optional_buffer(env, std::move(column.dictionary_offsets), has_dictionary));
    item.Set("dictionaryValues", optional_buffer(env, std::move(column.dictionary_values), has_dictionary));
    columns.Set(i, item);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("rows", static_cast<double>(scanned.rows));
  result.Set("columns", columns);
  return result;
}

class WholeTask final : public Task {
 public:
  WholeTask(Napi::Env env, Napi::Object request, std::unique_ptr<io::ScanConnection> connection,
            io::ScanRequest scan)
      : Task(env, request), connection_(std::move(connection)), scan_(std::move(scan)) {
    interruptible_ = connection_.get();
  }

  void work() override {
    // The connection ends with the scan; nothing may interrupt it after that.
    struct Release {
      WholeTask& task;
      ~Release() {
        const std::lock_guard lock(task.mutex_);
        task.interruptible_ = nullptr;
      }
    };
    std::shared_ptr<io::ScanConnection> keep(std::move(connection_));
    const Release release{*this};
    scanned_ = io::scan_whole(keep, std::move(scan_));
  }
  Napi::Value result(Napi::Env env) override { return scanned_to_js(env, std::move(scanned_)); }
  void cancel() noexcept override {
    const std::lock_guard lock(mutex_);
    if (interruptible_ != nullptr) interruptible_->interrupt();
  }

 private:
  std::mutex mutex_;
  io::ScanConnection* interruptible_ = nullptr;
  std::unique_ptr<io::ScanConnection> connection_;
  io::ScanRequest scan_;
  io::Scanned scanned_;
};

// Loads libduckdb and opens the instance, so that the first scan finds both.
class WarmTask final : public Task {
 public:
  WarmTask(Napi::Env env, Napi::Object request, std::unique_ptr<io::ScanConnection> connection)
      : Task(env, request), connection_(std::move(connection)) {}

  void work() override { connection_->open(); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }
  void cancel() noexcept override { connection_->interrupt(); }

 private:
  std::unique_ptr<io::ScanConnection> connection_;
};

class NextTask final : public Task {
 public:
  NextTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<CursorHandle> handle, std::int64_t rows)
      : Task(env, pinned), handle_(std::move(handle)), cursor_(handle_->cursor), rows_(rows) {
    handle_->busy = true;
  }
  ~NextTask() override { handle_->busy = false; }

  void work() override { scanned_ = cursor_->next(rows_); }
  Napi::Value result(Napi::Env env) override {
    handle_->busy = false;
    return scanned_to_js(env, std::move(scanned_));
  }
  void cancel() noexcept override { cursor_->interrupt(); }

 private:
  std::shared_ptr<CursorHandle> handle_;
  std::shared_ptr<io::ScanCursor> cursor_;
  std::int64_t rows_;
  io::Scanned scanned_;
};

using HandleExternal = Napi::External<std::shared_ptr<CursorHandle>>;

std::shared_ptr<CursorHandle> handle_of(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsExternal()) {
    throw Error(ErrorCode::ARG_TYPE, "native scan: expected a cursor");
  }
  return *info[0].As<HandleExternal>().Data();
}

// mapFile(path): ArrayBuffer, or null where the runtime forbids external memory
Napi::Value map_file(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsString())
      throw Error(ErrorCode::ARG_TYPE, "mapFile: expected a path");
    auto file = std::make_unique<io::MappedFile>(info[0].As<Napi::String>().Utf8Value());
    if (file->size() == 0) return Napi::ArrayBuffer::New(info.Env(), 0);
    napi_value result = nullptr;
    const napi_status status = napi_create_external_arraybuffer(
        info.Env(), file->data(), file->size(),
        [](napi_env, void*, void* hint) { delete static_cast<io::MappedFile*>(hint); }, file.get(), &result);
    if (status != napi_ok) return info.Env().Null();
    file.release();  // the finalizer has it now
    return Napi::Value(info.Env(), result);
  });
}

}  // namespace

void register_io(Napi::Env env, Napi::Object exports) {
  const auto state = std::make_shared<IoState>();
  register_copy(env, exports, state);
  exports.Set("mapFile", Napi::Function::New(env, map_file, "mapFile"));

  // warmEngine({ library, threads }): { promise: Promise<void>, cancel }
  exports.Set("warmEngine", Napi::Function::New(
                                env,
                                [state](const Napi::CallbackInfo& info) {
                                  return guarded(info, [&]() -> Napi::Value {
                                    const Napi::Object object = info[0].As<Napi::Object>();
                                    auto task = std::make_unique<WarmTask>(info.Env(), object,
                                                                           state->connect(object));
                                    return data_of(info.Env()).runner.start(info.Env(), std::move(task));
                                  });
                                },
                                "warmEngine"));

  // scanTable(request): { promise: Promise<Scanned>, cancel }
  exports.Set("scanTable", Napi::Function::New(
                               env,
                               [state](const Napi::CallbackInfo& info) {
                                 return guarded(info, [&]() -> Napi::Value {
                                   const Napi::Object object = info[0].As<Napi::Object>();
                                   auto task = std::make_unique<WholeTask>(
                                       info.Env(), object, state->connect(object), request_from_js(object));
                                   return data_of(info.Env()).runner.start(info.Env(), std::move(task));
                                 });
                               },
                               "scanTable"));

  // scanOpen(request): cursor
  exports.Set("scanOpen", Napi::Function::New(
                              env,
                              [state](const Napi::CallbackInfo& info) {
                                return guarded(info, [&]() -> Napi::Value {
                                  const Napi::Object object = info[0].As<Napi::Object>();
                                  auto handle = std::make_unique<std::shared_ptr<CursorHandle>>(
                                      std::make_shared<CursorHandle>());
                                  (*handle)->cursor = std::make_shared<io::ScanCursor>(
                                      state->connect(object), request_from_js(object));
                                  auto external = HandleExternal::New(
                                      info.Env(), handle.get(),
                                      [](Napi::Env, std::shared_ptr<CursorHandle>* held) { delete held; });
                                  handle.release();
                                  return external;
                                });
                              },
                              "scanOpen"));

  // scanNext(cursor, rows): { promise: Promise<Scanned>, cancel }; no rows at the end
  exports.Set("scanNext", Napi::Function::New(
                              env,
                              [](const Napi::CallbackInfo& info) {
                                return guarded(info, [&]() -> Napi::Value {
                                  const std::shared_ptr<CursorHandle> handle = handle_of(info);
                                  if (!handle->cursor)
                                    throw Error(ErrorCode::CLOSED, "native scan: the cursor is closed");
                                  if (handle->busy)
                                    throw Error(ErrorCode::BUSY, "native scan: the cursor is in use");
                                  if (info.Length() < 2 || !info[1].IsNumber()) {
                                    throw Error(ErrorCode::ARG_TYPE, "native scan: expected a row count");
                                  }
                                  Napi::Object pinned = Napi::Object::New(info.Env());
                                  pinned.Set("cursor", info[0]);
                                  auto task = std::make_unique<NextTask>(
                                      info.Env(), pinned, handle, info[1].As<Napi::Number>().Int64Value());
                                  return data_of(info.Env()).runner.start(info.Env(), std::move(task));
                                });
                              },
                              "scanNext"));

  // scanClose(cursor): void, idempotent; a running call finishes first
  exports.Set("scanClose", Napi::Function::New(
                               env,
                               [](const Napi::CallbackInfo& info) {
                                 return guarded(info, [&]() -> Napi::Value {
                                   handle_of(info)->cursor.reset();
                                   return info.Env().Undefined();
                                 });
                               },
                               "scanClose"));
}

}  // namespace flowstate::binding
