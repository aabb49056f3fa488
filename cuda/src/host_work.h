// Functions that wait for their turn in a CUDA stream. The runtime drops host functions without a word when the device
// is lost, so what it is handed is a number, and the function itself stays here, where its owner can still drop it:
// nothing leaks, and a promise that it held breaks instead of hanging.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

namespace flowstate::cuda {

// Gives `work` to `stream`; `owner` names the group that drop_host_work() drops. What the launch said.
cudaError_t launch_host_work(cudaStream_t stream, const void* owner, std::function<void()> work);

// Destroys what `owner` gave and what has not begun.
void drop_host_work(const void* owner) noexcept;

}  // namespace flowstate::cuda
