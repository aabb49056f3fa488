// Pinned pools under random commands beside a model (a map of live ranges), under threads, and on a device that fails.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "device/audit_device.h"
#include "flowstate/device/pinned_pool.h"

namespace flowstate::device {
namespace {

using test::AuditDevice;
using test::code_of;
using test::from_environment;
using Lease = PinnedPool::Lease;
using OnReturn = PinnedPool::OnReturn;

constexpr std::size_t kPage = kPageBytes;

struct Live {
  Lease lease;
  std::uint8_t mark = 0;
};

// First, last and a few bytes between carry the mark: enough to see another's write, and quick.
void mark(const Lease& lease, std::uint8_t value) {
  for (std::size_t at = 0; at < lease.bytes(); at += 997) lease.data()[at] = value;
  if (lease.bytes() > 0) lease.data()[lease.bytes() - 1] = value;
}
bool is_marked(const Lease& lease, std::uint8_t value) {
  for (std::size_t at = 0; at < lease.bytes(); at += 997) {
    if (lease.data()[at] != value) return false;
  }
  return lease.bytes() == 0 || lease.data()[lease.bytes() - 1] == value;
}

class Model {
 public:
  Model(std::uint64_t seed, OnReturn on_return)
      : random_(seed),
        slab_pages_(1 + random_() % 40),
        cap_pages_(1 + random_() % 200),
        device_(std::make_shared<AuditDevice>()),
        pool_(device_, {slab_pages_ * kPage, cap_pages_ * kPage + random_() % kPage, on_return}),
        on_return_(on_return) {}

  void step() {
    const auto command = random_() % 100;
    if (command < 45) {
      lend();
    } else if (command < 85) {
      release();
    } else if (command < 88) {
      pool_.trim();
    } else if (command < 92) {
      if (!live_.empty()) holders_.push_back(pool_.hold_slab(any()->second.lease.slab_id()));
    } else if (command < 95) {
      if (!holders_.empty())
        holders_.erase(holders_.begin() + static_cast<long>(random_() % holders_.size()));
    } else {
      check();
    }
  }

  void finish() {
    check();
    live_.clear();
    holders_.clear();
    CHECK(pool_.stats().lent_bytes == 0);
    pool_.trim();
    CHECK(pool_.stats().held_bytes == 0);
    CHECK(device_->pinned_bytes() == 0);
    CHECK(device_->false_frees() == 0);
    CHECK(device_->peak_pinned_bytes() <= cap_pages_ * kPage);
  }

 private:
  using Ranges = std::map<std::uint8_t*, Live>;  // by address

  Ranges::iterator any() { return std::next(live_.begin(), static_cast<long>(random_() % live_.size())); }

  void lend() {
    const std::size_t most = (random_() % 4 == 0 ? cap_pages_ : std::min<std::size_t>(cap_pages_, 6)) * kPage;
    const std::size_t bytes = random_() % (most + 1);
    std::optional<Lease> lease = pool_.try_lend(bytes);
    if (!lease) {
      // Never refused while the pool is empty, or while the request fits beside all that is held.
      REQUIRE_FALSE((live_.empty() && holders_.empty()));
      const std::size_t rounded = (bytes + kPage - 1) / kPage * kPage;
      REQUIRE(pool_.stats().held_bytes + rounded * 4 / 3 > cap_pages_ * kPage - kPage);
      ++refused_;
      return;
    }
    ++lent_;
    REQUIRE(lease->bytes() == bytes);
    std::uint8_t* const data = lease->data();
    const auto after = live_.lower_bound(data);
    if (after != live_.end()) REQUIRE(data + std::max<std::size_t>(bytes, 1) <= after->first);
    if (after != live_.begin()) {
      const Lease& before = std::prev(after)->second.lease;
      REQUIRE(before.data() + std::max<std::size_t>(before.bytes(), 1) <= data);
    }
    if (on_return_ == OnReturn::kZero)
      REQUIRE(std::ranges::count(lease->span(), 0) == static_cast<long>(bytes));
    const auto value = static_cast<std::uint8_t>(random_() | 1);
    mark(*lease, value);
    live_.emplace(data, Live{std::move(*lease), value});
  }

  void release() {
    if (live_.empty()) return;
    const auto chosen = any();
    REQUIRE(is_marked(chosen->second.lease, chosen->second.mark));
    live_.erase(chosen);
  }

  void check() {
    for (const auto& [data, live] : live_) REQUIRE(is_marked(live.lease, live.mark));
    const PinnedPoolStats stats = pool_.stats();
    REQUIRE(stats.leases == live_.size());
    REQUIRE(stats.hits + stats.misses == lent_);
    REQUIRE(stats.refused == refused_);
    REQUIRE(stats.held_bytes == device_->pinned_bytes());
    REQUIRE(stats.lent_bytes <= stats.held_bytes);
    REQUIRE(stats.held_bytes <= cap_pages_ * kPage);
    std::size_t bytes = 0;
    std::map<std::uint32_t, std::size_t> leases;
    for (const auto& [data, live] : live_) ++leases[live.lease.slab_id()];
    for (const PinnedPool::SlabInfo& info : pool_.slabs()) {
      bytes += info.slab.bytes;
      REQUIRE(info.leases == leases[info.slab.id]);
      leases.erase(info.slab.id);
    }
    REQUIRE(leases.empty());
    REQUIRE(bytes == stats.held_bytes);
    for (const auto& held : holders_) {
      REQUIRE(device_->kind_of_host_memory(held->data + held->bytes - 1) == HostMemoryKind::kPinned);
    }
  }

