// Explain: the plan chosen from measured facts, and a forced plan that cannot run says what ran instead.
#include <catch2/catch.hpp>
#include <numeric>

#include "support/simple.h"

namespace flowstate::test {
namespace {

std::vector<std::int64_t> ascending(std::size_t count) {
  std::vector<std::int64_t> times(count);
  std::iota(times.begin(), times.end(), 0);
  return times;
}

std::vector<std::int64_t> descending(std::size_t count) {
  std::vector<std::int64_t> times = ascending(count);
  std::reverse(times.begin(), times.end());
  return times;
}

asof::Explain explain(Simple& simple) {
  simple.request.explain = true;
  return simple.run().streams[0].explain;
}

}  // namespace

TEST_CASE("sides in time order are merged") {
  Simple simple(ascending(1000), ascending(1000));
  const asof::Explain e = explain(simple);
  CHECK(e.plan == "merge");
  CHECK(e.reason.find("both sides ascend in time") != std::string::npos);
  CHECK_FALSE(e.phases.empty());
  CHECK(e.statistics[0] == std::pair<std::string, std::int64_t>{"left_rows", 1000});
}

TEST_CASE("unsorted sides are sorted without keys and grouped with them") {
  Simple plain(descending(1000), ascending(1000));
  CHECK(explain(plain).plan == "sort");
  Simple keyed(descending(1000), ascending(1000));
  keyed.keys(ascending(1000), ascending(1000));
  CHECK(explain(keyed).plan == "grouped");
}

TEST_CASE("few left rows probe a long right side") {
  Simple simple(ascending(3), ascending(5000));
  CHECK(explain(simple).plan == "probe");
}

TEST_CASE("forced plans run, or say why another did") {
  Simple simple(descending(100), ascending(100));
  simple.stream().plan = asof::PlanKind::kMerge;
  asof::Explain e = explain(simple);
  CHECK(e.plan == "sort");
  CHECK(e.reason.find("merge was forced") != std::string::npos);
  simple.stream().plan = asof::PlanKind::kGrouped;
  e = explain(simple);
  CHECK(e.plan == "sort");
  CHECK(e.reason.find("no keys") != std::string::npos);
  simple.stream().plan = asof::PlanKind::kProbe;
  CHECK(explain(simple).plan == "probe");
}

TEST_CASE("a probe whose keys lie far back gives up and merges, with the same answer") {
  // Key 1 is seen once at the beginning and asked for often: every look walks over all other rows.
  std::vector<std::int64_t> right_keys(60000, 2);
  right_keys[0] = 1;
  std::vector<std::int64_t> left(50, 70000);
  Simple simple(left, ascending(60000));
  simple.keys(std::vector<std::int64_t>(50, 1), right_keys);
  simple.stream().plan = asof::PlanKind::kProbe;
  const asof::Explain e = explain(simple);
  CHECK(e.plan == "merge");
  CHECK(e.reason.find("walking back") != std::string::npos);
  CHECK(simple.indices() == std::vector<int>(50, 0));
}

TEST_CASE("nothing is explained unless asked") {
  Simple simple(ascending(3), ascending(3));
  CHECK(simple.run().streams[0].explain.plan.empty());
}

}  // namespace flowstate::test
