// The launches behind Stream's kernels. Each returns what the launch said, and does not wait. Counts are above 0.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "flowstate/functors/elements.h"
#include "flowstate/functors/tiles.h"

namespace flowstate::cuda {

// element(i) for every i below `count`.
cudaError_t for_each(std::size_t count, const functors::Element& element, cudaStream_t stream) noexcept;

// The tile body for every tile below `count`.
cudaError_t run_tiles(std::size_t count, const functors::Tile& tile, cudaStream_t stream) noexcept;

// Memory of the device to work in. While it is null, a call works nothing and says in `bytes` how much it needs.
struct Scratch {
  void* memory = nullptr;
  std::size_t bytes = 0;
};

// Stable, by the keys' low `key_bits` bits (int32 keys from 0) or as int64.
cudaError_t sort_pairs(Scratch& scratch, const std::int32_t* keys_in, std::int32_t* keys_out,
                       const std::uint32_t* values_in, std::uint32_t* values_out, std::size_t count,
                       int key_bits, cudaStream_t stream) noexcept;
cudaError_t sort_pairs(Scratch& scratch, const std::int64_t* keys_in, std::int64_t* keys_out,
                       const std::uint32_t* values_in, std::uint32_t* values_out, std::size_t count,
                       cudaStream_t stream) noexcept;

// out[i] = in[0] + ... + in[i - 1].
cudaError_t exclusive_sum(Scratch& scratch, const std::int64_t* in, std::int64_t* out, std::size_t count,
                          cudaStream_t stream) noexcept;

}  // namespace flowstate::cuda