  std::mt19937_64 random_;
  std::size_t slab_pages_;
  std::size_t cap_pages_;
  std::shared_ptr<AuditDevice> device_;
  PinnedPool pool_;
  OnReturn on_return_;
  Ranges live_;
  std::vector<std::shared_ptr<const PinnedSlab>> holders_;
  std::uint64_t lent_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace

TEST_CASE("random lending, holding and trimming agrees with the model") {
  const std::uint64_t first = from_environment("FS_TEST_SEED", 1);
  const std::uint64_t cases = from_environment("FS_TEST_CASES", 25);
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    CAPTURE(seed);
    Model model(seed, seed % 2 == 0 ? OnReturn::kZero : OnReturn::kPoison);
    for (int i = 0; i < 1500; ++i) model.step();
    model.finish();
  }
}

// Every form of lending at once, and holders. A range lent twice shows as a foreign mark, a lost one at the end.
TEST_CASE("threads lend in every way, wait, and never share a page") {
  auto device = std::make_shared<AuditDevice>();
  PinnedPool pool(device, {.slab_bytes = 8 * kPage, .cap_bytes = 24 * kPage});
  std::atomic<int> foreign{0};
  std::atomic<int> outstanding{0};
  std::atomic<bool> never{false};
  std::vector<std::thread> threads;
  for (unsigned t = 1; t <= 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      const auto use = [&foreign](const Lease& lease, std::uint8_t value) {
        mark(lease, value);
        std::this_thread::yield();
        foreign += !is_marked(lease, value);
      };
      for (int i = 0; i < 5000; ++i) {
        const std::size_t bytes = 1 + random() % (12 * kPage);
        const auto value = static_cast<std::uint8_t>(random());
        switch (random() % 4) {
          case 0:
            if (auto lease = pool.try_lend(bytes)) use(*lease, value);
            break;
          case 1:
            use(pool.lend_wait(bytes, std::chrono::hours(1), &never), value);
            break;
          case 2: {
            const Lease lease = pool.lend_wait(bytes, std::chrono::hours(1));
            const auto held = pool.hold_slab(lease.slab_id());
            use(lease, value);
            foreign += held->data + lease.offset() != lease.data();
            if (random() % 8 == 0) pool.trim();
            break;
          }
          default: {
            ++outstanding;
            const auto ticket =
                pool.lend_async(bytes, [&, use, value](Lease lease, std::exception_ptr error) {
                  if (!error) use(lease, value);
                  --outstanding;
                });
            if (ticket != 0 && random() % 2 == 0 && pool.cancel(ticket)) --outstanding;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(foreign == 0);
  CHECK(outstanding == 0);
  CHECK(pool.stats().waiting == 0);
  CHECK(pool.stats().leases == 0);
  CHECK(device->peak_pinned_bytes() <= 24 * kPage);
  CHECK(pool.try_lend(24 * kPage));
  pool.close();
  CHECK(device->pinned_bytes() == 0);
  CHECK(device->false_frees() == 0);
}

TEST_CASE("whatever call the device fails at, lending throws its error and loses nothing") {
  for (const Call call : {Call::kAllocatePinned, Call::kLost}) {
    bool struck = true;
    for (std::uint64_t nth = 0; struck; ++nth) {
      CAPTURE(static_cast<int>(call), nth);
      REQUIRE(nth < 100);
      auto faults = std::make_shared<FaultPlan>();
      auto device = std::make_shared<AuditDevice>(faults);
      struck = false;
      {
        PinnedPool pool(device, {.slab_bytes = 4 * kPage, .cap_bytes = 12 * kPage});
        faults->arm(call, nth);
        const auto note = [&](const Error& error) {
          struck = true;
          CHECK(error.code() == (call == Call::kLost ? ErrorCode::DEVICE_LOST : ErrorCode::OUT_OF_MEMORY));
        };
        std::vector<Lease> leases;
        for (int i = 0; i < 3; ++i) {
          try {
            leases.push_back(i == 1 ? pool.lend_wait(4 * kPage, std::chrono::hours(1))
                                    : pool.lend(4 * kPage));
          } catch (const Error& error) {
            note(error);
          }
        }
        // Waits where all is lent; then its turn needs a slab of its own, which the device may refuse.
        int told = 0;
        const auto ticket = pool.lend_async(9 * kPage, [&](Lease lease, std::exception_ptr error) {
          ++told;
          CHECK(static_cast<bool>(lease) == (error == nullptr));
          try {
            if (error) std::rethrow_exception(error);
          } catch (const Error& failure) {
            note(failure);
          }
        });
        CHECK((ticket == 0) == (told == 1));
        leases.clear();
        CHECK(told == 1);
        CHECK(pool.stats().lent_bytes == 0);
        CHECK(pool.stats().held_bytes == device->pinned_bytes());
        faults->disarm();
        if (call == Call::kAllocatePinned) CHECK(pool.lend(12 * kPage));
      }
      CHECK(device->pinned_bytes() == 0);
      CHECK(device->false_frees() == 0);
    }
  }
}

}  // namespace flowstate::device
