// Sizes that cross blocks, lanes, tasks and table growth: all plans and thread counts must agree on every byte, and
// a sample of left rows must agree with the oracle.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "flowstate/asof/join.h"
#include "flowstate/thread_pool.h"
#include "support/columns.h"
#include "support/oracle.h"

namespace flowstate::test {
namespace {

struct Shape {
  std::int64_t left;
  std::int64_t right;
  std::uint32_t keys;  // 0: none
  bool strings;
  bool skewed;
  bool sorted;
  asof::Direction direction;
};

const Shape kShapes[] = {
    {150000, 70000, 100, false, false, true, asof::Direction::kBackward},
    {150001, 70000, 5000, true, false, true, asof::Direction::kBackward},
    {140000, 90000, 60000, true, false, true, asof::Direction::kNearest},
    {140000, 90000, 60000, false, true, true, asof::Direction::kForward},
    {140000, 90000, 3, false, true, false, asof::Direction::kBackward},
    {140063, 90000, 0, false, false, true, asof::Direction::kNearest},
    {140000, 150000, 0, false, false, false, asof::Direction::kForward},
    {200, 150000, 40, true, false, true, asof::Direction::kBackward},
};

bool same(const Buffer& a, const Buffer& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

bool same(const asof::OutputColumn& a, const asof::OutputColumn& b) {
  if (a.length != b.length || a.null_count != b.null_count) return false;
  return same(a.values, b.values) && same(a.offsets, b.offsets);
}

}  // namespace

TEST_CASE("large joins agree over plans and threads, and with the oracle where it looks") {
  ThreadPool pool(4);
  const asof::CancelToken cancel;
  std::uint64_t seed = 0;
  for (const Shape& shape : kShapes) {
    std::mt19937_64 random(++seed);
    Arena arena;
    asof::JoinRequest request;
    LogicalStream logical;
    const auto side = [&](std::int64_t rows, LogicalSide& logic, asof::Side& out, bool sorted,
                          const char* name) {
      std::vector<std::int64_t> times;
      for (std::int64_t i = 0; i < rows; ++i) times.push_back(static_cast<std::int64_t>(random() % 3000000));
      if (sorted) std::sort(times.begin(), times.end());
      Cells keys;
      Cells time_cells;
      for (const std::int64_t t : times) {
        time_cells.push_back(cell(t));
        logic.time.push_back(LogicalTime{t, 0});
        logic.keys.emplace_back();
        if (shape.keys == 0) continue;
        std::uint64_t key = random() % shape.keys;
        if (shape.skewed && random() % 4 != 0) key = 0;
        const std::string text = "K" + std::to_string(key * 7);
        keys.push_back(shape.strings ? cell_s(text) : cell(static_cast<std::int64_t>(key * 7)));
        logic.keys.back().push_back(text);
      }
      out.time.column = make_column(arena, ColumnType::kInt64, time_cells, name);
      if (shape.keys > 0) {
        const ColumnType type = shape.strings ? ColumnType::kBytes32 : ColumnType::kInt32;
        out.keys.push_back({make_column(arena, type, keys, "key", {{rows / 3}, 3, false, 1}), 1, false});
      }
    };
    request.left_rows = shape.left;
    request.left_sides.emplace_back();
    request.streams.emplace_back();
    asof::StreamRequest& stream = request.streams[0];
    side(shape.left, logical.left, request.left_sides[0], shape.sorted, "left.time");
    side(shape.right, logical.right, stream.right, shape.sorted, "right.time");
    Cells payload;
    for (std::int64_t i = 0; i < shape.right; ++i) {
      payload.push_back(i % 11 == 0 ? std::nullopt : cell_s(std::to_string(i)));
    }
    stream.payload.push_back(
        make_column(arena, ColumnType::kBytes32, payload, "p", {{10, 40000}, 5, false, 1}));
    stream.direction = shape.direction;
    stream.want_indices = stream.want_age = stream.want_matched = true;
    stream.has_tolerance = true;
    stream.tolerance = 2000;
    logical.options = &stream;

    asof::JoinResult first;
    for (int plan = 0; plan <= 4; ++plan) {
      for (const int threads : {1, 2, 4}) {
        stream.plan = static_cast<asof::PlanKind>(plan);
        request.threads = threads;
        request.trusting = threads != 4;
        asof::JoinResult result = asof::join(request, pool, cancel);
        if (plan == 0 && threads == 1) {
          first = std::move(result);
          continue;
        }
        INFO("shape " << seed << ", plan " << plan << ", threads " << threads);
        const asof::StreamResult& a = first.streams[0];
        const asof::StreamResult& b = result.streams[0];
        REQUIRE(same(a.indices, b.indices));
        REQUIRE(same(a.columns[0], b.columns[0]));
        REQUIRE(same(a.age, b.age));
        REQUIRE(same(a.matched, b.matched));
        REQUIRE(a.stats.matched == b.stats.matched);
        REQUIRE(a.stats.tolerance_exceeded == b.stats.tolerance_exceeded);
      }
    }
    // The oracle for some left rows.
    LogicalStream sample = logical;
    sample.left = {};
    std::vector<std::int64_t> rows;
    for (int i = 0; i < 60; ++i) {
      const auto row = static_cast<std::size_t>(random() % static_cast<std::uint64_t>(shape.left));
      rows.push_back(static_cast<std::int64_t>(row));
      sample.left.time.push_back(logical.left.time[row]);
      sample.left.keys.push_back(logical.left.keys[row]);
    }
    const OracleAnswer answer = oracle_join(sample);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      INFO("shape " << seed << ", left row " << rows[i]);
      REQUIRE(first.streams[0].indices.as<std::int32_t>()[rows[i]] == answer.rows[i]);
    }
  }
}

TEST_CASE("columns large enough to be written past the caches hold what the matches name") {
  constexpr std::int64_t kLeft = 600001;
  constexpr std::int64_t kRight = 300000;
  ThreadPool pool(4);
  const asof::CancelToken cancel;
  std::vector<std::int64_t> left_time;
  std::vector<std::int64_t> right_time;
  std::vector<double> payload;
  for (std::int64_t i = 0; i < kLeft; ++i) left_time.push_back(2 * i);
  for (std::int64_t i = 0; i < kRight; ++i) {
    right_time.push_back(4 * i + 100001);  // the first left rows find nothing: a mixed block, then whole ones
    payload.push_back(static_cast<double>(i) * 0.25 - 7);
  }
  const auto column = [](ColumnType type, const auto& values, const char* name) {
    Column result;
    result.type = type;
    result.name = name;
    result.width = 8;
    Chunk chunk;
    chunk.values = reinterpret_cast<const std::uint8_t*>(values.data());
    chunk.length = static_cast<std::int64_t>(values.size());
    chunk.values_bytes = chunk.length * 8;
    result.chunks.push_back(chunk);
    return result;
  };
  asof::JoinRequest request;
  request.left_rows = kLeft;
  request.left_sides.emplace_back();
  request.left_sides[0].time.column = column(ColumnType::kInt64, left_time, "left");
  request.streams.emplace_back();
  request.streams[0].right.time.column = column(ColumnType::kInt64, right_time, "right");
  request.streams[0].payload.push_back(column(ColumnType::kFloat64, payload, "payload"));
  for (const int threads : {1, 2, 4}) {
    request.threads = threads;
    const asof::JoinResult result = asof::join(request, pool, cancel);
    const asof::OutputColumn& found = result.streams[0].columns[0];
    const auto* values = found.values.as<double>();
    const auto* valid = found.validity.as<std::uint8_t>();
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < kLeft; ++i) {
      const std::int64_t t = 2 * i - 100001;
      const std::int64_t row = t < 0 ? -1 : std::min(kRight - 1, t / 4);
      const bool has = (valid[i / 8] >> (i % 8)) & 1;
      wrong += has != (row >= 0) || values[i] != (row < 0 ? 0.0 : payload[static_cast<std::size_t>(row)]);
    }
    INFO("threads " << threads);
    REQUIRE(wrong == 0);
  }
}

}  // namespace flowstate::test
