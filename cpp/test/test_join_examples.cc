// The rules one at a time, with the smallest input that shows each, on every plan.
#include <catch2/catch.hpp>

#include "flowstate/error.h"
#include "support/simple.h"

namespace flowstate::test {
namespace {

using asof::Direction;
using asof::Ties;
using Rows = std::vector<int>;

constexpr std::int64_t kMin = INT64_MIN;
constexpr std::int64_t kMax = INT64_MAX;

struct Example {
  const char* rule;
  std::vector<std::int64_t> left;
  std::vector<std::int64_t> right;
  void (*options)(asof::StreamRequest&);
  Rows expected;
};

const Example kExamples[] = {
    {"backward takes the last row at or before", {0, 1, 2, 3}, {1, 2, 2}, [](auto&) {}, {-1, 0, 2, 2}},
    {"backward, first of ties", {2, 9}, {1, 2, 2}, [](auto& s) { s.ties = Ties::kFirst; }, {1, 1}},
    {"backward without exact skips a run of equals", {2, 3}, {1, 2, 2}, [](auto& s) { s.allow_exact = false; }, {0, 2}},
    {"forward takes the first row at or after", {0, 2, 3}, {1, 2, 2}, [](auto& s) { s.direction = Direction::kForward; },
     {0, 1, -1}},
    {"forward, last of ties", {0, 2}, {1, 2, 2},
     [](auto& s) {
       s.direction = Direction::kForward;
       s.ties = Ties::kLast;
     },
     {0, 2}},
    {"forward without exact", {1, 2}, {1, 2, 2},
     [](auto& s) {
       s.direction = Direction::kForward;
       s.allow_exact = false;
     },
     {1, -1}},
    {"nearest at equal distance is the earlier", {5}, {3, 7}, [](auto& s) { s.direction = Direction::kNearest; }, {0}},
    {"nearest at equal distance, later", {5}, {3, 7},
     [](auto& s) {
       s.direction = Direction::kNearest;
       s.nearest_tie = asof::NearestTie::kLater;
     },
     {1}},
    {"nearest prefers the exact row", {5}, {4, 5, 5, 6}, [](auto& s) { s.direction = Direction::kNearest; }, {2}},
    {"nearest without exact looks past both ends of the run", {5}, {3, 5, 5, 6},
     [](auto& s) {
       s.direction = Direction::kNearest;
       s.allow_exact = false;
     },
     {3}},
    {"tolerance is inclusive", {10, 11}, {5},
     [](auto& s) {
       s.has_tolerance = true;
       s.tolerance = 5;
     },
     {0, -1}},
    {"tolerance 0 wants equal times", {4, 5, 6}, {5}, [](auto& s) { s.has_tolerance = true; }, {-1, 0, -1}},
    {"distances do not wrap at the int64 limits", {kMax}, {kMin},
     [](auto& s) {
       s.has_tolerance = true;
       s.tolerance = kMax;
     },
     {-1}},
    {"the nearest of two rows at the limits", {0}, {kMin, kMax}, [](auto& s) { s.direction = Direction::kNearest; }, {1}},
    {"the limits are times like any other", {kMin, kMax}, {kMin, kMax}, [](auto&) {}, {0, 1}},
    {"a row at the limit is not strictly before it", {kMin, kMax}, {kMin, kMax},
     [](auto& s) { s.allow_exact = false; }, {-1, 0}},
    {"a lag delays a row", {5, 6, 7}, {5}, [](auto& s) { s.lag = 2; }, {-1, -1, 0}},
    {"a lag past the limit hides a row for good", {kMax}, {kMax - 1}, [](auto& s) { s.lag = 2; }, {-1}},
    {"a lag hides a newer row and leaves the older", {6}, {3, 5}, [](auto& s) { s.lag = 2; }, {0}},
};

}  // namespace

TEST_CASE("each rule holds on every plan") {
  for (const Example& example : kExamples) {
    for (const bool keyed : {false, true}) {
      for (int plan = 0; plan <= 4; ++plan) {
        Simple simple(example.left, example.right);
        if (keyed) {
          simple.keys(std::vector<std::int64_t>(example.left.size(), 7), std::vector<std::int64_t>(example.right.size(), 7));
        }
        simple.stream().plan = static_cast<asof::PlanKind>(plan);
        example.options(simple.stream());
        INFO(example.rule << ", plan " << plan << (keyed ? ", keyed" : ""));
        CHECK(simple.indices() == example.expected);
      }
    }
  }
}

TEST_CASE("a row whose value is known late is used only from then on") {
  for (int plan = 0; plan <= 4; ++plan) {
    Simple simple({10, 20, 30}, {1, 2, 3});
    simple.stream().known_at.emplace();
    simple.stream().known_at->column =
        make_column(simple.arena, ColumnType::kInt64, {cell(15), cell(5), std::nullopt}, "right.known");
    simple.stream().plan = static_cast<asof::PlanKind>(plan);
    CHECK(simple.indices() == Rows{1, 1, 1});
  }
}

TEST_CASE("an empty side gives no matches and no rows") {
  Simple no_right({1, 2}, {});
  CHECK(no_right.indices() == Rows{-1, -1});
  Simple no_left({}, {1, 2});
  CHECK(no_left.indices().empty());
  Simple nothing({}, {});
  CHECK(nothing.indices().empty());
}

TEST_CASE("a time that does not fit after scaling is OVERFLOW with its row") {
  Simple simple({1, 2}, {3, kMax / 2});
  simple.stream().right.time.scale = 1000;
  try {
    simple.run();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::OVERFLOW);
    CHECK(error.details() == std::vector<Error::Detail>{{"row", 1}});
    CHECK(std::string(error.what()).find("right.timestamp") == 0);
  }
}

