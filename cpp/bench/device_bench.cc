// Pools and transfers of the device layer, on the host device unless told otherwise.
// Run: device_bench [staging|sweep|pinned|device ...]; all but sweep by default. --mib N: bytes of a transfer.
//
//   staging   pageable memory to the device and back, and pinned straight, beside one memcpy of the same bytes in the
//             same round. The host device's wire is a memcpy of its own, so a staged byte is copied twice, on two
//             threads; memcpy moves it once, on one.
//   sweep     the same for many chunk sizes, streams and threads: where the defaults come from.
//   pinned    lend and release, beside allocating and freeing pinned memory.
//   device    a pooled buffer's life on a stream, beside allocate() and free().
// Every transfer's bytes are compared before it is timed. Ratios are of the same round; the median of rounds counts.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "flowstate/device/device_pool.h"
#include "flowstate/device/transfer.h"

namespace {

using namespace flowstate::device;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 15;

double ns_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return static_cast<double>((Clock::now() - start).count());
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void require(bool right, const char* what) {
  if (right) return;
  std::printf("WRONG ANSWER: %s\n", what);
  std::exit(1);
}

// Times of rounds, each beside the memcpy of its round.
struct Times {
  std::vector<double> plain;
  std::vector<double> to_device;
  std::vector<double> to_host;
  std::vector<double> pinned;
};

void fill(std::vector<std::uint8_t>& bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
}

class Staging {
 public:
  explicit Staging(std::size_t bytes) : source_(bytes), back_(bytes), plain_(bytes) {
    fill(source_, 1);
    device_ = open_host_device();
    pool_ = std::make_shared<PinnedPool>(device_, PinnedPool::Options{.cap_bytes = bytes + (512u << 20)});
    target_ = static_cast<std::uint8_t*>(device_->allocate(bytes));
    std::memset(target_, 0, bytes);
    pinned_ = pool_->lend(bytes);
    std::memcpy(pinned_.data(), source_.data(), bytes);
  }
  ~Staging() { device_->free(target_); }

  Times measure(const Transfer::Options& options, int rounds) {
    Transfer transfer(device_, pool_, options);
    const std::size_t bytes = source_.size();
    const Copy there{target_, source_.data(), bytes};
    const Copy here{back_.data(), target_, bytes};
    const Copy straight{target_, pinned_.data(), bytes};
    std::memset(target_, 0, bytes);
    std::memset(back_.data(), 0, bytes);
    transfer.copy_blocking(Direction::kToDevice, {&there, 1});
    transfer.copy_blocking(Direction::kToHost, {&here, 1});
    require(back_ == source_, "bytes that came back");
    Times times;
    for (int round = 0; round < rounds; ++round) {
      times.plain.push_back(ns_of([&] { std::memcpy(plain_.data(), source_.data(), bytes); }));
      times.to_device.push_back(ns_of([&] { transfer.copy_blocking(Direction::kToDevice, {&there, 1}); }));
      times.to_host.push_back(ns_of([&] { transfer.copy_blocking(Direction::kToHost, {&here, 1}); }));
      times.pinned.push_back(ns_of([&] { transfer.copy_blocking(Direction::kToDevice, {&straight, 1}); }));
    }
    require(plain_ == source_, "memcpy");
    return times;
  }

 private:
  std::vector<std::uint8_t> source_;
  std::vector<std::uint8_t> back_;
  std::vector<std::uint8_t> plain_;
  std::shared_ptr<Device> device_;
  std::shared_ptr<PinnedPool> pool_;
  PinnedPool::Lease pinned_;
  std::uint8_t* target_ = nullptr;
};

// "88 (95)": per cent of memcpy, median of the rounds' ratios, and best time against best time.
std::string share(const std::vector<double>& plain, const std::vector<double>& times) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < plain.size(); ++i) ratios.push_back(plain[i] / times[i]);
  char text[64];
  std::snprintf(text, sizeof(text), "%3.0f (%3.0f)", 100 * median(ratios),
                100 * *std::ranges::min_element(plain) / *std::ranges::min_element(times));
  return text;
}

void print(std::size_t bytes, const Transfer::Options& options, const Times& times) {
  const double size = static_cast<double>(bytes);
  std::printf(
      "%4zu MiB  chunk %5zu KiB  streams %d  threads %d | memcpy %4.1f (%4.1f) GB/s | %% of memcpy: to "
      "device %s  to host %s  "
      "pinned to device %s\n",
      bytes >> 20, options.chunk_bytes >> 10, options.streams, options.staging_threads,
      size / median(times.plain), size / *std::ranges::min_element(times.plain),
      share(times.plain, times.to_device).c_str(), share(times.plain, times.to_host).c_str(),
      share(times.plain, times.pinned).c_str());
  std::fflush(stdout);
}

