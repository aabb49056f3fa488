// Streams and events of the cuda device.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "context.h"
#include "flowstate/device/device.h"

namespace flowstate::cuda {

// What failed in a stream without CUDA knowing it (a file read): from which piece of its work on, and why. Written by
// the driver's threads, read by whoever asks the stream or an event of it.
class StreamHealth {
 public:
  void break_at(std::uint64_t work, Error error) noexcept;
  // Throws the error when it came up to and including `work`.
  void check(std::uint64_t work) const;
  bool is_broken() const noexcept;
  // Whether the stream was given work that can fail without CUDA knowing. Only then do streams that wait for it pay
  // for asking.
  void expect_failures() noexcept { fallible_.store(true); }
  bool is_fallible() const noexcept { return fallible_.load(); }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> fallible_{false};
  std::uint64_t broken_at_ = 0;
  std::optional<Error> error_;
};

class CudaEvent final : public device::Event {
 public:
  CudaEvent(std::shared_ptr<device::Device> device, std::shared_ptr<Context> context);
  ~CudaEvent() override;
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  bool is_complete() override;
  void synchronize() override;
  double elapsed_ms_since(Event& start) override;

  // For streams.
  const Context& context() const noexcept { return *context_; }
  cudaEvent_t handle() const noexcept { return handle_; }
  void recorded(std::shared_ptr<StreamHealth> health, std::uint64_t work) noexcept;
  const std::shared_ptr<StreamHealth>& health() const noexcept { return health_; }
  std::uint64_t work() const noexcept { return work_; }

 private:
  std::shared_ptr<device::Device> device_;  // first: destroyed last
  std::shared_ptr<Context> context_;
  cudaEvent_t handle_ = nullptr;
  std::shared_ptr<StreamHealth> health_;  // of the stream that recorded it last
  std::uint64_t work_ = 0;
};

class CudaStream final : public device::Stream {
 public:
  CudaStream(std::shared_ptr<device::Device> device, std::shared_ptr<Context> context);
  ~CudaStream() override;
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void copy_to_device(void* target, const void* source, std::size_t bytes) override;
  void copy_to_host(void* target, const void* source, std::size_t bytes) override;
  void copy_on_device(void* target, const void* source, std::size_t bytes) override;
  void fill(void* target, std::uint8_t value, std::size_t bytes) override;
  void affine_f32(float* target, const float* source, std::size_t count, float scale, float offset) override;
  void for_each(std::size_t count, const functors::Element& element) override;
  void run_tiles(std::size_t count, const functors::Tile& tile) override;
  void sort_pairs(const device::SortPairs& sort) override;
  void exclusive_sum(std::int64_t* out, const std::int64_t* in, std::size_t count) override;
  void run_on_host(std::function<void()> work) override;
  void record(device::Event& event) override;
  void wait(device::Event& event) override;
  bool is_idle() override;
  void synchronize() override;
  void* native_handle() const noexcept override { return handle_; }

  const Context& context() const noexcept { return *context_; }
  cudaStream_t handle() const noexcept { return handle_; }
  const std::shared_ptr<StreamHealth>& health() const noexcept { return health_; }
  // Runs `work` in turn, or not at all on a broken stream. What it throws breaks the stream from here on.
  void run_checked(std::function<void()> work);

 private:
  void copy(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind);
  CudaEvent& own(device::Event& event) const;
  // Work that first says how much memory it needs and then gets it, in the order of this stream.
  template <typename Work>
  void with_scratch(const char* name, const Work& work);

  std::shared_ptr<device::Device> device_;
  std::shared_ptr<Context> context_;
  std::shared_ptr<StreamHealth> health_ = std::make_shared<StreamHealth>();
  cudaStream_t handle_ = nullptr;
  std::uint64_t given_ = 0;  // pieces of work given so far
};

// The stream as one of `context`'s. Throws ARG_RANGE for another device's.
CudaStream& cuda_stream(device::Stream& stream, const Context& context);

}  // namespace flowstate::cuda
