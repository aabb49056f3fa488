// The pool: every task once, limits kept, callers independent, exceptions carried.
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "flowstate/thread_pool.h"

namespace flowstate {

TEST_CASE("every task runs exactly once") {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> runs(1000);
  pool.parallel_for(1000, [&](std::int64_t task, int) { ++runs[static_cast<std::size_t>(task)]; });
  for (const auto& count : runs) REQUIRE(count == 1);
}

TEST_CASE("no tasks is no work") {
  ThreadPool pool(2);
  pool.parallel_for(0, [](std::int64_t, int) { FAIL("ran a task"); });
}

TEST_CASE("a pool of one runs tasks in order on the caller") {
  ThreadPool pool(1);
  CHECK(pool.threads() == 1);
  std::vector<std::int64_t> order;
  const auto self = std::this_thread::get_id();
  pool.parallel_for(5, [&](std::int64_t task, int slot) {
    CHECK(slot == 0);
    CHECK(std::this_thread::get_id() == self);
    order.push_back(task);
  });
  CHECK(order == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("no more threads than asked for take part, and slots are theirs alone") {
  ThreadPool pool(4);
  for (const int limit : {1, 2, 3, 4, 9}) {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    std::vector<std::atomic<int>> inside(4);
    std::atomic<bool> shared{false};
    std::atomic<int> highest{0};
    pool.parallel_for(
        200,
        [&](std::int64_t, int slot) {
          if (++inside[static_cast<std::size_t>(slot)] != 1) shared = true;
          {
            const std::lock_guard<std::mutex> lock(mutex);
            seen.insert(std::this_thread::get_id());
            highest = std::max(highest.load(), slot);
          }
          std::this_thread::yield();
          --inside[static_cast<std::size_t>(slot)];
        },
        limit);
    CHECK(static_cast<int>(seen.size()) <= limit);
    CHECK(highest < limit);
    CHECK_FALSE(shared);
  }
}

TEST_CASE("the first exception reaches the caller, and the pool works on") {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> ran{0};
    CHECK_THROWS_AS(pool.parallel_for(1000,
                                      [&](std::int64_t task, int) {
                                        ++ran;
                                        if (task == 3) throw std::runtime_error("task 3");
                                      }),
                    std::runtime_error);
    CHECK(ran <= 1000);
  }
  std::atomic<int> ran{0};
  pool.parallel_for(10, [&](std::int64_t, int) { ++ran; });
  CHECK(ran == 10);
}

TEST_CASE("several callers share the workers") {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  std::atomic<std::int64_t> total{0};
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        pool.parallel_for(20, [&](std::int64_t task, int) { total += task; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(total == 4 * 50 * 190);
}

TEST_CASE("a task may start tasks of its own") {
  ThreadPool pool(2);
  std::atomic<int> ran{0};
  pool.parallel_for(8, [&](std::int64_t, int) { pool.parallel_for(8, [&](std::int64_t, int) { ++ran; }); });
  CHECK(ran == 64);
}

TEST_CASE("pools come and go without work") {
  for (int round = 0; round < 50; ++round) ThreadPool pool(4);
  SUCCEED();
}

}  // namespace flowstate
