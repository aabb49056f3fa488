// One device's errors: every CUDA call of the device layer goes through a Context, which makes the device current,
// turns failures into flowstate::Error, and remembers when the device is lost.
//
// A call leaves its device current on the calling thread, as CUDA's own libraries do: putting another one back would
// create that device's context for nothing (some hundred MB on the first GPU for a process that uses the second).
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cstddef>
#include <string>

#include "flowstate/error.h"

namespace flowstate::cuda {

// Errors after which the context is unusable for good: everything that follows fails with them as well.
bool is_lost(cudaError_t status) noexcept;

class Context {
 public:
  explicit Context(int ordinal);

  int ordinal() const noexcept { return ordinal_; }
  const std::string& id() const noexcept { return id_; }

  // Makes the device current on this thread. Throws DEVICE_LOST once it is lost.
  void enter();
  // The same for destructors and frees, which still run on a lost device.
  void enter_quietly() noexcept;

  // Throws OUT_OF_MEMORY, DEVICE_LOST or CUDA, naming `call`, and clears the runtime's error, so that the next call
  // of somebody else does not report it again.
  void check(cudaError_t status, const char* call) {
    if (status != cudaSuccess) [[unlikely]]
      raise(status, call);
  }
  void check_allocation(cudaError_t status, const char* call, std::size_t bytes);

  // The no-throw twin, for destructors and frees: the first failure is kept for report_noted(). A runtime that is
  // being unloaded is no failure: what it held is gone.
  void note(cudaError_t status, const char* call) noexcept;
  // Throws what was noted since the last time.
  void report_noted();

  bool lost() const noexcept { return lost_.load(std::memory_order_acquire) != cudaSuccess; }

 private:
  [[noreturn]] void raise(cudaError_t status, const char* call);
  [[noreturn]] void raise_lost() const;
  void mark_lost(cudaError_t status) noexcept;
  std::string describe(cudaError_t status, const char* call) const;

  int ordinal_;
  std::string id_;
  std::atomic<cudaError_t> lost_{cudaSuccess};
  std::atomic<cudaError_t> noted_{cudaSuccess};
  std::atomic<const char*> noted_call_{nullptr};
};

// FS_CUDA_TRY(context, cudaMalloc, &data, bytes)
#define FS_CUDA_TRY(context, call, ...) (context).check(call(__VA_ARGS__), #call)
#define FS_CUDA_NOTE(context, call, ...) (context).note(call(__VA_ARGS__), #call)

}  // namespace flowstate::cuda
