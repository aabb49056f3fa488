// The read-only key table: it must answer as the table that it was built from, for keys that are there and for keys
// that are not, and must give up rather than answer wrongly.
#include <catch2/catch.hpp>
#include <random>

#include "asof/perfect.h"

namespace flowstate::asof {
namespace {

template <typename Key>
void require_twin(const Dictionary<Key>& dictionary, const std::vector<Key>& asked) {
  PerfectTable<Key> table;
  REQUIRE(table.build(dictionary.entries(), 5));
  std::vector<std::int32_t> out(asked.size());
  table.find(asked.data(), static_cast<std::int64_t>(asked.size()), -3, out.data());
  for (std::size_t k = 0; k < asked.size(); ++k) {
    const std::int32_t number = dictionary.find(asked[k]);
    REQUIRE(out[k] == (number < 0 ? -3 : number + 5));
  }
}

struct OneSeed {
  std::uint64_t a;
  std::uint64_t hash() const noexcept { return a * kMixA; }
  std::uint64_t seed() const noexcept { return 9; }
  bool operator==(const OneSeed& other) const noexcept { return a == other.a; }
};

}  // namespace

TEST_CASE("a perfect table finds what its dictionary finds, at every size") {
  std::mt19937_64 random(7);
  for (const std::size_t size : {1u, 2u, 3u, 10u, 100u, 1000u, 8192u}) {
    Dictionary<WordKey> words;
    Dictionary<PairKey> pairs;
    std::vector<WordKey> ask_words{{0}, {~std::uint64_t{0}}};
    std::vector<PairKey> ask_pairs{{0, 0}, {0, 1}};
    for (std::size_t k = 0; k < size; ++k) {
      const std::uint64_t word = k % 3 == 0 ? k : k % 3 == 1 ? k << 40 : random();
      words.find_or_insert({word});
      pairs.find_or_insert({word, word ^ k});
      ask_words.push_back({word});
      ask_words.push_back({word + 1});
      ask_words.push_back({random()});
      ask_pairs.push_back({word, word ^ k});
      ask_pairs.push_back({word ^ k, word});
    }
    require_twin(words, ask_words);
    require_twin(pairs, ask_pairs);
  }
}

TEST_CASE("the zero key is found only where it was put") {
  Dictionary<WordKey> without;
  without.find_or_insert({5});
  require_twin(without, {{0}, {5}, {6}});
  Dictionary<WordKey> with;
  with.find_or_insert({0});
  require_twin(with, {{0}, {5}});
}

TEST_CASE("keys made to collide make the table give up") {
  Dictionary<OneSeed> dictionary;
  for (std::uint64_t k = 0; k < 10; ++k) dictionary.find_or_insert({k});
  PerfectTable<OneSeed> table;
  CHECK_FALSE(table.build(dictionary.entries(), 0));
  CHECK(table.empty());
  Dictionary<WordKey> nothing;
  PerfectTable<WordKey> empty;
  CHECK_FALSE(empty.build(nothing.entries(), 0));
}

}  // namespace flowstate::asof
