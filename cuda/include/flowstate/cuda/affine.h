// target[i] = source[i] * scale + offset in float32, on a stream. May run in place.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace flowstate::cuda {

// Launches and returns what the launch said; does not wait. `count` may be 0.
cudaError_t affine_f32(float* target, const float* source, std::size_t count, float scale, float offset,
                       cudaStream_t stream) noexcept;

}  // namespace flowstate::cuda
