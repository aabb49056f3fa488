// Real feeds through the replay: rows at times are the as-of join of the rows at every change, and books of both kinds agree.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "orderbook/feed/binance.h"
#include "orderbook/feed/dbn.h"
#include "orderbook/replay/core_book.h"
#include "orderbook/replay/replay.h"
#include "support/columns_memory.h"
#include "support/feed_run.h"
#include "support/real_data.h"

using namespace orderbook;
using namespace orderbook::test;

namespace {

// Rows of `at` must be, but for what is summed over intervals, the last row of `all` with a time <= theirs.
void check_as_of(const FeatureColumns& at, const FeatureColumns& all, std::uint32_t levels) {
  std::size_t last = 0;
  std::uint64_t trades = 0;
  std::int64_t flow = 0;
  for (std::size_t r = 0; r < at.rows; ++r) {
    trades = 0, flow = 0;
    while (last < all.rows && all.time_ns[last] <= at.time_ns[r]) {
      trades += all.trade_count[last];
      flow += all.order_flow[last];
      ++last;
    }
    if (r == 0 || at.time_ns[r] != at.time_ns[r - 1])
      CHECK((at.trade_count[r] == trades && at.order_flow[r] == flow));
    if (last == 0) {
      CHECK(at.seen[r] == 0);
      continue;
    }
    const std::size_t s = last - 1;
    bool same = at.bid_levels[r] == all.bid_levels[s] && at.ask_levels[r] == all.ask_levels[s] &&
                at.sequence[r] == all.sequence[s] && at.mid[r] == all.mid[s] &&
                at.microprice[r] == all.microprice[s];
    for (std::size_t k = 0; k < levels; ++k) {
      const std::size_t x = k * at.capacity + r, y = k * all.capacity + s;
      same = same && at.bid_price[x] == all.bid_price[y] && at.ask_size[x] == all.ask_size[y] &&
             at.bid_orders[x] == all.bid_orders[y] && at.imbalance[x] == all.imbalance[y];
    }
    if (!same) FAIL_CHECK("row " << r << " at " << at.time_ns[r]);
  }
}

std::vector<TimestampNs> some_times(const std::vector<Event>& events, std::size_t count) {
  std::mt19937_64 random(3);
  std::vector<TimestampNs> times;
  for (std::size_t i = 0; i < count; ++i) {
    times.push_back(events[random() % events.size()].time_ns + static_cast<TimestampNs>(random() % 3) - 1);
  }
  std::sort(times.begin(), times.end());
  return times;
}

template <class Book>
void check_feed(const std::vector<Event>& events, const std::vector<TimestampNs>& times) {
  constexpr std::uint32_t kLevels = 10;
  ReplayOptions options;
  options.levels = kLevels;
  options.whole_groups = true;
  ColumnsMemory at(times.size(), kLevels);
  Replay<Book> sampled(options);
  REQUIRE(sampled.set_samples(times, {}, true));
  (void)sampled.run(events, at.columns);
  REQUIRE(sampled.finish(at.columns));
  REQUIRE(sampled.error() == nullptr);
  REQUIRE(at.columns.rows == times.size());
  options.mode = SampleMode::kEveryEvent;
  ColumnsMemory all(events.size(), kLevels);
  Replay<Book> whole(options);
  REQUIRE(whole.run(events, all.columns) == events.size());
  REQUIRE(whole.error() == nullptr);
  CHECK(whole.stats().rejected == 0);
  check_as_of(at.columns, all.columns, kLevels);
}

}  // namespace

TEST_CASE("a day of ES: rows at times are the join of the rows at every change") {
  const auto data = real_data("esh4-glbx-mdp3-20231225.mbo.dbn.zst");
  if (!data) return;
  DbnOptions options;
  options.tick = 250'000'000;
  FeedResult got = read_feed([&] { return DbnReader(options); }, *data);
  REQUIRE(!got.error);
  // The snapshot makes rows only at its end, which the file does not mark.
  const auto live = std::find_if(got.events.begin(), got.events.end(),
                                 [](const Event& e) { return (e.flags & kEventSnapshot) == 0; });
  std::prev(live)->flags |= kEventEndOfGroup;
  const auto times = some_times(got.events, 2'000);
  check_feed<FullBook>(got.events, times);
  check_feed<LevelsBook>(got.events, times);
}

TEST_CASE("Binance: rows at times are the join of the rows at every change") {
  const auto data = real_data("spot_btcusdt_20240808.raw.gz");
  if (!data) return;
  BinanceOptions options;
  options.tick = 1'000'000;
  const FeedResult got = read_feed([&] { return BinanceReader(options); }, *data);
  REQUIRE(!got.error);
  check_feed<LevelsBook>(got.events, some_times(got.events, 1'000));
}
