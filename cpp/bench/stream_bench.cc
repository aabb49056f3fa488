// The streaming engine: left rows per second (one left and one right row each), the time of one 100-row step (push left,
// push right, advance, emit), state, and cost and memory over a long stream. Every configuration's answer is held to
// asof::join over the same rows first.
//
// --like-js FILE: the rows of bench/js/streaming.mjs in the shape that the JavaScript API gives them, for it to hold its
// own time to: one left and two right values, and times and keys (int32, or text with --strings) stored like payload; both
// inputs promise what both keep. The file: int64 rows, int64 times of the left and of the right, int32 keys of both.
// Prints the best rows a second by wall clock, and CPU ns a row.
//
// --pipeline: the same through the join on its own thread (join_pipeline.h), beside the engine called directly; the
// consumer makes columns of every batch.
//
//   stream_bench [--rows N] [--long N [--symbols N] [--jitter NS]] [--pipeline] [--quick]
//   stream_bench --like-js FILE [--step N] [--strings] [--runs N]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/stream/join_pipeline.h"
#include "flowstate/stream/streaming_join.h"
#include "flowstate/thread_pool.h"

using namespace flowstate;

namespace {

// CPU time of this thread: what other processes of the machine do does not count.
double now_us(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec at{};
  clock_gettime(clock, &at);
  return static_cast<double>(at.tv_sec) * 1e6 + static_cast<double>(at.tv_nsec) / 1e3;
}

Column words(const std::int64_t* values, std::int64_t rows, const char* name,
             ColumnType type = ColumnType::kInt64) {
  Column column;
  column.type = type;
  column.name = name;
  column.chunks.push_back(
      {reinterpret_cast<const std::uint8_t*>(values), nullptr, nullptr, 0, rows, rows * 8, -1});
  return column;
}

// A side in order of arrival: times, keys (a number, and its text), values.
struct Side {
  std::vector<std::int64_t> time;
  std::vector<std::int64_t> key;
  std::vector<std::int32_t> key32;
  std::vector<std::int32_t> offsets;
  std::string text;
  std::vector<std::vector<double>> values;
  std::vector<std::int64_t> low;  // earliest time from row i on: the watermark after i rows

  std::int64_t rows() const { return static_cast<std::int64_t>(time.size()); }

  Column key_column(bool strings, std::int64_t from, std::int64_t count) const {
    if (!strings) return words(key.data() + from, count, "key");
    Column column;
    column.type = ColumnType::kBytes32;
    column.name = "key";
    column.chunks.push_back({reinterpret_cast<const std::uint8_t*>(text.data()), offsets.data() + from,
                             nullptr, 0, count, static_cast<std::int64_t>(text.size()), -1});
    return column;
  }
  void add(std::int64_t at, std::int64_t symbol, std::size_t i) {
    if (offsets.empty()) offsets.push_back(0);
    time.push_back(at);
    key.push_back(symbol);
    key32.push_back(static_cast<std::int32_t>(symbol));
    text += "SYM" + std::to_string(symbol);
    offsets.push_back(static_cast<std::int32_t>(text.size()));
    for (std::size_t c = 0; c < values.size(); ++c)
      values[c].push_back(static_cast<double>(i) + 0.25 * static_cast<double>(c));
  }
  void promise() {
    low.assign(time.size() + 1, INT64_MAX);
    for (std::size_t i = time.size(); i-- > 0;) low[i] = std::min(low[i + 1], time[i]);
  }
  // With times and keys among the columns, as the JavaScript API stores them.
  stream::EngineBatch full_batch(bool strings, std::int64_t from, std::int64_t count) const {
    stream::EngineBatch out = batch(strings, from, count, values.size());
    if (!strings) {
      out.keys = {{words(reinterpret_cast<const std::int64_t*>(key32.data() + from), count, "key",
                         ColumnType::kInt32)}};
    }
    out.columns.push_back(out.time);
    out.columns.push_back(out.keys[0][0]);
    return out;
  }
  stream::EngineBatch batch(bool strings, std::int64_t from, std::int64_t count, std::size_t columns) const {
    stream::EngineBatch out;
    out.rows = count;
    out.time = words(time.data() + from, count, "time");
    out.keys = {{key_column(strings, from, count)}};
    for (std::size_t c = 0; c < columns; ++c) {
      out.columns.push_back(words(reinterpret_cast<const std::int64_t*>(values[c].data()) + from, count,
                                  "value", ColumnType::kFloat64));
    }
    return out;
  }
};

Side make_side(std::int64_t rows, int symbols, std::int64_t jitter, std::size_t columns, unsigned seed) {
  std::mt19937_64 random(seed);
  Side side;
  std::vector<std::int64_t> base(static_cast<std::size_t>(rows));
  std::vector<std::int64_t> arrival(base.size());
  for (std::size_t i = 0; i < base.size(); ++i) {
    base[i] = static_cast<std::int64_t>(i) * 1000 + static_cast<std::int64_t>(random() % 1000);
    arrival[i] =
        base[i] + (jitter > 0 ? static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(jitter)) : 0);
  }
  std::vector<std::uint32_t> order(base.size());
  std::iota(order.begin(), order.end(), 0u);
  if (jitter > 0)
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return arrival[a] < arrival[b]; });
  side.values.resize(columns);
  for (const std::uint32_t i : order) {
    side.add(base[i], static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(symbols)), i);
  }
  side.promise();
  return side;
}

