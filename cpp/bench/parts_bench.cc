// Rings, histograms and Bloom filters: cost per operation, beside other implementations where they can be had.
// Run: parts_bench [ring|ring2|histogram|bloom ...]; all by default. Every contender's answer is checked before and
// while it is timed: the sum and number of the elements that came out, the percentiles, the bits.
//
// Peers are looked for in the include path: boost (apt: libboost-dev), and below -DFS_BENCH_PEERS=DIR rigtorp/SPSCQueue.h,
// readerwriterqueue.h, folly/ProducerConsumerQueue.h, and hdr/ (a checkout of HdrHistogram_c, compiled in). None of them
// is part of this repository.
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "flowstate/sketch/bloom_filter.h"
#include "flowstate/sketch/hdr_histogram.h"
#include "flowstate/stream/spsc_ring.h"

#if __has_include(<boost/lockfree/spsc_queue.hpp>)
#include <boost/lockfree/spsc_queue.hpp>
#define FS_HAVE_BOOST 1
#endif
#if __has_include(<rigtorp/SPSCQueue.h>)
#include <rigtorp/SPSCQueue.h>
#define FS_HAVE_RIGTORP 1
#endif
#if __has_include(<readerwriterqueue.h>)
#include <readerwriterqueue.h>
#define FS_HAVE_MOODYCAMEL 1
#endif
#if __has_include(<folly/ProducerConsumerQueue.h>)
#include <folly/ProducerConsumerQueue.h>
#define FS_HAVE_FOLLY 1
#endif
#if __has_include(<hdr/hdr_histogram.h>)
#include <hdr/hdr_histogram.h>
#define FS_HAVE_HDR 1
#endif

