// Random numbers that are the same on every machine: integers only, no std distribution, no libm.
//
// xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded by splitmix64. The
// logarithm behind the exponential variates is a table with linear interpolation, computed at compile time with integers:
// its error is below 2e-7, far under what any statistic of a simulated market can tell, and the same everywhere.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace orderbook::sim {

namespace detail {

struct Wide {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

// The 128 bits of a product.
[[nodiscard]] constexpr Wide multiply(std::uint64_t a, std::uint64_t b) noexcept {
  const std::uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
  const std::uint64_t middle = a1 * b0 + ((a0 * b0) >> 32);
  const std::uint64_t carry = a0 * b1 + (middle & 0xffffffffu);
  return {a1 * b1 + (middle >> 32) + (carry >> 32), a * b};
}

inline constexpr std::size_t kLogSteps = 1024;

// log2(1 + i / 1024) with 40 fraction bits, bit by bit: squaring doubles a logarithm.
[[nodiscard]] constexpr std::array<std::uint64_t, kLogSteps + 1> make_log_table() noexcept {
  std::array<std::uint64_t, kLogSteps + 1> table{};
  for (std::size_t i = 0; i <= kLogSteps; ++i) {
    if (i == kLogSteps) {
      table[i] = std::uint64_t{1} << 40;
      break;
    }
    std::uint64_t x = (std::uint64_t{1} << 62) + (static_cast<std::uint64_t>(i) << 52);
    std::uint64_t log = 0;
    for (int bit = 39; bit >= 0; --bit) {
      const Wide square = multiply(x, x);
      x = (square.high << 2) | (square.low >> 62);
      if ((x >> 63) != 0) {
        log |= std::uint64_t{1} << bit;
        x >>= 1;
      }
    }
    table[i] = log;
  }
  return table;
}

inline constexpr auto kLogTable = make_log_table();

}  // namespace detail

// One, as probabilities and exponential variates are written: with 32 fraction bits.
inline constexpr std::uint64_t kOneQ32 = std::uint64_t{1} << 32;

// a * b / 2^32, rounded down; the result must fit.
[[nodiscard]] constexpr std::uint64_t scale_q32(std::uint64_t a, std::uint64_t b) noexcept {
  const detail::Wide wide = detail::multiply(a, b);
  return (wide.high << 32) | (wide.low >> 32);
}

class Random {
 public:
  // `stream` tells sequences of the same seed apart: one for each symbol.
  constexpr explicit Random(std::uint64_t seed, std::uint64_t stream = 0) noexcept {
    std::uint64_t state = mix(seed) ^ mix(~stream * 0x9e3779b97f4a7c15u);
    for (std::uint64_t& word : state_) {
      state += 0x9e3779b97f4a7c15u;
      word = mix(state);
    }
  }

  // 64 uniform bits.
  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform from 0 to bound - 1, without bias (Lemire 2019). bound > 0.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    detail::Wide wide = detail::multiply(next(), bound);
    if (wide.low < bound) {
      const std::uint64_t threshold = (0 - bound) % bound;
      while (wide.low < threshold) wide = detail::multiply(next(), bound);
    }
    return wide.high;
  }

  // True with probability q32 / 2^32.
  constexpr bool chance(std::uint64_t q32) noexcept { return (next() >> 32) < q32; }

  // Exponential with mean 1, in 2^-32; at most 45.
  constexpr std::uint64_t exponential_q32() noexcept {
    const std::uint64_t uniform = next() | 1;  // never zero
    const int zeros = std::countl_zero(uniform);
    const std::uint64_t mantissa = uniform << zeros;
    const auto step = static_cast<std::size_t>((mantissa >> 53) & (detail::kLogSteps - 1));
    const std::uint64_t fraction = (mantissa >> 21) & 0xffffffffu;
    const std::uint64_t low = detail::kLogTable[step];
    const std::uint64_t log = low + (((detail::kLogTable[step + 1] - low) * fraction) >> 32);
    const std::uint64_t bits = (static_cast<std::uint64_t>(zeros + 1) << 40) - log;
    constexpr std::uint64_t kLn2Q24 = 11629080;
    return ((bits >> 8) * kLn2Q24) >> 24;
  }

  // How many of a unit-rate Poisson process fall into [0, mean): Poisson with that mean (in 2^-32). O(mean).
  constexpr std::uint32_t poisson(std::uint64_t mean_q32) noexcept {
    std::uint32_t count = 0;
    for (std::uint64_t at = exponential_q32(); at < mean_q32; at += exponential_q32()) ++count;
    return count;
  }

  // Trials that succeed before the first that fails, at most `most`. O(result).
  constexpr std::uint32_t geometric(std::uint64_t success_q32, std::uint32_t most) noexcept {
    std::uint32_t count = 0;
    while (count < most && chance(success_q32)) ++count;
    return count;
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace orderbook::sim
