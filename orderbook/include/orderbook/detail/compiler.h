// What the compilers spell differently. Hints only: without them everything works, and slower.
#pragma once

#include <cstdint>

#if defined(__GNUC__) || defined(__clang__)
#define ORDERBOOK_ALWAYS_INLINE [[gnu::always_inline]] inline
#define ORDERBOOK_NOINLINE [[gnu::noinline]]
#else
#define ORDERBOOK_ALWAYS_INLINE inline
#define ORDERBOOK_NOINLINE
#endif

namespace orderbook::detail {

inline void prefetch(const void* address) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(address, 1);
#else
  (void)address;
#endif
}

// A field loaded on its own. Compilers join loads of neighbouring fields into one wider load; where the fields were
// stored one by one just before, that load waits for the stores to retire (a failed store forwarding, some 13 cycles).
template <class T>
ORDERBOOK_ALWAYS_INLINE T lone(T value) noexcept {
#if defined(__GNUC__) || defined(__clang__)
  asm("" : "+r"(value));
#endif
  return value;
}

// condition ? yes : no, by arithmetic: for conditions that no branch predictor knows.
template <class T>
ORDERBOOK_ALWAYS_INLINE T* choose(bool condition, T* yes, T* no) noexcept {
  const auto mask = std::uintptr_t{0} - static_cast<std::uintptr_t>(condition);
  const auto other = reinterpret_cast<std::uintptr_t>(no);
  return reinterpret_cast<T*>(other ^ ((other ^ reinterpret_cast<std::uintptr_t>(yes)) & mask));
}

}  // namespace orderbook::detail
