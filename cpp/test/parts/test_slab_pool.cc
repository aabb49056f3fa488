// No slab twice, no slab lost, zeros where promised, and threads that lend and return as fast as they can.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "flowstate/memory/slab_pool.h"

namespace flowstate {

TEST_CASE("all slabs are lent once, aligned and apart, and then none") {
  SlabPool pool({.slab_bytes = 100, .slabs = 5});
  std::vector<SlabPool::Lease> leases;
  std::set<std::uint8_t*> seen;
  for (int i = 0; i < 5; ++i) {
    leases.push_back(pool.lend());
    CHECK(leases.back().size() == 100);
    CHECK(reinterpret_cast<std::uintptr_t>(leases.back().data()) % 64 == 0);
    CHECK(seen.insert(leases.back().data()).second);
  }
  std::uint8_t* last = nullptr;
  for (std::uint8_t* data : seen) {
    if (last != nullptr) CHECK(data - last >= 100);
    last = data;
  }
  CHECK_FALSE(pool.try_lend());
  try {
    pool.lend();
    FAIL("lent a sixth slab");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::POOL_EXHAUSTED);
  }
  std::uint8_t* const freed = leases[2].data();
  leases[2].release();
  leases[2].release();
  CHECK_FALSE(leases[2]);
  CHECK(leases[2].data() == nullptr);
  CHECK(pool.lend().data() == freed);
  const SlabPoolStats stats = pool.stats();
  CHECK(stats.in_use == 4);
  CHECK(stats.peak == 5);
  CHECK(stats.lent == 6);
  CHECK(stats.refused == 2);
}

TEST_CASE("a slab comes back as zeros where asked for, and as it was where not") {
  for (const bool zero : {true, false}) {
    SlabPool pool({.slab_bytes = 1000, .slabs = 1, .zero_on_return = zero});
    {
      SlabPool::Lease lease = pool.lend();
      CHECK(std::ranges::all_of(lease.bytes(), [](std::uint8_t byte) { return byte == 0; }));
      std::ranges::fill(lease.bytes(), std::uint8_t{7});
    }
    SlabPool::Lease again = pool.lend();
    CHECK(std::ranges::all_of(again.bytes(), [&](std::uint8_t byte) { return byte == (zero ? 0 : 7); }));
  }
}

TEST_CASE("a lease outlives its pool") {
  SlabPool::Lease lease;
  {
    SlabPool pool({.slab_bytes = 64, .slabs = 2});
    lease = pool.lend();
    lease = pool.lend();  // gives the first back
    CHECK(pool.stats().in_use == 1);
  }
  std::ranges::fill(lease.bytes(), std::uint8_t{1});
  CHECK(lease.bytes()[63] == 1);
}

TEST_CASE("pools of nothing and of everything are refused") {
  for (const SlabPool::Options options :
       {SlabPool::Options{0, 1, false}, {1, 0, false}, {std::size_t{1} << 40, std::size_t{1} << 20, false}}) {
    CHECK_THROWS_AS(SlabPool(options), Error);
  }
}

// A slab lent twice shows as another's mark in it; a lost one as a number of slabs that no longer can be lent.
TEST_CASE("threads never hold the same slab, and none is lost") {
  SlabPool pool({.slab_bytes = 64, .slabs = 3});
  std::atomic<int> collisions{0};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 20000; ++i) {
        auto lease = pool.try_lend();
        if (!lease) continue;
        auto* const word = reinterpret_cast<std::uint64_t*>(lease->data());
        *word = t << 32 | static_cast<std::uint64_t>(i);
        if (random() % 16 == 0) std::this_thread::yield();
        collisions += *word != (t << 32 | static_cast<std::uint64_t>(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(collisions == 0);
  CHECK(pool.stats().in_use == 0);
  std::vector<SlabPool::Lease> all;
  for (int i = 0; i < 3; ++i) all.push_back(pool.lend());
  CHECK_FALSE(pool.try_lend());
}

}  // namespace flowstate
