// What a pinned pool promises, rule by rule; test_pinned_model.cc has the random sequences and the threads.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "device/audit_device.h"
#include "device/poison.h"
#include "flowstate/device/pinned_pool.h"

namespace flowstate::device {
namespace {

using namespace std::chrono_literals;
using test::AuditDevice;
using test::code_of;
using Lease = PinnedPool::Lease;
using OnReturn = PinnedPool::OnReturn;

constexpr std::size_t kPage = kPageBytes;

bool all_are(std::span<const std::uint8_t> bytes, std::uint8_t value) {
  return std::ranges::all_of(bytes, [&](std::uint8_t byte) { return byte == value; });
}

}  // namespace

TEST_CASE("leases are pages of few slabs, rounded to classes") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 64 * kPage, .cap_bytes = 1024 * kPage});
  const std::pair<std::size_t, std::size_t> cases[] = {
      {0, 1},         {1, 1},         {kPage, 1},      {kPage + 1, 2},   {3 * kPage, 3},  {4 * kPage + 1, 6},
      {6 * kPage, 6}, {7 * kPage, 8}, {9 * kPage, 12}, {40 * kPage, 48}, {64 * kPage, 64}};
  for (const auto& [bytes, pages] : cases) {
    CAPTURE(bytes);
    const Lease lease = pool.lend(bytes);
    CHECK(lease.bytes() == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(lease.data()) % kPage == 0);
    CHECK(pool.stats().lent_bytes == pages * kPage);
  }
  CHECK(pool.stats().lent_bytes == 0);
  CHECK(pool.stats().slabs == 1);
  CHECK(pool.stats().misses == 1);
  CHECK(pool.stats().hits == std::size(cases) - 1);
  // Over a slab: one of its own, in pages.
  const Lease large = pool.lend(65 * kPage - 1);
  CHECK(large.offset() == 0);
  CHECK(pool.stats().lent_bytes == 65 * kPage);
  CHECK(pool.stats().held_bytes == 129 * kPage);
  CHECK(device->pinned_bytes() == 129 * kPage);
}

TEST_CASE("the cap is hard, says what is held, and is used to its last page") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 8 * kPage, .cap_bytes = 13 * kPage + 5});
  std::vector<Lease> leases;
  for (int i = 0; i < 13; ++i) leases.push_back(pool.lend(kPage));
  CHECK_FALSE(pool.try_lend(1));
  try {
    pool.lend(2 * kPage);
    FAIL("lent more than the cap");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::POOL_EXHAUSTED);
    CHECK(error.details() == std::vector<Error::Detail>{{"bytes", 2 * kPage},
                                                        {"lentBytes", 13 * kPage},
                                                        {"heldBytes", 13 * kPage},
                                                        {"capBytes", 13 * kPage + 5}});
  }
  CHECK(pool.stats().refused == 2);
  CHECK(code_of([&] { pool.try_lend(13 * kPage + 1); }) == ErrorCode::ARG_RANGE);
  leases.clear();
  // Neither free slab is large enough, so both go to make room for one that is.
  CHECK(pool.lend(13 * kPage).bytes() == 13 * kPage);
  CHECK(device->peak_pinned_bytes() == 13 * kPage);
  CHECK(pool.stats().peak_held_bytes == 13 * kPage);
  CHECK(pool.stats().peak_lent_bytes == 13 * kPage);
}

TEST_CASE("pages that come back merge with their neighbours, in any order") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 6 * kPage, .cap_bytes = 6 * kPage});
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  do {
    std::vector<Lease> leases;
    for (int i = 0; i < 6; ++i) leases.push_back(pool.lend(kPage));
    for (const int i : order) leases[i].release();
    REQUIRE(pool.try_lend(6 * kPage));
  } while (std::ranges::next_permutation(order).found);
  CHECK(pool.stats().misses == 1);
}

TEST_CASE("release is idempotent, and tells a lease from its successor") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = kPage, .cap_bytes = kPage});
  Lease first = pool.lend(100);
  const std::uint64_t generation = first.generation();
  std::uint8_t* const data = first.data();
  first.release();
  first.release();
  CHECK_FALSE(first);
  CHECK(first.data() == nullptr);
  CHECK(first.bytes() == 0);
  Lease second = pool.lend(100);
  CHECK(second.data() == data);
  CHECK(second.generation() != generation);
  Lease moved = std::move(second);
  CHECK(moved.data() == data);
  moved = Lease();
  CHECK(pool.stats().leases == 0);
}

