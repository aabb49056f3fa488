// readerOpen … readerClose: file ranges into device memory.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/marshal.h"
#include "flowstate/device/direct_reader.h"

namespace flowstate::binding {

namespace {

using device::DirectReader;

struct ReaderHandle {
  std::shared_ptr<DeviceSession> session;
  std::shared_ptr<DirectReader> reader;
};

std::shared_ptr<ReaderHandle> reader_of(const Napi::CallbackInfo& info) {
  return shared_of<ReaderHandle>(info[0], "a reader");
}

// readerOpen(device, { threads, taskBytes, mode }): reader
Napi::Value reader_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = shared_of<DeviceSession>(info[0], "a device");
    session->require_open();
    const Napi::Object options = info[1].As<Napi::Object>();
    DirectReader::Options parsed;
    parsed.threads = static_cast<int>(get_int(options, "threads"));
    parsed.task_bytes = static_cast<std::size_t>(get_int(options, "taskBytes"));
    parsed.chunk_bytes = std::min(parsed.chunk_bytes, parsed.task_bytes);
    const std::int64_t mode = get_int(options, "mode");
    if (mode < 0 || mode > 2) throw Error(ErrorCode::ARG_RANGE, "native reader: unknown mode");
    parsed.mode = static_cast<device::ReadMode>(mode);
    auto reader = std::make_shared<DirectReader>(session->device, parsed);
    return to_external(info.Env(), std::make_shared<ReaderHandle>(ReaderHandle{session, std::move(reader)}));
  });
}

class ReadTask final : public Task {
 public:
  ReadTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<ReaderHandle> handle,
           const Napi::Array& ranges)
      : Task(env, pinned), handle_(std::move(handle)) {
    for (std::uint32_t i = 0; i < ranges.Length(); ++i) {
      const Napi::Object range = ranges.Get(i).As<Napi::Object>();
      const std::shared_ptr<DeviceMemory> memory =
          shared_of<DeviceMemory>(get(range, "memory"), "device memory");
      memory->require_live();
      device::ReadRange read;
      read.path = get_string(range, "path");
      read.offset = static_cast<std::uint64_t>(get_int(range, "offset"));
      read.bytes = static_cast<std::size_t>(get_int(range, "byteLength"));
      read.target = memory->at(static_cast<std::size_t>(get_int(range, "memoryOffset")), read.bytes);
      if (memory->ready) after_.push_back(memory->ready);
      uses_.emplace_back(memory, true);
      ranges_.push_back(std::move(read));
    }
  }

  void work() override {
    for (const auto& event : after_) event->synchronize();
    std::optional<device::ReadJob> job;
    {
      const std::lock_guard lock(mutex_);
      if (cancelled_) throw Error(ErrorCode::ABORTED, "the read was aborted");
      job = job_.emplace(handle_->reader->read_async(std::move(ranges_)));
    }
    job->wait();
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }
  void cancel() noexcept override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (job_) job_->cancel();
  }

 private:
  std::shared_ptr<ReaderHandle> handle_;
  std::vector<MemoryUse> uses_;
  std::vector<std::shared_ptr<device::Event>> after_;
  std::vector<device::ReadRange> ranges_;
  std::mutex mutex_;
  bool cancelled_ = false;              // guarded by mutex_
  std::optional<device::ReadJob> job_;  // guarded by mutex_
};

// readerRead(reader, ranges): task of void
Napi::Value reader_read(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto handle = reader_of(info);
    if (!info[1].IsArray()) throw Error(ErrorCode::ARG_TYPE, "native reader: expected an array of ranges");
    const Napi::Array ranges = info[1].As<Napi::Array>();
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<ReadTask>(info.Env(), ranges, handle, ranges));
  });
}

// readerStats(reader)
Napi::Value reader_stats(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const device::ReaderStats stats = reader_of(info)->reader->stats();
    double ranges = 0;
    double direct = 0;
    double posix = 0;
    std::string direct_path;
    for (const auto& path : stats.paths) {
      ranges += static_cast<double>(path.ranges);
      if (path.name == "POSIX") {
        posix += static_cast<double>(path.bytes);
      } else {
        direct += static_cast<double>(path.bytes);
        direct_path = path.name;
      }
    }
    Napi::Array fallbacks = Napi::Array::New(env);
    for (const auto& [reason, files] : stats.fallbacks) {
      Napi::Object fallback = Napi::Object::New(env);
      fallback.Set("reason", reason);
      fallback.Set("files", static_cast<double>(files));
      fallbacks.Set(fallbacks.Length(), fallback);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("ranges", ranges);
    result.Set("bytes", direct + posix);
    result.Set("directBytes", direct);
    result.Set("posixBytes", posix);
    result.Set("shortReads", static_cast<double>(stats.short_reads));
    result.Set("retries", static_cast<double>(stats.retries));
    result.Set("interrupted", static_cast<double>(stats.interrupted));
    result.Set("fallbacks", fallbacks);
    result.Set("directPath", direct_path);
    return result;
  });
}

// readerClose(reader): void, idempotent
Napi::Value reader_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    reader_of(info)->reader->close();
    return info.Env().Undefined();
  });
}

}  // namespace

void register_reader(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("readerOpen", reader_open);
  set("readerRead", reader_read);
  set("readerStats", reader_stats);
  set("readerClose", reader_close);
}

}  // namespace flowstate::binding
