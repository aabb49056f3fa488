// Key tables: numbers are dense and stable, unknown keys are not found, growth and crowding lose nothing.
#include <catch2/catch.hpp>
#include <string>

#include "asof/dictionary.h"

namespace flowstate::asof {
namespace {

// A hash that puts every key in one place: the worst that chosen keys could do.
struct OnePlace {
  std::uint64_t a;
  std::uint64_t hash() const noexcept { return 7; }
  bool operator==(const OnePlace& other) const noexcept { return a == other.a; }
};

BytesKey bytes(const std::string& text) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(text.data());
  const auto length = static_cast<std::int64_t>(text.size());
  return {data, length, BytesKey::hash_of(data, length)};
}

}  // namespace

TEST_CASE("keys are numbered in order of insertion, once") {
  Dictionary<WordKey> table;
  for (std::uint64_t round = 0; round < 2; ++round) {
    for (std::uint64_t k = 0; k < 50000; ++k) {
      REQUIRE(table.find_or_insert({k * 0x10001}) == static_cast<std::int32_t>(k));
    }
  }
  CHECK(table.size() == 50000);
  for (std::uint64_t k = 0; k < 50000; ++k) REQUIRE(table.find({k * 0x10001}) == static_cast<std::int32_t>(k));
  CHECK(table.find({1}) == -1);
}

TEST_CASE("the zero key is like any other, and not there before it is inserted") {
  Dictionary<WordKey> words;
  CHECK(words.find({0}) == -1);
  CHECK(words.find_or_insert({5}) == 0);
  CHECK(words.find({0}) == -1);
  CHECK(words.find_or_insert({0}) == 1);
  CHECK(words.find({0}) == 1);
  Dictionary<PairKey> pairs;
  CHECK(pairs.find({0, 0}) == -1);
  CHECK(pairs.find_or_insert({0, 0}) == 0);
  CHECK(pairs.find({0, 1}) == -1);
}

TEST_CASE("keys that share one place are all kept, without growing for ever") {
  Dictionary<OnePlace> table;
  for (std::uint64_t k = 0; k < 300; ++k) REQUIRE(table.find_or_insert({k}) == static_cast<std::int32_t>(k));
  for (std::uint64_t k = 0; k < 300; ++k) REQUIRE(table.find({k}) == static_cast<std::int32_t>(k));
  CHECK(table.find({300}) == -1);
}

TEST_CASE("byte keys of every length differ by every byte and by length") {
  Dictionary<BytesKey> table;
  std::vector<std::string> texts;
  for (std::size_t length = 0; length < 40; ++length) {
    texts.emplace_back(length, 'x');
    for (std::size_t at = 0; at < length; ++at) {
      texts.emplace_back(length, 'x');
      texts.back()[at] = '\0';
    }
  }
  for (std::size_t k = 0; k < texts.size(); ++k) {
    REQUIRE(table.find_or_insert(bytes(texts[k])) == static_cast<std::int32_t>(k));
  }
  for (std::size_t k = 0; k < texts.size(); ++k) {
    REQUIRE(table.find(bytes(texts[k])) == static_cast<std::int32_t>(k));
  }
}

}  // namespace flowstate::asof