TEST_CASE("what a lease leaves behind is kept, zeroed or poisoned") {
  for (const OnReturn on_return : {OnReturn::kKeep, OnReturn::kZero, OnReturn::kPoison}) {
    auto device = std::make_shared<AuditDevice>();
    PinnedPool pool(device, {.slab_bytes = 4 * kPage, .cap_bytes = 4 * kPage, .on_return = on_return});
    const std::size_t bytes = 2 * kPage + 7;
    Lease lease = pool.lend(bytes);
    CHECK(all_are(lease.span(), 0));
    std::ranges::fill(lease.span(), std::uint8_t{7});
    lease.release();
    const std::uint8_t expected = on_return == OnReturn::kKeep   ? 7
                                  : on_return == OnReturn::kZero ? 0
                                                                 : PinnedPool::kPoisonByte;
    CHECK(all_are(pool.lend(bytes).span(), expected));
  }
}

#if defined(FS_ASAN)
TEST_CASE("free pages are poisoned for AddressSanitizer, and only they") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 4 * kPage, .cap_bytes = 4 * kPage});
  Lease lease = pool.lend(1001);
  std::uint8_t* const data = lease.data();
  CHECK(__asan_region_is_poisoned(data, 1001) == nullptr);
  CHECK(__asan_address_is_poisoned(data + 1001));
  CHECK(__asan_address_is_poisoned(data + kPage));
  lease.release();
  CHECK(__asan_address_is_poisoned(data));
  CHECK(__asan_address_is_poisoned(data + 1000));
}
#endif

TEST_CASE("waiters are served in order, and nobody overtakes them") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 4 * kPage, .cap_bytes = 4 * kPage});
  Lease a = pool.lend(2 * kPage);
  Lease b = pool.lend(kPage);
  std::vector<int> served;
  std::vector<Lease> held;
  const auto note = [&](int number) {
    return [&, number](Lease lease, std::exception_ptr error) {
      CHECK(error == nullptr);
      served.push_back(number);
      held.push_back(std::move(lease));
    };
  };
  CHECK(pool.lend_async(4 * kPage, note(1)) != 0);
  CHECK(pool.lend_async(kPage, note(2)) != 0);
  CHECK_FALSE(pool.try_lend(kPage));  // a page is free, but others wait for it
  b.release();
  CHECK(served.empty());
  a.release();
  CHECK(served == std::vector<int>{1});
  std::exchange(held, {}).clear();  // callbacks add to `held` meanwhile
  CHECK(served == std::vector<int>{1, 2});
  CHECK(pool.stats().waits == 2);
  held.clear();
  CHECK(pool.lend_async(kPage, note(3)) == 0);  // at once
  CHECK(served.back() == 3);
}

TEST_CASE("a waiter that gives up lets the one behind it pass") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 4 * kPage, .cap_bytes = 4 * kPage});
  const Lease a = pool.lend(3 * kPage);
  bool first = false;
  Lease second;
  const PinnedPool::Ticket ticket =
      pool.lend_async(2 * kPage, [&](Lease, std::exception_ptr) { first = true; });
  pool.lend_async(kPage, [&](Lease lease, std::exception_ptr) { second = std::move(lease); });
  CHECK_FALSE(second);
  CHECK(pool.cancel(ticket));
  CHECK_FALSE(pool.cancel(ticket));
  CHECK(second);
  CHECK_FALSE(first);
}

TEST_CASE("a callback may give its lease back at once, however long the queue") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = kPage, .cap_bytes = kPage});
  Lease lease = pool.lend(1);
  int called = 0;
  for (int i = 0; i < 50000; ++i) {
    pool.lend_async(1, [&](Lease, std::exception_ptr) { ++called; });
  }
  lease.release();
  CHECK(called == 50000);
  CHECK(pool.stats().leases == 0);
}

