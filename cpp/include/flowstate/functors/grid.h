// How a launch covers [0, count): blocks of a fixed size, at most so many, and a grid stride (each thread takes every
// stride-th element). Kernels and the tests on a CPU use this text, so that which thread takes what is tested without a
// GPU. 64 bits throughout: an index never wraps.
#pragma once

#include <cstddef>

#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// Blocks for `count` elements of one thread each; at least 1, at most `most`.
FS_HD constexpr unsigned grid_blocks(std::size_t count, unsigned threads, std::size_t most) noexcept {
  const std::size_t wanted = count / threads + (count % threads != 0 ? 1 : 0);
  const std::size_t blocks = wanted < most ? wanted : most;
  return static_cast<unsigned>(blocks == 0 ? 1 : blocks);
}

// Calls visit(i) for the elements of thread `thread` of block `block`.
template <typename Visit>
FS_HD void grid_stride(std::size_t count, unsigned block, unsigned blocks, unsigned thread, unsigned threads,
                       const Visit& visit) {
  const std::size_t stride = static_cast<std::size_t>(blocks) * threads;
  for (std::size_t i = static_cast<std::size_t>(block) * threads + thread; i < count; i += stride) visit(i);
}

}  // namespace flowstate::functors
