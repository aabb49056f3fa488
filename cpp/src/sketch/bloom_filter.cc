#include "flowstate/sketch/bloom_filter.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>

#include "flowstate/error.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define FS_BLOOM_AVX2 1
#include <immintrin.h>
#endif

namespace flowstate::sketch {

namespace bloom {

namespace {

// parquet-format, BloomFilter.md.
constexpr std::array<std::uint32_t, 8> kSalt = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                                0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

inline std::size_t offset_of(std::size_t count, std::uint64_t hash) noexcept {
  return static_cast<std::size_t>(((hash >> 32) * count) >> 32) * kBlockBytes;
}
inline std::uint64_t hash_of(std::uint32_t value) noexcept { return xxh64_of_4(value); }
inline std::uint64_t hash_of(std::uint64_t value) noexcept { return xxh64_of_8(value); }

inline std::uint32_t bit_of(std::uint32_t key, std::size_t word) noexcept {
  return std::uint32_t{1} << ((key * kSalt[word]) >> 27);
}

void add_portable(std::uint8_t* block, std::uint32_t key) noexcept {
  std::array<std::uint32_t, 8> words;
  std::memcpy(words.data(), block, kBlockBytes);
  for (std::size_t i = 0; i < 8; ++i) words[i] |= bit_of(key, i);
  std::memcpy(block, words.data(), kBlockBytes);
}

bool contains_portable(const std::uint8_t* block, std::uint32_t key) noexcept {
  std::array<std::uint32_t, 8> words;
  std::memcpy(words.data(), block, kBlockBytes);
  std::uint32_t missing = 0;
  for (std::size_t i = 0; i < 8; ++i) missing |= ~words[i] & bit_of(key, i);
  return missing == 0;
}

#if defined(FS_BLOOM_AVX2)
#define FS_AVX2 __attribute__((target("avx2")))

FS_AVX2 inline __m256i mask_of(std::uint32_t key) noexcept {
  const __m256i salt =
      _mm256_setr_epi32(0x47b6137b, 0x44974d91, static_cast<int>(0x8824ad5bU), static_cast<int>(0xa2b7289dU),
                        0x705495c7, 0x2df1424b, static_cast<int>(0x9efc4947U), 0x5c6bfb31);
  const __m256i bits =
      _mm256_srli_epi32(_mm256_mullo_epi32(salt, _mm256_set1_epi32(static_cast<int>(key))), 27);
  return _mm256_sllv_epi32(_mm256_set1_epi32(1), bits);
}
FS_AVX2 inline void set_avx2(std::uint8_t* block, std::uint32_t key) noexcept {
  auto* at = reinterpret_cast<__m256i*>(block);
  _mm256_storeu_si256(at, _mm256_or_si256(_mm256_loadu_si256(at), mask_of(key)));
}
FS_AVX2 inline bool test_avx2(const std::uint8_t* block, std::uint32_t key) noexcept {
  return _mm256_testc_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block)), mask_of(key)) != 0;
}

FS_AVX2 void add_avx2(std::uint8_t* blocks, std::size_t count, std::uint64_t hash) noexcept {
  set_avx2(blocks + offset_of(count, hash), static_cast<std::uint32_t>(hash));
}
FS_AVX2 bool contains_avx2(const std::uint8_t* blocks, std::size_t count, std::uint64_t hash) noexcept {
  return test_avx2(blocks + offset_of(count, hash), static_cast<std::uint32_t>(hash));
}
#endif

// Hashes of a group first, with their blocks asked for, then the blocks: misses overlap.
constexpr std::size_t kGroup = 16;

template <typename T, typename Block, typename Visit>
inline void grouped(Block* blocks, std::size_t count, std::span<const T> values, Visit&& visit) noexcept {
  std::array<std::uint64_t, kGroup> hashes;
  for (std::size_t i = 0; i < values.size(); i += kGroup) {
    const std::size_t n = std::min(kGroup, values.size() - i);
    for (std::size_t j = 0; j < n; ++j) {
      hashes[j] = hash_of(values[i + j]);
      __builtin_prefetch(blocks + offset_of(count, hashes[j]));
    }
    for (std::size_t j = 0; j < n; ++j) visit(i + j, hashes[j]);
  }
}

#if defined(FS_BLOOM_AVX2)
// Lambdas do not inherit a function's target, so these loops are written out.
template <typename T>
FS_AVX2 void add_all_avx2(std::uint8_t* blocks, std::size_t count, std::span<const T> values) noexcept {
  std::array<std::uint64_t, kGroup> hashes;
  for (std::size_t i = 0; i < values.size(); i += kGroup) {
    const std::size_t n = std::min(kGroup, values.size() - i);
    for (std::size_t j = 0; j < n; ++j) {
      hashes[j] = hash_of(values[i + j]);
      __builtin_prefetch(blocks + offset_of(count, hashes[j]), 1);
    }
    for (std::size_t j = 0; j < n; ++j) {
      set_avx2(blocks + offset_of(count, hashes[j]), static_cast<std::uint32_t>(hashes[j]));
    }
  }
}
template <typename T>
FS_AVX2 void contains_all_avx2(const std::uint8_t* blocks, std::size_t count, std::span<const T> values,
                               std::uint8_t* found) noexcept {
  std::array<std::uint64_t, kGroup> hashes;
  for (std::size_t i = 0; i < values.size(); i += kGroup) {
    const std::size_t n = std::min(kGroup, values.size() - i);
    for (std::size_t j = 0; j < n; ++j) {
      hashes[j] = hash_of(values[i + j]);
      __builtin_prefetch(blocks + offset_of(count, hashes[j]));
    }
    for (std::size_t j = 0; j < n; ++j) {
      found[i + j] = test_avx2(blocks + offset_of(count, hashes[j]), static_cast<std::uint32_t>(hashes[j]));
    }
  }
}
std::atomic<bool> vectorised{__builtin_cpu_supports("avx2") != 0};
#else
std::atomic<bool> vectorised{false};
#endif

