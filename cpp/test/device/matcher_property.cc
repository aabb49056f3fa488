#include "device/matcher_property.h"

#include <random>
#include <string>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/device/device_matcher.h"
#include "flowstate/thread_pool.h"
#include "support/check_run.h"

namespace flowstate::device::conformance {

namespace {

// A device as a session has it.
struct Bench {
  explicit Bench(const Subject& subject) {
    parts.device = subject.open();
    parts.pool = std::make_shared<DevicePool>(parts.device);
    staging = std::make_shared<PinnedPool>(
        parts.device,
        PinnedPool::Options{.slab_bytes = std::size_t{1} << 20, .cap_bytes = std::size_t{4} << 20});
    parts.transfer = std::make_shared<Transfer>(parts.device, staging,
                                                Transfer::Options{.streams = 2, .chunk_bytes = 65536});
    parts.copy_rate = std::make_shared<CopyRate>();
  }
  ~Bench() {
    // In the order that a session ends in.
    parts.transfer.reset();
    staging.reset();
    parts.pool.reset();
  }
  DeviceMatcher matcher(MatchPlan plan) const {
    DeviceMatcher::Parts with = parts;
    with.plan = plan;
    return DeviceMatcher(with);
  }
  DeviceMatcher::Parts parts;
  std::shared_ptr<PinnedPool> staging;
};

constexpr MatchPlan kPlans[] = {MatchPlan::kAuto, MatchPlan::kMerge, MatchPlan::kProbe};

}  // namespace

void check_matcher_on_random_requests(const Subject& subject, std::uint64_t cases) {
  ThreadPool pool(2);
  const Bench bench(subject);
  const std::uint64_t first = test::setting("FS_TEST_SEED", 1);
  const std::uint64_t count = test::setting("FS_TEST_CASES", cases);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    test::SeededChoices choices(seed);
    const auto random = test::make_random_case(choices, seed % 7 == 0 ? 200 : 30);
    const test::Expected expected(*random);
    const MatchPlan plan = kPlans[seed % 3];
    DeviceMatcher matcher = bench.matcher(plan);
    random->request.matcher = &matcher;
    random->request.threads = 1 + static_cast<int>(seed % 2);
    random->request.trusting = seed % 3 != 0;
    random->request.explain = seed % 4 == 0;
    const std::string found = test::check_run(*random, expected, pool);
    if (!found.empty()) FAIL("seed " << seed << ", plan " << static_cast<int>(plan) << ": " << found);
  }
  SUCCEED();
}

namespace {

// Both sides as plain arrays.
struct Tables {
  std::vector<std::int64_t> left_time, right_time, known;
  std::vector<std::int32_t> left_key, right_key;
  bool keyed = true;

