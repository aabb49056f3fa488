// unsorted: error names the first offending row, left side first, within keys where there are keys.
#include <catch2/catch.hpp>

#include "flowstate/error.h"
#include "support/simple.h"

namespace flowstate::test {
namespace {

using asof::Unsorted;

struct Named {
  std::string message;
  std::vector<Error::Detail> details;
};

Named refusal(Simple& simple) {
  simple.stream().unsorted = Unsorted::kError;
  try {
    simple.run();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::UNSORTED);
    return {error.what(), error.details()};
  }
  return {"accepted", {}};
}

}  // namespace

TEST_CASE("without keys the first row earlier than the one before is named") {
  Simple simple({1, 5, 3, 2}, {1, 0});
  const Named named = refusal(simple);
  CHECK(named.message == "left.timestamp must ascend; row 2 is 2 ns before row 1");
  CHECK(named.details == std::vector<Error::Detail>{{"side", 0}, {"row", 2}, {"previousRow", 1}});
}

TEST_CASE("the right side is looked at when the left is in order") {
  Simple simple({1, 2}, {10, 20, 15});
  const Named named = refusal(simple);
  CHECK(named.message == "right.timestamp must ascend; row 2 is 5 ns before row 1");
  CHECK(named.details == std::vector<Error::Detail>{{"side", 1}, {"row", 2}, {"previousRow", 1}});
}

TEST_CASE("with keys only the order within a key counts") {
  Simple good({5, 1, 6, 2}, {9, 1});
  good.keys({1, 2, 1, 2}, {1, 2});
  CHECK(refusal(good).message == "accepted");
  Simple bad({5, 1, 6, 4}, {9, 1});
  bad.keys({1, 2, 1, 1}, {1, 2});
  const Named named = refusal(bad);
  CHECK(named.message == "left.timestamp must ascend within each key; row 3 is 2 ns before row 2");
}

TEST_CASE("left keys that the right side does not have are looked at too") {
  Simple simple({5, 4}, {1});
  simple.keys({77, 77}, {1});
  CHECK(refusal(simple).message == "left.timestamp must ascend within each key; row 1 is 1 ns before row 0");
}

TEST_CASE("the distance between the int64 limits is exact") {
  Simple simple({INT64_MAX, INT64_MIN}, {1});
  CHECK(refusal(simple).message ==
        "left.timestamp must ascend; row 1 is 18446744073709551615 ns before row 0");
}

TEST_CASE("equal times are in order") {
  Simple simple({3, 3, 3}, {2, 2});
  CHECK(refusal(simple).message == "accepted");
}

}  // namespace flowstate::test
