// The kernels' launches for the simulated runtime: what the kernels run (functors/), thread by thread, in the stream's
// turn. The geometry is a small one of its own, so that threads take several elements. CUB is replaced by the host
// device's sort and the standard library's scan.
#include <numeric>
#include <type_traits>
#include <utility>

#include "device/sort_pairs.h"
#include "flowstate/cuda/launch.h"
#include "flowstate/functors/grid.h"
#include "sim_cudart.h"

namespace flowstate::cuda {

namespace {

// Gives `work` to the stream.
template <typename Work>
cudaError_t enqueue(cudaStream_t stream, Work work) {
  if (const cudaError_t refused = sim::begin_launch(); refused != cudaSuccess) return refused;
  sim::enqueue(stream, std::move(work));
  return cudaSuccess;
}

// What a GPU would answer to a pointer that is none of its own, where the element is one that tests misuse.
template <typename Body>
bool may_run(const Body& body, std::size_t count) {
  if constexpr (std::is_same_v<Body, functors::AffineElement>) {
    const std::size_t bytes = count * sizeof(float);
    return sim::is_device_memory(body.target, bytes) && sim::is_device_memory(body.source, bytes);
  }
  return true;
}

template <typename Key>
cudaError_t sort(Scratch& scratch, const Key* keys_in, Key* keys_out, const std::uint32_t* values_in,
                 std::uint32_t* values_out, std::size_t count, int key_bits, cudaStream_t stream) {
  if (scratch.memory == nullptr) {
    scratch.bytes = 256;
    return cudaSuccess;
  }
  return enqueue(stream, [=] {
    device::sort_pairs_here(
        {keys_in, keys_out, values_in, values_out, count, static_cast<int>(sizeof(Key)), key_bits});
  });
}

}  // namespace

cudaError_t for_each(std::size_t count, const functors::Element& element, cudaStream_t stream) noexcept {
  return enqueue(stream, [count, element] {
    std::visit(
        [count](const auto& body) {
          if (!may_run(body, count)) return sim::lose(cudaErrorIllegalAddress);
          constexpr unsigned kThreads = 32;
          const unsigned blocks = functors::grid_blocks(count, kThreads, 3);
          for (unsigned block = 0; block < blocks; ++block) {
            for (unsigned thread = 0; thread < kThreads; ++thread) {
              functors::grid_stride(count, block, blocks, thread, kThreads, body);
            }
          }
        },
        element);
  });
}

cudaError_t run_tiles(std::size_t count, const functors::Tile& tile, cudaStream_t stream) noexcept {
  return enqueue(stream, [count, tile] {
    std::visit([count](const auto& body) { functors::run_tiles_here(body, count); }, tile);
  });
}

cudaError_t sort_pairs(Scratch& scratch, const std::int32_t* keys_in, std::int32_t* keys_out,
                       const std::uint32_t* values_in, std::uint32_t* values_out, std::size_t count,
                       int key_bits, cudaStream_t stream) noexcept {
  return sort(scratch, keys_in, keys_out, values_in, values_out, count, key_bits, stream);
}

cudaError_t sort_pairs(Scratch& scratch, const std::int64_t* keys_in, std::int64_t* keys_out,
                       const std::uint32_t* values_in, std::uint32_t* values_out, std::size_t count,
                       cudaStream_t stream) noexcept {
  return sort(scratch, keys_in, keys_out, values_in, values_out, count, 64, stream);
}

cudaError_t exclusive_sum(Scratch& scratch, const std::int64_t* in, std::int64_t* out, std::size_t count,
                          cudaStream_t stream) noexcept {
  if (scratch.memory == nullptr) {
    scratch.bytes = 256;
    return cudaSuccess;
  }
  return enqueue(stream, [=] { std::exclusive_scan(in, in + count, out, std::int64_t{0}); });
}

}  // namespace flowstate::cuda
