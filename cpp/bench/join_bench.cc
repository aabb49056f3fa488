// Times the core's join over generated trades and quotes. Checks first: the measured plan's indices must equal those
// of another plan. Prints one line per configuration: median and minimum of the runs, rows/s, and the time of a
// memcpy of the bytes the join must read and write.
//
//   join_bench [--left N] [--right N] [--keys N] [--kind none|int32|int64|dict|str|longstr] [--zipf]
//              [--payload N] [--threads N] [--streams N] [--plan auto|merge|grouped|sort|probe]
//              [--direction backward|forward|nearest] [--tolerance NS] [--unsorted] [--runs N] [--phases] [--eager]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/error.h"
#include "flowstate/thread_pool.h"

namespace {

using namespace flowstate;

struct Settings {
  std::int64_t left = 1'000'000;
  std::int64_t right = 500'000;
  std::int64_t keys = 1000;
  std::string kind = "str";
  bool zipf = false;
  bool unsorted = false;
  bool phases = false;
  bool eager = false;
  int payload = 2;
  int threads = 1;
  int streams = 1;
  int runs = 15;
  std::int64_t tolerance = -1;
  asof::PlanKind plan = asof::PlanKind::kAuto;
  asof::Direction direction = asof::Direction::kBackward;
};

struct Table {
  std::vector<std::int64_t> time;
  std::vector<std::int32_t> key;
  std::vector<std::int64_t> key64;
  std::vector<std::int32_t> offsets;
  std::string bytes;
  std::vector<std::vector<double>> payload;
};

std::vector<std::string> symbols(std::int64_t count, bool longer) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string name = longer ? "EXCHANGE.SEGMENT." : "";
    for (std::int64_t rest = i + 30000, k = 0; k < 4 || rest > 0; ++k, rest /= 26) {
      name += static_cast<char>('A' + rest % 26);
    }
    names.push_back(name);
  }
  return names;
}

class KeySource {
 public:
  KeySource(std::int64_t count, bool zipf)
      : cumulative_(static_cast<std::size_t>(zipf ? count : 0)), count_(count) {
    double sum = 0;
    for (std::size_t k = 0; k < cumulative_.size(); ++k)
      cumulative_[k] = sum += 1.0 / static_cast<double>(k + 1);
    for (double& c : cumulative_) c /= sum;
  }
  std::int32_t draw(std::mt19937_64& random) {
    if (cumulative_.empty()) return static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(count_));
    const double u = static_cast<double>(random() >> 11) * 0x1p-53;
    return static_cast<std::int32_t>(std::lower_bound(cumulative_.begin(), cumulative_.end(), u) -
                                     cumulative_.begin());
  }

 private:
  std::vector<double> cumulative_;
  std::int64_t count_;
};

Table make_table(const Settings& settings, std::int64_t rows, int payload, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Table table;
  KeySource keys(settings.keys, settings.zipf);
  const std::vector<std::string> names = symbols(settings.keys, settings.kind == "longstr");
  const double step = 1e15 / static_cast<double>(rows);
  double at = 1.7e18;
  table.offsets.push_back(0);
  for (std::int64_t i = 0; i < rows; ++i) {
    at += -step * std::log(1 - static_cast<double>(random() >> 11) * 0x1p-53);
    table.time.push_back(static_cast<std::int64_t>(at));
    const std::int32_t key = keys.draw(random);
    table.key.push_back(key);
    table.key64.push_back(key * 1'000'003LL);
    if (settings.kind == "str" || settings.kind == "longstr") {
      table.bytes += names[static_cast<std::size_t>(key)];
      table.offsets.push_back(static_cast<std::int32_t>(table.bytes.size()));
    }
  }
  if (settings.unsorted) std::shuffle(table.time.begin(), table.time.end(), random);
  for (int p = 0; p < payload; ++p) {
    table.payload.emplace_back();
    for (std::int64_t i = 0; i < rows; ++i) table.payload.back().push_back(static_cast<double>(i) * 0.5 + p);
  }
  return table;
}

template <typename T>
Column fixed(ColumnType type, const std::vector<T>& values, const char* name) {
  Column column;
  column.type = type;
  column.name = name;
  column.width = static_cast<std::int32_t>(sizeof(T));
  Chunk chunk;
  chunk.values = reinterpret_cast<const std::uint8_t*>(values.data());
  chunk.length = static_cast<std::int64_t>(values.size());
  chunk.values_bytes = chunk.length * static_cast<std::int64_t>(sizeof(T));
  column.chunks.push_back(chunk);
  return column;
}

