// A cancelled join throws ABORTED, on every plan, and leaves nothing behind.
#include <catch2/catch.hpp>
#include <thread>

#include "flowstate/error.h"
#include "support/simple.h"

namespace flowstate::test {

TEST_CASE("a join cancelled before it begins throws ABORTED and frees its buffers") {
  std::vector<std::int64_t> times(50000);
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = static_cast<std::int64_t>(i);
  ThreadPool pool(2);
  asof::CancelToken cancel;
  cancel.cancelled = true;
  const std::size_t live = buffer_cache_stats().live_bytes;
  for (int plan = 0; plan <= 4; ++plan) {
    Simple simple(times, times);
    simple.keys(times, times);
    simple.stream().plan = static_cast<asof::PlanKind>(plan);
    try {
      asof::join(simple.request, pool, cancel);
      FAIL("not aborted");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::ABORTED);
    }
  }
  CHECK(buffer_cache_stats().live_bytes == live);
}

TEST_CASE("a join cancelled while it runs ends with ABORTED or with its whole result") {
  std::vector<std::int64_t> times(200000);
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = static_cast<std::int64_t>(i * 7919 % times.size());
  Simple simple(times, times);
  simple.keys(times, times);
  ThreadPool pool(3);
  const std::size_t live = buffer_cache_stats().live_bytes;
  int aborted = 0;
  for (int delay = 0; delay < 20; ++delay) {
    asof::CancelToken cancel;
    std::thread canceller([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(delay * 300));
      cancel.cancelled = true;
    });
    try {
      const asof::JoinResult result = asof::join(simple.request, pool, cancel);
      CHECK(result.streams[0].stats.matched == static_cast<std::int64_t>(times.size()));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::ABORTED);
      ++aborted;
    }
    canceller.join();
  }
  CHECK(aborted <= 20);
  CHECK(buffer_cache_stats().live_bytes == live);
}

}  // namespace flowstate::test
