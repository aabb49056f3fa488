// Random requests over all options at once, every plan and 1 to 4 threads, against the quadratic oracle.
// FS_TEST_CASES sets how many requests (default 4000), FS_TEST_SEED the first seed.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "flowstate/asof/join.h"
#include "flowstate/error.h"
#include "flowstate/thread_pool.h"
#include "support/random_request.h"

namespace flowstate::test {
namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::int64_t detail(const Error& error, const std::string& name) {
  for (const auto& [key, value] : error.details()) {
    if (key == name) return value;
  }
  return -1;
}

// What one run of the request should have been, or "".
std::string check_run(RandomCase& random, const std::vector<OracleAnswer>& answers,
                      const std::optional<Violation>& violation, ThreadPool& pool) {
  const asof::CancelToken cancel;
  try {
    const asof::JoinResult result = asof::join(random.request, pool, cancel);
    if (violation) return "an unsorted row was not found";
    return difference(random, answers, result);
  } catch (const Error& error) {
    if (!violation || error.code() != ErrorCode::UNSORTED) return std::string("threw ") + error.what();
    if (detail(error, "side") != violation->side || detail(error, "row") != violation->row ||
        detail(error, "previousRow") != violation->previous) {
      return std::string("named the wrong row: ") + error.what();
    }
    return "";
  }
}

}  // namespace

TEST_CASE("every plan on every thread count gives the oracle's answer") {
  ThreadPool pool(4);
  const std::uint64_t cases = setting("FS_TEST_CASES", 4000);
  const std::uint64_t first = setting("FS_TEST_SEED", 1);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    SeededChoices choices(seed);
    const std::unique_ptr<RandomCase> random = make_random_case(choices, seed % 7 == 0 ? 200 : 30);
    std::vector<OracleAnswer> answers;
    std::optional<Violation> violation;
    for (const LogicalStream& stream : random->streams) {
      answers.push_back(oracle_join(stream));
      if (!violation && stream.options->unsorted == asof::Unsorted::kError)
        violation = oracle_violation(stream);
    }
    for (int plan = 0; plan <= 4; ++plan) {
      for (asof::StreamRequest& stream : random->request.streams)
        stream.plan = static_cast<asof::PlanKind>(plan);
      random->request.threads = 1 + static_cast<int>((seed + static_cast<std::uint64_t>(plan)) % 4);
      random->request.trusting = (seed + static_cast<std::uint64_t>(plan)) % 3 != 0;
      const std::string found = check_run(*random, answers, violation, pool);
      if (!found.empty()) {
        FAIL("seed " << seed << ", plan " << plan << ", threads " << random->request.threads << ": "
                     << found);
      }
    }
  }
  SUCCEED();
}

}  // namespace flowstate::test