inline bool use_avx2() noexcept { return vectorised.load(std::memory_order_relaxed); }

template <typename T>
void add_values(std::uint8_t* blocks, std::size_t count, std::span<const T> values) noexcept {
#if defined(FS_BLOOM_AVX2)
  if (use_avx2()) return add_all_avx2(blocks, count, values);
#endif
  grouped(blocks, count, values, [&](std::size_t, std::uint64_t hash) {
    add_portable(blocks + offset_of(count, hash), static_cast<std::uint32_t>(hash));
  });
}

template <typename T>
void contains_values(const std::uint8_t* blocks, std::size_t count, std::span<const T> values,
                     std::uint8_t* found) noexcept {
#if defined(FS_BLOOM_AVX2)
  if (use_avx2()) return contains_all_avx2(blocks, count, values, found);
#endif
  grouped(blocks, count, values, [&](std::size_t i, std::uint64_t hash) {
    found[i] = contains_portable(blocks + offset_of(count, hash), static_cast<std::uint32_t>(hash));
  });
}

}  // namespace

std::size_t require_blocks(std::size_t bytes) {
  if (bytes == 0 || bytes % kBlockBytes != 0 || bytes / kBlockBytes > kMostBlocks) {
    throw Error(ErrorCode::LENGTH,
                "a Bloom filter's bytes must be a positive multiple of 32, got " + std::to_string(bytes));
  }
  return bytes / kBlockBytes;
}

void add(std::uint8_t* blocks, std::size_t count, std::uint64_t hash) noexcept {
#if defined(FS_BLOOM_AVX2)
  if (use_avx2()) return add_avx2(blocks, count, hash);
#endif
  add_portable(blocks + offset_of(count, hash), static_cast<std::uint32_t>(hash));
}

bool contains(const std::uint8_t* blocks, std::size_t count, std::uint64_t hash) noexcept {
#if defined(FS_BLOOM_AVX2)
  if (use_avx2()) return contains_avx2(blocks, count, hash);
#endif
  return contains_portable(blocks + offset_of(count, hash), static_cast<std::uint32_t>(hash));
}

void add_all(std::uint8_t* blocks, std::size_t count, std::span<const std::uint32_t> values) noexcept {
  add_values(blocks, count, values);
}
void add_all(std::uint8_t* blocks, std::size_t count, std::span<const std::uint64_t> values) noexcept {
  add_values(blocks, count, values);
}
void contains_all(const std::uint8_t* blocks, std::size_t count, std::span<const std::uint32_t> values,
                  std::uint8_t* found) noexcept {
  contains_values(blocks, count, values, found);
}
void contains_all(const std::uint8_t* blocks, std::size_t count, std::span<const std::uint64_t> values,
                  std::uint8_t* found) noexcept {
  contains_values(blocks, count, values, found);
}

bool is_vectorised() noexcept { return use_avx2(); }

void force_portable(bool portable) noexcept {
#if defined(FS_BLOOM_AVX2)
  vectorised = !portable && __builtin_cpu_supports("avx2") != 0;
#else
  static_cast<void>(portable);
#endif
}

double false_positive_rate(double keys, double blocks) noexcept {
  const double load = keys / blocks;
  if (!(load > 0)) return 0;
  // Twelve standard deviations each way hold all that a double can see.
  const double spread = 12 * std::sqrt(load) + 12;
  const double from = std::max(0.0, std::floor(load - spread));
  double rate = 0;
  for (double k = from; k <= load + spread; ++k) {
    const double weight = std::exp(k * std::log(load) - load - std::lgamma(k + 1));
    rate += weight * std::pow(1 - std::pow(31.0 / 32, k), 8);
  }
  return std::min(rate, 1.0);
}

std::size_t blocks_for(std::uint64_t keys, double rate) {
  if (!(rate > 0 && rate < 1)) {
    throw Error(ErrorCode::ARG_RANGE,
                "a false positive rate must lie between 0 and 1, got " + std::to_string(rate));
  }
  std::uint64_t low = 1;
  std::uint64_t high = kMostBlocks;
  const auto fits = [&](std::uint64_t blocks) {
    return false_positive_rate(static_cast<double>(keys), static_cast<double>(blocks)) <= rate;
  };
  // Beyond 2,048 keys a block every bit is set: no need to sum that far.
  low = std::max<std::uint64_t>(low, keys / 2048);
  if (low > high || !fits(high)) {
    throw Error(ErrorCode::ARG_RANGE, "a Bloom filter for " + std::to_string(keys) + " keys at a rate of " +
                                          std::to_string(rate) + " is too large");
  }
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (fits(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return static_cast<std::size_t>(low);
}

}  // namespace bloom

void BloomFilter::merge(const BloomFilter& other) {
  if (bits_.size() != other.bits_.size()) {
    throw Error(ErrorCode::LENGTH, "Bloom filters of " + std::to_string(bits_.size()) + " and " +
                                       std::to_string(other.bits_.size()) + " bytes cannot be merged");
  }
  for (std::size_t i = 0; i < bits_.size(); ++i)
    bits_[i] = static_cast<std::uint8_t>(bits_[i] | other.bits_[i]);
}

}  // namespace flowstate::sketch
