// AddressSanitizer's manual poisoning, where this is built with it: what a pool holds free is as forbidden as what
// malloc holds free.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define FS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FS_ASAN 1
#endif
#endif

#if defined(FS_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace flowstate::device {

inline void forbid([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(FS_ASAN)
  __asan_poison_memory_region(data, bytes);
#endif
}
inline void permit([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(FS_ASAN)
  __asan_unpoison_memory_region(data, bytes);
#endif
}

}  // namespace flowstate::device
