// Stream::sort_pairs on the CPU, and on the simulated CUDA runtime: a stable radix sort, 11 bits a pass.
#pragma once

#include "flowstate/device/device.h"

namespace flowstate::device {

// Throws OUT_OF_MEMORY.
void sort_pairs_here(const SortPairs& sort);

}  // namespace flowstate::device
