// The cuda implementation of the device interface: streams (stream.h), memory (memory.h) and files (file.h) of one
// GPU's primary context, which is the one that ONNX Runtime, TensorFlow and cuFile use in the same process.
#include <cuda_runtime_api.h>

#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "context.h"
#include "context_event.h"
#include "file.h"
#include "flowstate/device/device.h"
#include "memory.h"
#include "stream.h"

namespace flowstate::cuda {

namespace {

class CudaDevice final : public device::Device {
 public:
  CudaDevice(int ordinal, device::DeviceProperties properties)
      : properties_(std::move(properties)), context_(std::make_shared<Context>(ordinal)) {
    context_->enter();
    memory_ = std::make_unique<CudaMemory>(context_, properties_.memory_pools);
  }

  device::DeviceKind kind() const noexcept override { return device::DeviceKind::kCuda; }
  const std::string& id() const noexcept override { return context_->id(); }
  const device::DeviceProperties& properties() const noexcept override { return properties_; }

  device::MemoryInfo memory_info() override {
    context_->enter();
    device::MemoryInfo info;
    FS_CUDA_TRY(*context_, cudaMemGetInfo, &info.free_bytes, &info.total_bytes);
    return info;
  }

  void* allocate(std::size_t bytes) override { return memory_->allocate(bytes); }
  void free(void* data) noexcept override { memory_->free(data); }
  void* allocate_ordered(std::size_t bytes, device::Stream& stream) override {
    return memory_->allocate_ordered(bytes, cuda_stream(stream, *context_).handle());
  }
  void free_ordered(void* data, device::Stream& stream) noexcept override {
    memory_->free_ordered(data, static_cast<cudaStream_t>(stream.native_handle()));
  }
  device::PinnedBlock allocate_pinned(std::size_t bytes) override { return memory_->allocate_pinned(bytes); }
  void free_pinned(const device::PinnedBlock& block) noexcept override { memory_->free_pinned(block); }
  bool register_host(void* data, std::size_t bytes) override { return memory_->register_host(data, bytes); }
  void unregister_host(void* data) noexcept override { memory_->unregister_host(data); }
  device::HostMemoryKind kind_of_host_memory(const void* data) const noexcept override {
    return memory_->kind_of_host_memory(data);
  }

  std::unique_ptr<device::Stream> create_stream() override {
    auto stream = std::make_unique<CudaStream>(shared_from_this(), context_);
    const std::lock_guard lock(streams_mutex_);
    std::erase_if(streams_, [](const auto& health) { return health.expired(); });
    streams_.push_back(stream->health());
    return stream;
  }
  std::unique_ptr<device::Event> create_event() override {
    return std::make_unique<CudaEvent>(shared_from_this(), context_);
  }
  std::unique_ptr<device::DirectFile> open_direct(const std::string& path, std::string& reason) override {
    context_->enter();
    return open_cufile(shared_from_this(), context_, path, reason);
  }

  // Also tells what frees and destructors, which cannot throw, have met since the last time, and which of the streams
  // is broken.
  void synchronize() override {
    context_->enter();
    FS_CUDA_TRY(*context_, cudaDeviceSynchronize);
    memory_->collect();
    context_->report_noted();
    const std::lock_guard lock(streams_mutex_);
    for (const auto& weak : streams_) {
      if (const auto health = weak.lock()) health->check(std::numeric_limits<std::uint64_t>::max());
    }
  }

  // An event of the whole context, where the driver has such events: work that others give meanwhile is not waited for.
  void wait_for_everybody() override {
    context_->enter();
    if (!wait_for_context(*context_)) FS_CUDA_TRY(*context_, cudaDeviceSynchronize);
  }

 private:
  device::DeviceProperties properties_;
  std::shared_ptr<Context> context_;
  std::unique_ptr<CudaMemory> memory_;
  std::mutex streams_mutex_;
  std::vector<std::weak_ptr<StreamHealth>> streams_;
};

}  // namespace

}  // namespace flowstate::cuda

namespace flowstate::device {

std::shared_ptr<Device> open_cuda_device(int ordinal) {
  const Probe found = probe();
  if (!found.reason.empty()) {
    throw Error(ErrorCode::CUDA_UNAVAILABLE, "no CUDA device can be opened: " + found.reason);
  }
  const int count = static_cast<int>(found.devices.size());
  if (ordinal < 0 || ordinal >= count) {
    throw Error(
        ErrorCode::ARG_RANGE,
        "device cuda:" + std::to_string(ordinal) + " does not exist; there are " + std::to_string(count),
        {{"ordinal", ordinal}, {"devices", count}});
  }
  return std::make_shared<cuda::CudaDevice>(ordinal, found.devices[static_cast<std::size_t>(ordinal)]);
}

}  // namespace flowstate::device
