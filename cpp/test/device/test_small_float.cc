// Doubles as halves and back: every half, everything about halfway between two, and doubles of every size.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "device/half_oracle.h"
#include "flowstate/functors/small_float.h"

namespace functors = flowstate::functors;
using flowstate::device::test::bfloat16_values;
using flowstate::device::test::float16_values;
using flowstate::device::test::Halves;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename Target>
void check_near_every_value(const Halves& halves) {
  const auto check = [&](double value) {
    for (const double signed_value : {value, -value}) {
      if (Target::of(signed_value) == halves.nearest(signed_value)) continue;
      INFO("of " << std::hexfloat << signed_value);
      REQUIRE(Target::of(signed_value) == halves.nearest(signed_value));
    }
  };
  for (std::size_t bits = 0; bits + 1 < halves.values().size(); ++bits) {
    const double value = halves.values()[bits];
    const double middle = (value + halves.values()[bits + 1]) / 2;
    REQUIRE(Target::of(value) == bits);
    REQUIRE(Target::of(-value) == (bits | 0x8000));
    check(middle);
    check(std::nextafter(middle, 0.0));
    check(std::nextafter(middle, kInfinity));
    // Further from the middle than float32 tells, where rounding twice goes wrong.
    check(middle * (1 + 0x1p-40));
    check(middle * (1 - 0x1p-40));
  }
  std::mt19937_64 random(11);
  for (int i = 0; i < 300'000; ++i) check(functors::double_of_bits(random()));
  for (const double value : {kInfinity, 1e308, 5e-324, 0.0, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::signaling_NaN()}) {
    check(value);
  }
}

}  // namespace

TEST_CASE("halves: every value, and everything about halfway, rounds once") {
  check_near_every_value<functors::AsFloat16>(float16_values());
}

TEST_CASE("bfloats: every value, and everything about halfway, rounds once") {
  check_near_every_value<functors::AsBfloat16>(bfloat16_values());
}

TEST_CASE("a half is the double it stands for") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const std::uint32_t size = bits & 0x7FFF;
    const double value = functors::double_of_half(static_cast<std::uint16_t>(bits));
    REQUIRE(std::signbit(value) == ((bits & 0x8000) != 0));
    if (size > 0x7C00) {
      REQUIRE(std::isnan(value));
    } else {
      REQUIRE(std::fabs(value) == (size == 0x7C00 ? kInfinity : float16_values().values()[size]));
    }
  }
}

TEST_CASE("floats and doubles have one NaN, and otherwise IEEE 754's conversion") {
  std::mt19937_64 random(12);
  for (int i = 0; i < 300'000; ++i) {
    // Half of them near the range of floats: their exponents' ends, and what is subnormal.
    std::uint64_t bits = random();
    if (i % 2 == 0) bits = (bits & ~(std::uint64_t{0x7FF} << 52)) | ((860 + bits % 300) << 52);
    const double value = functors::double_of_bits(bits);
    if (std::isnan(value)) continue;
    const auto rounded = static_cast<float>(value);
    std::uint32_t expected = 0;
    std::memcpy(&expected, &rounded, sizeof expected);
    REQUIRE(functors::AsFloat32::of(value) == expected);
    REQUIRE(functors::AsFloat64::of(value) == bits);
  }
  for (const std::uint64_t bits : {0x7FF8000000000000u, 0xFFF8000000000001u, 0x7FF0000000000001u}) {
    REQUIRE(functors::AsFloat32::of(functors::double_of_bits(bits)) == 0x7FC00000u);
    REQUIRE(functors::AsFloat64::of(functors::double_of_bits(bits)) == 0x7FF8000000000000u);
  }
}
