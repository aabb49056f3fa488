// Numbers out of text, exactly or not at all: integers, and decimals as integers of a stated scale. No floating point.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace orderbook::feed_detail {

enum class ParseStatus : std::uint8_t { kOk, kSyntax, kOverflow, kInexact };

// Digits only; at least one, no sign, no blanks.
[[nodiscard]] constexpr ParseStatus parse_unsigned(std::string_view text, std::uint64_t& out) noexcept {
  if (text.empty()) return ParseStatus::kSyntax;
  std::uint64_t value = 0;
  for (const char c : text) {
    const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
    if (digit > 9) return ParseStatus::kSyntax;
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    if (value > kMax / 10 || (value == kMax / 10 && digit > kMax % 10)) return ParseStatus::kOverflow;
    value = value * 10 + digit;
  }
  out = value;
  return ParseStatus::kOk;
}

[[nodiscard]] constexpr ParseStatus apply_sign(std::uint64_t magnitude, bool is_negative,
                                               std::int64_t& out) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude > kMax + (is_negative ? 1 : 0)) return ParseStatus::kOverflow;
  out = static_cast<std::int64_t>(is_negative ? std::uint64_t{0} - magnitude : magnitude);
  return ParseStatus::kOk;
}

// An optional '-', then digits.
[[nodiscard]] constexpr ParseStatus parse_signed(std::string_view text, std::int64_t& out) noexcept {
  const bool is_negative = text.starts_with('-');
  std::uint64_t magnitude = 0;
  const ParseStatus status = parse_unsigned(text.substr(is_negative ? 1 : 0), magnitude);
  if (status != ParseStatus::kOk) return status;
  return apply_sign(magnitude, is_negative, out);
}

// False on overflow, with `out` untouched.
[[nodiscard]] constexpr bool checked_add(std::int64_t a, std::int64_t b, std::int64_t& out) noexcept {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  if (b >= 0 ? a > kMax - b : a < kMin - b) return false;
  out = a + b;
  return true;
}

enum class Surplus : std::uint8_t {
  kExact,  // digits past the scale must be zeros, else kInexact
  kRound,  // to nearest, half up in magnitude
};

// `text` times 10^decimals: digits, at most one point with digits on both sides of it.
[[nodiscard]] constexpr ParseStatus parse_unsigned_decimal(std::string_view text, unsigned decimals,
                                                           Surplus surplus, std::uint64_t& out) noexcept {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != '.'; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
    if (digit > 9) return ParseStatus::kSyntax;
    if (value > (kMax - digit) / 10) return ParseStatus::kOverflow;
    value = value * 10 + digit;
  }
  if (i == 0) return ParseStatus::kSyntax;
  unsigned scaled = 0;
  bool round_up = false;
  bool is_inexact = false;
  if (i < text.size()) {
    if (++i == text.size()) return ParseStatus::kSyntax;
    for (unsigned place = 0; i < text.size(); ++i, ++place) {
      const unsigned digit = static_cast<unsigned char>(text[i]) - unsigned{'0'};
      if (digit > 9) return ParseStatus::kSyntax;
      if (place < decimals) {
        if (value > (kMax - digit) / 10) return ParseStatus::kOverflow;
        value = value * 10 + digit;
        ++scaled;
      } else {
        is_inexact |= digit != 0;
        if (place == decimals) round_up = digit >= 5;
      }
    }
  }
  for (; scaled < decimals; ++scaled) {
    if (value > kMax / 10) return ParseStatus::kOverflow;
    value *= 10;
  }
  if (is_inexact && surplus == Surplus::kExact) return ParseStatus::kInexact;
  if (surplus == Surplus::kRound && round_up) {
    if (value == kMax) return ParseStatus::kOverflow;
    ++value;
  }
  out = value;
  return ParseStatus::kOk;
}

[[nodiscard]] constexpr ParseStatus parse_decimal(std::string_view text, unsigned decimals, Surplus surplus,
                                                  std::int64_t& out) noexcept {
  const bool is_negative = text.starts_with('-');
  std::uint64_t magnitude = 0;
  const ParseStatus status =
      parse_unsigned_decimal(text.substr(is_negative ? 1 : 0), decimals, surplus, magnitude);
  if (status != ParseStatus::kOk) return status;
  return apply_sign(magnitude, is_negative, out);
}

}  // namespace orderbook::feed_detail
