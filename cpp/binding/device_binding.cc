// deviceOpen … memoryAffine: devices and their memory. Copies and waits run on the addon's threads.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "binding/addon_data.h"
#include "binding/device_arguments.h"
#include "binding/device_properties.h"
#include "binding/device_session.h"
#include "binding/external.h"
#include "binding/guard.h"
#include "binding/marshal.h"

namespace flowstate::binding {

namespace {

using device::Event;

// deviceOpen({ ordinal, memoryBytes, streams, chunkBytes, stagingThreads }): device
Napi::Value device_open(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    if (info.Length() < 1 || !info[0].IsObject())
      throw Error(ErrorCode::ARG_TYPE, "native device: expected options");
    const Napi::Object options = info[0].As<Napi::Object>();
    const std::int64_t ordinal = get_int(options, "ordinal");
    auto session = std::make_shared<DeviceSession>();
    if (ordinal < 0) {
      session->faults = std::make_shared<device::FaultPlan>();
      session->device =
          device::open_host_device({.memory_bytes = static_cast<std::size_t>(get_int(options, "memoryBytes")),
                                    .faults = session->faults});
    } else {
      session->device = device::open_cuda_device(static_cast<int>(ordinal));
    }
    session->pool = std::make_shared<device::DevicePool>(session->device);
    device::Transfer::Options transfer;
    if (const std::int64_t streams = get_int(options, "streams"); streams > 0) {
      transfer.streams = static_cast<int>(streams);
    }
    if (const std::int64_t chunk = get_int(options, "chunkBytes"); chunk > 0) {
      transfer.chunk_bytes = static_cast<std::size_t>(chunk);
    }
    // One thread moves pageable bytes no faster than memcpy; a second brings nothing where the cores are two.
    const std::int64_t threads = get_int(options, "stagingThreads");
    transfer.staging_threads =
        threads > 0
            ? static_cast<int>(threads)
            : std::clamp(static_cast<int>(std::thread::hardware_concurrency() / 2), 1, transfer.streams);
    // Staging is bounded by the transfer; its slabs come with the first pageable copy.
    device::PinnedPool::Options staging;
    staging.slab_bytes = transfer.chunk_bytes * 2 * static_cast<std::size_t>(transfer.streams);
    staging.cap_bytes = 2 * staging.slab_bytes;
    session->staging = std::make_shared<device::PinnedPool>(session->device, staging);
    session->transfer = std::make_shared<device::Transfer>(session->device, session->staging, transfer);
    session->compute = session->device->create_stream();
    return to_external(info.Env(), std::move(session));
  });
}

// deviceInfo(device): { id, streams, chunkBytes, stagingThreads } and the properties
Napi::Value device_info(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto session = session_of(info[0]);
    Napi::Object result = to_js(env, session->device->properties());
    result.Set("id", session->device->id());
    if (session->device->kind() == device::DeviceKind::kHost) {
      // What only a GPU has; there 0 would read like a fact.
      for (const char* const name : {"computeCapability", "multiprocessors", "copyEngines", "pciBusId",
                                     "unifiedAddressing", "memoryPools"}) {
        result.Set(name, env.Null());
      }
    }
    result.Set("streams", static_cast<double>(session->transfer->options().streams));
    result.Set("chunkBytes", static_cast<double>(session->transfer->options().chunk_bytes));
    result.Set("stagingThreads", static_cast<double>(session->transfer->options().staging_threads));
    return result;
  });
}

// deviceMemory(device): { freeBytes, totalBytes, usedBytes, pooledBytes, allocations, poolHits }
Napi::Value device_memory(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = session_of(info[0]);
    const device::MemoryInfo memory = session->device->memory_info();
    const device::DevicePoolStats pool = session->pool->stats();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("freeBytes", static_cast<double>(memory.free_bytes));
    result.Set("totalBytes", static_cast<double>(memory.total_bytes));
    result.Set("usedBytes", static_cast<double>(pool.lent_bytes));
    result.Set("pooledBytes", static_cast<double>(pool.held_bytes));
    result.Set("allocations", static_cast<double>(session->allocations));
    result.Set("poolHits", static_cast<double>(pool.hits));
    return result;
  });
}

// deviceTransfers(device): what all copies so far did
Napi::Value device_transfers(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const device::TransferStats stats = session_of(info[0])->transfer->stats();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("toDeviceBytes", static_cast<double>(stats.to_device_bytes));
    result.Set("toHostBytes", static_cast<double>(stats.to_host_bytes));
    result.Set("pageableBytes", static_cast<double>(stats.pageable_bytes));
    result.Set("pinnedBytes", static_cast<double>(stats.pinned_bytes));
    result.Set("registeredBytes", static_cast<double>(stats.registered_bytes));
    result.Set("stagedChunks", static_cast<double>(stats.staged_chunks));
    result.Set("deviceCopies", static_cast<double>(stats.device_copies));
    result.Set("stagingMs", static_cast<double>(stats.staging_ns) / 1e6);
    result.Set("waitingMs", static_cast<double>(stats.waiting_ns) / 1e6);
    result.Set("failedCalls", static_cast<double>(stats.failed_calls));
    return result;
  });
}

