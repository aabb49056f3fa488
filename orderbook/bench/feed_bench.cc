// Readers in MB/s and events/s, and the replay in ns an event with and without samples. A made-up market of one instrument
// (about 10,000 live orders) is written out as ITCH, DBN, LOBSTER and CSV; every reader must give the events that were
// written before it is timed, and every replay the same last row. Minimum of five runs, thread CPU time.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "orderbook/feed/csv.h"
#include "orderbook/feed/dbn.h"
#include "orderbook/feed/itch.h"
#include "orderbook/feed/lobster.h"
#include "orderbook/replay/core_book.h"
#include "orderbook/replay/replay.h"

using namespace orderbook;

namespace {

constexpr std::size_t kEvents = 1'000'000;
constexpr std::size_t kChunk = 1 << 20;

double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double best_of_five(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const double start = cpu_seconds();
    work();
    best = std::min(best, cpu_seconds() - start);
  }
  return best;
}

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "%s: wrong answer, nothing is timed\n", what);
  std::exit(1);
}

// Adds, reductions, executions and deletions with side and price told, as LOBSTER tells them. Prices in cents.
std::vector<Event> make_market() {
  std::mt19937_64 random(42);
  struct Live {
    OrderId id;
    Side side;
    std::int64_t price;
    Quantity quantity;
  };
  std::vector<Live> live;
  std::vector<Event> events;
  OrderId next_id = 1;
  TimestampNs time_ns = 34'200'000'000'000;
  while (events.size() < kEvents) {
    Event e;
    time_ns += static_cast<TimestampNs>(random() % 20'000);
    e.time_ns = time_ns;
    e.sequence = events.size() + 1;
    e.flags = kEventEndOfGroup;
    if (random() % 20 < (live.size() < 10'000 ? 14u : 6u)) {
      e.kind = EventKind::kAdd;
      e.order_id = next_id++;
      e.side = random() % 2 == 0 ? Side::kBuy : Side::kSell;
      const auto away = static_cast<std::int64_t>(std::min(random() % 200, random() % 200));
      e.price = {e.side == Side::kBuy ? 10'000 - away : 10'001 + away};
      e.quantity = 1 + random() % 500;
      live.push_back({e.order_id, e.side, e.price.ticks, e.quantity});
    } else {
      const std::size_t at = random() % live.size();
      Live& order = live[at];
      e.order_id = order.id;
      e.side = order.side;
      e.price = {order.price};
      const std::uint64_t roll = random() % 10;
      e.kind = roll < 7 || order.quantity == 1 ? EventKind::kDelete
               : roll < 9                      ? EventKind::kExecute
                                               : EventKind::kReduce;
      e.quantity = e.kind == EventKind::kDelete ? order.quantity : 1 + random() % (order.quantity - 1);
      order.quantity -= e.quantity;
      if (e.kind == EventKind::kDelete) {
        order = live.back();
        live.pop_back();
      }
    }
    events.push_back(e);
  }
  return events;
}

void be(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}
void le(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

std::string as_itch(const std::vector<Event>& events) {
  std::string out;
  for (const Event& e : events) {
    const char type = "AXDE"[static_cast<int>(e.kind)];
    be(out, type == 'A' ? 36 : type == 'D' ? 19 : type == 'X' ? 23 : 31, 2);
    out += type;
    be(out, 1, 2), be(out, 0, 2), be(out, static_cast<std::uint64_t>(e.time_ns), 6), be(out, e.order_id, 8);
    if (type == 'A') {
      out += e.side == Side::kBuy ? 'B' : 'S';
      be(out, e.quantity, 4);
      out += "ABC     ";
      be(out, static_cast<std::uint64_t>(e.price.ticks) * 100, 4);
    } else if (type != 'D') {
      be(out, e.quantity, 4);
      if (type == 'E') be(out, 7, 8);
    }
  }
  return out;
}

std::string as_dbn(const std::vector<Event>& events) {
  std::string out = "DBN\x01";
  le(out, 120, 4);
  out += std::string(120, '\0');
  for (const Event& e : events) {
    le(out, 14, 1), le(out, 0xA0, 1), le(out, 1, 2), le(out, 1, 4),
        le(out, static_cast<std::uint64_t>(e.time_ns), 8);
    le(out, e.order_id, 8), le(out, static_cast<std::uint64_t>(e.price.ticks) * 10'000'000, 8),
        le(out, e.quantity, 4);
    le(out, 0x80, 1), le(out, 0, 1);
    out += e.kind == EventKind::kAdd ? 'A' : 'C';
    out += e.side == Side::kBuy ? 'B' : 'A';
    le(out, static_cast<std::uint64_t>(e.time_ns), 8), le(out, 0, 4), le(out, e.sequence, 4);
  }
  return out;
}

std::string as_text(const std::vector<Event>& events, bool is_lobster) {
  std::string out = is_lobster ? "" : "time_ns,kind,side,price,quantity,order_id\n";
  char line[160];
  for (const Event& e : events) {
    const auto id = static_cast<unsigned long long>(e.order_id);
    const auto quantity = static_cast<unsigned long long>(e.quantity);
    const auto time = static_cast<long long>(e.time_ns);
    const auto price = static_cast<long long>(e.price.ticks);
    const int kind = static_cast<int>(e.kind);
    if (is_lobster) {
      std::snprintf(line, sizeof line, "%lld.%09lld,%d,%llu,%llu,%lld,%d\n", time / 1'000'000'000,
                    time % 1'000'000'000, kind + 1, id, quantity, price * 100, e.side == Side::kBuy ? 1 : -1);
    } else {
      std::snprintf(line, sizeof line, "%lld,%d,%s,%lld,%llu,%llu\n", time, kind,
                    e.side == Side::kBuy ? "buy" : "sell", price, quantity, id);
    }
    out += line;
  }
  return out;
}

template <class Reader, class Visit>
std::size_t read(Reader& reader, const std::string& bytes, Visit visit) {
  std::vector<Event> batch(512);
  std::size_t count = 0;
  const auto drain = [&] {
    while (const std::size_t made = reader.next(batch)) {
      visit(std::span<const Event>(batch.data(), made));
      count += made;
    }
  };
  const auto all = std::as_bytes(std::span(bytes));
  for (std::size_t at = 0; at < all.size(); at += kChunk) {
    reader.feed(all.subspan(at, std::min(kChunk, all.size() - at)));
    drain();
  }
  reader.finish();
  drain();
  if (reader.error() != nullptr) wrong(reader.error()->text.c_str());
  return count;
}

template <class Reader, class Options>
void bench_reader(const char* name, const Options& options, const std::string& bytes,
                  const std::vector<Event>& expected) {
  std::size_t at = 0;
  Reader reader(options);
  read(reader, bytes, [&](std::span<const Event> events) {
    for (const Event& e : events) {
      const Event& x = expected[at++];
      if (e.order_id != x.order_id || e.time_ns != x.time_ns) wrong(name);
      if ((e.flags & kEventNoPrice) == 0 && e.price != x.price) wrong(name);
    }
  });
  if (at != expected.size()) wrong(name);
  const double seconds = best_of_five([&] {
    Reader timed(options);
    if (read(timed, bytes, [](std::span<const Event>) {}) != expected.size()) wrong(name);
  });
  std::printf("| %s | %.0f | %.1f | %.1f |\n", name, static_cast<double>(bytes.size()) / seconds / 1e6,
              static_cast<double>(kEvents) / seconds / 1e6, seconds * 1e9 / static_cast<double>(kEvents));
}

// The columns most often asked for, at ten levels.
struct Table {
  static constexpr std::size_t kRows =
      4000;  // columns a power of two apart would share the sets of the cache
  std::vector<std::int64_t> bid = std::vector<std::int64_t>(kRows * 10), ask = bid, flow = bid, spread = bid;
  std::vector<Quantity> bid_size = std::vector<Quantity>(kRows * 10), ask_size = bid_size;
  std::vector<std::uint8_t> bids = std::vector<std::uint8_t>(kRows), asks = bids;
  std::vector<double> imbalance = std::vector<double>(kRows * 10), mid = imbalance, micro = imbalance;
  FeatureColumns columns;

  explicit Table(bool order_flow) {
    columns.capacity = kRows;
    columns.bid_price = bid, columns.ask_price = ask, columns.bid_size = bid_size,
    columns.ask_size = ask_size;
    columns.bid_levels = bids, columns.ask_levels = asks, columns.mid = mid, columns.microprice = micro;
    columns.spread = spread, columns.imbalance = imbalance;
    if (order_flow) columns.order_flow = flow;
  }
};

template <class Book>
void bench_replay(const char* name, ReplayOptions options, const std::vector<Event>& events,
                  std::size_t samples) {
  std::vector<TimestampNs> times;
  const TimestampNs first = events.front().time_ns, last = events.back().time_ns;
  for (std::size_t i = 1; i <= samples; ++i) {
    times.push_back(first + static_cast<TimestampNs>(static_cast<double>(last - first) *
                                                     static_cast<double>(i) / static_cast<double>(samples)));
  }
  std::uint64_t rows = 0;
  const auto work = [&] {
    Replay<Book> replay(options, [](InstrumentId) {
      BookOptions book;
      book.expected_orders = 16'384;
      return Book(book);
    });
    Table table(options.order_flow);
    if (options.mode == SampleMode::kAtTimes && !replay.set_samples(times, {}, true)) wrong(name);
    std::span<const Event> left(events);
    while (!left.empty()) {
      left = left.subspan(replay.run(left, table.columns));
      if (replay.error() != nullptr) wrong(replay.error()->text.c_str());
      if (table.columns.rows == table.columns.capacity) table.columns.rows = 0;
    }
    while (!replay.finish(table.columns)) table.columns.rows = 0;
    const std::size_t row =
        (table.columns.rows == 0 ? Table::kRows : table.columns.rows) - 1;  // 0: just taken
    std::vector<DepthLevel> levels(10);
    levels.resize(replay.book(0)->depth(Side::kBuy, levels));
    for (std::size_t k = 0; k < levels.size() && options.mode != SampleMode::kEveryNth; ++k) {
      if (table.columns.bid_price[k * Table::kRows + row] != levels[k].price.ticks) wrong(name);
    }
    rows = replay.stats().rows;
  };
  const double seconds = best_of_five(work);
  std::printf("| %s | %llu | %.1f |\n", name, static_cast<unsigned long long>(rows),
              seconds * 1e9 / static_cast<double>(kEvents));
}

}  // namespace

int main() {
  const std::vector<Event> events = make_market();
  std::printf("| reader | MB/s | M events/s | ns/event |\n|---|---|---|---|\n");
  ItchOptions itch;
  itch.tick = 100;
  bench_reader<ItchReader>("ITCH 5.0", itch, as_itch(events), events);
  DbnOptions dbn;
  dbn.tick = 10'000'000;
  bench_reader<DbnReader>("DBN v1", dbn, as_dbn(events), events);
  LobsterOptions lobster;
  lobster.tick = 100;
  bench_reader<LobsterReader>("LOBSTER", lobster, as_text(events, true), events);
  bench_reader<CsvReader>("CSV", CsvOptions{}, as_text(events, false), events);

  std::printf("\n| replay, 10 levels | rows | ns/event |\n|---|---|---|\n");
  ReplayOptions options;
  options.order_flow = false;
  // One last row, so the book alone.
  bench_replay<FullBook>("FIFO book alone", options, events, 1);
  bench_replay<LevelsBook>("level book alone", options, events, 1);
  bench_replay<FullBook>("FIFO, 10,000 samples", options, events, 10'000);
  bench_replay<FullBook>("FIFO, 1,000,000 samples", options, events, 1'000'000);
  options.order_flow = true;
  bench_replay<FullBook>("FIFO, order flow, 10,000 samples", options, events, 10'000);
  options.mode = SampleMode::kEveryEvent;
  bench_replay<FullBook>("FIFO, order flow, a row an event", options, events, 0);
  options.order_flow = false;
  bench_replay<FullBook>("FIFO, a row an event", options, events, 0);
}
