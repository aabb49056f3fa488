// What is the cuda device's alone: errors of the runtime by class, what is cleared and what stays, releases that fail,
// host functions on a lost device, devices that do not exist.
#include <catch2/catch.hpp>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

#include "subject.h"

namespace device = flowstate::device;
using device::conformance::code_of;
using flowstate::Error;
using flowstate::ErrorCode;

namespace {

std::shared_ptr<device::Device> fresh_device() {
  sim::reset();
  return device::open_cuda_device(0);
}

void require_clean() {
  REQUIRE(sim::live().total() == 0);
  REQUIRE(sim::violations() == 0);
}

}  // namespace

TEST_CASE("a device is refused with the probe's reason, or because it does not exist") {
  sim::Config config;
  config.count_status = cudaErrorNoDevice;
  sim::reset(config);
  REQUIRE(code_of([] { (void)device::open_cuda_device(0); }) == ErrorCode::CUDA_UNAVAILABLE);
  sim::reset();
  REQUIRE(code_of([] { (void)device::open_cuda_device(1); }) == ErrorCode::ARG_RANGE);
  REQUIRE(code_of([] { (void)device::open_cuda_device(-1); }) == ErrorCode::ARG_RANGE);
  // Nor is anything kept of a device that failed to open.
  for (const char* call : {"cudaSetDevice", "cudaMemPoolCreate", "cudaMemPoolSetAttribute"}) {
    sim::arm(call, 0, 1, cudaErrorInvalidValue);
    REQUIRE(code_of([] { (void)device::open_cuda_device(0); }) == ErrorCode::CUDA);
    require_clean();
  }
}

TEST_CASE("an error names the call and is not left for the next caller") {
  const auto cuda = fresh_device();
  const auto stream = cuda->create_stream();
  sim::arm("cudaStreamSynchronize", 0, 1, cudaErrorInvalidValue);
  try {
    stream->synchronize();
    FAIL("expected an error");
  } catch (const Error& error) {
    REQUIRE(error.code() == ErrorCode::CUDA);
    REQUIRE(std::string(error.what()).find("cudaStreamSynchronize") != std::string::npos);
    REQUIRE(error.details().at(0) == Error::Detail{"cudaError", cudaErrorInvalidValue});
  }
  REQUIRE(cudaGetLastError() == cudaSuccess);
  // "Not ready" is an answer, and does not stay either.
  std::promise<void> gate;
  stream->run_on_host([held = gate.get_future().share()] { held.wait(); });
  REQUIRE_FALSE(stream->is_idle());
  REQUIRE(cudaGetLastError() == cudaSuccess);
  const auto event = cuda->create_event();
  stream->record(*event);
  REQUIRE_FALSE(event->is_complete());
  REQUIRE(cudaGetLastError() == cudaSuccess);
  gate.set_value();
  stream->synchronize();
}

TEST_CASE("errors that end a context lose the device, others do not") {
  for (const cudaError_t status :
       {cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorECCUncorrectable}) {
    {
      const auto cuda = fresh_device();
      const auto stream = cuda->create_stream();
      sim::arm("cudaStreamSynchronize", 0, 1, status);
      REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::DEVICE_LOST);
      sim::disarm();
      REQUIRE(code_of([&] { (void)cuda->allocate(1); }) == ErrorCode::DEVICE_LOST);
    }
    require_clean();
  }
  const auto cuda = fresh_device();
  sim::arm("cudaMalloc", 0, 1, cudaErrorNotSupported);
  REQUIRE(code_of([&] { (void)cuda->allocate(1); }) == ErrorCode::CUDA);
  cuda->free(cuda->allocate(1));
}

TEST_CASE("work on memory that is gone loses the device, which is noticed where the work is waited for") {
  {
    const auto cuda = fresh_device();
    const auto stream = cuda->create_stream();
    void* block = cuda->allocate(100);
    cuda->free(block);
    stream->fill(block, 1, 100);
    REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::DEVICE_LOST);
  }
  require_clean();
}

TEST_CASE("a release that fails throws nothing, and is told by the next synchronisation of the device") {
  const auto cuda = fresh_device();
  void* block = cuda->allocate(100);
  sim::arm("cudaFree", 0, 1, cudaErrorInvalidValue);
  cuda->free(block);
  REQUIRE(code_of([&] { cuda->synchronize(); }) == ErrorCode::CUDA);
  cuda->synchronize();
  // A runtime that is being unloaded has nothing left to free.
  block = cuda->allocate(100);
  sim::arm("cudaFree", 0, 1, cudaErrorCudartUnloading);
  cuda->free(block);
  cuda->synchronize();
}

TEST_CASE("a host function that is never run is destroyed with its stream, so that its promise breaks") {
  std::future<void> answer;
  {
    const auto cuda = fresh_device();
    auto stream = cuda->create_stream();
    auto promise = std::make_shared<std::promise<void>>();
    answer = promise->get_future();
    std::promise<void> gate;
    stream->run_on_host([held = gate.get_future().share()] { held.wait(); });
    stream->run_on_host([promise = std::move(promise)] { promise->set_value(); });
    sim::lose(cudaErrorIllegalAddress);
    gate.set_value();
    REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::DEVICE_LOST);
  }
  REQUIRE_THROWS_AS(answer.get(), std::future_error);
  require_clean();
}

TEST_CASE("a host function that throws breaks its stream instead of the process") {
  const auto cuda = fresh_device();
  const auto stream = cuda->create_stream();
  stream->run_on_host([] { throw std::runtime_error("no"); });
  bool ran = false;
  stream->run_on_host([&] { ran = true; });
  REQUIRE(code_of([&] { stream->synchronize(); }) == ErrorCode::INTERNAL);
  REQUIRE(code_of([&] { cuda->synchronize(); }) == ErrorCode::INTERNAL);
  REQUIRE_FALSE(ran);
  REQUIRE(code_of([&] { stream->run_on_host(nullptr); }) == ErrorCode::ARG_RANGE);
}

