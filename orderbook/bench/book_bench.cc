// Matching and replay, ns per event, against a plain std::map book in the same process.
//
// Every engine first runs the whole workload and must give the reference's best bid and offer after every event, and
// its fills; the reference itself is compared with the naive book on its first events. Then it is timed: thread CPU
// time, the least of the interleaved runs. Latencies: rdtsc around each call, less the timer's own cost. Arguments:
// [events per shape, 2000000] [runs, 5] [a word that the shape's name must contain].
#include <time.h>
#include <x86intrin.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "engines.h"
#include "support/naive_book.h"

namespace {

using namespace bench;

double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Row {
  double ns = 1e30;
  double p50 = 0, p99 = 0, p999 = 0;
  double bbo = 1e30, depth = 1e30;
  double mib = 0;
  bool is_right = false;
};

// The reference against the naive book, on as many events as the naive book's speed allows.
bool reference_is_right(const Workload& work) {
  std::vector<naive::Book> judges(work.shape.books);
  Map map(work);
  const std::size_t count = std::min<std::size_t>(work.warm.size() + work.timed.size(), 40'000);
  for (std::size_t i = 0; i < count; ++i) {
    const Message& m = i < work.warm.size() ? work.warm[i] : work.timed[i - work.warm.size()];
    naive::Book& judge = judges[m.book];
    judge.told.clear();
    map.message(m);
    bool is_taken = true;
    switch (m.op) {
      case Op::kAdd:
        is_taken = judge.add_order(limit_order(m.id, m.side, Price{m.price}, m.quantity)).ok();
        break;
      case Op::kCancel:
        is_taken = judge.cancel_order(m.id).ok();
        break;
      case Op::kModify:
        is_taken = judge.modify_order(m.id, Price{m.price}, m.quantity, 0).ok();
        break;
      case Op::kTake:
        is_taken = judge.add_order(ioc_order(m.id, m.side, Price{m.price}, m.quantity)).ok();
        break;
    }
    const Bbo bbo = map.bbo(m.book);
    const auto agrees = [](bool has, Price price, Quantity quantity, const naive::Book::Levels& levels,
                           auto best) {
      if (!has || levels.empty()) return has != levels.empty();
      Quantity sum = 0;
      for (const auto& order : best->second) sum += order.shown;
      return best->first == price.ticks && sum == quantity;
    };
    if (!is_taken ||
        !agrees(bbo.has_bid(), bbo.bid_price, bbo.bid_quantity, judge.bids,
                judge.bids.empty() ? judge.bids.end() : std::prev(judge.bids.end())) ||
        !agrees(bbo.has_ask(), bbo.ask_price, bbo.ask_quantity, judge.asks, judge.asks.begin())) {
      return false;
    }
  }
  std::uint64_t fills = 0;
  std::uint64_t filled = 0;
  for (const auto& judge : judges) {
    fills += judge.trades;
    filled += judge.traded;
  }
  return fills == map.fills && filled == map.filled;
}

double timer_cost() {
  double least = 1e9;
  for (int i = 0; i < 100'000; ++i) {
    unsigned aux;
    const auto a = __rdtscp(&aux);
    const auto b = __rdtscp(&aux);
    least = std::min(least, static_cast<double>(b - a));
  }
  return least;
}

double ticks_per_ns() {
  timespec a{}, b{};
  clock_gettime(CLOCK_MONOTONIC, &a);
  const auto t0 = __rdtsc();
  do clock_gettime(CLOCK_MONOTONIC, &b);
  while ((b.tv_sec - a.tv_sec) * 1'000'000'000L + (b.tv_nsec - a.tv_nsec) < 50'000'000);
  const auto t1 = __rdtsc();
  return static_cast<double>(t1 - t0) /
         static_cast<double>((b.tv_sec - a.tv_sec) * 1'000'000'000L + (b.tv_nsec - a.tv_nsec));
}

// One contender on one workload. `Engine` is made anew for each run; the warm part is outside the clock.
template <class Engine, bool kIsFeed, bool kIsBatch>
class Contender {
 public:
  Contender(const Workload& work, const std::vector<Event>& warm, const std::vector<Event>& feed)
      : work_(work), warm_(warm), feed_(feed) {}

  bool check() {
    Engine engine(work_);
    Answer answer;
    if constexpr (kIsFeed) {
      for (std::size_t i = 0; i < work_.warm.size(); ++i) {
        engine.event(warm_[i]);
        answer.bbo_hash = hash_bbo(answer.bbo_hash, engine.bbo(work_.warm[i].book));
      }
      std::size_t at = 0;
      for (std::size_t i = 0; i < work_.timed.size(); ++i) {
        while (at < work_.feed_ends[i]) engine.event(feed_[at++]);
        answer.bbo_hash = hash_bbo(answer.bbo_hash, engine.bbo(work_.timed[i].book));
      }
    } else {
      for (const auto* part : {&work_.warm, &work_.timed}) {
        for (const Message& m : *part) {
          engine.message(m);
          answer.bbo_hash = hash_bbo(answer.bbo_hash, engine.bbo(m.book));
        }
      }
    }
    answer.fills = engine.fills;
    answer.filled = engine.filled;
    row.mib = static_cast<double>(engine.bytes()) / (1 << 20);
    row.is_right = answer == work_.answer && engine.refused == 0;
    if constexpr (kIsBatch) row.is_right = row.is_right && batches_agree(engine);
    return row.is_right;
  }

  void time() {
    auto engine = warmed();
    const double start = cpu_ns();
    if constexpr (kIsBatch) {
      batch(*engine);
    } else {
      each([&](const auto& item) { one(*engine, item); });
    }
    row.ns = std::min(row.ns, (cpu_ns() - start) / static_cast<double>(count()));
    time_queries(*engine);
  }

  void latencies(double cost, double per_ns) {
    if (kIsBatch) return;  // one call is many events
    auto engine = warmed();
    std::vector<std::uint32_t> ticks;
    ticks.reserve(count());
    each([&](const auto& item) {
      unsigned aux;
      const auto a = __rdtscp(&aux);
      one(*engine, item);
      const auto b = __rdtscp(&aux);
      ticks.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(b - a, 0xFFFFFFFF)));
    });
    const auto percentile = [&](double share) {
      const auto nth =
          ticks.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(ticks.size() - 1));
      std::nth_element(ticks.begin(), nth, ticks.end());
      return std::max(0.0, (static_cast<double>(*nth) - cost) / per_ns);
    };
    row.p50 = percentile(0.5);
    row.p99 = percentile(0.99);
    row.p999 = percentile(0.999);
  }

  Row row;

 private:
  void batch(Engine& engine) {
    if constexpr (kIsFeed) {
      engine.events(feed_);
    } else {
      engine.messages(work_.timed);
    }
  }

  // Applied in batches the workload must end in the levels that it gave one by one.
  bool batches_agree(Engine& single) {
    auto engine = warmed();
    batch(*engine);
    std::vector<DepthLevel> a(1000), b(1000), c(1000), d(1000);
    for (std::size_t book = 0; book < work_.shape.books; ++book) {
      if (single.depth(book, a, b) != engine->depth(book, c, d) || a != c || b != d) return false;
    }
    return engine->refused == 0;
  }

  static void one(Engine& engine, const Message& m) { engine.message(m); }
  static void one(Engine& engine, const Event& e) { engine.event(e); }

  template <class F>
  void each(F&& f) {
    if constexpr (kIsFeed) {
      for (const Event& e : feed_) f(e);
    } else {
      for (const Message& m : work_.timed) f(m);
    }
  }
  std::size_t count() const { return kIsFeed ? feed_.size() : work_.timed.size(); }

  std::unique_ptr<Engine> warmed() {
    auto engine = std::make_unique<Engine>(work_);
    if constexpr (kIsFeed) {
      for (const Event& e : warm_) engine->event(e);
    } else {
      for (const Message& m : work_.warm) engine->message(m);
    }
    return engine;
  }

  // On the book as the run left it; the loop's own cost is in it.
  void time_queries(Engine& engine) {
    constexpr int kReads = 1'000'000;
    const std::size_t books = work_.shape.books;
    std::uint64_t sink = 0;
    double start = cpu_ns();
    std::size_t book = 0;
    for (int i = 0; i < kReads; ++i) {
      const Bbo bbo = engine.bbo(book);
      sink += static_cast<std::uint64_t>(bbo.bid_price.ticks) + bbo.ask_quantity + bbo.bid_quantity +
              static_cast<std::uint64_t>(bbo.ask_price.ticks);
      book = book + 1 == books ? 0 : book + 1;
      asm volatile("" : "+r"(sink)::"memory");
    }
    row.bbo = std::min(row.bbo, (cpu_ns() - start) / kReads);
    std::array<DepthLevel, 10> bids, asks;
    start = cpu_ns();
    for (int i = 0; i < kReads / 10; ++i) {
      sink += engine.depth(book, bids, asks);
      book = book + 1 == books ? 0 : book + 1;
      asm volatile("" : "+r"(sink)::"memory");
    }
    row.depth = std::min(row.depth, (cpu_ns() - start) / (kReads / 10));
  }

  const Workload& work_;
  const std::vector<Event>& warm_;
  const std::vector<Event>& feed_;
};

std::vector<Event> scatter(std::vector<Event> events) {
  for (Event& e : events) e.order_id = scattered(e.order_id);
  return events;
}

struct Named {
  std::string name;
  std::function<bool()> check;
  std::function<void()> time;
  std::function<void(double, double)> latencies;
  const Row* row;
};

template <class C>
Named named(std::string name, const std::shared_ptr<C>& c) {
  return {std::move(name), [c] { return c->check(); }, [c] { c->time(); },
          [c](double cost, double per_ns) { c->latencies(cost, per_ns); }, &c->row};
}

template <bool kIsFeed>
std::vector<Named> contenders(const Workload& work, const std::vector<Event>& scattered_warm,
                              const std::vector<Event>& scattered_feed) {
  std::vector<Named> all;
  const auto add = [&]<class Engine, bool kScatters, bool kIsBatch = false>(const char* name) {
    all.push_back(named(name, std::make_shared<Contender<Engine, kIsFeed, kIsBatch>>(
                                  work, kScatters ? scattered_warm : work.feed_warm,
                                  kScatters ? scattered_feed : work.feed)));
  };
  add.template operator()<Map, false>("std::map + list + unordered_map");
  if (work.shape.books == 1) {
    add.template operator()<Ours<DenseOrderBook, false>, false>("FIFO, dense ids");
    add.template operator()<Ours<OrderBook, true>, true>("FIFO, hashed ids");
    if constexpr (!kIsFeed) {
      add.template operator()<Ours<DenseOrderBook, false>, false, true>("FIFO, dense ids, batches");
      add.template operator()<Ours<OrderBook, true>, true, true>("FIFO, hashed ids, batches");
    }
    if constexpr (kIsFeed) {
      add.template operator()<Ours<DenseLevelBook, false>, false>("level only, dense ids");
      add.template operator()<Ours<LevelBook, true>, true>("level only, hashed ids");
      add.template operator()<Ours<DenseOrderBook, false>, false, true>("FIFO, dense ids, batches");
      add.template operator()<Ours<OrderBook, true>, true, true>("FIFO, hashed ids, batches");
      add.template operator()<Ours<DenseLevelBook, false>, false, true>("level only, dense ids, batches");
      add.template operator()<Ours<LevelBook, true>, true, true>("level only, hashed ids, batches");
    }
  } else {
    add.template operator()<Ours<DenseOrderBookArena<>, false>, false>("FIFO, dense ids");
    add.template operator()<Ours<OrderBookArena<>, true>, true>("FIFO, hashed ids");
    if constexpr (!kIsFeed) {
      add.template operator()<Ours<DenseOrderBookArena<>, false>, false, true>("FIFO, dense ids, batches");
      add.template operator()<Ours<OrderBookArena<>, true>, true, true>("FIFO, hashed ids, batches");
    }
    if constexpr (kIsFeed) {
      add.template operator()<Ours<DenseLevelBookArena<>, false>, false>("level only, dense ids");
      add.template operator()<Ours<LevelBookArena<>, true>, true>("level only, hashed ids");
      add.template operator()<Ours<DenseOrderBookArena<>, false>, false, true>("FIFO, dense ids, batches");
      add.template operator()<Ours<OrderBookArena<>, true>, true, true>("FIFO, hashed ids, batches");
      add.template operator()<Ours<DenseLevelBookArena<>, false>, false, true>(
          "level only, dense ids, batches");
      add.template operator()<Ours<LevelBookArena<>, true>, true, true>("level only, hashed ids, batches");
    }
  }
  return all;
}

bool run(const char* what, const Workload& work, std::vector<Named> all, int runs) {
  for (auto& c : all) {
    if (!c.check()) std::printf("WRONG: %s, %s, %s\n", work.shape.name, what, c.name.c_str());
  }
  for (int i = 0; i < runs; ++i) {
    for (auto& c : all) {
      if (c.row->is_right) c.time();
    }
  }
  const double cost = timer_cost();
  const double per_ns = ticks_per_ns();
  bool is_right = true;
  for (auto& c : all) {
    is_right = is_right && c.row->is_right;
    if (!c.row->is_right) continue;
    c.latencies(cost, per_ns);
    const Row& row = *c.row;
    std::printf("| %s | %s | %s | %.1f | %.1f | %.1fx | %.0f / %.0f / %.0f | %.1f | %.0f | %.1f |\n",
                work.shape.name, what, c.name.c_str(), row.ns, 1e3 / row.ns, all.front().row->ns / row.ns,
                row.p50, row.p99, row.p999, row.bbo, row.depth, row.mib);
    std::fflush(stdout);
  }
  return is_right;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 2'000'000;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  const char* word = argc > 3 ? argv[3] : "";
  const Shape shapes[] = {{"1 symbol, 10k live", 1, 10'000, events},
                          {"100 symbols, 100k live", 100, 100'000, events},
                          {"1 symbol, 500k live", 1, 500'000, events}};
  std::printf("%zu events a shape, least of %d runs, thread CPU time; ratio to std::map in the same run\n\n",
              events, runs);
  std::printf(
      "| shape | use | book | ns/event | M/s | ratio | p50 / p99 / p99.9 ns | BBO read ns | depth 10+10 ns | "
      "MiB |\n");
  std::printf("|---|---|---|---|---|---|---|---|---|---|\n");
  bool is_right = true;
  for (const Shape& shape : shapes) {
    if (std::strstr(shape.name, word) == nullptr) continue;
    const Workload work = Generator(shape, 20261122).run();
    if (!reference_is_right(work)) {
      std::printf("WRONG: the reference, %s\n", shape.name);
      return 1;
    }
    const std::vector<Event> warm = scatter(work.feed_warm);
    const std::vector<Event> feed = scatter(work.feed);
    is_right = run("match", work, contenders<false>(work, warm, feed), runs) && is_right;
    is_right = run("replay", work, contenders<true>(work, warm, feed), runs) && is_right;
  }
  return is_right ? 0 : 1;
}