Column bytes_column(const std::string& bytes, const std::vector<std::int32_t>& offsets, const char* name) {
  Column column;
  column.type = ColumnType::kBytes32;
  column.name = name;
  Chunk chunk;
  chunk.values = reinterpret_cast<const std::uint8_t*>(bytes.data());
  chunk.values_bytes = static_cast<std::int64_t>(bytes.size());
  chunk.offsets = offsets.data();
  chunk.length = static_cast<std::int64_t>(offsets.size()) - 1;
  column.chunks.push_back(chunk);
  return column;
}

struct Names {
  std::string bytes;
  std::vector<std::int32_t> offsets{0};
  explicit Names(std::int64_t count) {
    for (const std::string& name : symbols(count, false)) {
      bytes += name;
      offsets.push_back(static_cast<std::int32_t>(bytes.size()));
    }
  }
};

asof::Side make_side(const Settings& settings, const Table& table, const Names& names, const char* which) {
  asof::Side side;
  side.time.column = fixed(ColumnType::kInt64, table.time, which);
  side.time.unit = "ns";
  if (settings.kind == "none") return side;
  asof::KeyColumn key;
  if (settings.kind == "int32") {
    key.column = fixed(ColumnType::kInt32, table.key, "key");
  } else if (settings.kind == "int64") {
    key.column = fixed(ColumnType::kInt64, table.key64, "key");
  } else if (settings.kind == "dict") {
    key.column = fixed(ColumnType::kInt32, table.key, "key");
    key.column.type = ColumnType::kDictionary;
    key.column.index_type = ColumnType::kInt32;
    key.column.chunks[0].dictionary = 0;
    key.column.dictionaries.push_back(bytes_column(names.bytes, names.offsets, "names"));
  } else {
    key.column = bytes_column(table.bytes, table.offsets, "key");
  }
  side.keys.push_back(key);
  return side;
}

double milliseconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since).count();
}

