// The cuda device over the simulated runtime, as the conformance suite wants it.
#pragma once

#include "device/conformance.h"
#include "sim_cudart.h"

namespace flowstate::cuda {

inline device::conformance::Subject cuda_subject(const sim::Config& config = {}) {
  device::conformance::Subject subject;
  subject.open = [config] {
    // A second device in the same process shares the runtime: only the first may start it anew.
    if (sim::live().total() == 0) sim::reset(config);
    return device::open_cuda_device(0);
  };
  subject.arm = [](device::Call call, std::uint64_t nth, std::uint64_t times) {
    switch (call) {
      case device::Call::kAllocate:
        return sim::arm("cudaMalloc*", nth, times, cudaErrorMemoryAllocation);
      case device::Call::kAllocatePinned:
        return sim::arm("cudaMallocHost", nth, times, cudaErrorMemoryAllocation);
      case device::Call::kRegister:
        return sim::arm("cudaHostRegister", nth, times, cudaErrorMemoryAllocation);
      case device::Call::kCreate:
        return sim::arm("create", nth, times, cudaErrorInvalidValue);
      case device::Call::kCopy:
        return sim::arm("cudaMemcpyAsync", nth, times, cudaErrorInvalidValue);
      case device::Call::kCopyLater:
        return sim::arm_work(nth, times, cudaErrorIllegalAddress);
      case device::Call::kLost:
        return sim::arm("", nth, times, cudaErrorIllegalAddress);
      case device::Call::kKernel:
        return sim::arm("launch", nth, times, cudaErrorLaunchOutOfResources);
      case device::Call::kRead:
      case device::Call::kReadShort:
        return;  // cuFile's; see test_cuda_file.cc
    }
  };
  subject.disarm = [] { sim::disarm(); };
  subject.live = [] { return sim::live().total(); };
  return subject;
}

}  // namespace flowstate::cuda