TEST_CASE("an age that does not fit is OVERFLOW") {
  Simple simple({kMax}, {kMin});
  simple.stream().want_age = true;
  try {
    simple.run();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::OVERFLOW);
  }
}

TEST_CASE("columns of different lengths are LENGTH") {
  Simple simple({1, 2}, {1});
  simple.request.left_rows = 3;
  CHECK_THROWS_AS(simple.run(), Error);
  Simple payload({1, 2}, {1});
  payload.stream().payload.push_back(make_column(payload.arena, ColumnType::kInt8, cells_of({1, 2}), "p"));
  CHECK_THROWS_AS(payload.run(), Error);
}

TEST_CASE("uint64 times keep their whole range against unsigned columns, and overflow against signed ones") {
  Simple simple({}, {});
  const Cells big{cell(5), cell(-1)};  // -1 is 2^64 - 1
  simple.request.left_rows = 2;
  simple.request.left_sides[0].time.column = make_column(simple.arena, ColumnType::kUInt64, big, "left.timestamp");
  simple.stream().right.time.column = make_column(simple.arena, ColumnType::kUInt32, cells_of({4, 9}), "right.timestamp");
  CHECK(simple.indices() == Rows{0, 1});
  simple.stream().right.time.column = make_column(simple.arena, ColumnType::kInt32, cells_of({4, 9}), "right.timestamp");
  CHECK_THROWS_AS(simple.run(), Error);
}

TEST_CASE("key strings differ by length and by zero bytes") {
  Simple simple({9, 9, 9}, {1, 2, 3});
  const std::string zero("A\0", 2);
  const auto add = [&](std::vector<asof::KeyColumn>& keys, const Cells& cells) {
    keys.push_back({make_column(simple.arena, ColumnType::kBytes32, cells, "k"), 1, false});
  };
  add(simple.request.left_sides[0].keys, {cell_s("A"), cell_s(zero), cell_s("")});
  add(simple.stream().right.keys, {cell_s(zero), cell_s("A"), cell_s(std::string(1, '\0'))});
  CHECK(simple.indices() == Rows{1, 0, -1});
}

}  // namespace flowstate::test