stream::EngineConfig config_of(std::size_t columns, asof::Direction direction, bool ordered) {
  stream::EngineConfig config;
  config.ordered = ordered;
  for (std::size_t c = 0; c < columns; ++c) config.left_columns.push_back({ColumnType::kFloat64, 8, "left"});
  stream::StreamShape shape;
  shape.keys.emplace_back();
  shape.direction = direction;
  for (std::size_t c = 0; c < columns; ++c) shape.payload.push_back({ColumnType::kFloat64, 8, "right"});
  config.streams.push_back(shape);
  return config;
}

stream::EngineConfig full_config(bool strings) {
  stream::EngineConfig config = config_of(1, asof::Direction::kBackward, true);
  stream::StreamShape& shape = config.streams[0];
  shape.payload.push_back({ColumnType::kFloat64, 8, "right"});
  shape.outputs = 2;
  for (std::vector<stream::ColumnShape>* columns : {&config.left_columns, &shape.payload}) {
    columns->push_back({ColumnType::kInt64, 8, "time"});
    columns->push_back(strings ? stream::ColumnShape{ColumnType::kBytes32, 0, "key"}
                               : stream::ColumnShape{ColumnType::kInt32, 4, "key"});
  }
  return config;
}

struct Run {
  double us = 0;
  std::vector<double> steps;
  std::int64_t rows = 0;
  std::int64_t most_right = 0;
  std::int64_t most_pending = 0;
  std::vector<double> left;
  std::vector<double> right;  // NaN bits where nothing matched
};

void keep_rows(const stream::EngineOutput& out, Run& run) {
  for (std::int64_t i = 0; i < out.rows; ++i) {
    run.left.push_back(out.left[0].values.as<double>()[i]);
    const auto& column = out.streams[0].columns[0];
    const bool null = !column.validity.empty() && ((column.validity.data()[i / 8] >> (i % 8)) & 1) == 0;
    run.right.push_back(null ? -1.0 : column.values.as<double>()[i]);
  }
}