// Host memory registered for the copy engine; the view stays referenced, so its memory stays.
struct Registration {
  std::shared_ptr<DeviceSession> session;
  void* data = nullptr;
  Napi::ObjectReference view;
  void end() {
    if (data != nullptr) session->device->unregister_host(data);
    data = nullptr;
    view.Reset();
  }
  ~Registration() {
    if (data != nullptr) session->device->unregister_host(data);
  }
};

// deviceRegister(device, view): registration, or null where the system refuses to lock the pages
Napi::Value device_register(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = session_of(info[0]);
    const Bytes bytes = bytes_of(info[1], "the memory to register");
    auto* const data = const_cast<std::uint8_t*>(bytes.data);
    if (!session->device->register_host(data, bytes.size)) return info.Env().Null();
    auto registration = std::make_shared<Registration>();
    registration->session = session;
    registration->data = data;
    registration->view = Napi::Persistent(info[1].As<Napi::Object>());
    return to_external(info.Env(), std::move(registration));
  });
}

// registrationEnd(registration): void, idempotent
Napi::Value registration_end(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    shared_of<Registration>(info[0], "a registration")->end();
    return info.Env().Undefined();
  });
}

// deviceTrim(device): number
Napi::Value device_trim(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(session_of(info[0])->pool->trim()));
  });
}

// deviceClose(device): void, idempotent
Napi::Value device_close(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = shared_of<DeviceSession>(info[0], "a device");
    if (session->closed) return info.Env().Undefined();
    session->closed = true;
    session->pool->close();
    session->staging->close();
    return info.Env().Undefined();
  });
}

// deviceArm(device, call, nth, times): void
Napi::Value device_arm(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = session_of(info[0]);
    const std::size_t call = size_of(info[1], "call");
    if (!session->faults || call >= device::kCalls) {
      throw Error(ErrorCode::ARG_RANGE,
                  "native device: faults are planned on the host device, by known calls");
    }
    session->faults->arm(static_cast<device::Call>(call), size_of(info[2], "nth"), size_of(info[3], "times"));
    return info.Env().Undefined();
  });
}

// deviceAllocate(device, bytes): memory
Napi::Value device_allocate(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = session_of(info[0]);
    const std::shared_ptr<DeviceMemory> memory = make_memory(std::make_shared<DeviceMemory>());
    memory->session = session;
    memory->bytes = size_of(info[1], "bytes");
    memory->buffer = session->pool->allocate(memory->bytes);
    ++session->allocations;
    return to_external(info.Env(), memory);
  });
}

// Copies between JavaScript's memory and the device's.
class CopyTask final : public Task {
 public:
  CopyTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<DeviceSession> session,
           const Napi::Array& copies, device::Direction direction)
      : Task(env, pinned), session_(std::move(session)), direction_(direction) {
    const std::byte* end = nullptr;  // of the device memory of the copy before
    for (std::uint32_t i = 0; i < copies.Length(); ++i) {
      const Napi::Object copy = copies.Get(i).As<Napi::Object>();
      const std::shared_ptr<DeviceMemory> memory = memory_of(get(copy, "memory"));
      const Bytes host = bytes_of(get(copy, "host"), "a copy's host memory");
      std::byte* const there = memory->at(static_cast<std::size_t>(get_int(copy, "offset")), host.size);
      if (memory->ready && std::find(after_.begin(), after_.end(), memory->ready) == after_.end()) {
        after_.push_back(memory->ready);
      }
      // Buffers of a table lie at multiples of the alignment; what is between two neighbours belongs to nobody.
      if (end != nullptr && there > end && static_cast<std::size_t>(there - end) < device::kDeviceAlignment &&
          &*uses_.back() == memory.get()) {
        copies_.back().padding = static_cast<std::size_t>(there - end);
      }
      end = there + host.size;
      uses_.emplace_back(memory, direction == device::Direction::kToDevice);
      const bool is_pageable =
          session_->device->kind_of_host_memory(host.data) == device::HostMemoryKind::kPageable;
      (is_pageable ? staged_bytes_ : pinned_bytes_) += host.size;
      auto* const here = const_cast<std::uint8_t*>(host.data);
      if (direction == device::Direction::kToDevice) {
        copies_.push_back({there, here, host.size, 0});
      } else {
        copies_.push_back({here, there, host.size, 0});
      }
    }
  }

  void work() override {
    for (const auto& event : after_) event->synchronize();
    session_->transfer->copy_blocking(direction_, copies_, {nullptr, &cancel_});
  }
  Napi::Value result(Napi::Env env) override {
    Napi::Object result = Napi::Object::New(env);
    result.Set("bytes", static_cast<double>(pinned_bytes_ + staged_bytes_));
    result.Set("pinnedBytes", static_cast<double>(pinned_bytes_));
    result.Set("stagedBytes", static_cast<double>(staged_bytes_));
    return result;
  }
  void cancel() noexcept override { cancel_.store(true); }

 private:
  std::shared_ptr<DeviceSession> session_;
  device::Direction direction_;
  std::vector<MemoryUse> uses_;
  std::vector<std::shared_ptr<Event>> after_;
  std::vector<device::Copy> copies_;
  std::atomic<bool> cancel_{false};
  std::size_t pinned_bytes_ = 0;
  std::size_t staged_bytes_ = 0;
};

