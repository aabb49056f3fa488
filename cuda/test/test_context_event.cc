// The fence behind memory that another library's kernels may still read.
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "sim_cudart.h"
#include "sim_driver.h"
#include "subject.h"

namespace device = flowstate::device;
using device::conformance::code_of;
using flowstate::ErrorCode;

TEST_CASE("what anybody has given to the device is waited for, with and without events of contexts") {
  for (const bool refuses : {false, true}) {
    sim::reset();
    sim::refuse_context_events(refuses);
    const std::uint64_t before = sim::context_events();
    {
      const auto cuda = device::open_cuda_device(0);
      // Another library's stream: the device does not know it.
      cudaStream_t stream = nullptr;
      REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
      std::promise<void> gate;
      std::shared_future<void> opened = gate.get_future().share();
      sim::enqueue(stream, [opened] { opened.wait(); });
      std::promise<void> done;
      std::future<void> waited = done.get_future();
      std::thread waiter([&] {
        cuda->wait_for_everybody();
        done.set_value();
      });
      // However long it is given: it cannot come back before the gate opens.
      CHECK(waited.wait_for(std::chrono::milliseconds(30)) == std::future_status::timeout);
      gate.set_value();
      waiter.join();
      CHECK(waited.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
      CHECK(sim::context_events() == before + (refuses ? 0 : 1));
      REQUIRE(cudaStreamDestroy(stream) == cudaSuccess);
    }
    CHECK(sim::live().total() == 0);
    CHECK(sim::violations() == 0);
  }
  sim::refuse_context_events(false);
}

TEST_CASE("a fence that cannot be made says so, and keeps nothing") {
  sim::reset();
  {
    const auto cuda = device::open_cuda_device(0);
    sim::arm("cudaEventCreateWithFlags", 0, 1, cudaErrorInvalidValue);
    CHECK(code_of([&] { cuda->wait_for_everybody(); }) == ErrorCode::CUDA);
    sim::arm("cudaEventSynchronize", 0, 1, cudaErrorIllegalAddress);
    CHECK(code_of([&] { cuda->wait_for_everybody(); }) == ErrorCode::DEVICE_LOST);
    sim::disarm();
  }
  CHECK(sim::live().total() == 0);
}