namespace {

using Clock = std::chrono::steady_clock;
using flowstate::sketch::BloomFilter;
namespace bloom = flowstate::sketch::bloom;

constexpr std::size_t kRing = 4096;
constexpr int kRuns = 9;
// Two threads: runs of a millisecond, many of them. On a busy machine few are left alone by others; the best of them
// tells what a ring can do, the median what the machine was doing.
constexpr double kTwoThreadSeconds = 2;

void fail(const char* what, const char* who) {
  std::printf("WRONG ANSWER: %s, %s\n", what, who);
  std::exit(1);
}

template <typename T>
void keep(T&& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

double seconds(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

void report(const char* what, const std::string& who, std::vector<double> values, const char* unit) {
  std::sort(values.begin(), values.end());
  std::printf("%-26s %-34s median %9.2f  least %9.2f  p90 %9.2f  most %9.2f %s\n", what, who.c_str(),
              values[values.size() / 2], values.front(), values[values.size() * 9 / 10], values.back(), unit);
}

// --- rings: each contender pushes and pops what it can, and says how much ---

struct Own {
  flowstate::stream::SpscRing<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "own";
  std::size_t push(const std::uint64_t* v, std::size_t) { return ring.try_push(*v) ? 1 : 0; }
  std::size_t pop(std::uint64_t* v, std::size_t) { return ring.try_pop(*v) ? 1 : 0; }
};
struct OwnBatch {
  flowstate::stream::SpscRing<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "own, batches";
  std::size_t push(const std::uint64_t* v, std::size_t n) { return ring.try_push_n({v, n}); }
  std::size_t pop(std::uint64_t* v, std::size_t n) { return ring.try_pop_n({v, n}); }
};
struct OwnParking {
  flowstate::stream::SpscRing<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "own, batches, waiting calls";
  std::size_t push(const std::uint64_t* v, std::size_t n) { return ring.push_n({v, n}); }
  std::size_t pop(std::uint64_t* v, std::size_t n) { return ring.pop_n({v, n}); }
};
#if defined(FS_HAVE_BOOST)
struct Boost {
  boost::lockfree::spsc_queue<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "boost spsc_queue";
  std::size_t push(const std::uint64_t* v, std::size_t) { return ring.push(*v) ? 1 : 0; }
  std::size_t pop(std::uint64_t* v, std::size_t) { return ring.pop(*v) ? 1 : 0; }
};
struct BoostBatch {
  boost::lockfree::spsc_queue<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "boost spsc_queue, batches";
  std::size_t push(const std::uint64_t* v, std::size_t n) { return ring.push(v, n); }
  std::size_t pop(std::uint64_t* v, std::size_t n) { return ring.pop(v, n); }
};
#endif
#if defined(FS_HAVE_RIGTORP)
struct Rigtorp {
  rigtorp::SPSCQueue<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "rigtorp SPSCQueue";
  std::size_t push(const std::uint64_t* v, std::size_t) { return ring.try_push(*v) ? 1 : 0; }
  std::size_t pop(std::uint64_t* v, std::size_t) {
    const std::uint64_t* const front = ring.front();
    if (front == nullptr) return 0;
    *v = *front;
    ring.pop();
    return 1;
  }
};
#endif
#if defined(FS_HAVE_FOLLY)
struct Folly {
  folly::ProducerConsumerQueue<std::uint64_t> ring{kRing + 1};
  static constexpr const char* kName = "folly ProducerConsumerQueue";
  std::size_t push(const std::uint64_t* v, std::size_t) { return ring.write(*v) ? 1 : 0; }
  std::size_t pop(std::uint64_t* v, std::size_t) { return ring.read(*v) ? 1 : 0; }
};
#endif
#if defined(FS_HAVE_MOODYCAMEL)
struct Moodycamel {
  moodycamel::ReaderWriterQueue<std::uint64_t> ring{kRing};
  static constexpr const char* kName = "moodycamel ReaderWriterQueue";
  std::size_t push(const std::uint64_t* v, std::size_t) { return ring.try_enqueue(*v) ? 1 : 0; }
  std::size_t pop(std::uint64_t* v, std::size_t) { return ring.try_dequeue(*v) ? 1 : 0; }
};
#endif

// Elements are 0, 1, 2, …: their sum tells whether each came once; the order is checked at the first of every batch.
template <typename Ring>
void one_thread(std::size_t batch) {
  const std::uint64_t total = batch == 1 ? 8'000'000 : 64'000'000;
  std::vector<std::uint64_t> in(batch);
  std::vector<std::uint64_t> out(batch);
  for (std::size_t i = 0; i < batch; ++i) in[i] = i;
  std::vector<double> rates;
  for (int run = 0; run < kRuns; ++run) {
    Ring ring;
    std::uint64_t sum = 0;
    std::uint64_t done = 0;
    const double start = cpu_seconds();
    while (done < total) {
      std::uint64_t inside = 0;
      while (inside + batch <= kRing) inside += ring.push(in.data(), batch);
      while (inside > 0) {
        const std::size_t n = ring.pop(out.data(), batch);
        sum += out[0] + n;
        keep(out.data());
        inside -= n;
        done += n;
      }
    }
    rates.push_back(static_cast<double>(done) / (cpu_seconds() - start) * 1e-6);
    if (sum != done) fail("one thread", Ring::kName);
  }
  report(("1 thread, batch " + std::to_string(batch)).c_str(), Ring::kName, rates, "M/s");
}

template <typename Ring>
void two_threads(std::size_t batch) {
  const std::uint64_t total = (batch == 1 ? 100'000 : 1'000'000) / batch * batch;
  std::vector<double> rates;
  const auto begin = Clock::now();
  while (rates.empty() || seconds(begin) < kTwoThreadSeconds) {
    Ring ring;
    std::atomic<bool> is_there{false};
    std::atomic<bool> go{false};
    std::thread producer([&] {
      pin(1);
      std::vector<std::uint64_t> in(batch);
      std::uint64_t next = 0;
      for (std::size_t i = 0; i < batch; ++i) in[i] = i;
      is_there = true;
      while (!go) flowstate::stream::detail::cpu_pause();
      while (next < total) {
        std::size_t pushed = 0;
        while (pushed < batch) {
          const std::size_t n = ring.push(in.data() + pushed, batch - pushed);
          pushed += n;
          if (n == 0) flowstate::stream::detail::cpu_pause();
        }
        next += batch;
        in[0] = next;  // a batch's first element numbers it, the others stay
      }
    });
    pin(0);
    std::vector<std::uint64_t> out(batch);
    std::uint64_t got = 0;
    std::uint64_t sum = 0;
    while (!is_there) std::this_thread::yield();
    const auto start = Clock::now();
    go = true;
    while (got < total) {
      const std::size_t n = ring.pop(out.data(), batch);
      if (n == 0) {
        flowstate::stream::detail::cpu_pause();
        continue;
      }
      // The first element of each batch, wherever the pops cut.
      const std::uint64_t first = (batch - got % batch) % batch;
      if (first < n) sum += out[first];
      keep(out.data());
      got += n;
    }
    const double elapsed = seconds(start);
    producer.join();
    const std::uint64_t batches = total / batch;
    if (sum != batch * (batches * (batches - 1) / 2)) fail("two threads", Ring::kName);
    rates.push_back(static_cast<double>(total) / elapsed * 1e-6);
  }
  report(("2 threads, batch " + std::to_string(batch)).c_str(), Ring::kName, rates, "M/s");
}

void zero_copy_two_threads(std::size_t batch) {
  const std::uint64_t total = 1'000'000 / batch * batch;
  std::vector<double> rates;
  const auto begin = Clock::now();
  while (rates.empty() || seconds(begin) < kTwoThreadSeconds) {
    flowstate::stream::SpscRing<std::uint64_t> ring(kRing);
    std::atomic<bool> is_there{false};
    std::atomic<bool> go{false};
    std::thread producer([&] {
      pin(1);
      is_there = true;
      while (!go) flowstate::stream::detail::cpu_pause();
      for (std::uint64_t next = 0; next < total;) {
        const auto slots = ring.reserve(std::min<std::uint64_t>(batch, total - next));
        if (slots.empty()) flowstate::stream::detail::cpu_pause();
        for (std::uint64_t& slot : slots) slot = next++;
        ring.commit(slots.size());
      }
    });
    pin(0);
    std::uint64_t sum = 0;
    while (!is_there) std::this_thread::yield();
    const auto start = Clock::now();
    go = true;
    for (std::uint64_t got = 0; got < total;) {
      const auto values = ring.peek(batch);
      if (values.empty()) flowstate::stream::detail::cpu_pause();
      for (const std::uint64_t value : values) sum += value;
      ring.release(values.size());
      got += values.size();
    }
    const double elapsed = seconds(start);
    producer.join();
    if (sum != total * (total - 1) / 2) fail("two threads", "own, in place");
    rates.push_back(static_cast<double>(total) / elapsed * 1e-6);
  }
  report(("2 threads, batch " + std::to_string(batch)).c_str(), "own, written and read in place", rates,
         "M/s");
}

void bench_rings(bool two) {
  const auto both = [two]<typename Ring>(std::size_t batch) {
    if (two) {
      two_threads<Ring>(batch);
    } else {
      one_thread<Ring>(batch);
    }
  };
  both.operator()<Own>(1);
#if defined(FS_HAVE_BOOST)
  both.operator()<Boost>(1);
#endif
#if defined(FS_HAVE_RIGTORP)
  both.operator()<Rigtorp>(1);
#endif
#if defined(FS_HAVE_FOLLY)
  both.operator()<Folly>(1);
#endif
#if defined(FS_HAVE_MOODYCAMEL)
  both.operator()<Moodycamel>(1);
#endif
  for (const std::size_t batch : {16, 64, 256, 1024}) {
    both.operator()<OwnBatch>(batch);
#if defined(FS_HAVE_BOOST)
    both.operator()<BoostBatch>(batch);
#endif
    if (two) two_threads<OwnParking>(batch);
    if (two) zero_copy_two_threads(batch);
  }
}

// --- histogram ---

template <typename Record>
void time_records(const char* who, const std::vector<std::uint64_t>& values, Record&& record) {
  std::vector<double> ns;
  for (int run = 0; run < kRuns; ++run) {
    const double start = cpu_seconds();
    for (int repeat = 0; repeat < 40; ++repeat) {
      for (const std::uint64_t value : values) record(value);
    }
    ns.push_back((cpu_seconds() - start) / (40.0 * static_cast<double>(values.size())) * 1e9);
  }
  report("histogram, record", who, ns, "ns");
}

void bench_histogram() {
  using namespace flowstate::sketch;
  // Latencies as they are: a log-normal body around 20 us, a tail to seconds.
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency(10, 1.2);
  std::vector<std::uint64_t> values(100'000);
  for (std::uint64_t& value : values) value = static_cast<std::uint64_t>(latency(random)) + 1;
  std::vector<std::uint64_t> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const auto check = [&](const HdrHistogram& histogram, const char* who) {
    for (const double p : {50.0, 99.0, 99.9, 100.0}) {
      const auto rank = static_cast<std::size_t>(p / 100 * static_cast<double>(sorted.size()) + 0.999999);
      const std::uint64_t exact = sorted[rank - 1];
      const std::uint64_t got = histogram.percentile(p);
      if (got < exact || got - exact > exact >> histogram.layout().precision()) fail("histogram", who);
    }
  };
  for (const int precision : {7, 10}) {
    HdrHistogram plain(precision);
    time_records(("own, 2^" + std::to_string(precision)).c_str(), values,
                 [&](std::uint64_t v) { plain.record(v); });
    check(plain, "own");
  }
  SingleWriterHistogram single;
  time_records("own, one writer, live readers", values, [&](std::uint64_t v) { single.record(v); });
  check(single.snapshot(), "own, one writer");
  SharedHistogram shared;
  time_records("own, many writers, one writing", values, [&](std::uint64_t v) { shared.record(v); });
  check(shared.snapshot(), "own, many writers");
#if defined(FS_HAVE_HDR)
  hdr_histogram* theirs = nullptr;
  hdr_init(1, 3'600'000'000'000, 3, &theirs);
  time_records("HdrHistogram_c", values,
               [&](std::uint64_t v) { hdr_record_value(theirs, static_cast<std::int64_t>(v)); });
  time_records("HdrHistogram_c, atomic", values,
               [&](std::uint64_t v) { hdr_record_value_atomic(theirs, static_cast<std::int64_t>(v)); });
  const auto got = static_cast<double>(hdr_value_at_percentile(theirs, 99));
  const auto exact = static_cast<double>(sorted[sorted.size() * 99 / 100 - 1]);
  if (std::abs(got - exact) > exact * 0.002) fail("histogram", "HdrHistogram_c");
  hdr_close(theirs);
#endif
}

// --- Bloom filter ---

void bench_bloom() {
  for (const std::uint64_t keys : {5'000, 100'000, 1'000'000, 10'000'000}) {
    std::mt19937_64 random(2);
    std::vector<std::uint64_t> in(keys);
    std::vector<std::uint64_t> out(std::min<std::uint64_t>(keys, 1'000'000));
    for (std::uint64_t& key : in) key = random();
    for (std::uint64_t& key : out) key = random();
    const std::size_t probes = out.size();
    for (const bool portable : {false, true}) {
      bloom::force_portable(portable);
      const std::string path = bloom::is_vectorised() ? "AVX2" : "portable";
      const std::string what = "Bloom, " + std::to_string(keys) + " keys, " + path;
      const auto measure = [&](const char* which, std::size_t count, auto&& run) {
        const int repeats = static_cast<int>(std::max<std::size_t>(1, 200'000 / count));
        std::vector<double> ns;
        for (int i = 0; i < (keys > 1'000'000 ? 3 : kRuns); ++i) {
          const double start = cpu_seconds();
          for (int r = 0; r < repeats; ++r) run();
          ns.push_back((cpu_seconds() - start) / static_cast<double>(repeats) / static_cast<double>(count) *
                       1e9);
        }
        report(what.c_str(), which, ns, "ns");
      };
      BloomFilter filter(keys, 0.01);
      measure("add", keys, [&] {
        for (const std::uint64_t key : in) filter.add(key);
      });
      BloomFilter batched(keys, 0.01);
      measure("add, batch", keys, [&] {
        bloom::add_all(batched.bytes().data(), batched.blocks(), std::span<const std::uint64_t>(in));
      });
      if (!std::ranges::equal(filter.bytes(), batched.bytes())) fail("bloom", "batch");
      std::size_t found = 0;
      measure("hit", probes, [&] {
        found = 0;
        for (std::size_t i = 0; i < probes; ++i) found += filter.contains(in[i]);
      });
      if (found != probes) fail("bloom", "hit");
      measure("miss", probes, [&] {
        found = 0;
        for (std::size_t i = 0; i < probes; ++i) found += filter.contains(out[i]);
      });
      const double rate = static_cast<double>(found) / static_cast<double>(probes);
      if (rate > 0.016) fail("bloom", "rate");
      std::vector<std::uint8_t> flags(probes);
      measure("miss, batch", probes, [&] {
        bloom::contains_all(filter.bytes().data(), filter.blocks(), std::span<const std::uint64_t>(out),
                            flags.data());
      });
      if (static_cast<std::size_t>(std::count(flags.begin(), flags.end(), 1)) != found)
        fail("bloom", "batch look-up");
      std::printf("%-26s rate %.4f, %.2f bits a key, %zu KiB\n", what.c_str(), rate,
                  static_cast<double>(filter.bytes().size()) * 8 / static_cast<double>(keys),
                  filter.bytes().size() / 1024);
    }
  }
  bloom::force_portable(false);
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const auto wants = [&](const std::string& name) {
    return argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* arg) { return name == arg; });
  };
  if (wants("ring")) bench_rings(false);
  if (wants("histogram")) bench_histogram();
  if (wants("bloom")) bench_bloom();
  if (wants("ring2")) bench_rings(true);
  return 0;
}