Run play(const Side& l, const Side& r, stream::EngineConfig config, bool strings, std::int64_t step,
         bool keep, bool full = false, clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  const std::size_t columns = config.left_columns.size();
  stream::StreamEngine engine(std::move(config));
  Run run;
  const std::int64_t rows = l.rows();
  run.steps.reserve(static_cast<std::size_t>(rows / step) + 2);
  const auto take = [&](stream::EngineOutput&& out) {
    run.rows += out.rows;
    if (keep) keep_rows(out, run);
  };
  const double start = now_us(clock);
  for (std::int64_t from = 0; from < rows; from += step) {
    const std::int64_t count = std::min(step, rows - from);
    // Batches are columns over memory that is there already: making them is the producer's work.
    const stream::EngineBatch right =
        full ? r.full_batch(strings, from, count) : r.batch(strings, from, count, columns);
    const stream::EngineBatch left =
        full ? l.full_batch(strings, from, count) : l.batch(strings, from, count, columns);
    const double before = now_us(clock);
    engine.push(1, right);
    engine.push(0, left);
    engine.advance(1, r.low[static_cast<std::size_t>(from + count)]);
    engine.advance(0, l.low[static_cast<std::size_t>(from + count)]);
    stream::EngineOutput out = engine.emit(INT32_MAX);
    run.steps.push_back(now_us(clock) - before);
    run.most_right = std::max(run.most_right, engine.state_rows(1));
    run.most_pending = std::max(run.most_pending, engine.pending_rows());
    take(std::move(out));
  }
  engine.end();
  take(engine.emit(INT32_MAX));
  run.us = now_us(clock) - start;
  std::sort(run.steps.begin(), run.steps.end());
  return run;
}

// Through the pipeline: a thread pushes, this one makes columns. `copies`: the producer's memory is copied, else it is
// known to stay.
Run play_pipeline(const Side& l, const Side& r, stream::EngineConfig config, bool strings, std::int64_t step,
                  bool copies, bool keep) {
  const std::size_t columns = config.left_columns.size();
  stream::JoinPipeline pipeline(stream::JoinProcessor(std::move(config)), {});
  Run run;
  std::thread producer([&] {
    const auto owned = [&](const stream::EngineBatch& batch) {
      return copies ? stream::OwnedRows::copy(batch) : stream::OwnedRows{batch, nullptr};
    };
    for (std::int64_t from = 0; from < l.rows(); from += step) {
      const std::int64_t count = std::min(step, l.rows() - from);
      const auto next = static_cast<std::size_t>(from + count);
      auto right = stream::JoinInput::rows(1, owned(r.batch(strings, from, count, columns)), r.low[next]);
      right.is_followed = true;
      pipeline.push(std::move(right));
      pipeline.push(stream::JoinInput::rows(0, owned(l.batch(strings, from, count, columns)), l.low[next]));
    }
    pipeline.shutdown();
  });
  stream::JoinBatch batch;
  stream::PipelinePop status;
  while ((status = pipeline.pop(batch)) == stream::PipelinePop::kBatch) {
    const stream::EngineOutput out = batch.take();
    run.rows += out.rows;
    if (keep) keep_rows(out, run);
  }
  producer.join();
  if (status != stream::PipelinePop::kEnd) run.rows = -1;
  return run;
}

// Matches of the batch join over the sides in order of time, as (left value, right value) sorted by left value.
bool same_as_batch(const Side& l, const Side& r, const Run& run, asof::Direction direction, bool strings) {
  const auto order_of = [](const Side& side) {
    std::vector<std::int64_t> order(side.time.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return side.time[static_cast<std::size_t>(a)] < side.time[static_cast<std::size_t>(b)];
    });
    return order;
  };
  static_cast<void>(strings);
  const auto lo = order_of(l);
  const auto ro = order_of(r);
  std::vector<std::int64_t> lt, lk, rt, rk;
  for (const auto i : lo)
    lt.push_back(l.time[static_cast<std::size_t>(i)]), lk.push_back(l.key[static_cast<std::size_t>(i)]);
  for (const auto i : ro)
    rt.push_back(r.time[static_cast<std::size_t>(i)]), rk.push_back(r.key[static_cast<std::size_t>(i)]);
  asof::JoinRequest request;
  request.left_rows = l.rows();
  request.left_sides.push_back(
      {{words(lt.data(), l.rows(), "t"), 1, ""}, {{words(lk.data(), l.rows(), "k"), 1, false}}});
  asof::StreamRequest stream;
  stream.right = {{words(rt.data(), r.rows(), "t"), 1, ""}, {{words(rk.data(), r.rows(), "k"), 1, false}}};
  stream.direction = direction;
  stream.want_indices = true;
  request.streams.push_back(stream);
  ThreadPool pool(1);
  const asof::CancelToken cancel;
  const asof::JoinResult result = asof::join(request, pool, cancel);
  if (run.rows != l.rows()) return false;
  for (std::size_t i = 0; i < lo.size(); ++i) {
    const std::int32_t match = result.streams[0].indices.as<std::int32_t>()[i];
    const double expected =
        match < 0 ? -1.0 : r.values[0][static_cast<std::size_t>(ro[static_cast<std::size_t>(match)])];
    if (run.left[i] != l.values[0][static_cast<std::size_t>(lo[i])] || run.right[i] != expected) return false;
  }
  return true;
}

