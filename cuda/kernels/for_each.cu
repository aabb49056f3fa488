// Elementwise work (functors/elements.h): one kernel, instantiated for every element there is.
//
// Geometry: blocks of 256 threads, a grid stride, at most 32 blocks a multiprocessor (2,048 resident threads on the
// largest ones). Which thread takes what: functors/grid.h.
#include "flowstate/cuda/launch.h"
#include "flowstate/functors/grid.h"

namespace flowstate::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int kBlocksPerMultiprocessor = 32;

template <typename Body>
__global__ void __launch_bounds__(kThreads) for_each_kernel(std::size_t count, Body body) {
  functors::grid_stride(count, blockIdx.x, gridDim.x, threadIdx.x, blockDim.x, body);
}

}  // namespace

cudaError_t for_each(std::size_t count, const functors::Element& element, cudaStream_t stream) noexcept {
  int device = 0;
  cudaError_t status = cudaGetDevice(&device);
  if (status != cudaSuccess) return status;
  int multiprocessors = 0;
  status = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  if (status != cudaSuccess) return status;
  const unsigned blocks = functors::grid_blocks(
      count, kThreads, static_cast<std::size_t>(multiprocessors) * kBlocksPerMultiprocessor);
  std::visit([&](const auto& body) { for_each_kernel<<<blocks, kThreads, 0, stream>>>(count, body); },
             element);
  return cudaGetLastError();
}

}  // namespace flowstate::cuda