  asof::JoinRequest request(const asof::StreamRequest& options) const {
    const auto column = [](const auto& values, ColumnType type, const char* name) {
      Column result;
      result.type = type;
      result.width = static_cast<std::int32_t>(sizeof(values[0]));
      result.name = name;
      Chunk chunk;
      chunk.values = reinterpret_cast<const std::uint8_t*>(values.data());
      chunk.length = static_cast<std::int64_t>(values.size());
      chunk.values_bytes = static_cast<std::int64_t>(values.size() * sizeof(values[0]));
      result.chunks.push_back(chunk);
      return result;
    };
    asof::JoinRequest request;
    request.left_rows = static_cast<std::int64_t>(left_time.size());
    asof::Side left;
    left.time.column = column(left_time, ColumnType::kInt64, "left.time");
    asof::StreamRequest stream = options;
    stream.right.time.column = column(right_time, ColumnType::kInt64, "right.time");
    if (keyed) {
      left.keys.push_back({column(left_key, ColumnType::kInt32, "left.key")});
      stream.right.keys.push_back({column(right_key, ColumnType::kInt32, "right.key")});
    }
    if (!known.empty()) {
      asof::TimeColumn when;
      when.column = column(known, ColumnType::kInt64, "right.known");
      stream.known_at = std::move(when);
    }
    stream.want_indices = true;
    request.left_sides.push_back(std::move(left));
    request.streams.push_back(std::move(stream));
    return request;
  }
};

std::vector<std::int32_t> rows_of(asof::JoinRequest request, ThreadPool& pool, asof::StreamStats& stats) {
  const asof::CancelToken cancel;
  const asof::JoinResult result = asof::join(request, pool, cancel);
  stats = result.streams[0].stats;
  const auto* rows = result.streams[0].indices.as<std::int32_t>();
  return {rows, rows + request.left_rows};
}

enum class Layout { kByTime, kByKey, kShuffled };

Tables make_tables(std::mt19937_64& random, std::size_t lefts, std::size_t rights, int keys, bool skewed,
                   Layout layout, bool extremes) {
  Tables tables;
  tables.keyed = keys > 0;
  const auto fill = [&](std::size_t count, std::vector<std::int64_t>& time, std::vector<std::int32_t>& key) {
    std::vector<std::pair<std::int64_t, std::int32_t>> rows(count);
    for (auto& [t, k] : rows) {
      t = static_cast<std::int64_t>(random() % (count / 2 + 4));
      if (extremes) t = random() % 5 == 0 ? INT64_MIN + t : random() % 4 == 0 ? INT64_MAX - t : t;
      // Of a few keys one has most rows; some keys are on one side only.
      k = keys == 0 ? 0 : static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(keys));
      if (skewed && random() % 10 != 0) k = 1;
      k = 3 * k + (random() % 50 == 0 ? 1 : 0);
    }
    if (layout == Layout::kByTime) {
      std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.first < b.first; });
    } else if (layout == Layout::kByKey) {
      std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) {
        return std::pair(a.second, a.first) < std::pair(b.second, b.first);
      });
    }
    for (const auto& [t, k] : rows) {
      time.push_back(t);
      key.push_back(k);
    }
  };
  fill(lefts, tables.left_time, tables.left_key);
  fill(rights, tables.right_time, tables.right_key);
  return tables;
}

asof::StreamRequest random_options(std::mt19937_64& random) {
  asof::StreamRequest options;
  options.direction = static_cast<asof::Direction>(random() % 3);
  options.allow_exact = random() % 3 != 0;
  options.ties = static_cast<asof::Ties>(random() % 3);
  options.nearest_tie = static_cast<asof::NearestTie>(random() % 2);
  options.has_tolerance = random() % 2 == 0;
  options.tolerance = random() % 4 == 0 ? INT64_MAX : static_cast<std::int64_t>(random() % 6);
  if (options.direction == asof::Direction::kBackward && random() % 4 == 0) options.lag = 2;
  return options;
}

}  // namespace

void check_matcher_around_tiles(const Subject& subject) {
  ThreadPool pool(2);
  const Bench bench(subject);
  std::mt19937_64 random(41);
  using functors::AsofMergeTile;
  using functors::AsofProbeTile;
  const std::size_t merge = AsofMergeTile::kRows;
  const std::size_t probe = AsofProbeTile::kRows;
  const std::vector<std::pair<std::size_t, std::size_t>> sizes = {{0, 0},
                                                                  {0, 5},
                                                                  {5, 0},
                                                                  {1, 1},
                                                                  {1, merge - 2},
                                                                  {1, merge - 1},
                                                                  {1, merge},
                                                                  {merge - 1, 1},
                                                                  {merge, 1},
                                                                  {merge, 0},
                                                                  {merge, merge},
                                                                  {merge + 1, merge - 1},
                                                                  {probe - 1, 9},
                                                                  {probe, 9},
                                                                  {probe + 1, 9},
                                                                  {255, 3000},
                                                                  {256, 3000},
                                                                  {257, 3000},
                                                                  {7, 9000},
                                                                  {2 * merge, 17},
                                                                  {5000, 2 * merge},
                                                                  {3 * merge + 5, 3 * merge - 7}};
  for (const auto& [lefts, rights] : sizes) {
    for (int round = 0; round < 6; ++round) {
      const int keys = round == 0 ? 0 : round == 1 ? 1 : round == 5 ? 700 : 5;
      const auto layout = static_cast<Layout>(round % 3);
      Tables tables = make_tables(random, lefts, rights, keys, round % 2 == 1, layout, random() % 3 == 0);
      if (random() % 4 == 0) {
        for (const std::int64_t t : tables.right_time) {
          const bool is_limit = t > INT64_MAX - 4 || t < INT64_MIN + 4;
          tables.known.push_back(is_limit ? t : t + static_cast<std::int64_t>(random() % 5) - 2);
        }
      }
      for (int option = 0; option < 4; ++option) {
        asof::StreamRequest options = random_options(random);
        asof::JoinRequest request = tables.request(options);
        asof::StreamStats cpu_stats;
        const std::vector<std::int32_t> cpu = rows_of(request, pool, cpu_stats);
        for (const MatchPlan plan : kPlans) {
          DeviceMatcher matcher = bench.matcher(plan);
          request.matcher = &matcher;
          asof::StreamStats stats;
          const std::vector<std::int32_t> rows = rows_of(request, pool, stats);
          INFO("rows " << lefts << " x " << rights << ", round " << round << ", option " << option
                       << ", plan " << static_cast<int>(plan));
          REQUIRE((rows == cpu));
          REQUIRE(stats.matched == cpu_stats.matched);
          REQUIRE(stats.tolerance_exceeded == cpu_stats.tolerance_exceeded);
          REQUIRE(stats.no_candidate == cpu_stats.no_candidate);
        }
      }
    }
  }
}

