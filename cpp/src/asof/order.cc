#include "order.h"

#include <bit>
#include <cstdio>
#include <cstring>

namespace flowstate::asof {
namespace {

struct Item {
  std::uint64_t key;
  std::int32_t row;
};

constexpr int kDigitBits = 11;
constexpr std::size_t kBuckets = std::size_t{1} << kDigitBits;

// One stable pass of a least-significant-digit radix sort, parallel by slices that each know where their rows of
// every bucket begin.
void radix_pass(const Context& context, const Item* from, Item* to, std::int64_t count, int shift,
                std::vector<std::uint32_t>& places) {
  const std::int64_t slices = static_cast<std::int64_t>(places.size() / kBuckets);
  const std::int64_t grain = (count + slices - 1) / slices;
  const auto bucket = [shift](const Item& item) { return (item.key >> shift) & (kBuckets - 1); };
  context.tasks(slices, [&](std::int64_t slice, int) {
    std::uint32_t* counts = places.data() + static_cast<std::size_t>(slice) * kBuckets;
    std::memset(counts, 0, kBuckets * sizeof(std::uint32_t));
    const std::int64_t end = std::min(count, (slice + 1) * grain);
    for (std::int64_t i = slice * grain; i < end; ++i) ++counts[bucket(from[i])];
  });
  std::uint32_t total = 0;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    for (std::size_t slice = 0; slice < static_cast<std::size_t>(slices); ++slice) {
      std::uint32_t& place = places[slice * kBuckets + b];
      const std::uint32_t here = place;
      place = total;
      total += here;
    }
  }
  context.tasks(slices, [&](std::int64_t slice, int) {
    std::uint32_t* next = places.data() + static_cast<std::size_t>(slice) * kBuckets;
    const std::int64_t end = std::min(count, (slice + 1) * grain);
    for (std::int64_t i = slice * grain; i < end; ++i) to[next[bucket(from[i])]++] = from[i];
  });
}

// Sorts items by key, stable; returns which of the two arrays holds the result.
Item* radix_sort(const Context& context, Item* a, Item* b, std::int64_t count, std::uint64_t max_key) {
  const std::int64_t slices = count < kTaskRows ? 1 : context.threads;
  std::vector<std::uint32_t> places(kBuckets * static_cast<std::size_t>(slices));
  const int bits = static_cast<int>(std::bit_width(max_key));
  for (int shift = 0; shift < bits; shift += kDigitBits) {
    radix_pass(context, a, b, count, shift, places);
    std::swap(a, b);
  }
  return a;
}

void sort_items(const Context& context, Item* items, Item* spare, std::int64_t count) {
  // Below this a comparison sort wins over clearing 2,048 counters per digit.
  if (count < 4096) {
    std::sort(items, items + count,
              [](const Item& x, const Item& y) { return x.key != y.key ? x.key < y.key : x.row < y.row; });
    return;
  }
  std::uint64_t min = UINT64_MAX;
  std::uint64_t max = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    min = std::min(min, items[i].key);
    max = std::max(max, items[i].key);
  }
  for (std::int64_t i = 0; i < count; ++i) items[i].key -= min;
  Item* sorted = radix_sort(context, items, spare, count, max - min);
  if (sorted != items) std::memcpy(items, sorted, static_cast<std::size_t>(count) * sizeof(Item));
  for (std::int64_t i = 0; i < count; ++i) items[i].key += min;
}

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

}  // namespace

Ordered as_is(const std::int64_t* t, const std::int32_t* code, std::int64_t count) {
  Ordered ordered;
  ordered.t = t;
  ordered.code = code;
  ordered.count = count;
  return ordered;
}

Ordered order_by_time(const Context& context, const std::int64_t* t, const std::int32_t* code,
                      std::int64_t count) {
  const auto n = static_cast<std::size_t>(count);
  Buffer items(n * sizeof(Item));
  Buffer spare(n * sizeof(Item));
  Item* a = items.as<Item>();
  std::int64_t min = INT64_MAX;
  std::int64_t max = INT64_MIN;
  for (std::int64_t i = 0; i < count; ++i) {
    min = std::min(min, t[i]);
    max = std::max(max, t[i]);
  }
  const auto base = static_cast<std::uint64_t>(min);
  context.ranges(count, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      a[i] = {static_cast<std::uint64_t>(t[i]) - base, static_cast<std::int32_t>(i)};
    }
  });
  const std::uint64_t span = count > 0 ? static_cast<std::uint64_t>(max) - base : 0;
  const Item* sorted = radix_sort(context, a, spare.as<Item>(), count, span);
  Ordered ordered;
  ordered.count = count;
  ordered.t_owned = Buffer(n * 8);
  ordered.row_owned = Buffer(n * 4);
  if (code != nullptr) ordered.code_owned = code_buffer(count);
  auto* to_t = ordered.t_owned.as<std::int64_t>();
  auto* to_row = ordered.row_owned.as<std::int32_t>();
  auto* to_code = ordered.code_owned.as<std::int32_t>();
  context.ranges(count, kTaskRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      to_t[i] = static_cast<std::int64_t>(sorted[i].key + base);
      to_row[i] = sorted[i].row;
      if (code != nullptr) to_code[i] = code[sorted[i].row];
    }
  });
  ordered.t = to_t;
  ordered.row = to_row;
  ordered.code = code != nullptr ? to_code : nullptr;
  return ordered;
}

