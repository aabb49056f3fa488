// Buckets by their definition, percentiles against sorted values, and concurrent recording.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/sketch/hdr_histogram.h"

namespace flowstate::sketch {

namespace {

constexpr std::uint64_t kTop = std::numeric_limits<std::uint64_t>::max();

// Small numbers, every magnitude, and the ends.
std::vector<std::uint64_t> varied_values(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> values(count);
  for (std::uint64_t& value : values) value = random() >> (random() % 64);
  values.insert(values.end(), {0, 1, 127, 128, 129, 255, 256, kTop, kTop - 1, std::uint64_t{1} << 63});
  return values;
}

std::uint64_t exact_percentile(const std::vector<std::uint64_t>& sorted, double p) {
  const auto rank = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

ErrorCode code_of(const std::vector<std::uint8_t>& bytes) {
  try {
    HdrHistogram::deserialise(bytes);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::INTERNAL;
}

}  // namespace

TEST_CASE("buckets cover every value once, in order, within the promised width") {
  for (const int precision : {1, 2, 7, 10, 14}) {
    const HistogramLayout layout(precision);
    CHECK(layout.index_of(kTop) == layout.buckets() - 1);
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < layout.buckets(); ++i) {
      REQUIRE(layout.lowest_of(i) == expected);
      REQUIRE(layout.index_of(layout.lowest_of(i)) == i);
      REQUIRE(layout.index_of(layout.highest_of(i)) == i);
      const std::uint64_t width = layout.highest_of(i) - layout.lowest_of(i);
      REQUIRE(width <= layout.lowest_of(i) >> precision);
      expected = layout.highest_of(i) + 1;
    }
    CHECK(expected == 0);
  }
  CHECK(HistogramLayout(7).buckets() * 8 == 59392);
  CHECK_THROWS_AS(HistogramLayout(0), Error);
  CHECK_THROWS_AS(HistogramLayout(15), Error);
}

TEST_CASE("percentiles are those of the sorted values, within a bucket") {
  for (const int precision : {2, 7, 12}) {
    std::vector<std::uint64_t> values = varied_values(5000, 11);
    HdrHistogram histogram(precision);
    histogram.record_all(values);
    std::sort(values.begin(), values.end());
    CHECK(histogram.count() == values.size());
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == kTop);
    for (const double p : {0.0, 0.01, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
      const std::uint64_t exact = exact_percentile(values, p);
      const std::uint64_t got = histogram.percentile(p);
      CHECK(got >= exact);
      CHECK(got - exact <= exact >> precision);
    }
    const std::vector<double> many = {99.0, 1.0, 50.0};
    CHECK(histogram.percentiles(many) ==
          std::vector{histogram.percentile(99), histogram.percentile(1), histogram.percentile(50)});
  }
}

TEST_CASE("mean and sum are exact beyond 64 bits") {
  HdrHistogram histogram;
  for (int i = 0; i < 8; ++i) histogram.record(kTop);
  CHECK(histogram.sum_high() == 7);
  CHECK(histogram.sum_low() == kTop - 7);
  CHECK(histogram.mean() == Approx(18446744073709551615.0));
  HdrHistogram counted;
  counted.record(kTop, 8);
  CHECK(counted == histogram);
  counted.record(5, 0);
  CHECK(counted == histogram);
}

TEST_CASE("an empty histogram answers nothing, and refuses percentiles that are none") {
  HdrHistogram histogram;
  CHECK(histogram.is_empty());
  CHECK(histogram.min() == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.mean() == 0);
  CHECK(histogram.percentile(50) == 0);
  for (const double p : {-0.1, 100.1, std::nan("")}) CHECK_THROWS_AS(histogram.percentile(p), Error);
}

TEST_CASE("what was not measured during a long value is added on request") {
  HdrHistogram histogram;
  histogram.record_corrected(100, 25);  // and 75, 50, 25
  HdrHistogram expected;
  for (const std::uint64_t value : {100, 75, 50, 25}) expected.record(value);
  CHECK(histogram == expected);
  HdrHistogram plain;
  plain.record_corrected(20, 25);
  plain.record_corrected(30, 25);
  plain.record_corrected(9, 0);
  CHECK(plain.count() == 3);
}

TEST_CASE("merging equals recording everything in one, and a difference undoes it") {
  const auto first = varied_values(700, 1);
  const auto second = varied_values(900, 2);
  HdrHistogram a;
  HdrHistogram b;
  HdrHistogram both;
  a.record_all(first);
  b.record_all(second);
  both.record_all(first);
  both.record_all(second);
  HdrHistogram merged = a;
  merged.merge(b);
  CHECK(merged == both);
  const HdrHistogram rest = both.since(a);
  CHECK(std::ranges::equal(rest.words().subspan(2), b.words().subspan(2)));
  CHECK(rest.layout().index_of(rest.min()) == b.layout().index_of(b.min()));
  CHECK(rest.layout().index_of(rest.max()) == b.layout().index_of(b.max()));
  CHECK_THROWS_AS(a.since(both), Error);
  HdrHistogram other(5);
  CHECK_THROWS_AS(a.merge(other), Error);
  CHECK_THROWS_AS(a.since(other), Error);
  a.merge(HdrHistogram());
  CHECK(both.since(b).count() == a.count());
}

TEST_CASE("bytes give the same histogram back, and damaged bytes are refused") {
  for (const int precision : {1, 7, 14}) {
    HdrHistogram histogram(precision);
    CHECK(HdrHistogram::deserialise(histogram.serialise()) == histogram);
    histogram.record_all(varied_values(300, 5));
    histogram.record(77, std::uint64_t{1} << 40);
    const std::vector<std::uint8_t> bytes = histogram.serialise();
    CHECK(HdrHistogram::deserialise(bytes) == histogram);
    for (std::size_t length = 0; length < bytes.size(); length += 1 + length / 50) {
      REQUIRE(code_of({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)}) ==
              ErrorCode::CORRUPT);
    }
    std::vector<std::uint8_t> longer = bytes;
    longer.push_back(0);
    CHECK(code_of(longer) == ErrorCode::CORRUPT);
  }
  // Whatever one changed byte makes of it: an error, or a histogram with those very bytes.
  HdrHistogram histogram;
  for (const std::uint64_t value : {3, 500, 500, 90000}) histogram.record(value);
  const std::vector<std::uint8_t> bytes = histogram.serialise();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::uint8_t> changed = bytes;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ (1 << bit));
      bool same = false;
      try {
        same = HdrHistogram::deserialise(changed).serialise() == changed;
      } catch (const Error& error) {
        same = error.code() == ErrorCode::CORRUPT;
      }
      REQUIRE(same);
    }
  }
}

