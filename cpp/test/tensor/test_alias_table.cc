// Slots, generations, and owners that are given back exactly once.
#include <catch2/catch.hpp>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "flowstate/error.h"
#include "flowstate/tensor/alias_table.h"
#include "tensor/owners.h"

namespace flowstate::tensor::test {
namespace {

using Taken = AliasTable::Taken;

AliasHandle put(AliasTable& table, Block& block, Count& count) {
  return table.put(alias_of(block, std::make_unique<CountingOwner>(count)));
}

TEST_CASE("a handle is good for one taking, and never again", "[alias]") {
  AliasTable table;
  Block block;
  Count count;
  const AliasHandle handle = put(table, block, count);
  CHECK(table.stats().waiting == 1);
  Alias alias;
  REQUIRE(table.take(handle, 1, false, alias) == Taken::kTaken);
  CHECK(alias.data == block.values);
  CHECK(alias.shape == std::vector<std::int64_t>{8, 8});
  Alias none;
  CHECK(table.take(handle, 1, false, none) == Taken::kStale);
  CHECK_FALSE(table.drop(handle));
  CHECK(table.stats().lent == 1);
  CHECK(count.returned == 0);
  table.give_back(std::move(alias.owner));
  CHECK(count.returned == 1);
  CHECK(table.stats().lent == 0);
  CHECK(table.stats().returned == 1);

  // The slot serves again, under another generation.
  const AliasHandle next = put(table, block, count);
  CHECK(next.slot == handle.slot);
  CHECK(next.generation != handle.generation);
  CHECK(table.take(handle, 1, false, none) == Taken::kStale);
  CHECK(table.stats().slots == 1);
  CHECK(table.drop(next));
  CHECK(count.returned == 2);
}

TEST_CASE("what does not fit stays where it is", "[alias]") {
  AliasTable table;
  Block block;
  Count count;
  const AliasHandle handle = put(table, block, count);
  Alias none;
  CHECK(table.take(handle, 3, false, none) == Taken::kOtherType);
  CHECK(table.take(handle, 1, true, none) == Taken::kOtherMemory);
  CHECK(table.take({handle.slot, handle.generation + 1}, 1, false, none) == Taken::kStale);
  CHECK(table.take({-1, 1}, 1, false, none) == Taken::kStale);
  CHECK(table.take({std::numeric_limits<std::int32_t>::max(), 1}, 1, false, none) == Taken::kStale);
  CHECK(table.stats().waiting == 1);
  CHECK(count.returned == 0);
  CHECK(table.drop(handle));
  CHECK(count.returned == 1);
}

TEST_CASE("memory that a framework would copy is refused, and its owner is not kept", "[alias]") {
  AliasTable table;
  Block block;
  Count count;
  for (const bool on_gpu : {false, true}) {
    Alias alias = alias_of(block, std::make_unique<CountingOwner>(count), on_gpu);
    alias.data = reinterpret_cast<std::byte*>(alias.data) + (on_gpu ? 128 : 32);
    try {
      table.put(std::move(alias));
      FAIL("was taken");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::ARG_RANGE);
    }
  }
  CHECK(table.stats().slots == 0);
  CHECK(count.returned == 2);
  // 64 is enough for the host.
  Alias alias = alias_of(block, std::make_unique<CountingOwner>(count));
  alias.data = reinterpret_cast<std::byte*>(alias.data) + 64;
  CHECK(table.drop(table.put(std::move(alias))));
}

TEST_CASE("a deallocator does not wait for the device: the table's thread does", "[alias]") {
  AliasTable table;
  Block block;
  Count count;
  std::mutex mutex;
  std::condition_variable change;
  bool is_done = false;
  std::thread::id waiter;
  const auto wait = [&] {
    std::unique_lock lock(mutex);
    waiter = std::this_thread::get_id();
    change.wait(lock, [&] { return is_done; });
  };
  const AliasHandle handle = table.put(alias_of(block, std::make_unique<CountingOwner>(count, wait)));
  Alias alias;
  REQUIRE(table.take(handle, 1, false, alias) == Taken::kTaken);
  table.give_back(std::move(alias.owner));  // comes back, although the device is not done
  CHECK(table.stats().lent == 0);
  CHECK(table.stats().returning == 1);
  CHECK(table.stats().returned == 0);
  CHECK(count.returned == 0);
  {
    const std::lock_guard lock(mutex);
    is_done = true;
  }
  change.notify_one();
  table.wait_until_returned();
  CHECK(count.returned == 1);
  CHECK(count.returned_at_once == 0);
  CHECK(table.stats().returning == 0);
  CHECK(table.stats().returned == 1);
  CHECK(waiter != std::this_thread::get_id());
}

TEST_CASE("a table that ends gives back what nobody took, waiting included", "[alias]") {
  Block block;
  Count count;
  {
    AliasTable table;
    put(table, block, count);
    table.put(alias_of(block, std::make_unique<CountingOwner>(count, [] {})));
    CHECK(count.returned == 0);
  }
  CHECK(count.returned == 2);
}

TEST_CASE("takers and droppers that race for one handle: one of them has it", "[alias]") {
  AliasTable table;
  Block block;
  constexpr int kRounds = 400;
  constexpr int kThreads = 4;
  Count count;
  std::vector<AliasHandle> handles(kRounds);
  for (int i = 0; i < kRounds; ++i) {
    // Every third cannot be given back at once.
    handles[static_cast<std::size_t>(i)] = table.put(
        alias_of(block, i % 3 == 0 ? std::make_unique<CountingOwner>(count, [] { std::this_thread::yield(); })
                                   : std::make_unique<CountingOwner>(count)));
  }
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Count own;
      Block mine;
      for (int i = 0; i < kRounds; ++i) {
        const AliasHandle handle = handles[static_cast<std::size_t>((i * 7 + t) % kRounds)];
        if ((i + t) % 2 == 0) {
          Alias alias;
          if (table.take(handle, 1, false, alias) == Taken::kTaken) {
            ++won;
            table.give_back(std::move(alias.owner));
          }
        } else if (table.drop(handle)) {
          ++won;
        }
        // Slots change hands meanwhile.
        if (!table.drop(put(table, mine, own))) std::abort();
      }
      if (own.returned != kRounds) std::abort();
    });
  }
  for (std::thread& thread : threads) thread.join();
  table.wait_until_returned();
  CHECK(won == kRounds);
  CHECK(count.returned == kRounds);
  const AliasStats stats = table.stats();
  CHECK(stats.waiting == 0);
  CHECK(stats.lent == 0);
  CHECK(stats.returned == kRounds * (1 + kThreads));
  CHECK(stats.slots <= kRounds + kThreads);
}

}  // namespace
}  // namespace flowstate::tensor::test
