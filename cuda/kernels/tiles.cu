// Tile bodies (functors/tiles.h): one block a tile, a barrier between phases, the body's Shared in static shared memory.
#include <utility>

#include "flowstate/cuda/launch.h"

namespace flowstate::cuda {

namespace {

template <typename Body, int... kPhases>
__device__ void run_phases(const Body& body, typename Body::Shared& shared, typename Body::Thread& registers,
                           std::integer_sequence<int, kPhases...> /*phases*/) {
  ((body.template run<kPhases>(blockIdx.x, threadIdx.x, shared, registers), __syncthreads()), ...);
}

template <typename Body>
__global__ void __launch_bounds__(Body::kThreads) tile_kernel(Body body) {
  __shared__ typename Body::Shared shared;
  typename Body::Thread registers;
  run_phases(body, shared, registers, std::make_integer_sequence<int, Body::kPhases>());
}

// A grid has at most 2^31 - 1 blocks; a side has fewer rows than that, and a tile many.
constexpr std::size_t kMostTiles = (std::size_t{1} << 31) - 1;

}  // namespace

cudaError_t run_tiles(std::size_t count, const functors::Tile& tile, cudaStream_t stream) noexcept {
  if (count > kMostTiles) return cudaErrorInvalidConfiguration;
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        tile_kernel<Body><<<static_cast<unsigned>(count), Body::kThreads, 0, stream>>>(body);
      },
      tile);
  return cudaGetLastError();
}

}  // namespace flowstate::cuda
