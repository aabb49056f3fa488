// Sorts and sums by CUB, which works in memory of the caller's.
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

#include "flowstate/cuda/launch.h"

namespace flowstate::cuda {

cudaError_t sort_pairs(Scratch& scratch, const std::int32_t* keys_in, std::int32_t* keys_out,
                       const std::uint32_t* values_in, std::uint32_t* values_out, std::size_t count,
                       int key_bits, cudaStream_t stream) noexcept {
  // Codes count from 0: as unsigned ones their order is the same, and the bits above need no pass.
  return cub::DeviceRadixSort::SortPairs(scratch.memory, scratch.bytes,
                                         reinterpret_cast<const std::uint32_t*>(keys_in),
                                         reinterpret_cast<std::uint32_t*>(keys_out), values_in, values_out,
                                         static_cast<std::int64_t>(count), 0, key_bits, stream);
}

cudaError_t sort_pairs(Scratch& scratch, const std::int64_t* keys_in, std::int64_t* keys_out,
                       const std::uint32_t* values_in, std::uint32_t* values_out, std::size_t count,
                       cudaStream_t stream) noexcept {
  return cub::DeviceRadixSort::SortPairs(scratch.memory, scratch.bytes, keys_in, keys_out, values_in,
                                         values_out, static_cast<std::int64_t>(count), 0, 64, stream);
}

cudaError_t exclusive_sum(Scratch& scratch, const std::int64_t* in, std::int64_t* out, std::size_t count,
                          cudaStream_t stream) noexcept {
  return cub::DeviceScan::ExclusiveSum(scratch.memory, scratch.bytes, in, out,
                                       static_cast<std::int64_t>(count), stream);
}

}  // namespace flowstate::cuda
