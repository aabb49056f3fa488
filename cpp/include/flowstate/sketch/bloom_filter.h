// A split-block Bloom filter, Parquet's layout byte for byte (parquet-format, BloomFilter.md): blocks of 256 bits, one
// bit set in each of a block's eight words, hash = XXH64 with seed 0 of the value's plain encoding (fixed-width values
// little-endian, byte arrays without their length). A value that was added is always found; one that was not is found
// with about the probability the filter was sized for.
//
// One look-up reads one half cache line. AVX2 where the processor has it, else a portable loop; same bits.
// Not synchronised: many readers, or one writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "flowstate/sketch/xxh64.h"

namespace flowstate::sketch {

// Functions over a filter's bytes where they lie (in a Parquet file, in JavaScript's memory); 32 per block, any
// alignment. The number of blocks is below 2^32 and not 0: callers have checked with require_blocks().
namespace bloom {

inline constexpr std::size_t kBlockBytes = 32;
inline constexpr std::size_t kMostBlocks = (std::size_t{1} << 31) - 1;

// The number of blocks. Throws Error LENGTH unless the size is a positive multiple of 32 and at most 64 GiB.
std::size_t require_blocks(std::size_t bytes);

void add(std::uint8_t* blocks, std::size_t count, std::uint64_t hash) noexcept;
bool contains(const std::uint8_t* blocks, std::size_t count, std::uint64_t hash) noexcept;

// Values of 4 or 8 bytes, plain. `found[i]` becomes 1 or 0.
void add_all(std::uint8_t* blocks, std::size_t count, std::span<const std::uint32_t> values) noexcept;
void add_all(std::uint8_t* blocks, std::size_t count, std::span<const std::uint64_t> values) noexcept;
void contains_all(const std::uint8_t* blocks, std::size_t count, std::span<const std::uint32_t> values,
                  std::uint8_t* found) noexcept;
void contains_all(const std::uint8_t* blocks, std::size_t count, std::span<const std::uint64_t> values,
                  std::uint8_t* found) noexcept;

// True: AVX2 is used. False can be forced, for tests and measurements.
bool is_vectorised() noexcept;
void force_portable(bool portable) noexcept;

// Expected rate of false positives with so many distinct keys in so many blocks: keys fall on blocks as Poisson's
// distribution says, and k of them leave a word's bit clear with probability (31/32)^k.
double false_positive_rate(double keys, double blocks) noexcept;
// The least number of blocks whose rate is at most `rate`. Throws Error ARG_RANGE unless 0 < rate < 1 and the size
// can be addressed.
std::size_t blocks_for(std::uint64_t keys, double rate);

}  // namespace bloom

class BloomFilter {
 public:
  // Sized for so many distinct keys at that rate; about 10.6 bits a key for 1 %. Throws Error ARG_RANGE.
  BloomFilter(std::uint64_t expected_keys, double false_positive_rate)
      : bits_(bloom::blocks_for(expected_keys, false_positive_rate) * bloom::kBlockBytes) {}
  // A filter's bytes, as in a Parquet file after the header. Throws Error LENGTH.
  explicit BloomFilter(std::vector<std::uint8_t> bytes) : bits_(std::move(bytes)) {
    bloom::require_blocks(bits_.size());
  }

  void add_hash(std::uint64_t hash) noexcept { bloom::add(bits_.data(), blocks(), hash); }
  bool contains_hash(std::uint64_t hash) const noexcept {
    return bloom::contains(bits_.data(), blocks(), hash);
  }

  // INT32 (FLOAT by its bits), INT64 (DOUBLE by its bits), BYTE_ARRAY.
  void add(std::uint32_t value) noexcept { add_hash(xxh64_of_4(value)); }
  void add(std::uint64_t value) noexcept { add_hash(xxh64_of_8(value)); }
  void add(std::string_view value) noexcept { add_hash(hash_of(value)); }
  bool contains(std::uint32_t value) const noexcept { return contains_hash(xxh64_of_4(value)); }
  bool contains(std::uint64_t value) const noexcept { return contains_hash(xxh64_of_8(value)); }
  bool contains(std::string_view value) const noexcept { return contains_hash(hash_of(value)); }

  // Union: contains what either contains. Throws Error LENGTH where the sizes differ.
  void merge(const BloomFilter& other);

  std::size_t blocks() const noexcept { return bits_.size() / bloom::kBlockBytes; }
  // The serialised form, and the filter itself.
  std::span<const std::uint8_t> bytes() const noexcept { return bits_; }
  std::span<std::uint8_t> bytes() noexcept { return bits_; }

 private:
  static std::uint64_t hash_of(std::string_view value) noexcept {
    return xxh64({reinterpret_cast<const std::uint8_t*>(value.data()), value.size()});
  }

  std::vector<std::uint8_t> bits_;
};

}  // namespace flowstate::sketch
