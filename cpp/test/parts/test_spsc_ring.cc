// The ring against a queue, its ends, its sleep, and two threads that exchange everything in every way it offers.
#include <time.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "flowstate/stream/spsc_ring.h"

namespace flowstate::stream {

namespace {

using Ring = SpscRing<std::uint64_t>;

double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

TEST_CASE("a ring's capacity is the next power of two") {
  for (const auto& [asked, got] : std::vector<std::pair<std::size_t, std::size_t>>{
           {1, 1}, {2, 2}, {3, 4}, {1000, 1024}, {1024, 1024}, {1025, 2048}}) {
    CHECK(Ring(asked).capacity() == got);
  }
  CHECK_THROWS_AS(Ring(0), Error);
  CHECK_THROWS_AS(Ring((std::size_t{1} << 32) + 1), Error);
}

TEST_CASE("both ends' indices have lines of their own") {
  CHECK(alignof(Ring) == detail::kLine);
  CHECK(sizeof(Ring) == 4 * detail::kLine);
}

TEST_CASE("a ring is a bounded queue, whatever the calls") {
  std::mt19937_64 random(7);
  for (const std::size_t capacity : {1, 2, 8, 64}) {
    Ring ring(capacity);
    std::deque<std::uint64_t> model;
    std::uint64_t next = 0;
    std::vector<std::uint64_t> buffer;
    for (int step = 0; step < 20000; ++step) {
      const std::size_t n = random() % (capacity + 3);
      const std::size_t free = capacity - model.size();
      switch (random() % 6) {
        case 0:
          REQUIRE(ring.try_push(next) == (free > 0));
          if (free > 0) model.push_back(next++);
          break;
        case 1: {
          buffer.resize(n);
          std::iota(buffer.begin(), buffer.end(), next);
          const std::size_t pushed = ring.try_push_n(buffer);
          REQUIRE(pushed == std::min(n, free));
          for (std::size_t i = 0; i < pushed; ++i) model.push_back(next++);
          break;
        }
        case 2: {
          const auto slots = ring.reserve(n);
          REQUIRE(slots.size() <= std::min(n, free));
          REQUIRE((slots.empty() == (std::min(n, free) == 0)));
          const std::size_t used = slots.empty() ? 0 : random() % (slots.size() + 1);
          for (std::size_t i = 0; i < used; ++i) {
            slots[i] = next;
            model.push_back(next++);
          }
          ring.commit(used);
          break;
        }
        case 3: {
          std::uint64_t value = 0;
          REQUIRE(ring.try_pop(value) == !model.empty());
          if (!model.empty()) {
            REQUIRE(value == model.front());
            model.pop_front();
          }
          break;
        }
        case 4: {
          buffer.assign(n, 0);
          const std::size_t popped = ring.try_pop_n(buffer);
          REQUIRE(popped == std::min(n, model.size()));
          for (std::size_t i = 0; i < popped; ++i) {
            REQUIRE(buffer[i] == model.front());
            model.pop_front();
          }
          break;
        }
        default: {
          const auto values = ring.peek(n);
          REQUIRE((values.empty() == (std::min(n, model.size()) == 0)));
          const std::size_t used = values.empty() ? 0 : random() % (values.size() + 1);
          for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(values[i] == model[i]);
          ring.release(used);
          model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(used));
        }
      }
      REQUIRE(ring.size() == model.size());
    }
  }
}

TEST_CASE("a closed ring gives what it holds, then ends, and takes nothing") {
  Ring ring(4);
  REQUIRE(ring.try_push(1));
  REQUIRE(ring.try_push(2));
  ring.close();
  ring.close();
  CHECK_FALSE(ring.try_push(3));
  CHECK_FALSE(ring.push(3));
  CHECK(ring.reserve(1).empty());
  CHECK_FALSE(ring.is_drained());
  std::uint64_t value = 0;
  CHECK(ring.pop(value));
  CHECK(value == 1);
  CHECK(ring.pop(value));
  CHECK(value == 2);
  CHECK_FALSE(ring.pop(value));
  CHECK(ring.is_drained());
}

TEST_CASE("a cancelled ring ends both ends at once") {
  Ring ring(2);
  REQUIRE(ring.try_push(1));
  ring.cancel();
  CHECK(ring.is_cancelled());
  CHECK_FALSE(ring.push(2));
  std::uint64_t value = 0;
  CHECK_FALSE(ring.pop(value));
  CHECK(ring.pop_n(std::span(&value, 1)) == 0);
}

TEST_CASE("a refused element stays with its owner, and elements not taken are destroyed once") {
  const auto counted = std::make_shared<int>(1);
  {
    SpscRing<std::shared_ptr<int>> ring(1);
    auto first = counted;
    auto second = counted;
    CHECK(ring.try_push(std::move(first)));
    CHECK_FALSE(ring.try_push(std::move(second)));
    CHECK(second == counted);
    ring.close();
    CHECK_FALSE(ring.push(std::move(second)));
    CHECK(second == counted);
    CHECK(counted.use_count() == 3);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("waiting has a deadline where one is given") {
  Ring ring(2);
  std::uint64_t value = 0;
  const auto soon = Ring::Clock::now() + std::chrono::milliseconds(5);
  CHECK(ring.pop_until(value, soon) == PopStatus::kTimeout);
  CHECK(Ring::Clock::now() >= soon);
  REQUIRE(ring.try_push(9));
  CHECK(ring.pop_until(value, Ring::Clock::now() - std::chrono::seconds(1)) == PopStatus::kItem);
  CHECK(value == 9);
}

TEST_CASE("close and cancel wake whoever sleeps") {
  for (int round = 0; round < 40; ++round) {
    Ring ring(1);
    std::thread consumer([&] {
      std::uint64_t value = 0;
      while (ring.pop(value)) {
      }
    });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ring.close();
    consumer.join();

    Ring full(1);
    REQUIRE(full.try_push(1));
    std::thread producer([&] { CHECK_FALSE(full.push(2)); });
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    full.cancel();
    producer.join();
  }
}

TEST_CASE("a waiting end takes no processor time") {
  Ring ring(4);
  double used = 0;
  std::thread consumer([&] {
    std::uint64_t value = 0;
    const double before = thread_cpu_seconds();
    ring.pop(value);
    used = thread_cpu_seconds() - before;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  REQUIRE(ring.push(1));
  consumer.join();
  CHECK(used < 0.05);
}

// Every element once, in order, whichever calls the two threads use. Small rings make both ends sleep often.
TEST_CASE("two threads exchange everything in order") {
  const std::uint64_t count = 60000;
  for (const std::size_t capacity : {1, 2, 16, 1024}) {
    for (int way = 0; way < 3; ++way) {
      Ring ring(capacity);
      std::thread producer([&] {
        std::mt19937 random(1);
        std::vector<std::uint64_t> batch;
        std::uint64_t next = 0;
        while (next < count) {
          if (way == 0) {
            if (!ring.push(next)) return;
            ++next;
          } else if (way == 1) {
            batch.resize(std::min<std::uint64_t>(1 + random() % 97, count - next));
            std::iota(batch.begin(), batch.end(), next);
            if (ring.push_n(batch) != batch.size()) return;
            next += batch.size();
          } else {
            const auto slots = ring.reserve(std::min<std::uint64_t>(33, count - next));
            if (slots.empty()) {
              std::this_thread::yield();
              continue;
            }
            for (std::uint64_t& value : slots) value = next++;
            ring.commit(slots.size());
          }
        }
        ring.close();
      });
      std::mt19937 random(2);
      std::vector<std::uint64_t> batch;
      std::uint64_t expected = 0;
      std::uint64_t wrong = 0;
      for (;;) {
        if (way == 0) {
          std::uint64_t value = 0;
          if (!ring.pop(value)) break;
          wrong += value != expected++;
        } else if (way == 1) {
          batch.resize(1 + random() % 61);
          const std::size_t popped = ring.pop_n(batch);
          if (popped == 0) break;
          for (std::size_t i = 0; i < popped; ++i) wrong += batch[i] != expected++;
        } else {
          const auto values = ring.peek(29);
          if (values.empty()) {
            if (ring.is_drained()) break;
            std::this_thread::yield();
            continue;
          }
          for (const std::uint64_t value : values) wrong += value != expected++;
          ring.release(values.size());
        }
      }
      producer.join();
      CHECK(wrong == 0);
      CHECK(expected == count);
    }
  }
}

// A lost wake-up would leave both threads asleep for ever: each round trip puts each thread to sleep.
TEST_CASE("no wake-up is lost over many round trips") {
  Ring there(1);
  Ring back(1);
  std::thread echo([&] {
    std::uint64_t value = 0;
    while (there.pop(value)) back.push(value + 1);
    back.close();
  });
  std::mt19937 random(3);
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    REQUIRE(there.push(i));
    if (random() % 8 == 0) std::this_thread::yield();
    std::uint64_t value = 0;
    REQUIRE(back.pop(value));
    wrong += value != i + 1;
  }
  there.close();
  echo.join();
  CHECK(wrong == 0);
}

}  // namespace flowstate::stream
