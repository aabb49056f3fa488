// Integer atomics whose result does not depend on the order they happen in: sums and minima. On a host device one
// thread runs all of a launch, but launches of several streams may name the same cell.
#pragma once

#include <cstdint>

#include "flowstate/functors/hd.h"

namespace flowstate::functors {

// *cell += more.
FS_HD inline void atomic_add(std::uint64_t* cell, std::uint64_t more) noexcept {
#if defined(__CUDA_ARCH__)
  atomicAdd(reinterpret_cast<unsigned long long*>(cell), static_cast<unsigned long long>(more));
#else
  __atomic_fetch_add(cell, more, __ATOMIC_RELAXED);
#endif
}

FS_HD inline void atomic_add(std::uint32_t* cell, std::uint32_t more) noexcept {
#if defined(__CUDA_ARCH__)
  atomicAdd(cell, more);
#else
  __atomic_fetch_add(cell, more, __ATOMIC_RELAXED);
#endif
}

// *cell = min(*cell, value). Looks first: most callers find the cell low enough already.
FS_HD inline void atomic_min(std::uint64_t* cell, std::uint64_t value) noexcept {
#if defined(__CUDA_ARCH__)
  if (*const_cast<volatile std::uint64_t*>(cell) <= value) return;
  atomicMin(reinterpret_cast<unsigned long long*>(cell), static_cast<unsigned long long>(value));
#else
  std::uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
  while (value < seen &&
         !__atomic_compare_exchange_n(cell, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
#endif
}

// *cell = max(*cell, value).
FS_HD inline void atomic_max(std::uint64_t* cell, std::uint64_t value) noexcept {
#if defined(__CUDA_ARCH__)
  if (*const_cast<volatile std::uint64_t*>(cell) >= value) return;
  atomicMax(reinterpret_cast<unsigned long long*>(cell), static_cast<unsigned long long>(value));
#else
  std::uint64_t seen = __atomic_load_n(cell, __ATOMIC_RELAXED);
  while (value > seen &&
         !__atomic_compare_exchange_n(cell, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
#endif
}

}  // namespace flowstate::functors
