// The host device: the whole device interface on the CPU. See device.h for the rules; host_state.h for its memory,
// host_stream.h for its streams, host_file.h for its files.
#include <algorithm>
#include <exception>
#include <thread>

#include "device/host_file.h"
#include "device/host_state.h"
#include "device/host_stream.h"
#include "flowstate/device/device.h"

namespace flowstate::device {

namespace {

HostStream& host_stream(Stream& stream) {
  auto* const mine = dynamic_cast<HostStream*>(&stream);
  if (mine == nullptr) throw Error(ErrorCode::ARG_RANGE, "the stream belongs to another device");
  return *mine;
}

class HostDevice final : public Device {
 public:
  explicit HostDevice(const HostDeviceOptions& options) : state_(std::make_shared<HostState>(options)) {
    properties_.name = "host";
    properties_.memory_bytes = static_cast<std::int64_t>(state_->memory_bytes);
  }

  DeviceKind kind() const noexcept override { return DeviceKind::kHost; }
  const std::string& id() const noexcept override { return properties_.name; }
  const DeviceProperties& properties() const noexcept override { return properties_; }

  MemoryInfo memory_info() override {
    state_->throw_if_lost();
    const std::lock_guard lock(state_->mutex);
    return {state_->memory_bytes - state_->used_bytes, state_->memory_bytes};
  }

  void* allocate(std::size_t bytes) override { return state_->allocate(bytes); }
  void free(void* data) noexcept override { state_->release(data); }
  void* allocate_ordered(std::size_t bytes, Stream& stream) override {
    (void)host_stream(stream);
    return state_->allocate(bytes);
  }
  void free_ordered(void* data, Stream& stream) noexcept override {
    if (data == nullptr) return;
    try {
      host_stream(stream).enqueue_always([state = state_, data] { state->release(data); });
    } catch (...) {
      // No memory for the task: wait for the stream instead, then free.
      if (auto* const mine = dynamic_cast<HostStream*>(&stream)) mine->drain();
      state_->release(data);
    }
  }

  PinnedBlock allocate_pinned(std::size_t bytes) override { return state_->allocate_pinned(bytes); }
  void free_pinned(const PinnedBlock& block) noexcept override { state_->free_pinned(block); }
  bool register_host(void* data, std::size_t bytes) override { return state_->register_host(data, bytes); }
  void unregister_host(void* data) noexcept override { state_->unregister_host(data); }
  HostMemoryKind kind_of_host_memory(const void* data) const noexcept override {
    return state_->kind_of(data);
  }

  std::unique_ptr<Stream> create_stream() override {
    if (state_->strikes(Call::kCreate)) throw Error(ErrorCode::CUDA, "the device refused another stream");
    return std::make_unique<HostStream>(state_);
  }
  std::unique_ptr<Event> create_event() override {
    if (state_->strikes(Call::kCreate)) throw Error(ErrorCode::CUDA, "the device refused another event");
    return std::make_unique<HostEvent>(state_);
  }

  std::unique_ptr<DirectFile> open_direct(const std::string& path, std::string& reason) override {
    return open_host_file(state_, path, reason);
  }

  void synchronize() override {
    // Points first, under the lock that keeps the streams alive; then the waiting, without it: work in the streams
    // takes the same lock.
    std::vector<std::shared_ptr<HostPoint>> points;
    {
      const std::lock_guard lock(state_->mutex);
      for (HostStream* const stream : state_->streams) points.push_back(stream->mark());
    }
    std::shared_ptr<const Error> first;
    for (const auto& point : points) {
      const auto failure = point->await();
      if (failure && !first) first = failure;
    }
    state_->throw_if_lost();
    if (first) throw Error(*first);
  }

 private:
  std::shared_ptr<HostState> state_;
  DeviceProperties properties_;
};

}  // namespace

std::shared_ptr<Device> open_host_device(const HostDeviceOptions& options) {
  return std::make_shared<HostDevice>(options);
}

}  // namespace flowstate::device
