// What the compilers spell differently. Hints only: without them everything works, and slower.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__) && __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

// Sanitized builds go without forced inlining (ORDERBOOK_NO_FORCED_INLINE): it multiplies the checks to compile.
#if (defined(__GNUC__) || defined(__clang__)) && !defined(ORDERBOOK_NO_FORCED_INLINE)
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

// Asks for huge pages under memory that nothing was written to yet: books are read at random, and with pages of 4 KiB
// each read beyond a few MiB misses the TLB as well.
inline void advise_huge_pages(void* address, std::size_t bytes) noexcept {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t kPage = 4096;
  const auto first = (reinterpret_cast<std::uintptr_t>(address) + kPage - 1) / kPage * kPage;
  const auto last = (reinterpret_cast<std::uintptr_t>(address) + bytes) / kPage * kPage;
  if (last > first) (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)address;
  (void)bytes;
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
