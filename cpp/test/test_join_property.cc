// Random requests over all options at once, every plan and 1 to 4 threads, against the quadratic oracle.
// FS_TEST_CASES sets how many requests (default 4000), FS_TEST_SEED the first seed.
#include <catch2/catch.hpp>

#include "support/check_run.h"

namespace flowstate::test {

TEST_CASE("every plan on every thread count gives the oracle's answer") {
  ThreadPool pool(4);
  const std::uint64_t cases = setting("FS_TEST_CASES", 4000);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices choices(seed);
    const std::unique_ptr<RandomCase> random = make_random_case(choices, seed % 7 == 0 ? 200 : 30);
    const Expected expected(*random);
    for (int plan = 0; plan <= 4; ++plan) {
      for (asof::StreamRequest& stream : random->request.streams)
        stream.plan = static_cast<asof::PlanKind>(plan);
      random->request.threads = 1 + static_cast<int>((seed + static_cast<std::uint64_t>(plan)) % 4);
      random->request.trusting = (seed + static_cast<std::uint64_t>(plan)) % 3 != 0;
      const std::string found = check_run(*random, expected, pool);
      if (!found.empty()) {
        FAIL("seed " << seed << ", plan " << plan << ", threads " << random->request.threads << ": "
                     << found);
      }
    }
  }
  SUCCEED();
}

}  // namespace flowstate::test
