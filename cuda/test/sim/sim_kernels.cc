// The kernels' launches for the simulated runtime: the functors that the kernels run, in the stream's turn. The kernels
// themselves (index arithmetic, geometry) run on a GPU only.
#include <memory>

#include "flowstate/cuda/affine.h"
#include "flowstate/functors/affine.h"
#include "sim_cudart.h"

namespace flowstate::cuda {

cudaError_t affine_f32(float* target, const float* source, std::size_t count, float scale, float offset,
                       cudaStream_t stream) noexcept {
  struct Launch {
    float* target;
    const float* source;
    std::size_t count;
    functors::Affine affine;
  };
  auto launch = std::make_unique<Launch>(Launch{target, source, count, {scale, offset}});
  sim::enqueue(
      stream,
      [](void* argument) {
        const std::unique_ptr<Launch> run(static_cast<Launch*>(argument));
        const std::size_t bytes = run->count * sizeof(float);
        if (!sim::is_device_memory(run->target, bytes) || !sim::is_device_memory(run->source, bytes)) {
          return sim::lose(cudaErrorIllegalAddress);
        }
        for (std::size_t i = 0; i < run->count; ++i) run->target[i] = run->affine(run->source[i]);
      },
      launch.release());
  return cudaSuccess;
}

}  // namespace flowstate::cuda
