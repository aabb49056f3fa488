// A join that puts its checks off (JoinRequest::trusting) must end as one that makes them first: the same rows, and
// the same error about the same row, whatever is wrong and wherever it is.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "flowstate/asof/join.h"
#include "flowstate/error.h"
#include "flowstate/thread_pool.h"
#include "support/columns.h"

namespace flowstate::test {
namespace {

constexpr std::int64_t kLeft = 60000;  // past the sample of the left's order, and of several tasks
constexpr std::int64_t kRight = 40000;

enum class Keys { kNone, kInt, kText, kLongText, kDictionary };
const Keys kAllKeys[] = {Keys::kNone, Keys::kInt, Keys::kText, Keys::kLongText, Keys::kDictionary};

struct Case {
  Arena arena;
  asof::JoinRequest request;
  std::vector<std::int64_t> left_time;
};

std::string text_of(Keys keys, std::int64_t row) {
  return (keys == Keys::kLongText ? "A.LONG.PREFIX.OF." : "") + std::string("S") + std::to_string(row % 97);
}

asof::Side make_side(Case& c, std::int64_t rows, const std::vector<std::int64_t>& time, Keys keys) {
  asof::Side side;
  Cells times;
  Cells cells;
  for (std::int64_t i = 0; i < rows; ++i) {
    times.push_back(cell(time[static_cast<std::size_t>(i)]));
    cells.push_back(keys == Keys::kInt ? cell(i % 97) : cell_s(text_of(keys, i)));
  }
  side.time.column = make_column(c.arena, ColumnType::kInt64, times, "time");
  const Layout chunks{{rows / 3}, 3, false, 1};
  if (keys == Keys::kInt)
    side.keys.push_back({make_column(c.arena, ColumnType::kInt32, cells, "key", chunks), 1, false});
  if (keys == Keys::kText || keys == Keys::kLongText)
    side.keys.push_back({make_column(c.arena, ColumnType::kBytes32, cells, "key", chunks), 1, false});
  if (keys == Keys::kDictionary) {
    side.keys.push_back(
        {make_dictionary(c.arena, ColumnType::kInt32, ColumnType::kBytes32, cells, "key", chunks), 1, false});
  }
  return side;
}

std::unique_ptr<Case> make_case(Keys keys, std::int64_t late_left_row) {
  auto c = std::make_unique<Case>();
  for (std::int64_t i = 0; i < kLeft; ++i) c->left_time.push_back(3 * i);
  if (late_left_row >= 0) c->left_time[static_cast<std::size_t>(late_left_row)] = -1;
  std::vector<std::int64_t> right_time;
  Cells payload;
  for (std::int64_t i = 0; i < kRight; ++i) {
    right_time.push_back(4 * i + 1);
    payload.push_back(cell(i));
  }
  c->request.left_rows = kLeft;
  c->request.left_sides.push_back(make_side(*c, kLeft, c->left_time, keys));
  c->request.streams.emplace_back();
  asof::StreamRequest& stream = c->request.streams[0];
  stream.right = make_side(*c, kRight, right_time, keys);
  stream.payload.push_back(make_column(c->arena, ColumnType::kInt64, payload, "payload"));
  stream.want_indices = true;
  return c;
}

struct Outcome {
  std::vector<std::int32_t> rows;
  std::string error;

  bool operator==(const Outcome& other) const { return rows == other.rows && error == other.error; }
};

Outcome run(Case& c, bool trusting, int threads, ThreadPool& pool) {
  const asof::CancelToken cancel;
  c.request.trusting = trusting;
  c.request.threads = threads;
  try {
    const asof::JoinResult result = asof::join(c.request, pool, cancel);
    const Buffer& indices = result.streams[0].indices;
    return {{indices.as<std::int32_t>(), indices.as<std::int32_t>() + indices.size() / 4}, ""};
  } catch (const Error& error) {
    return {{}, std::string(to_string(error.code())) + ": " + error.what()};
  }
}

// One thread that checks beforehand says what is right: with one thread the first row is the first found.
void require_same(Case& c, ThreadPool& pool, bool fails) {
  const Outcome right = run(c, false, 1, pool);
  REQUIRE(right.error.empty() != fails);
  for (const int threads : {1, 2, 4}) {
    INFO("threads " << threads << ", expected " << right.error);
    const Outcome trusting = run(c, true, threads, pool);
    INFO("trusting run: " << trusting.error);
    REQUIRE(trusting.rows == right.rows);
    if (threads == 1) REQUIRE(trusting.error == right.error);
    REQUIRE(trusting.error.substr(0, 7) == right.error.substr(0, 7));
  }
}

}  // namespace

TEST_CASE("one late left row that a sample misses changes neither rows nor errors") {
  ThreadPool pool(4);
  for (const Keys keys : kAllKeys) {
    for (const std::int64_t late : {std::int64_t{-1}, std::int64_t{1}, std::int64_t{2048}, std::int64_t{2049},
                                    std::int64_t{31337}, kLeft - 1}) {
      const auto c = make_case(keys, late);
      INFO("keys " << static_cast<int>(keys) << ", late row " << late);
      require_same(*c, pool, false);
      c->request.streams[0].unsorted = asof::Unsorted::kError;
      // Rows of one key ascend unless the late row has one of its key before it.
      const bool fails = late >= 0 && (keys == Keys::kNone || late >= 97);
      require_same(*c, pool, fails);
    }
  }
}

TEST_CASE("plans that do not stream the left find the late row, too") {
  ThreadPool pool(2);
  for (int plan = 0; plan <= 4; ++plan) {
    const auto c = make_case(Keys::kText, 31337);
    c->request.streams[0].plan = static_cast<asof::PlanKind>(plan);
    INFO("plan " << plan);
    require_same(*c, pool, false);
    c->request.streams[0].unsorted = asof::Unsorted::kError;
    require_same(*c, pool, true);
  }
}

TEST_CASE("damaged offsets and dictionary indices are the same error, on either side, wherever they are") {
  ThreadPool pool(4);
  for (const Keys keys : {Keys::kText, Keys::kLongText, Keys::kDictionary}) {
    for (const bool left : {true, false}) {
      for (const std::int64_t row : {std::int64_t{0}, std::int64_t{5000}, std::int64_t{12000}}) {
        const auto c = make_case(keys, -1);
        asof::Side& side = left ? c->request.left_sides[0] : c->request.streams[0].right;
        Chunk& chunk = side.keys[0].column.chunks[0];
        if (keys == Keys::kDictionary) {
          const std::int32_t wild = 1 << 28;
          std::memcpy(const_cast<std::uint8_t*>(chunk.values) + row * 4, &wild, 4);
        } else {
          auto* offsets =
              static_cast<std::int32_t*>(const_cast<void*>(static_cast<const void*>(chunk.offsets)));
          std::swap(offsets[row + 1], offsets[row + 40]);
        }
        INFO("keys " << static_cast<int>(keys) << ", left " << left << ", row " << row);
        require_same(*c, pool, true);
      }
    }
  }
}

}  // namespace flowstate::test
