// FS_SIMD_CLONES before a plain function compiles it twice, for AVX2 and for the base instruction set, and picks at
// load time. The source is the same portable loop; elsewhere the macro is empty.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FS_SANITIZED 1
#endif

// The choice is made by an indirect function, which glibc has and which runs before a sanitizer is set up.
#include <cstddef>
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(FS_SANITIZED)
#define FS_SIMD_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define FS_SIMD_CLONES
#endif
