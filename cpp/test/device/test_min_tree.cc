// MinTree against a walk over the rows: every range of small arrays, and arrays around the edges of its levels.
#include <catch2/catch.hpp>
#include <cstdint>
#include <random>
#include <vector>

#include "flowstate/functors/min_tree.h"

namespace functors = flowstate::functors;

namespace {

struct Built {
  std::vector<std::vector<std::int64_t>> levels;
  functors::MinTree tree;

  explicit Built(std::vector<std::int64_t> rows) {
    levels.push_back(std::move(rows));
    while (levels.back().size() > 1) {
      const std::vector<std::int64_t>& below = levels.back();
      std::vector<std::int64_t> above((below.size() + functors::kTreeFan - 1) / functors::kTreeFan);
      const functors::MinLevelElement element{above.data(), below.data(),
                                              static_cast<std::uint32_t>(below.size())};
      for (std::size_t i = 0; i < above.size(); ++i) element(i);
      levels.push_back(std::move(above));
    }
    for (const auto& level : levels) tree.level[tree.levels++] = level.data();
  }

  void check(std::uint32_t begin, std::uint32_t end, std::int64_t limit) const {
    std::uint32_t first = functors::kNoPosition;
    std::uint32_t last = functors::kNoPosition;
    for (std::uint32_t i = begin; i < end; ++i) {
      if (levels[0][i] > limit) continue;
      if (first == functors::kNoPosition) first = i;
      last = i;
    }
    INFO("rows " << levels[0].size() << ", [" << begin << ", " << end << ") <= " << limit);
    REQUIRE(tree.first(begin, end, limit) == first);
    REQUIRE(tree.last(begin, end, limit) == last);
  }
};

}  // namespace

TEST_CASE("a tree of minima answers every range of a small array as a walk does") {
  std::mt19937 random(7);
  for (const std::size_t rows : {1, 2, 15, 16, 17, 40}) {
    for (int round = 0; round < 8; ++round) {
      std::vector<std::int64_t> values(rows);
      for (auto& value : values) value = static_cast<std::int64_t>(random() % 4);
      const Built built(values);
      for (std::uint32_t begin = 0; begin <= rows; ++begin) {
        for (std::uint32_t end = begin; end <= rows; ++end) {
          for (std::int64_t limit = -1; limit < 4; ++limit) built.check(begin, end, limit);
        }
      }
    }
  }
}

TEST_CASE("a tree of minima answers around the edges of its levels, and at the ends of int64") {
  std::mt19937_64 random(11);
  for (const std::size_t rows : {255, 256, 257, 4095, 4096, 4097, 5000}) {
    for (int round = 0; round < 4; ++round) {
      // Few rows are low, so that searches pass whole blocks.
      std::vector<std::int64_t> values(rows, INT64_MAX);
      for (int low = 0; low < (round == 0 ? 0 : 3 * round); ++low) {
        values[random() % rows] = static_cast<std::int64_t>(random() % 3) - 1;
      }
      if (round == 3) values[random() % rows] = INT64_MIN;
      const Built built(values);
      for (int question = 0; question < 3000; ++question) {
        auto begin = static_cast<std::uint32_t>(random() % (rows + 1));
        auto end = static_cast<std::uint32_t>(random() % (rows + 1));
        if (question % 3 == 0) begin -= begin % 16;
        if (question % 5 == 0) end -= end % 256;
        if (begin > end) std::swap(begin, end);
        for (const std::int64_t limit : {INT64_MIN, std::int64_t{-1}, std::int64_t{1}, INT64_MAX}) {
          built.check(begin, end, limit);
        }
      }
    }
  }
}