Settings parse(int argc, char** argv) {
  Settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (name == "--left")
      s.left = std::atoll(value().c_str());
    else if (name == "--right")
      s.right = std::atoll(value().c_str());
    else if (name == "--keys")
      s.keys = std::atoll(value().c_str());
    else if (name == "--kind")
      s.kind = value();
    else if (name == "--zipf")
      s.zipf = true;
    else if (name == "--unsorted")
      s.unsorted = true;
    else if (name == "--phases")
      s.phases = true;
    else if (name == "--eager")
      s.eager = true;
    else if (name == "--payload")
      s.payload = std::atoi(value().c_str());
    else if (name == "--threads")
      s.threads = std::atoi(value().c_str());
    else if (name == "--streams")
      s.streams = std::atoi(value().c_str());
    else if (name == "--runs")
      s.runs = std::atoi(value().c_str());
    else if (name == "--tolerance")
      s.tolerance = std::atoll(value().c_str());
    else if (name == "--plan") {
      const std::string plan = value();
      for (int p = 0; p < 5; ++p) {
        static const char* const names[] = {"auto", "merge", "grouped", "sort", "probe"};
        if (plan == names[p]) s.plan = static_cast<asof::PlanKind>(p);
      }
    } else if (name == "--direction") {
      const std::string direction = value();
      s.direction = direction == "forward"   ? asof::Direction::kForward
                    : direction == "nearest" ? asof::Direction::kNearest
                                             : asof::Direction::kBackward;
    } else {
      std::fprintf(stderr, "join_bench: unknown option %s\n", name.c_str());
      std::exit(2);
    }
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) try {
  const Settings settings = parse(argc, argv);
  const Table left = make_table(settings, settings.left, 0, 1);
  const Names names(settings.kind == "dict" ? settings.keys : 0);
  std::vector<Table> rights;
  for (int s = 0; s < settings.streams; ++s) {
    rights.push_back(
        make_table(settings, settings.right, settings.payload, 2 + static_cast<std::uint64_t>(s)));
  }
  asof::JoinRequest request;
  request.left_rows = settings.left;
  request.left_sides.push_back(make_side(settings, left, names, "left.time"));
  request.threads = settings.threads;
  request.explain = true;
  request.trusting = !settings.eager;
  for (const Table& right : rights) {
    asof::StreamRequest stream;
    stream.right = make_side(settings, right, names, "right.time");
    for (const auto& column : right.payload)
      stream.payload.push_back(fixed(ColumnType::kFloat64, column, "payload"));
    stream.direction = settings.direction;
    stream.has_tolerance = settings.tolerance >= 0;
    stream.tolerance = settings.tolerance;
    stream.plan = settings.plan;
    request.streams.push_back(stream);
  }
  ThreadPool pool(std::max(settings.threads, 1));
  const asof::CancelToken cancel;

  // The answer first: this plan against another.
  {
    asof::JoinRequest check = request;
    for (auto& stream : check.streams) stream.want_indices = true;
    const asof::JoinResult one = asof::join(check, pool, cancel);
    for (auto& stream : check.streams) {
      const bool other_is_grouped = one.streams[0].explain.plan != "grouped" && settings.kind != "none";
      stream.plan = other_is_grouped ? asof::PlanKind::kGrouped : asof::PlanKind::kSort;
    }
    const asof::JoinResult two = asof::join(check, pool, cancel);
    for (std::size_t s = 0; s < one.streams.size(); ++s) {
      const Buffer& a = one.streams[s].indices;
      const Buffer& b = two.streams[s].indices;
      if (a.size() != b.size() || std::memcmp(a.data(), b.data(), a.size()) != 0) {
        std::fprintf(stderr, "join_bench: plans %s and %s differ\n", one.streams[s].explain.plan.c_str(),
                     two.streams[s].explain.plan.c_str());
        return 1;
      }
    }
  }
  std::vector<double> times;
  std::vector<double> cpu;
  std::vector<double> least;  // per phase
  asof::JoinResult last;
  for (int run = 0; run < settings.runs; ++run) {
    last = asof::JoinResult();
    const std::clock_t cpu_start = std::clock();
    const auto start = std::chrono::steady_clock::now();
    last = asof::join(request, pool, cancel);
    times.push_back(milliseconds(start));
    const auto& phases = last.streams[0].explain.phases;
    least.resize(phases.size(), 1e9);
    for (std::size_t k = 0; k < phases.size(); ++k) {
      least[k] = std::min(least[k], static_cast<double>(phases[k].ns) / 1e6);
    }
    cpu.push_back(static_cast<double>(std::clock() - cpu_start) * 1000.0 / CLOCKS_PER_SEC);
  }
  std::sort(times.begin(), times.end());
  std::sort(cpu.begin(), cpu.end());
  const double median = times[times.size() / 2];

  // Bytes that must move: times, keys and payload read, payload written; half of it as source, half as target.
  const std::int64_t key_bytes = settings.kind == "none" ? 0 : settings.kind == "int64" ? 8 : 4;
  std::int64_t bytes = settings.left * (8 + key_bytes) + static_cast<std::int64_t>(left.bytes.size());
  for (const Table& right : rights) {
    bytes += settings.right * (8 + key_bytes + 8 * settings.payload) +
             static_cast<std::int64_t>(right.bytes.size()) + settings.left * 8 * settings.payload;
  }
  std::vector<char> from(static_cast<std::size_t>(bytes / 2), 1);
  std::vector<char> to(from.size(), 2);
  std::vector<double> copies;
  for (int run = 0; run < 9; ++run) {
    const auto start = std::chrono::steady_clock::now();
    std::memcpy(to.data(), from.data(), from.size());
    copies.push_back(milliseconds(start));
  }
  std::sort(copies.begin(), copies.end());
  std::printf(
      "%-7s keys=%-7lld%s %lldx%lld streams=%d threads=%d plan=%-7s median %8.2f ms  min %8.2f  cpu %8.2f  "
      "%7.1f M rows/s  "
      "memcpy of %.0f MB min %.2f ms\n",
      settings.kind.c_str(), static_cast<long long>(settings.keys), settings.zipf ? " zipf" : "",
      static_cast<long long>(settings.left), static_cast<long long>(settings.right), settings.streams,
      settings.threads, last.streams[0].explain.plan.c_str(), median, times[0], cpu[cpu.size() / 2],
      static_cast<double>(settings.left + settings.right * settings.streams) / median / 1000,
      static_cast<double>(bytes) / 1e6, copies[0]);
  if (settings.phases) {
    for (std::size_t k = 0; k < least.size(); ++k) {
      std::printf("    %-18s min %8.3f ms\n", last.streams[0].explain.phases[k].name.c_str(), least[k]);
    }
  }
  return 0;
} catch (const flowstate::Error& error) {
  std::fprintf(stderr, "join_bench: %s: %s\n", flowstate::to_string(error.code()), error.what());
  return 1;
}
