// Doubles as elements of a tensor, each by one rounding to nearest, ties to even; overflow is infinity, subnormals are
// kept, and every NaN becomes the one quiet NaN below, so that no device leaves its own. Halves are made with integers:
// a conversion by way of float32 would round twice.
#pragma once

#include <cstdint>
#include <cstring>

#include "flowstate/functors/hd.h"

namespace flowstate::functors {

FS_HD inline std::uint64_t bits_of_double(double value) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

FS_HD inline double double_of_bits(std::uint64_t bits) noexcept {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// value / 2^shift to the nearest, ties to even; shift from 1 to 31.
FS_HD inline std::uint32_t shift_rounded(std::uint32_t value, int shift) noexcept {
  const std::uint32_t below_half = (1u << (shift - 1)) - 1;
  return (value + below_half + ((value >> shift) & 1u)) >> shift;
}

// The 16 bits of a float with so many bits of exponent and fraction.
template <int kExponentBits, int kFractionBits>
FS_HD std::uint16_t narrowed(double value) noexcept {
  constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  constexpr int kDrop = 20 - kFractionBits;       // of the 20 bits of fraction in a double's upper word
  constexpr int kFirstNormal = 1 - kBias + 1023;  // a double's exponent field where ours is 1
  constexpr std::uint32_t kInfinity = ((1u << kExponentBits) - 1) << kFractionBits;
  const std::uint64_t bits = bits_of_double(value);
  // What the lower word holds only tells above from at a tie: its being there goes into the last bit.
  const std::uint32_t upper =
      static_cast<std::uint32_t>(bits >> 32) | (static_cast<std::uint32_t>(bits) != 0 ? 1u : 0u);
  const std::uint32_t sign = (upper >> 16) & 0x8000u;
  const std::uint32_t size = upper & 0x7FFFFFFFu;
  const int exponent = static_cast<int>(size >> 20);
  if (size > 0x7FF00000u) return static_cast<std::uint16_t>(kInfinity | (1u << (kFractionBits - 1)));
  if (exponent >= kFirstNormal) {
    const std::uint32_t rounded =
        shift_rounded(size - (static_cast<std::uint32_t>(kFirstNormal - 1) << 20), kDrop);
    return static_cast<std::uint16_t>(sign | (rounded < kInfinity ? rounded : kInfinity));
  }
  // Subnormal: the fraction with its leading bit, in units of the smallest one. 22 bits further nothing is left.
  const int shift = kFirstNormal - exponent + kDrop;
  if (shift > 22) return static_cast<std::uint16_t>(sign);
  return static_cast<std::uint16_t>(sign | shift_rounded((size & 0xFFFFFu) | 0x100000u, shift));
}

// The double that a half is.
FS_HD inline double double_of_half(std::uint16_t half) noexcept {
  const std::uint64_t sign = static_cast<std::uint64_t>(half & 0x8000u) << 48;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint64_t fraction = half & 0x3FFu;
  if (exponent == 0) {
    const double size = static_cast<double>(fraction) * 0x1p-24;
    return double_of_bits(bits_of_double(size) | sign);
  }
  const std::uint64_t wide = exponent == 31 ? 0x7FF : exponent - 15 + 1023;
  return double_of_bits(sign | (wide << 52) | (fraction << 42));
}

// What a tensor's dtype makes of a double.
struct AsFloat64 {
  using Bits = std::uint64_t;
  FS_HD static Bits of(double value) noexcept {
    return value == value ? bits_of_double(value) : 0x7FF8000000000000u;
  }
};
struct AsFloat32 {
  using Bits = std::uint32_t;
  FS_HD static Bits of(double value) noexcept {
    if (value != value) return 0x7FC00000u;
    const float rounded = static_cast<float>(value);
    Bits bits = 0;
    std::memcpy(&bits, &rounded, sizeof bits);
    return bits;
  }
};
struct AsFloat16 {
  using Bits = std::uint16_t;
  FS_HD static Bits of(double value) noexcept { return narrowed<5, 10>(value); }
};
struct AsBfloat16 {
  using Bits = std::uint16_t;
  FS_HD static Bits of(double value) noexcept { return narrowed<8, 7>(value); }
};

}  // namespace flowstate::functors