// deviceUpload(device, copies), deviceDownload(device, copies): task of { bytes, pinnedBytes, stagedBytes }
Napi::Value start_copy(const Napi::CallbackInfo& info, device::Direction direction) {
  return guarded(info, [&]() -> Napi::Value {
    const auto session = session_of(info[0]);
    if (!info[1].IsArray()) throw Error(ErrorCode::ARG_TYPE, "native device: expected an array of copies");
    const Napi::Array copies = info[1].As<Napi::Array>();
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<CopyTask>(info.Env(), copies, session, copies, direction));
  });
}
Napi::Value device_upload(const Napi::CallbackInfo& info) {
  return start_copy(info, device::Direction::kToDevice);
}
Napi::Value device_download(const Napi::CallbackInfo& info) {
  return start_copy(info, device::Direction::kToHost);
}

// memoryAddress(memory): bigint
Napi::Value memory_address(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_of(info[0])->buffer.data());
    return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(address));
  });
}

// memoryIsReady(memory): boolean
Napi::Value memory_is_ready(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto memory = memory_of(info[0]);
    return Napi::Boolean::New(info.Env(), !memory->ready || memory->ready->is_complete());
  });
}

class ReadyTask final : public Task {
 public:
  ReadyTask(Napi::Env env, Napi::Object pinned, std::shared_ptr<DeviceMemory> memory)
      : Task(env, pinned), event_(memory->ready), use_(std::move(memory), false) {}
  void work() override {
    if (event_) event_->synchronize();
  }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<Event> event_;
  MemoryUse use_;
};

// memoryReady(memory): task of void
Napi::Value memory_ready(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto memory = memory_of(info[0]);
    Napi::Object pinned = Napi::Object::New(info.Env());
    return data_of(info.Env())
        .runner.start(info.Env(), std::make_unique<ReadyTask>(info.Env(), pinned, memory));
  });
}

// memoryRelease(memory): void, idempotent
Napi::Value memory_release(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    shared_of<DeviceMemory>(info[0], "device memory")->release();
    return info.Env().Undefined();
  });
}

// memoryAffine(target, targetOffset, source, sourceOffset, count, scale, offset): void; queued
Napi::Value memory_affine(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const auto target = memory_of(info[0]);
    const auto source = memory_of(info[2]);
    const std::size_t count = size_of(info[4], "count");
    if (target->session != source->session) {
      throw Error(ErrorCode::ARG_RANGE, "native device: target and source are of different devices");
    }
    DeviceSession& session = *target->session;
    session.require_open();
    if (target->uses > 0 || source->writers > 0) {
      throw Error(ErrorCode::BUSY, "a copy from or to the memory is under way; wait for it first");
    }
    auto* const to = reinterpret_cast<float*>(target->at(size_of(info[1], "offset"), count * sizeof(float)));
    const auto* const from =
        reinterpret_cast<const float*>(source->at(size_of(info[3], "offset"), count * sizeof(float)));
    const float scale = info[5].As<Napi::Number>().FloatValue();
    const float offset = info[6].As<Napi::Number>().FloatValue();
    // Validate first: the event exists before anything is queued.
    const std::shared_ptr<Event> ready = session.device->create_event();
    if (source->ready) session.compute->wait(*source->ready);
    if (target->ready && target != source) session.compute->wait(*target->ready);
    session.compute->affine_f32(to, from, count, scale, offset);
    session.compute->record(*ready);
    target->ready = ready;
    target->buffer.used_on(session.compute);
    // The source is being read: it must not be freed, or written, before that.
    source->ready = ready;
    source->buffer.used_on(session.compute);
    return info.Env().Undefined();
  });
}

}  // namespace

void register_device(Napi::Env env, Napi::Object exports) {
  const auto set = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  set("deviceOpen", device_open);
  set("deviceInfo", device_info);
  set("deviceMemory", device_memory);
  set("deviceTransfers", device_transfers);
  set("deviceRegister", device_register);
  set("registrationEnd", registration_end);
  set("deviceTrim", device_trim);
  set("deviceClose", device_close);
  set("deviceArm", device_arm);
  set("deviceAllocate", device_allocate);
  set("deviceUpload", device_upload);
  set("deviceDownload", device_download);
  set("memoryAddress", memory_address);
  set("memoryIsReady", memory_is_ready);
  set("memoryReady", memory_ready);
  set("memoryRelease", memory_release);
  set("memoryAffine", memory_affine);
}

}  // namespace flowstate::binding