double at(const std::vector<double>& sorted, double part) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

std::int64_t resident_kb() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  long kb = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, "VmRSS:", 6) == 0) kb = std::strtol(line + 6, nullptr, 10);
  }
  std::fclose(file);
  return kb;
}

// The same million rows over and over, later each time: cost per row and memory of every tenth of the stream.
void long_run(std::int64_t total, int symbols, std::int64_t jitter) {
  const std::int64_t lap = 1'000'000;
  const Side l = make_side(lap, symbols, jitter, 1, 7);
  const Side r = make_side(lap, symbols, jitter, 1, 8);
  const std::int64_t span = lap * 1000 + jitter;
  stream::StreamEngine engine(config_of(1, asof::Direction::kBackward, true));
  std::vector<std::int64_t> lt(1000), rt(1000);
  std::printf("long stream: %lld rows, %d symbols, jitter %lld\n", static_cast<long long>(total), symbols,
              static_cast<long long>(jitter));
  std::int64_t done = 0;
  std::int64_t out_rows = 0;
  for (int tenth = 0; tenth < 10; ++tenth) {
    const double start = now_us();
    std::int64_t rows = 0;
    std::int64_t most = 0;
    for (; rows < total / 10; rows += 1000, done += 1000) {
      const std::int64_t from = done % lap;
      const std::int64_t shift = done / lap * span;
      for (std::size_t i = 0; i < 1000; ++i) {
        lt[i] = l.time[static_cast<std::size_t>(from) + i] + shift;
        rt[i] = r.time[static_cast<std::size_t>(from) + i] + shift;
      }
      stream::EngineBatch right = r.batch(false, from, 1000, 1);
      stream::EngineBatch left = l.batch(false, from, 1000, 1);
      right.time = words(rt.data(), 1000, "time");
      left.time = words(lt.data(), 1000, "time");
      engine.push(1, right);
      engine.push(0, left);
      const auto low = [&](const Side& side) {
        const std::int64_t coming = side.low[static_cast<std::size_t>(from + 1000)];
        return coming == INT64_MAX ? shift + span : coming + shift;
      };
      engine.advance(1, low(r));
      engine.advance(0, low(l));
      out_rows += engine.emit(INT32_MAX).rows;
      most = std::max(most, engine.state_rows(1));
    }
    const double us = now_us() - start;
    std::printf("  %3d %%  %6.1f ns/row  %5.2f M rows/s  right rows %lld  state %lld kB  resident %lld kB\n",
                (tenth + 1) * 10, us * 1000 / static_cast<double>(rows), static_cast<double>(rows) / us,
                static_cast<long long>(most), static_cast<long long>(engine.state_bytes() / 1024),
                static_cast<long long>(resident_kb()));
  }
  engine.end();
  out_rows += engine.emit(INT32_MAX).rows;
  if (out_rows != done) {
    std::printf("WRONG: %lld rows came out\n", static_cast<long long>(out_rows));
    std::exit(1);
  }
}

