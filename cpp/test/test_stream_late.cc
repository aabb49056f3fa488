// Watermarks that break their promise, by every policy. FS_TEST_CASES and FS_TEST_SEED as in test_join_property.cc.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "flowstate/error.h"
#include "support/stream_play.h"

namespace flowstate::test {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("the changelog ends as the batch join over the accepted rows") {
  const std::uint64_t cases = setting("FS_TEST_CASES", 3000);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices pick(seed);
    const StreamCase random = make_late_case(pick, {seed % 7 == 0 ? 100 : 25, 2});
    std::string found;
    try {
      StreamPlay play(pick, random);
      found = play.run();
    } catch (const Error& error) {
      found = std::string("threw ") + error.what();
    }
    if (!found.empty()) FAIL("seed " << seed << ": " << found);
  }
  SUCCEED();
}

}  // namespace flowstate::test