void staging(std::size_t bytes) {
  for (const std::size_t size : {bytes / 64, bytes / 8, bytes}) {
    Staging bench(size);
    print(size, {}, bench.measure({}, kRounds * (size < bytes ? 8 : 2)));
  }
}

void sweep(std::size_t bytes) {
  Staging bench(bytes);
  for (const int streams : {1, 2, 3, 4}) {
    for (const int threads : {1, 2}) {
      if (threads > streams) continue;
      for (std::size_t kib = 64; kib <= 8192; kib *= 2) {
        const Transfer::Options options{streams, kib << 10, threads};
        print(bytes, options, bench.measure(options, 7));
      }
    }
  }
}

void row(const char* what, double pooled, const char* other, double plain) {
  std::printf("%-34s %9.0f ns | %-28s %9.0f ns | %.1f x\n", what, pooled, other, plain, plain / pooled);
}

void pinned() {
  auto device = open_host_device();
  for (const std::size_t bytes : {std::size_t{4096}, std::size_t{256} << 10, std::size_t{4} << 20}) {
    PinnedPool pool(device, {.cap_bytes = 256u << 20});
    std::vector<double> pooled, crowded, plain;
    std::vector<PinnedPool::Lease> others;
    for (int round = 0; round < kRounds; ++round) {
      constexpr int kTimes = 20000;
      pooled.push_back(ns_of([&] {
                         for (int i = 0; i < kTimes; ++i) pool.lend(bytes).data()[0] = 1;
                       }) /
                       kTimes);
      plain.push_back(ns_of([&] {
                        for (int i = 0; i < 50; ++i) {
                          const PinnedBlock block = device->allocate_pinned(bytes);
                          static_cast<std::uint8_t*>(block.data)[0] = 1;
                          device->free_pinned(block);
                        }
                      }) /
                      50);
    }
    // A pool in use: thousands of leases of all sizes, a random one replaced each time.
    std::mt19937 random(1);
    while (others.size() < 2000) {
      auto lease = pool.try_lend(1 + random() % 65536);
      if (!lease) break;
      others.push_back(std::move(*lease));
    }
    std::vector<std::pair<std::size_t, std::size_t>> plan;
    for (int i = 0; i < 100000; ++i) plan.emplace_back(random() % others.size(), 1 + random() % 65536);
    crowded.push_back(ns_of([&] {
                        for (const auto& [index, size] : plan) {
                          others[index].release();
                          others[index] = pool.lend(size);
                        }
                      }) /
                      100000);
    const std::string name = "pinned lease of " + std::to_string(bytes >> 10) + " KiB";
    row(name.c_str(), median(pooled), "allocate and free pinned", median(plain));
    if (bytes == 4096) {
      std::printf("pinned lease, random sizes to 64 KiB among %zu others %6.0f ns\n", others.size(),
                  median(crowded));
    }
  }
}

void device_memory() {
  auto device = open_host_device();
  for (const std::size_t bytes : {std::size_t{4096}, std::size_t{256} << 10, std::size_t{16} << 20}) {
    DevicePool pool(device);
    const std::shared_ptr<Stream> stream = device->create_stream();
    std::vector<double> idle, ordered, plain;
    for (int round = 0; round < kRounds; ++round) {
      constexpr int kTimes = 2000;
      idle.push_back(ns_of([&] {
                       for (int i = 0; i < kTimes; ++i)
                         require(pool.allocate(bytes).data() != nullptr, "null");
                     }) /
                     kTimes);
      ordered.push_back(ns_of([&] {
                          for (int i = 0; i < kTimes; ++i)
                            require(pool.allocate(bytes, stream).data() != nullptr, "null");
                          stream->synchronize();
                        }) /
                        kTimes);
      plain.push_back(ns_of([&] {
                        for (int i = 0; i < kTimes; ++i) device->free(device->allocate(bytes));
                      }) /
                      kTimes);
    }
    const std::string size = std::to_string(bytes >> 10) + " KiB";
    row(("device buffer, idle, " + size).c_str(), median(idle), "allocate and free", median(plain));
    row(("device buffer on a stream, " + size).c_str(), median(ordered), "allocate and free", median(plain));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t bytes = std::size_t{256} << 20;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--mib" && i + 1 < argc) {
      bytes = std::strtoull(argv[++i], nullptr, 10) << 20;
    } else {
      wanted.emplace_back(argv[i]);
    }
  }
  if (wanted.empty()) wanted = {"staging", "pinned", "device"};
  for (const std::string& what : wanted) {
    if (what == "staging") staging(bytes);
    if (what == "sweep") sweep(bytes);
    if (what == "pinned") pinned();
    if (what == "device") device_memory();
  }
}