// Wall time and the whole process's CPU time, least of five runs each, contenders in turn.
int pipeline_runs(std::int64_t rows) {
  std::printf("%lld left and right rows, 1000 symbols; M left rows/s by wall time, CPU ns per left row\n",
              static_cast<long long>(rows));
  struct Time {
    double wall = 1e18;
    double cpu = 1e18;
  };
  for (const bool strings : {false, true}) {
    const std::size_t columns = strings ? 4 : 1;
    const Side l = make_side(rows, 1000, 0, columns, 1);
    const Side r = make_side(rows, 1000, 0, columns, 2);
    const stream::EngineConfig config = config_of(columns, asof::Direction::kBackward, true);
    for (const std::int64_t step : {100, 1000, 10000}) {
      Time times[3];
      const auto contender = [&](int which, bool keep) {
        return which == 0 ? play(l, r, config, strings, step, keep)
                          : play_pipeline(l, r, config, strings, step, which == 2, keep);
      };
      for (int which = 0; which < 3; ++which) {
        if (same_as_batch(l, r, contender(which, true), asof::Direction::kBackward, strings)) continue;
        std::printf("WRONG: contender %d differs from the batch join\n", which);
        return 1;
      }
      for (int again = 0; again < 5; ++again) {
        for (int which = 0; which < 3; ++which) {
          const double wall = now_us(CLOCK_MONOTONIC);
          const double cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
          contender(which, false);
          times[which].wall = std::min(times[which].wall, now_us(CLOCK_MONOTONIC) - wall);
          times[which].cpu = std::min(times[which].cpu, now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        }
      }
      const auto rate = [&](int which) { return static_cast<double>(rows) / times[which].wall; };
      const auto cost = [&](int which) { return times[which].cpu * 1000 / static_cast<double>(rows); };
      std::printf(
          "step %5lld  %zu col %-6s  engine %6.2f M/s %6.1f ns   pipeline %6.2f M/s %6.1f ns   with copies "
          "%6.2f "
          "M/s %6.1f ns   pipeline / engine %.2f, %.2f\n",
          static_cast<long long>(step), columns, strings ? "string" : "int", rate(0), cost(0), rate(1),
          cost(1), rate(2), cost(2), rate(1) / rate(0), rate(2) / rate(0));
    }
  }
  return 0;
}

int like_js(const char* path, std::int64_t step, bool strings, int runs) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) {
    std::printf("WRONG: %s cannot be read\n", path);
    return 1;
  }
  std::int64_t rows = 0;
  bool whole = std::fread(&rows, 8, 1, file) == 1 && rows > 0;
  const auto n = static_cast<std::size_t>(whole ? rows : 0);
  std::vector<std::int64_t> times(2 * n);
  std::vector<std::int32_t> keys(2 * n);
  whole = whole && std::fread(times.data(), 8, 2 * n, file) == 2 * n &&
          std::fread(keys.data(), 4, 2 * n, file) == 2 * n;
  std::fclose(file);
  if (!whole) {
    std::printf("WRONG: %s ends early\n", path);
    return 1;
  }
  Side l, r;
  l.values.resize(1);
  r.values.resize(2);
  for (std::size_t i = 0; i < n; ++i) {
    l.add(times[i], keys[i], i);
    r.add(times[n + i], keys[n + i], i);
  }
  l.promise();
  r.promise();
  for (std::size_t i = 0; i <= n; ++i) l.low[i] = r.low[i] = std::min(l.low[i], r.low[i]);
  const stream::EngineConfig config = full_config(strings);
  const Run checked = play(l, r, config, strings, step, true, true);
  if (!same_as_batch(l, r, checked, asof::Direction::kBackward, strings)) {
    std::printf("WRONG: the stream differs from the batch join\n");
    return 1;
  }
  Run best;
  double cpu_us = 1e18;
  for (int again = 0; again < runs; ++again) {
    const double before = now_us();
    Run other = play(l, r, config, strings, step, false, true, CLOCK_MONOTONIC);
    cpu_us = std::min(cpu_us, now_us() - before);
    if (again == 0 || other.us < best.us) best = std::move(other);
  }
  std::printf("%.0f rows/s, %.1f us p50, %.1f us p99, %.2f CPU ns a row\n",
              static_cast<double>(rows) / best.us * 1e6, at(best.steps, 0.5), at(best.steps, 0.99),
              cpu_us * 1000 / static_cast<double>(rows));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t rows = 1'000'000;
  std::int64_t total = 0;
  bool quick = false;
  bool pipeline = false;
  const char* js = nullptr;
  bool strings = false;
  std::int64_t jitter_ns = 0;
  std::int64_t js_step = 1000;
  int long_symbols = 1000;
  int runs = 5;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--rows") == 0 && i + 1 < argc) rows = std::atoll(argv[++i]);
    if (std::strcmp(argv[i], "--long") == 0 && i + 1 < argc) total = std::atoll(argv[++i]);
    if (std::strcmp(argv[i], "--jitter") == 0 && i + 1 < argc) jitter_ns = std::atoll(argv[++i]);
    if (std::strcmp(argv[i], "--step") == 0 && i + 1 < argc) js_step = std::atoll(argv[++i]);
    if (std::strcmp(argv[i], "--symbols") == 0 && i + 1 < argc) long_symbols = std::atoi(argv[++i]);
    if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc) runs = std::atoi(argv[++i]);
    if (std::strcmp(argv[i], "--strings") == 0) strings = true;
    if (std::strcmp(argv[i], "--like-js") == 0 && i + 1 < argc) js = argv[++i];
    if (std::strcmp(argv[i], "--quick") == 0) quick = true;
    if (std::strcmp(argv[i], "--pipeline") == 0) pipeline = true;
  }
  if (js != nullptr) return like_js(js, js_step, strings, runs);
  if (pipeline) return pipeline_runs(rows);
  if (total > 0) {
    long_run(total, long_symbols, jitter_ns);
    return 0;
  }
  struct Shape {
    int symbols;
    std::int64_t step;
    std::size_t columns;
    bool strings;
  };
  std::vector<Shape> shapes = {{100, 100, 1, false},
                               {1000, 1000, 1, false},
                               {5000, 100, 1, false},
                               {1000, 100, 4, true},
                               {100000, 1000, 1, false}};
  if (!quick) {
    shapes.clear();
    for (const int symbols : {100, 1000, 5000, 100000}) {
      for (const std::int64_t step : {100, 1000, 10000}) shapes.push_back({symbols, step, 1, false});
    }
    for (const int symbols : {100, 1000, 5000, 100000}) shapes.push_back({symbols, 1000, 4, false});
    for (const int symbols : {100, 1000, 5000, 100000}) shapes.push_back({symbols, 1000, 4, true});
    shapes.push_back({1000, 100, 4, true});
  }
  std::printf(
      "%lld left and right rows; M left rows/s; us per step: p50 p99 p99.9; most right rows, pending rows\n",
      static_cast<long long>(rows));
  for (const std::int64_t jitter : {std::int64_t{0}, std::int64_t{2'000'000}}) {
    for (const Shape& shape : shapes) {
      const Side l = make_side(rows, shape.symbols, jitter, shape.columns, 1);
      const Side r = make_side(rows, shape.symbols, jitter, shape.columns, 2);
      const stream::EngineConfig config = config_of(shape.columns, asof::Direction::kBackward, true);
      const Run checked = play(l, r, config, shape.strings, shape.step, true);
      if (!same_as_batch(l, r, checked, asof::Direction::kBackward, shape.strings)) {
        std::printf("WRONG: the stream differs from the batch join\n");
        return 1;
      }
      Run best = play(l, r, config, shape.strings, shape.step, false);
      for (int again = 0; again < 2; ++again) {
        Run other = play(l, r, config, shape.strings, shape.step, false);
        if (other.us < best.us) best = std::move(other);
      }
      std::printf("%-8s %6d symbols  step %5lld  %zu col %-6s  %6.2f M/s   %7.1f %7.1f %7.1f   %lld %lld\n",
                  jitter == 0 ? "in order" : "disorder", shape.symbols, static_cast<long long>(shape.step),
                  shape.columns, shape.strings ? "string" : "int", static_cast<double>(rows) / best.us,
                  at(best.steps, 0.5), at(best.steps, 0.99), at(best.steps, 0.999),
                  static_cast<long long>(best.most_right), static_cast<long long>(best.most_pending));
    }
  }
  return 0;
}
