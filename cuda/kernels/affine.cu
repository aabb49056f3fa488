// Affine map over float32 (functors/affine.h).
//
// Geometry: blocks of 256 threads, a grid stride, at most 32 blocks a multiprocessor (2,048 resident threads on the
// largest ones); 4 bytes read and 4 written per element, coalesced; no shared memory. Which thread takes what:
// functors/grid.h.
#include "flowstate/cuda/affine.h"
#include "flowstate/functors/affine.h"
#include "flowstate/functors/grid.h"

namespace flowstate::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int kBlocksPerMultiprocessor = 32;

__global__ void __launch_bounds__(kThreads)
    affine_f32_kernel(std::size_t count, functors::AffineElement element) {
  functors::grid_stride(count, blockIdx.x, gridDim.x, threadIdx.x, blockDim.x, element);
}

}  // namespace

cudaError_t affine_f32(float* target, const float* source, std::size_t count, float scale, float offset,
                       cudaStream_t stream) noexcept {
  if (count == 0) return cudaSuccess;
  int device = 0;
  cudaError_t status = cudaGetDevice(&device);
  if (status != cudaSuccess) return status;
  int multiprocessors = 0;
  status = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  if (status != cudaSuccess) return status;
  const unsigned blocks = functors::grid_blocks(
      count, kThreads, static_cast<std::size_t>(multiprocessors) * kBlocksPerMultiprocessor);
  affine_f32_kernel<<<blocks, kThreads, 0, stream>>>(
      count, functors::AffineElement{target, source, {scale, offset}});
  return cudaGetLastError();
}

}  // namespace flowstate::cuda
