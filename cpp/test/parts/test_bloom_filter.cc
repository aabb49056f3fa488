// The hash against published vectors, the filter's promise, its rate, and both code paths bit for bit.
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/sketch/bloom_filter.h"

namespace flowstate::sketch {

namespace {

std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0) {
  return xxh64({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, seed);
}

class Portable {
 public:
  Portable() { bloom::force_portable(true); }
  ~Portable() { bloom::force_portable(false); }
};

}  // namespace

TEST_CASE("xxh64 gives the published values") {
  CHECK(hash_text("") == 0xEF46DB3751D8E999u);
  CHECK(hash_text("a") == 0xD24EC4F1A98C6E5Bu);
  CHECK(hash_text("abc") == 0x44BC2CF5AD770999u);
  CHECK(hash_text("xxhash") == 0x32DD38952C4BC720u);
  CHECK(hash_text("xxhash", 20141025) == 0xB559B98D844E0635u);
  CHECK(hash_text("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1u);
}

TEST_CASE("xxh64 of one value is that of its bytes") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random();
    const auto half = static_cast<std::uint32_t>(value);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    REQUIRE(xxh64_of_8(value) == xxh64({bytes, 8}));
    REQUIRE(xxh64_of_4(half) == xxh64({bytes, 4}));
  }
}

// From the specification's own description, sharing nothing with the product.
TEST_CASE("an added value sets exactly the bits that the Parquet format says") {
  const std::array<std::uint32_t, 8> salt = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                             0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};
  std::mt19937_64 random(2);
  for (const std::size_t blocks : {1, 2, 3, 1000}) {
    std::vector<std::uint8_t> expected(blocks * 32);
    BloomFilter filter{std::vector<std::uint8_t>(blocks * 32)};
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t value = random();
      const std::uint64_t hash = hash_text({reinterpret_cast<const char*>(&value), 8});
      const std::uint64_t block = ((hash >> 32) * blocks) >> 32;
      for (std::size_t w = 0; w < 8; ++w) {
        const std::uint32_t bit = (static_cast<std::uint32_t>(hash) * salt[w]) >> 27;
        expected[block * 32 + w * 4 + bit / 8] |= static_cast<std::uint8_t>(1u << (bit % 8));
      }
      filter.add(value);
      REQUIRE(std::equal(expected.begin(), expected.end(), filter.bytes().begin()));
    }
  }
}

TEST_CASE("what was added is found, on both paths and in batches, with the same bits") {
  std::mt19937_64 random(3);
  std::vector<std::uint64_t> values(5003);
  std::vector<std::uint32_t> halves(5003);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = random();
    halves[i] = static_cast<std::uint32_t>(random());
  }
  const auto fill = [&](bool batch) {
    BloomFilter filter(10006, 0.01);
    if (batch) {
      bloom::add_all(filter.bytes().data(), filter.blocks(), std::span<const std::uint64_t>(values));
      bloom::add_all(filter.bytes().data(), filter.blocks(), std::span<const std::uint32_t>(halves));
    } else {
      for (const std::uint64_t value : values) filter.add(value);
      for (const std::uint32_t half : halves) filter.add(half);
    }
    return filter;
  };
  const auto look = [&](const BloomFilter& filter) {
    std::vector<std::uint64_t> probes = values;
    for (int i = 0; i < 2000; ++i) probes.push_back(random());
    std::vector<std::uint8_t> found(probes.size());
    bloom::contains_all(filter.bytes().data(), filter.blocks(), std::span<const std::uint64_t>(probes),
                        found.data());
    for (std::size_t i = 0; i < probes.size(); ++i) {
      REQUIRE(found[i] == filter.contains(probes[i]));
      if (i < values.size()) REQUIRE(found[i] == 1);
    }
    for (const std::uint32_t half : halves) REQUIRE(filter.contains(half));
    found.assign(halves.size(), 0);
    bloom::contains_all(filter.bytes().data(), filter.blocks(), std::span<const std::uint32_t>(halves),
                        found.data());
    REQUIRE(std::accumulate(found.begin(), found.end(), 0u) == halves.size());
  };
  const BloomFilter filter = fill(false);
  look(filter);
  CHECK(std::ranges::equal(fill(true).bytes(), filter.bytes()));
  const Portable portable;
  CHECK_FALSE(bloom::is_vectorised());
  CHECK(std::ranges::equal(fill(false).bytes(), filter.bytes()));
  CHECK(std::ranges::equal(fill(true).bytes(), filter.bytes()));
  look(filter);
}

TEST_CASE("a filter of the size asked for has the rate asked for") {
  for (const double rate : {0.1, 0.01, 0.001}) {
    const std::uint64_t keys = 50000;
    BloomFilter filter(keys, rate);
    for (std::uint64_t key = 0; key < keys; ++key) filter.add(key);
    const int probes = 400000;
    int found = 0;
    for (std::uint64_t i = 0; i < probes; ++i) found += filter.contains(keys + i);
    const double measured = found / static_cast<double>(probes);
    CHECK(measured < rate * 1.25);
    CHECK(measured > rate * 0.75);
    // One block less would not do.
    CHECK(bloom::false_positive_rate(keys, static_cast<double>(filter.blocks())) <= rate);
    CHECK(bloom::false_positive_rate(keys, static_cast<double>(filter.blocks() - 1)) > rate);
  }
}

TEST_CASE("sizes at the ends") {
  CHECK(bloom::blocks_for(0, 0.01) == 1);
  CHECK(bloom::blocks_for(1, 0.5) == 1);
  for (const double rate : {0.0, 1.0, -1.0, std::nan("")}) CHECK_THROWS_AS(bloom::blocks_for(1, rate), Error);
  CHECK_THROWS_AS(bloom::blocks_for(~std::uint64_t{0}, 0.01), Error);
  for (const std::size_t size : {0, 31, 33}) {
    CHECK_THROWS_AS(BloomFilter(std::vector<std::uint8_t>(size)), Error);
  }
}

TEST_CASE("the union of two filters is the filter of both") {
  BloomFilter a(100, 0.01);
  BloomFilter b(100, 0.01);
  BloomFilter both(100, 0.01);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "symbol " + std::to_string(i);
    (i % 2 == 0 ? a : b).add(name);
    both.add(name);
  }
  a.merge(b);
  CHECK(std::ranges::equal(a.bytes(), both.bytes()));
  BloomFilter larger(10000, 0.01);
  CHECK_THROWS_AS(a.merge(larger), Error);
}

}  // namespace flowstate::sketch
