// Sorting: stable, by the whole int64 range, by group; equal on every thread count.
#include <catch2/catch.hpp>
#include <numeric>
#include <random>

#include "asof/order.h"

namespace flowstate::asof {
namespace {

struct Rows {
  std::vector<std::int64_t> t;
  std::vector<std::int32_t> code;
};

Rows random_rows(std::size_t count, std::uint64_t range, std::int32_t groups, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    rows.t.push_back(static_cast<std::int64_t>(range == 0 ? random() : random() % range));
    rows.code.push_back(static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(groups)));
  }
  return rows;
}

}  // namespace

TEST_CASE("sorting by time is stable over the whole int64 range and on every thread count") {
  ThreadPool pool(4);
  const CancelToken cancel;
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{5000}, std::size_t{150001}}) {
    for (const std::uint64_t range : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{10}, std::uint64_t{1} << 40}) {
      Rows rows = random_rows(count, range, 3, count + range);
      if (count > 2) rows.t[0] = INT64_MAX, rows.t[1] = INT64_MIN;
      std::vector<std::int32_t> expected(count);
      std::iota(expected.begin(), expected.end(), 0);
      std::stable_sort(expected.begin(), expected.end(), [&](std::int32_t a, std::int32_t b) {
        return rows.t[static_cast<std::size_t>(a)] < rows.t[static_cast<std::size_t>(b)];
      });
      for (const int threads : {1, 3}) {
        const Context context{pool, threads, cancel};
        const Ordered sorted =
            order_by_time(context, rows.t.data(), rows.code.data(), static_cast<std::int64_t>(count));
        for (std::size_t i = 0; i < count; ++i) {
          REQUIRE(sorted.row[i] == expected[i]);
          REQUIRE(sorted.t[i] == rows.t[static_cast<std::size_t>(expected[i])]);
          REQUIRE(sorted.code[i] == rows.code[static_cast<std::size_t>(expected[i])]);
        }
      }
    }
  }
}

TEST_CASE("grouping keeps keys together, in order of time, equal times in input order") {
  ThreadPool pool(4);
  const CancelToken cancel;
  for (const std::int32_t groups : {3, 50, 20000}) {
    for (const std::size_t count : {std::size_t{10}, std::size_t{150001}}) {
      const Rows rows = random_rows(count, 1000, groups, static_cast<std::uint64_t>(groups));
      std::vector<std::int32_t> expected;
      for (std::size_t i = 0; i < count; ++i) {
        if (rows.code[i] >= kFirstKey) expected.push_back(static_cast<std::int32_t>(i));
      }
      std::stable_sort(expected.begin(), expected.end(), [&](std::int32_t a, std::int32_t b) {
        const auto x = static_cast<std::size_t>(a);
        const auto y = static_cast<std::size_t>(b);
        return rows.code[x] != rows.code[y] ? rows.code[x] < rows.code[y] : rows.t[x] < rows.t[y];
      });
      for (const int threads : {1, 4}) {
        const Context context{pool, threads, cancel};
        const Ordered grouped = order_by_group(context, rows.t.data(), rows.code.data(),
                                               static_cast<std::int64_t>(count), groups);
        const auto first = static_cast<std::size_t>(grouped.starts[kFirstKey]);
        REQUIRE(count - first == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(grouped.row[first + i] == expected[i]);
        REQUIRE(grouped.starts.back() == static_cast<std::int64_t>(count));
      }
    }
  }
}

TEST_CASE("an ascending column is recognised, a single step back is not missed") {
  ThreadPool pool(2);
  const CancelToken cancel;
  const Context context{pool, 2, cancel};
  std::vector<std::int64_t> t(200000);
  std::iota(t.begin(), t.end(), -5);
  CHECK(ascends(context, t.data(), static_cast<std::int64_t>(t.size())));
  CHECK(ascends(context, t.data(), 0));
  CHECK(ascends(context, t.data(), 1));
  for (const std::size_t at : {std::size_t{0}, std::size_t{65534}, std::size_t{65535}, std::size_t{65536}, std::size_t{199998}}) {
    std::vector<std::int64_t> broken = t;
    std::swap(broken[at], broken[at + 1]);
    CHECK_FALSE(ascends(context, broken.data(), static_cast<std::int64_t>(broken.size())));
  }
}

}  // namespace flowstate::asof