Ordered order_by_group(const Context& context, const std::int64_t* t, const std::int32_t* code,
                       std::int64_t count, std::int32_t groups) {
  const auto n = static_cast<std::size_t>(count);
  const auto g = static_cast<std::size_t>(groups);
  Ordered ordered;
  ordered.count = count;
  ordered.starts.assign(g + 1, 0);
  ordered.t_owned = Buffer(n * 8);
  ordered.row_owned = Buffer(n * 4);
  ordered.code_owned = code_buffer(count);
  auto* to_t = ordered.t_owned.as<std::int64_t>();
  auto* to_row = ordered.row_owned.as<std::int32_t>();
  auto* to_code = ordered.code_owned.as<std::int32_t>();
  // Slices count their rows per code; with very many codes one slice does it, so that counters stay in proportion.
  const std::int64_t slices =
      count < kTaskRows ? 1 : std::clamp<std::int64_t>(4 * count / (groups + 1), 1, context.threads);
  const std::int64_t grain = std::max<std::int64_t>(1, (count + slices - 1) / slices);
  std::vector<std::uint32_t> places(g * static_cast<std::size_t>(slices), 0);
  context.tasks(slices, [&](std::int64_t slice, int) {
    std::uint32_t* counts = places.data() + static_cast<std::size_t>(slice) * g;
    const std::int64_t end = std::min(count, (slice + 1) * grain);
    for (std::int64_t i = slice * grain; i < end; ++i) ++counts[code[i]];
  });
  std::uint32_t total = 0;
  for (std::size_t c = 0; c < g; ++c) {
    ordered.starts[c] = total;
    for (std::size_t slice = 0; slice < static_cast<std::size_t>(slices); ++slice) {
      std::uint32_t& place = places[slice * g + c];
      const std::uint32_t here = place;
      place = total;
      total += here;
    }
  }
  ordered.starts[g] = total;
  context.tasks(slices, [&](std::int64_t slice, int) {
    std::uint32_t* next = places.data() + static_cast<std::size_t>(slice) * g;
    const std::int64_t end = std::min(count, (slice + 1) * grain);
    for (std::int64_t i = slice * grain; i < end; ++i) {
      const std::uint32_t at = next[code[i]]++;
      to_t[at] = t[i];
      to_row[at] = static_cast<std::int32_t>(i);
      to_code[at] = code[i];
    }
  });
  // Keys in runs of roughly equal rows per task. Rows that match nothing need no order.
  const std::int64_t tasks =
      std::max<std::int64_t>(1, std::min<std::int64_t>(count / 16384, context.threads * 8));
  const auto first_group = [&](std::int64_t task) {
    const std::int64_t row = count * task / tasks;
    const auto at = std::lower_bound(ordered.starts.begin() + kFirstKey, ordered.starts.end() - 1, row);
    return static_cast<std::int32_t>(at - ordered.starts.begin());
  };
  const Context alone{context.pool, 1, context.cancel};
  context.tasks(tasks, [&](std::int64_t task, int) {
    std::vector<Item> items;
    const std::int32_t stop = task + 1 == tasks ? groups : first_group(task + 1);
    for (std::int32_t c = task == 0 ? kFirstKey : first_group(task); c < stop; ++c) {
      const std::int64_t begin = ordered.starts[static_cast<std::size_t>(c)];
      const std::int64_t size = ordered.starts[static_cast<std::size_t>(c) + 1] - begin;
      if (size < 2 || std::is_sorted(to_t + begin, to_t + begin + size)) continue;
      items.resize(static_cast<std::size_t>(size) * 2);
      for (std::int64_t i = 0; i < size; ++i) {
        items[static_cast<std::size_t>(i)] = {static_cast<std::uint64_t>(to_t[begin + i]) ^ kSignBit,
                                              to_row[begin + i]};
      }
      sort_items(alone, items.data(), items.data() + size, size);
      for (std::int64_t i = 0; i < size; ++i) {
        to_t[begin + i] = static_cast<std::int64_t>(items[static_cast<std::size_t>(i)].key ^ kSignBit);
        to_row[begin + i] = items[static_cast<std::size_t>(i)].row;
      }
    }
  });
  ordered.t = to_t;
  ordered.row = to_row;
  ordered.code = to_code;
  return ordered;
}

Error out_of_order(const OrderedSide& side, std::int64_t row, std::int64_t t, std::int64_t before,
                   std::int64_t t_before) {
  std::string distance;
  if (side.is_float) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", from_ordered_bits(t_before) - from_ordered_bits(t));
    distance = text;
  } else {
    distance = std::to_string(static_cast<std::uint64_t>(t_before) - static_cast<std::uint64_t>(t));
  }
  if (!side.unit.empty()) distance += " " + side.unit;
  return Error(ErrorCode::UNSORTED,
               side.name + " must ascend" + (side.keyed ? " within each key" : "") + "; row " +
                   std::to_string(row) + " is " + distance + " before row " + std::to_string(before),
               {{"side", side.side}, {"row", row}, {"previousRow", before}});
}

void demand_order(const Times& times, const std::int32_t* codes, std::int32_t groups, bool keyed, int side) {
  if (times.ascending) return;
  std::vector<std::int32_t> last(static_cast<std::size_t>(codes == nullptr ? kFirstKey + 1 : groups), -1);
  for (std::int64_t i = 0; i < times.count; ++i) {
    const std::int32_t code = codes == nullptr ? kFirstKey : codes[i];
    if (code < kFirstKey || (!times.dead.empty() && times.dead[static_cast<std::size_t>(i)] != 0)) continue;
    std::int32_t& before = last[static_cast<std::size_t>(code)];
    if (before >= 0 && times.t[i] < times.t[before]) {
      throw out_of_order({times.name, times.unit, times.kind == TimeKind::kFloat, keyed, side}, i, times.t[i],
                         before, times.t[before]);
    }
    before = static_cast<std::int32_t>(i);
  }
}

}  // namespace flowstate::asof