TEST_CASE("readers see a valid histogram while one thread records, and everything at the end") {
  SingleWriterHistogram live;
  const auto values = varied_values(50000, 9);
  std::atomic<bool> done{false};
  std::uint64_t last = 0;
  bool falls = false;
  std::thread reader([&] {
    while (!done) {
      const HdrHistogram now = live.snapshot();
      falls = falls || now.count() < last;
      last = now.count();
      // Valid means: what is written can be read.
      if (now.count() > 0 && !(HdrHistogram::deserialise(now.serialise()) == now)) falls = true;
    }
  });
  for (const std::uint64_t value : values) live.record(value);
  done = true;
  reader.join();
  CHECK_FALSE(falls);
  HdrHistogram expected;
  expected.record_all(values);
  CHECK(live.snapshot() == expected);
}

TEST_CASE("several threads record into a shared histogram without losing a value") {
  SharedHistogram live;
  std::vector<std::thread> threads;
  HdrHistogram expected;
  for (std::uint64_t t = 0; t < 4; ++t) expected.record_all(varied_values(20000, t));
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&live, t] {
      for (const std::uint64_t value : varied_values(20000, t)) live.record(value);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(live.snapshot() == expected);
}

TEST_CASE("intervals add up to the whole") {
  SingleWriterHistogram live;
  live.record(1);
  IntervalReader reader(live);
  HdrHistogram sum;
  std::mt19937_64 random(4);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 100 * round; ++i) live.record(random() % 1000000);
    const HdrHistogram interval = reader.take();
    CHECK(interval.count() == static_cast<std::uint64_t>(100 * round + (round == 0 ? 1 : 0)));
    sum.merge(interval);
  }
  const HdrHistogram whole = live.snapshot();
  CHECK(std::ranges::equal(sum.words().subspan(2), whole.words().subspan(2)));
}

}  // namespace flowstate::sketch
