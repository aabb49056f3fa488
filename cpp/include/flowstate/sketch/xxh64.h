// XXH64 (Yann Collet), the hash of Parquet's Bloom filters. Specification: xxHash fast digest algorithm 0.1.1.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace flowstate::sketch {

namespace detail {

inline constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87u;
inline constexpr std::uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Fu;
inline constexpr std::uint64_t kPrime3 = 0x165667B19E3779F9u;
inline constexpr std::uint64_t kPrime4 = 0x85EBCA77C2B2AE63u;
inline constexpr std::uint64_t kPrime5 = 0x27D4EB2F165667C5u;

static_assert(std::endian::native == std::endian::little, "lanes are read as little-endian words");

template <typename T>
inline T read(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
constexpr std::uint64_t xxh_round(std::uint64_t lane, std::uint64_t word) noexcept {
  return std::rotl(lane + word * kPrime2, 31) * kPrime1;
}
constexpr std::uint64_t xxh_merge(std::uint64_t hash, std::uint64_t lane) noexcept {
  return (hash ^ xxh_round(0, lane)) * kPrime1 + kPrime4;
}
constexpr std::uint64_t xxh_avalanche(std::uint64_t hash) noexcept {
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}
constexpr std::uint64_t xxh_word(std::uint64_t hash, std::uint64_t word) noexcept {
  return std::rotl(hash ^ xxh_round(0, word), 27) * kPrime1 + kPrime4;
}
constexpr std::uint64_t xxh_half(std::uint64_t hash, std::uint32_t half) noexcept {
  return std::rotl(hash ^ (half * kPrime1), 23) * kPrime2 + kPrime3;
}

}  // namespace detail

// Of the eight (four) bytes of one little-endian value: xxh64() of them, without the general form's branches.
constexpr std::uint64_t xxh64_of_8(std::uint64_t value) noexcept {
  return detail::xxh_avalanche(detail::xxh_word(detail::kPrime5 + 8, value));
}
constexpr std::uint64_t xxh64_of_4(std::uint32_t value) noexcept {
  return detail::xxh_avalanche(detail::xxh_half(detail::kPrime5 + 4, value));
}

inline std::uint64_t xxh64(std::span<const std::uint8_t> bytes, std::uint64_t seed = 0) noexcept {
  using namespace detail;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash;
  if (left >= 32) {
    std::uint64_t lanes[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    for (; left >= 32; left -= 32, at += 32) {
      for (int i = 0; i < 4; ++i) lanes[i] = xxh_round(lanes[i], read<std::uint64_t>(at + 8 * i));
    }
    hash =
        std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) hash = xxh_merge(hash, lane);
  } else {
    hash = seed + kPrime5;
  }
  hash += bytes.size();
  for (; left >= 8; left -= 8, at += 8) hash = xxh_word(hash, read<std::uint64_t>(at));
  if (left >= 4) {
    hash = xxh_half(hash, read<std::uint32_t>(at));
    left -= 4;
    at += 4;
  }
  for (; left > 0; --left, ++at) hash = std::rotl(hash ^ (*at * kPrime5), 11) * kPrime1;
  return xxh_avalanche(hash);
}

}  // namespace flowstate::sketch
