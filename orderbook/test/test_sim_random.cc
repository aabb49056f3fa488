#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "orderbook/sim/activity.h"
#include "orderbook/sim/random.h"

using namespace orderbook::sim;

// Pinned: a change of any of them changes every simulated market.
TEST_CASE("the sequences are pinned, and known at compile time") {
  constexpr std::uint64_t kFirst = [] {
    Random random(1);
    return random.next();
  }();
  Random random(1);
  CHECK(random.next() == kFirst);
  Random same(1), other(2), stream(1, 1);
  std::array<std::uint64_t, 4> a{}, b{}, c{};
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = same.next();
    b[i] = other.next();
    c[i] = stream.next();
  }
  CHECK(a[0] == kFirst);
  CHECK(a != b);
  CHECK(a != c);
  CHECK(kFirst == 2457748155301988853u);
  Random exponential(42);
  std::uint64_t sum = 0;
  for (int i = 0; i < 1000; ++i) sum += exponential.exponential_q32();
  CHECK(sum == 4428558485910u);
}

TEST_CASE("a product has 128 bits") {
  const detail::Wide wide = detail::multiply(UINT64_MAX, UINT64_MAX);
  CHECK(wide.high == UINT64_MAX - 1);
  CHECK(wide.low == 1);
  CHECK(scale_q32(std::uint64_t{1} << 50, kOneQ32 / 2) == std::uint64_t{1} << 49);
  CHECK(scale_q32(7, kOneQ32) == 7);
}

TEST_CASE("the logarithm's table is log2 to 2^-38") {
  for (std::size_t i = 0; i <= detail::kLogSteps; ++i) {
    const double exact = std::log2(1.0 + static_cast<double>(i) / 1024.0);
    CHECK(static_cast<double>(detail::kLogTable[i]) / 1099511627776.0 == Approx(exact).margin(4e-12));
  }
}

TEST_CASE("below() is uniform and stays below") {
  Random random(3);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts.at(random.below(7));
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);  // five standard deviations
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
  for (int i = 0; i < 100; ++i) CHECK(random.below(UINT64_MAX) < UINT64_MAX);
}

TEST_CASE("exponential variates have the mean, the variance and the tails of the law") {
  Random random(5);
  constexpr int kDraws = 400'000;
  double sum = 0, squares = 0;
  std::array<int, 3> above{};
  for (int i = 0; i < kDraws; ++i) {
    const double x = static_cast<double>(random.exponential_q32()) / 4294967296.0;
    sum += x;
    squares += x * x;
    above[0] += x > 0.5;
    above[1] += x > 2;
    above[2] += x > 6;
  }
  const double mean = sum / kDraws;
  CHECK(mean == Approx(1.0).margin(0.008));
  CHECK(squares / kDraws - mean * mean == Approx(1.0).margin(0.03));
  CHECK(above[0] / double(kDraws) == Approx(std::exp(-0.5)).margin(0.004));
  CHECK(above[1] / double(kDraws) == Approx(std::exp(-2.0)).margin(0.003));
  CHECK(above[2] / double(kDraws) == Approx(std::exp(-6.0)).margin(0.0006));
}

TEST_CASE("Poisson and geometric counts have their means, and limits hold") {
  Random random(7);
  std::uint64_t poisson = 0, geometric = 0;
  for (int i = 0; i < 200'000; ++i) {
    poisson += random.poisson(kOneQ32 * 3 / 4);
    geometric += random.geometric(kOneQ32 / 2, 1000);
  }
  CHECK(double(poisson) / 200'000 == Approx(0.75).margin(0.01));
  CHECK(double(geometric) / 200'000 == Approx(1.0).margin(0.02));
  CHECK(random.poisson(0) == 0);
  CHECK(random.geometric(kOneQ32, 9) == 9);
  CHECK_FALSE(random.chance(0));
  CHECK(random.chance(kOneQ32));
}

TEST_CASE("the activity clock keeps order, spends each part's share there, and skips idle parts") {
  const std::vector<std::uint32_t> activity = {3, 1, 0, 4};
  const ActivityClock clock(activity, 8'000);
  std::array<int, 4> counts{};
  std::int64_t last = -1;
  for (std::int64_t even = 0; even < 8'000; ++even) {
    const std::int64_t at = clock(even);
    REQUIRE(at >= last);
    REQUIRE(at < 8'000);
    last = at;
    ++counts.at(static_cast<std::size_t>(at / 2'000));
  }
  CHECK(counts == std::array<int, 4>{3'000, 1'000, 0, 4'000});
  CHECK(ActivityClock({}, 100)(42) == 42);
}