TEST_CASE("a waiting thread gets its lease, runs out of time, or is told to stop") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = kPage, .cap_bytes = kPage});
  Lease lease = pool.lend(1);
  CHECK(code_of([&] { pool.lend_wait(1, 1ms); }) == ErrorCode::POOL_EXHAUSTED);
  std::atomic<bool> stop{true};
  CHECK(code_of([&] { pool.lend_wait(1, std::chrono::hours(1), &stop); }) == ErrorCode::ABORTED);
  CHECK(pool.stats().waiting == 0);
  stop = false;
  std::thread other([&] {
    while (pool.stats().waiting == 0) std::this_thread::yield();
    lease.release();
  });
  CHECK(pool.lend_wait(1, std::chrono::nanoseconds::max(), &stop));
  other.join();
}

TEST_CASE("trim gives back slabs that nobody uses, and a held one when its holder lets go") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 2 * kPage, .cap_bytes = 6 * kPage});
  Lease a = pool.lend(2 * kPage);
  Lease b = pool.lend(2 * kPage);
  const Lease c = pool.lend(2 * kPage);
  std::shared_ptr<const PinnedSlab> held = pool.hold_slab(b.slab_id());
  CHECK(held == pool.hold_slab(b.slab_id()));
  CHECK(held->data == b.data());
  CHECK(held->bytes == 2 * kPage);
  a.release();
  b.release();
  CHECK(pool.trim() == 2 * kPage);
  CHECK(pool.slabs().size() == 2);
  CHECK(pool.hold_slab(12345) == nullptr);
  // 4 pages are free and 4 would fit below the cap, but 2 of them are looked at from outside until the holder ends.
  Lease large;
  pool.lend_async(4 * kPage, [&](Lease lease, std::exception_ptr) { large = std::move(lease); });
  CHECK_FALSE(large);
  held.reset();
  CHECK(large.bytes() == 4 * kPage);
  CHECK(device->peak_pinned_bytes() == 6 * kPage);
}

TEST_CASE("leases and held slabs outlive the pool, waiters are told") {
  auto device = std::make_shared<AuditDevice>();
  Lease lease;
  std::shared_ptr<const PinnedSlab> held;
  ErrorCode told = ErrorCode::INTERNAL;
  {
    PinnedPool pool(device, {.slab_bytes = 2 * kPage, .cap_bytes = 6 * kPage});
    lease = pool.lend(2 * kPage);
    Lease second = pool.lend(2 * kPage);
    held = pool.hold_slab(second.slab_id());
    const Lease third = pool.lend(2 * kPage);
    pool.lend_async(kPage, [&](Lease none, std::exception_ptr error) {
      CHECK_FALSE(none);
      told = code_of([&] { std::rethrow_exception(error); });
    });
    pool.close();
    pool.close();
    CHECK(told == ErrorCode::CLOSED);
    CHECK(code_of([&] { pool.try_lend(1); }) == ErrorCode::CLOSED);
    CHECK(code_of([&] { pool.lend_wait(1, 1h); }) == ErrorCode::CLOSED);
    CHECK(device->pinned_bytes() == 6 * kPage);
  }
  CHECK(device->pinned_bytes() == 4 * kPage);
  std::ranges::fill(lease.span(), std::uint8_t{1});
  lease.release();
  CHECK(device->pinned_bytes() == 2 * kPage);
  held.reset();
  CHECK(device->pinned_bytes() == 0);
  CHECK(device->false_frees() == 0);
}

TEST_CASE("a pinned pool that is closed while the device allocates lends nothing and keeps nothing") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = kPage, .cap_bytes = kPage});
  device->on_allocate = [&] { pool.close(); };
  CHECK(code_of([&] { pool.lend(1); }) == ErrorCode::CLOSED);
  CHECK(device->pinned_bytes() == 0);
  CHECK(pool.stats().held_bytes == 0);
}

TEST_CASE("pools without a page, and slabs that no ArrayBuffer can be, are refused") {
  auto device = std::make_shared<AuditDevice>();
  for (const PinnedPool::Options options :
       {PinnedPool::Options{kPage - 1, 1 << 20}, PinnedPool::Options{1 << 20, kPage - 1},
        PinnedPool::Options{(std::size_t{4} << 30) + 1, std::size_t{1} << 40}}) {
    CHECK(code_of([&] { PinnedPool(device, options); }) == ErrorCode::ARG_RANGE);
  }
  PinnedPool pool(device, {.cap_bytes = std::size_t{1} << 40});
  CHECK(code_of([&] { pool.try_lend((std::size_t{4} << 30) + 1); }) == ErrorCode::ARG_RANGE);
}

}  // namespace flowstate::device