TEST_CASE("what belongs to another device is refused") {
  const auto cuda = fresh_device();
  const auto host = device::open_host_device();
  const auto stream = cuda->create_stream();
  const auto event = cuda->create_event();
  const auto foreign_stream = host->create_stream();
  const auto foreign_event = host->create_event();
  REQUIRE(code_of([&] { stream->record(*foreign_event); }) == ErrorCode::ARG_RANGE);
  REQUIRE(code_of([&] { stream->wait(*foreign_event); }) == ErrorCode::ARG_RANGE);
  REQUIRE(code_of([&] { (void)event->elapsed_ms_since(*foreign_event); }) == ErrorCode::ARG_RANGE);
  REQUIRE(code_of([&] { (void)cuda->allocate_ordered(10, *foreign_stream); }) == ErrorCode::ARG_RANGE);
  REQUIRE(stream->native_handle() != nullptr);
}

TEST_CASE("affine refuses memory that a kernel could not read") {
  const auto cuda = fresh_device();
  const auto stream = cuda->create_stream();
  auto* block = static_cast<char*>(cuda->allocate(64));
  auto* odd = reinterpret_cast<float*>(block + 1);
  auto* even = reinterpret_cast<float*>(block);
  REQUIRE(code_of([&] { stream->affine_f32(odd, even, 4, 1, 0); }) == ErrorCode::ARG_RANGE);
  REQUIRE(code_of([&] { stream->affine_f32(even, odd, 4, 1, 0); }) == ErrorCode::ARG_RANGE);
  cuda->free(block);
}

TEST_CASE("a range that shares a page with a registered one overlaps it") {
  const auto cuda = fresh_device();
  std::vector<char> own(3 * device::kPageBytes);
  const auto start = (reinterpret_cast<std::uintptr_t>(own.data()) + device::kPageBytes - 1) /
                     device::kPageBytes * device::kPageBytes;
  auto* page = reinterpret_cast<char*>(start);
  REQUIRE(cuda->register_host(page + 100, 100));
  REQUIRE(cuda->kind_of_host_memory(page + 99) == device::HostMemoryKind::kPageable);
  REQUIRE(cuda->kind_of_host_memory(page + 100) == device::HostMemoryKind::kRegistered);
  REQUIRE(code_of([&] { (void)cuda->register_host(page + 300, 100); }) == ErrorCode::ARG_RANGE);
  REQUIRE(cuda->register_host(page + device::kPageBytes, 100));
  cuda->unregister_host(page + 100);
  cuda->unregister_host(page + device::kPageBytes);
  REQUIRE(sim::live().registered == 0);
}

TEST_CASE("a device may be used from many threads at once") {
  {
    const auto cuda = fresh_device();
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const auto stream = cuda->create_stream();
        const auto event = cuda->create_event();
        for (int i = 0; i < 50; ++i) {
          const std::size_t bytes = 100 + static_cast<std::size_t>(i * 997 + t);
          void* block = cuda->allocate_ordered(bytes, *stream);
          const device::PinnedBlock to = cuda->allocate_pinned(bytes);
          stream->fill(block, static_cast<std::uint8_t>(t + 1), bytes);
          stream->copy_to_host(to.data, block, bytes);
          stream->record(*event);
          cuda->free_ordered(block, *stream);
          event->synchronize();
          if (static_cast<char*>(to.data)[bytes - 1] != t + 1) ++wrong;
          cuda->free_pinned(to);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(wrong == 0);
  }
  require_clean();
}

TEST_CASE("every CUDA call fails once, whatever it is: a typed error or none, and nothing is kept") {
  for (const bool pools : {true, false}) {
    for (const cudaError_t status :
         {cudaErrorInvalidValue, cudaErrorMemoryAllocation, cudaErrorIllegalAddress}) {
      bool struck = true;
      for (std::uint64_t nth = 0; struck; ++nth) {
        REQUIRE(nth < 1000);
        sim::Config config;
        config.memory_pools = pools;
        sim::reset(config);
        sim::arm("", nth, 1, status);
        try {
          const auto cuda = device::open_cuda_device(0);
          const device::PinnedBlock pinned = cuda->allocate_pinned(9000);
          // Before the stream, which ends first: a copy may still use the block.
          struct Return {
            device::Device& device;
            const device::PinnedBlock& block;
            ~Return() { device.free_pinned(block); }
          } give_back{*cuda, pinned};
          const auto stream = cuda->create_stream();
          const auto event = cuda->create_event();
          void* block = cuda->allocate_ordered(9000, *stream);
          try {
            stream->copy_to_device(block, pinned.data, 9000);
            stream->fill(block, 1, 9000);
            stream->run_on_host([] {});
            stream->record(*event);
            stream->wait(*event);
            (void)event->is_complete();
            (void)cuda->kind_of_host_memory(pinned.data);
          } catch (...) {
            cuda->free_ordered(block, *stream);
            throw;
          }
          cuda->free_ordered(block, *stream);
          stream->synchronize();
          cuda->synchronize();
        } catch (const Error& error) {
          REQUIRE((error.code() == ErrorCode::CUDA || error.code() == ErrorCode::OUT_OF_MEMORY ||
                   error.code() == ErrorCode::DEVICE_LOST));
        }
        struck = sim::calls() > nth;
        sim::disarm();
        require_clean();
        if (status != cudaErrorIllegalAddress) REQUIRE(cudaGetLastError() == cudaSuccess);
      }
    }
  }
}
