// Work that threads of a block share. A tile body is a struct with
//   kThreads, kPhases      threads of a block; phases, each finished by all of them before the next begins
//   Shared, Thread         the block's memory on chip, and what a thread keeps from phase to phase
//   run<kPhase>(tile, thread, shared, registers) const
// A GPU puts a barrier between phases; run_tile() runs them thread by thread, which is what the host device does and
// how the bodies are tested without a GPU.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "flowstate/functors/asof_tiles.h"
#include "flowstate/functors/feature_tiles.h"

namespace flowstate::functors {

using Tile =
    std::variant<AsofMergeTile, AsofProbeTile, FeatureRowTile<AsFloat16>, FeatureRowTile<AsBfloat16>,
                 FeatureRowTile<AsFloat32>, FeatureRowTile<AsFloat64>, FeatureColumnTile<AsFloat16>,
                 FeatureColumnTile<AsBfloat16>, FeatureColumnTile<AsFloat32>, FeatureColumnTile<AsFloat64>>;

template <typename Body, int... kPhases>
void run_tile_phases(const Body& body, std::size_t tile, typename Body::Shared& shared,
                     std::vector<typename Body::Thread>& registers,
                     std::integer_sequence<int, kPhases...> /*phases*/) {
  const auto phase = [&](auto number) {
    for (unsigned thread = 0; thread < Body::kThreads; ++thread) {
      body.template run<decltype(number)::value>(tile, thread, shared, registers[thread]);
    }
  };
  (phase(std::integral_constant<int, kPhases>()), ...);
}

// Tiles [0, count) one after another, on the calling thread.
template <typename Body>
void run_tiles_here(const Body& body, std::size_t count) {
  const auto shared = std::make_unique<typename Body::Shared>();
  std::vector<typename Body::Thread> registers(Body::kThreads);
  for (std::size_t tile = 0; tile < count; ++tile) {
    run_tile_phases(body, tile, *shared, registers, std::make_integer_sequence<int, Body::kPhases>());
  }
}

}  // namespace flowstate::functors
