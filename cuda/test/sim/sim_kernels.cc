// The kernels' launches for the simulated runtime: what the kernels run (functors/), thread by thread, in the stream's
// turn. The geometry is a small one of its own, so that threads take several elements.
#include <memory>

#include "flowstate/cuda/affine.h"
#include "flowstate/functors/affine.h"
#include "flowstate/functors/grid.h"
#include "sim_cudart.h"

namespace flowstate::cuda {

cudaError_t affine_f32(float* target, const float* source, std::size_t count, float scale, float offset,
                       cudaStream_t stream) noexcept {
  struct Launch {
    std::size_t count;
    functors::AffineElement element;
  };
  auto launch = std::make_unique<Launch>(Launch{count, {target, source, {scale, offset}}});
  sim::enqueue(
      stream,
      [](void* argument) {
        const std::unique_ptr<Launch> run(static_cast<Launch*>(argument));
        const std::size_t bytes = run->count * sizeof(float);
        if (!sim::is_device_memory(run->element.target, bytes) ||
            !sim::is_device_memory(run->element.source, bytes)) {
          return sim::lose(cudaErrorIllegalAddress);
        }
        constexpr unsigned kThreads = 32;
        const unsigned blocks = functors::grid_blocks(run->count, kThreads, 3);
        for (unsigned block = 0; block < blocks; ++block) {
          for (unsigned thread = 0; thread < kThreads; ++thread) {
            functors::grid_stride(run->count, block, blocks, thread, kThreads, run->element);
          }
        }
      },
      launch.release());
  return cudaSuccess;
}

}  // namespace flowstate::cuda
