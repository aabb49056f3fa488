// Integers out of bytes, in a stated order and at any alignment. Compilers make single loads of these loops.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace orderbook::feed_detail {

template <std::unsigned_integral T>
[[nodiscard]] constexpr T load_be(const std::byte* bytes) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << (sizeof(T) > 1 ? 8 : 0)) | static_cast<T>(bytes[i]));
  }
  return value;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr T load_le(const std::byte* bytes) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | (static_cast<T>(bytes[i]) << (8 * i)));
  }
  return value;
}

[[nodiscard]] constexpr std::uint64_t load_be48(const std::byte* bytes) noexcept {
  return (static_cast<std::uint64_t>(load_be<std::uint16_t>(bytes)) << 32) |
         load_be<std::uint32_t>(bytes + 2);
}

[[nodiscard]] constexpr char load_char(const std::byte* bytes) noexcept { return static_cast<char>(*bytes); }

}  // namespace orderbook::feed_detail