void check_matcher_shares_and_restarts(const Subject& subject) {
  ThreadPool pool(2);
  const Bench bench(subject);
  std::mt19937_64 random(5);
  const Tables tables = make_tables(random, 3000, 2500, 7, false, Layout::kByTime, false);
  DeviceMatcher matcher = bench.matcher(MatchPlan::kMerge);
  asof::JoinRequest request = tables.request({});
  asof::StreamRequest second = request.streams[0];
  second.direction = asof::Direction::kForward;
  request.streams.push_back(second);
  request.explain = true;
  const asof::CancelToken cancel;
  const asof::JoinResult cpu = asof::join(request, pool, cancel);
  request.matcher = &matcher;
  // The same matcher again and again, as a join that starts over does.
  for (int run = 0; run < 3; ++run) {
    const TransferStats before = bench.parts.transfer->stats();
    const asof::JoinResult result = asof::join(request, pool, cancel);
    for (std::size_t s = 0; s < 2; ++s) {
      const auto* rows = result.streams[s].indices.as<std::int32_t>();
      const auto* expected = cpu.streams[s].indices.as<std::int32_t>();
      REQUIRE(std::equal(rows, rows + 3000, expected));
    }
    // The left side went up once for both streams.
    const std::uint64_t up = bench.parts.transfer->stats().to_device_bytes - before.to_device_bytes;
    REQUIRE(up == 3000 * 12 + 2 * 2500 * 12);
    const asof::Explain& explain = result.streams[0].explain;
    REQUIRE(explain.plan == "device merge");
    std::int64_t device_bytes = 0;
    for (const auto& [name, value] : explain.statistics) {
      if (name == "device_bytes") device_bytes = value;
      if (name == "device_copy_bytes_per_second" || name == "device_floor_ns") REQUIRE(value > 0);
    }
    // At least both sides read once, and the answers written.
    REQUIRE(device_bytes >= 12 * (3000 + 2500) + 4 * 3000);
  }
}

void check_matcher_faults(const Subject& subject) {
  ThreadPool pool(1);
  std::mt19937_64 random(6);
  const Tables tables = make_tables(random, 300, 250, 7, false, Layout::kShuffled, false);
  asof::JoinRequest request = tables.request({});
  request.trusting = false;
  for (const Call call : {Call::kAllocate, Call::kAllocatePinned, Call::kCreate, Call::kCopy,
                          Call::kCopyLater, Call::kKernel, Call::kLost}) {
    CAPTURE(static_cast<int>(call));
    bool failed = true;
    for (std::uint64_t nth = 0; failed; ++nth) {
      REQUIRE(nth < 500);
      CAPTURE(nth);
      failed = false;
      {
        const Bench bench(subject);
        subject.arm(call, nth, 1);
        try {
          DeviceMatcher matcher = bench.matcher(MatchPlan::kMerge);
          request.matcher = &matcher;
          const asof::CancelToken cancel;
          (void)asof::join(request, pool, cancel);
        } catch (const Error& error) {
          failed = true;
          REQUIRE((error.code() == ErrorCode::OUT_OF_MEMORY || error.code() == ErrorCode::CUDA ||
                   error.code() == ErrorCode::DEVICE_LOST || error.code() == ErrorCode::POOL_EXHAUSTED));
        }
        subject.disarm();
      }
      REQUIRE(subject.live() == 0);
    }
  }
}

}  // namespace flowstate::device::conformance
