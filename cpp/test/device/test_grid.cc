// Which thread of a launch takes which element, and the bodies of kernels, thread by thread on the CPU.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

#include "flowstate/functors/affine.h"
#include "flowstate/functors/grid.h"

namespace functors = flowstate::functors;

TEST_CASE("a launch visits every element once, around every edge of its blocks") {
  for (const unsigned threads : {1u, 7u, 32u, 256u}) {
    for (const std::size_t most : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      for (const std::size_t around :
           {std::size_t{0}, std::size_t{threads}, most * threads, 3 * most * threads}) {
        for (std::size_t count = around < 2 ? 0 : around - 2; count < around + 3; ++count) {
          const unsigned blocks = functors::grid_blocks(count, threads, most);
          REQUIRE(blocks >= 1);
          REQUIRE(blocks <= most);
          // No block without an element, but for the one that there always is.
          REQUIRE((blocks == 1 || (static_cast<std::size_t>(blocks) - 1) * threads < count));
          std::vector<int> visits(count);
          for (unsigned block = 0; block < blocks; ++block) {
            for (unsigned thread = 0; thread < threads; ++thread) {
              functors::grid_stride(count, block, blocks, thread, threads,
                                    [&](std::size_t i) { ++visits.at(i); });
            }
          }
          REQUIRE(visits == std::vector<int>(count, 1));
        }
      }
    }
  }
}

TEST_CASE("a launch of more elements than 32 bits count still indexes right") {
  const std::size_t count = (std::size_t{1} << 32) + 5;
  REQUIRE(functors::grid_blocks(count, 256, 1000) == 1000);
  std::size_t last = 0;
  functors::grid_stride(count, 0, 1, 4, 1u << 31, [&](std::size_t i) { last = i; });
  REQUIRE(last == (std::size_t{1} << 32) + 4);
}

TEST_CASE("the body of the affine kernel is one fused rounding an element, also in place") {
  const std::vector<float> source = {1.1f, -2.5f, 3e38f, 1e-40f, 0.0f};
  std::vector<float> target(source.size());
  const functors::AffineElement element{target.data(), source.data(), {1.0000001f, -1.1f}};
  for (unsigned thread = 0; thread < 2; ++thread)
    functors::grid_stride(source.size(), 0, 1, thread, 2, element);
  for (std::size_t i = 0; i < source.size(); ++i)
    REQUIRE(target[i] == std::fma(source[i], 1.0000001f, -1.1f));
  std::vector<float> both = source;
  functors::grid_stride(both.size(), 0, 1, 0, 1, functors::AffineElement{both.data(), both.data(), {2, 1}});
  REQUIRE(both[1] == -4.0f);
}
