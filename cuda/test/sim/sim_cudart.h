// Control of the simulated CUDA runtime (sim_cudart.cc): the symbols of NVIDIA's runtime that the cuda device calls, on
// malloc and threads. The device, the shim and the tests above it are the shipped ones; only NVIDIA's library is not.
//
// It is stricter than the real one where that finds mistakes: it hands out memory that is aligned as little as CUDA
// promises, work that touches memory which is not (or no longer) allocated loses the device, and a host function that
// calls CUDA is counted as a violation.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace sim {

struct Config {
  int devices = 1;
  int runtime_version = 13000;
  int driver_version = 13000;
  cudaError_t count_status = cudaSuccess;  // what cudaGetDeviceCount() says
  bool memory_pools = true;
  std::size_t memory_bytes = std::size_t{256} << 20;
};

// A fresh runtime. Nothing of the one before may be live.
void reset(const Config& config = {});

// The `nth` (0: the next) and the `times - 1` following calls of `call` return `status`; an empty name counts every
// call that can fail, "create" those that make streams and events, "cudaMalloc*" those that take device memory. An error that loses the device stays, as it does with CUDA.
void arm(const char* call, std::uint64_t nth, std::uint64_t times, cudaError_t status);
// Likewise for copies and fills at the moment they run.
void arm_work(std::uint64_t nth, std::uint64_t times, cudaError_t status);
void disarm();

// What was taken and not given back.
struct Live {
  std::size_t blocks = 0;
  std::size_t pinned = 0;
  std::size_t registered = 0;
  std::size_t streams = 0;
  std::size_t events = 0;
  std::size_t pools = 0;
  std::size_t total() const { return blocks + pinned + registered + streams + events + pools; }
};
Live live();
// CUDA calls from host functions, double frees, handles that are none.
std::size_t violations();
// Calls that can fail since the last reset() or arm().
std::uint64_t calls();

// For sim_cufile.cc and sim_kernels.cc.
bool is_device_memory(const void* data, std::size_t bytes);
void lose(cudaError_t status);
// Counts a launch, "launch" in arm(); what it is to answer.
cudaError_t begin_launch();
void enqueue(cudaStream_t stream, std::function<void()> work);

}  // namespace sim
