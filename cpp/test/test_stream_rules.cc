// The rules of sealing one by one, and every defect that the first implementation of this join was found with.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/stream/streaming_join.h"
#include "support/simple.h"

namespace flowstate::test {
namespace {

using asof::Direction;
using stream::LatePolicy;

// int64 times and one int64 key; the payload is the right row's time.
struct Engine {
  Arena arena;
  stream::EngineConfig config;
  std::optional<stream::StreamEngine> engine;

  explicit Engine(Direction direction = Direction::kBackward) {
    config.left_columns.push_back({ColumnType::kInt64, 8, "left.v"});
    stream::StreamShape shape;
    shape.keys.emplace_back();
    shape.payload.push_back({ColumnType::kInt64, 8, "right.v"});
    shape.direction = direction;
    config.streams.push_back(shape);
  }
  stream::StreamShape& shape() { return config.streams[0]; }
  stream::StreamEngine& get() {
    if (!engine) engine.emplace(config);
    return *engine;
  }
  stream::PushReport push(int input, const std::vector<std::int64_t>& times, std::int64_t key = 1,
                          std::int32_t source = 0, std::optional<std::int64_t> most = std::nullopt) {
    stream::EngineBatch batch;
    batch.rows = static_cast<std::int64_t>(times.size());
    batch.time = make_column(arena, ColumnType::kInt64, cells_of(times), "time");
    batch.keys = {{make_column(arena, ColumnType::kInt64, Cells(times.size(), cell(key)), "key")}};
    batch.columns = {batch.time};
    batch.source = source;
    return get().push(input, batch, most);
  }
  // "left=right" per row, "-" for none; a retraction begins with "!".
  std::vector<std::string> emit(std::int64_t most = 1000) {
    const stream::EngineOutput out = get().emit(most);
    std::vector<std::string> rows;
    for (std::int64_t i = 0; i < out.rows; ++i) {
      const auto& right = out.streams[0].columns[0];
      const bool null = !right.validity.empty() && ((right.validity.data()[i / 8] >> (i % 8)) & 1) == 0;
      const bool retraction = !out.ops.empty() && out.ops.as<std::int8_t>()[i] < 0;
      rows.push_back((retraction ? "!" : "") + std::to_string(out.left[0].values.as<std::int64_t>()[i]) +
                     "=" + (null ? "-" : std::to_string(right.values.as<std::int64_t>()[i])));
    }
    return rows;
  }
  std::vector<std::string> at(std::int64_t left, std::int64_t right) {
    get().advance(0, left);
    get().advance(1, right);
    return emit();
  }
};

using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE("nothing is final before the first watermark, however large the lag") {
  Engine e;
  e.shape().lag = INT64_MAX;
  e.push(1, {5});
  e.push(0, {10});
  CHECK(e.emit().empty());
}

TEST_CASE("a row at the watermark may still come, so a row at it waits") {
  Engine e;
  e.push(1, {5});
  e.push(0, {10});
  CHECK(e.at(11, 10).empty());
  e.push(1, {10});
  CHECK(e.at(11, 11) == Rows{"10=10"});
}

TEST_CASE("without exact matches a row is final at the watermark") {
  Engine e;
  e.shape().allow_exact = false;
  e.push(1, {5, 10, 10});
  e.push(0, {10});
  CHECK(e.at(11, 9).empty());
  CHECK(e.at(11, 10) == Rows{"10=5"});
}

TEST_CASE("ordered output waits for the left's watermark, and asFinal does not") {
  for (const bool ordered : {true, false}) {
    Engine e;
    e.config.ordered = ordered;
    e.push(1, {5});
    e.push(0, {10});
    CHECK(e.at(10, 11) == (ordered ? Rows{} : Rows{"10=5"}));
    CHECK(e.at(11, 11) == (ordered ? Rows{"10=5"} : Rows{}));
  }
}

TEST_CASE("nearest waits for what may be nearer, and not longer") {
  Engine e(Direction::kNearest);
  e.push(1, {5});
  e.push(0, {10});
  CHECK(e.at(11, 15).empty());  // a row at 15 would be as near
  SECTION("the mirror of the row behind") { CHECK(e.at(11, 16) == Rows{"10=5"}); }
  SECTION("a nearer row ahead") {
    e.push(1, {15});
    CHECK(e.at(11, 16) == Rows{"10=5"});
  }
  SECTION("tolerance cuts the wait") {
    Engine f(Direction::kNearest);
    f.shape().has_tolerance = true;
    f.shape().tolerance = 2;
    f.push(1, {1});
    f.push(0, {10});
    CHECK(f.at(11, 12).empty());
    CHECK(f.at(11, 13) == Rows{"10=-"});
  }
}

TEST_CASE("at equal distance the later row is waited for and taken where it is asked for") {
  Engine e(Direction::kNearest);
  e.shape().nearest_tie = asof::NearestTie::kLater;
  e.push(1, {5});
  e.push(0, {10});
  CHECK(e.at(11, 15).empty());
  e.push(1, {15});
  CHECK(e.at(11, 16) == Rows{"10=15"});
}

TEST_CASE("forward without tolerance waits for its row or the end, and goes as soon as it is final") {
  Engine e(Direction::kForward);
  e.push(0, {10, 30});
  CHECK(e.at(100, 20).empty());
  e.push(1, {25});
  CHECK(e.at(100, 25).empty());
  CHECK(e.at(100, 26) == Rows{"10=25"});
  e.get().end();
  CHECK(e.emit() == Rows{"30=-"});
}

TEST_CASE("forward with tolerance is final just past its reach") {
  Engine e(Direction::kForward);
  e.shape().has_tolerance = true;
  e.shape().tolerance = 5;
  e.push(0, {10});
  CHECK(e.at(11, 15).empty());
  CHECK(e.at(11, 16) == Rows{"10=-"});
}

TEST_CASE("asFinal passes rows that wait for a row ahead") {
  Engine e(Direction::kForward);
  e.config.ordered = false;
  e.push(0, {10}, 1);
  e.push(0, {11}, 2);
  e.push(1, {12}, 2);
  CHECK(e.at(0, 13) == Rows{"11=12"});
  e.push(1, {14}, 1);
  CHECK(e.at(0, 15) == Rows{"10=14"});
}

TEST_CASE("a lag moves finality forward, and saturates") {
  Engine e;
  e.shape().lag = 5;
  e.push(1, {5});
  e.push(0, {10});
  CHECK(e.at(11, 5).empty());
  CHECK(e.at(11, 6) == Rows{"10=5"});
  Engine f;
  f.shape().lag = INT64_MAX;
  f.push(0, {INT64_MAX});
  CHECK(f.at(INT64_MAX, INT64_MAX).empty());  // ordered: the left may still bring rows at the end of time
  f.get().end();
  CHECK(f.emit() == Rows{std::to_string(INT64_MAX) + "=-"});
}

TEST_CASE("the ends of time are times like others") {
  Engine e;
  e.push(1, {INT64_MIN, INT64_MAX});
  e.push(0, {INT64_MIN, INT64_MAX});
  e.get().end();
  CHECK(e.emit() == Rows{std::to_string(INT64_MIN) + "=" + std::to_string(INT64_MIN),
                         std::to_string(INT64_MAX) + "=" + std::to_string(INT64_MAX)});
}

TEST_CASE("the last value of a quiet key stays") {
  Engine e;
  e.push(1, {5}, 1);
  for (std::int64_t t = 10; t < 1000; ++t) {
    e.push(1, {t}, 2);
    e.push(0, {t}, 2);
    e.at(t, t);
  }
  CHECK(e.get().state_rows(1) < 10);
  e.push(0, {1000}, 1);
  CHECK(e.at(1001, 1001) == Rows{"999=999", "1000=5"});
}

TEST_CASE("with a tolerance old rows leave, and without one the newest stays") {
  Engine e;
  e.shape().has_tolerance = true;
  e.shape().tolerance = 10;
  for (std::int64_t key = 0; key < 50; ++key) e.push(1, {key}, key);
  CHECK(e.get().state_rows(1) == 50);
  e.at(1000, 1000);
  CHECK(e.get().state_rows(1) == 0);
}

TEST_CASE("ties are decided by source and sequence, not by arrival") {
  for (const bool swapped : {false, true}) {
    Engine e;
    e.push(1, {swapped ? 5 : 4}, 1, swapped ? 2 : 1);
    Engine f;
    f.shape().payload[0].name = "v";
    // Two rows at 5, from sources 1 and 2: source 2 is the last whatever came first.
    const auto push = [&](std::int32_t source) {
      stream::EngineBatch batch;
      batch.rows = 1;
      batch.time = make_column(f.arena, ColumnType::kInt64, cells_of({5}), "time");
      batch.keys = {{make_column(f.arena, ColumnType::kInt64, cells_of({1}), "key")}};
      batch.columns = {make_column(f.arena, ColumnType::kInt64, cells_of({source}), "v")};
      batch.source = source;
      f.get().push(1, batch);
    };
    push(swapped ? 2 : 1);
    push(swapped ? 1 : 2);
    f.push(0, {6});
    CHECK(f.at(7, 7) == Rows{"6=2"});
  }
}

TEST_CASE("late rows: dropped, put aside, refused or repaired, and always counted") {
  Engine e;
  SECTION("drop") {
    e.push(1, {5});
    e.push(0, {10});
    CHECK(e.at(20, 20) == Rows{"10=5"});
    CHECK(e.push(1, {7}).late == 1);
    CHECK(e.push(0, {7}).late == 1);
    CHECK(e.at(30, 30).empty());
    CHECK(e.get().counters().inputs[0].late == 1);
    CHECK(e.get().counters().inputs[1].late == 1);
  }
  SECTION("error changes nothing") {
    e.shape().late = LatePolicy::kError;
    e.get().advance(1, 10);
    CHECK_THROWS_AS(e.push(1, {12, 9}), Error);
    CHECK(e.get().state_rows(1) == 0);
    CHECK(e.get().counters().sequences.empty());
  }
  SECTION("revise") {
    e.shape().late = LatePolicy::kRevise;
    e.config.horizon = 15;
    e.push(1, {5});
    e.push(0, {10});
    CHECK(e.at(20, 20) == Rows{"10=5"});
    CHECK(e.push(1, {7}).late == 1);
    CHECK(e.emit() == Rows{"!10=5", "10=7"});
    CHECK(e.push(1, {4}).late_beyond_horizon == 1);
    CHECK(e.emit().empty());
  }
  SECTION("sideOutput names the rows it would have changed") {
    e.shape().late = LatePolicy::kSideOutput;
    e.config.horizon = 100;
    e.push(1, {5});
    e.push(0, {6, 10});
    CHECK(e.at(20, 20) == Rows{"6=5", "10=5"});
    e.push(1, {7});
    const stream::LateOutput late = e.get().take_late(1);
    REQUIRE(late.rows == 1);
    REQUIRE(late.affected_ids.size() == 8);
    CHECK(late.affected_ids.as<std::int64_t>()[0] == 1);
  }
}

TEST_CASE("rows dated too far ahead are not taken") {
  Engine e;
  const stream::PushReport report = e.push(1, {5, 1'000'000}, 1, 0, 100);
  CHECK(report.rows == 1);
  CHECK(report.too_far_ahead == 1);
  CHECK(report.max_time == 5);
}

TEST_CASE("a state at its cap refuses a batch and stays as it was") {
  Engine e;
  e.config.max_state_bytes = 4096;
  std::int64_t taken = 0;
  ErrorCode code = ErrorCode::INTERNAL;
  for (std::int64_t t = 0; t < 1000 && code == ErrorCode::INTERNAL; ++t) {
    try {
      taken += e.push(0, {t}).rows;
    } catch (const Error& error) {
      code = error.code();
    }
  }
  CHECK(code == ErrorCode::BACKPRESSURE);
  CHECK(e.get().pending_rows() == taken);
  CHECK(e.get().state_bytes() <= 4096);
  CHECK(e.at(INT64_MAX, INT64_MAX).size() == static_cast<std::size_t>(taken));
  CHECK(e.push(0, {INT64_MAX}).rows == 1);
}

TEST_CASE("a million keys that come once are forgotten") {
  Engine e;
  e.shape().has_tolerance = true;
  e.shape().tolerance = 10;
  std::int64_t most = 0;
  for (std::int64_t t = 0; t < 20000; ++t) {
    e.push(1, {t}, t);
    e.push(0, {t}, t);
    e.at(t, t);
    if (t > 5000) most = std::max(most, e.get().state_bytes());
  }
  CHECK(most < 2'000'000);
}

TEST_CASE("one left row far ahead holds nothing up in asFinal, and little in order") {
  Engine e;
  e.config.ordered = false;
  e.push(0, {1'000'000'000});
  for (std::int64_t t = 1; t < 3000; ++t) {
    e.push(1, {t});
    e.push(0, {t});
    CHECK(e.at(t, t).size() <= 1);
  }
  CHECK(e.get().pending_rows() == 2);
  CHECK(e.get().state_rows(1) < 100);
}

TEST_CASE("rows that arrive backwards cost no square") {
  Engine e;
  std::vector<std::int64_t> times;
  for (std::int64_t t = 200'000; t-- > 0;) times.push_back(t);
  for (std::size_t from = 0; from < times.size(); from += 1000) {
    e.push(1, {times.begin() + static_cast<std::ptrdiff_t>(from),
               times.begin() + static_cast<std::ptrdiff_t>(from) + 1000});
  }
  e.push(0, {100'000});
  e.get().end();
  CHECK(e.emit() == Rows{"100000=100000"});
}

}  // namespace flowstate::test
