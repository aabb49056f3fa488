// Sizes, order, splitting and time, with the clock in the test's hand.
#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <stdexcept>
#include <vector>

#include "flowstate/stream/coalescer.h"
#include "parts/rows.h"

namespace flowstate::stream {

namespace {

using Clock = Coalescer<Rows>::Clock;
using namespace std::chrono_literals;

std::vector<std::vector<std::uint64_t>> run(const CoalescerOptions& options,
                                            const std::vector<Rows>& batches) {
  Coalescer<Rows> coalescer(options);
  std::vector<std::vector<std::uint64_t>> out;
  const auto take = [&](Rows&& rows) { out.push_back(std::move(rows.values)); };
  for (const Rows& batch : batches) coalescer.push(batch, {}, take);
  coalescer.flush(take);
  CHECK(coalescer.pending_rows() == 0);
  return out;
}

}  // namespace

TEST_CASE("small batches are joined and large ones split, to the row") {
  const auto out =
      run({.target_rows = 4}, {Rows::sequence(0, 1), Rows::sequence(1, 2), Rows(), Rows::sequence(3, 10)});
  CHECK(out == std::vector<std::vector<std::uint64_t>>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}, {12}});
}

TEST_CASE("a batch of the right size passes through without a copy") {
  Coalescer<Rows> coalescer({.target_rows = 100});
  Rows batch = Rows::sequence(0, 100);
  const auto* memory = batch.values.data();
  int seen = 0;
  coalescer.push(std::move(batch), {}, [&](Rows&& rows) {
    ++seen;
    CHECK(rows.values.data() == memory);
  });
  CHECK(seen == 1);
}

TEST_CASE("bytes bound a batch, and a row larger than the bound goes alone") {
  CHECK(run({.target_rows = 100, .target_bytes = 24}, {Rows::sequence(0, 7)}) ==
        std::vector<std::vector<std::uint64_t>>{{0, 1, 2}, {3, 4, 5}, {6}});
  CHECK(run({.target_rows = 100, .target_bytes = 20}, {Rows::sequence(0, 3)}) ==
        std::vector<std::vector<std::uint64_t>>{{0, 1}, {2}});
  CHECK(run({.target_rows = 100, .target_bytes = 3}, {Rows::sequence(0, 3)}) ==
        std::vector<std::vector<std::uint64_t>>{{0}, {1}, {2}});
}

TEST_CASE("cuts depend on the rows alone, not on how they came") {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const std::size_t total = random() % 200;
    const CoalescerOptions options{.target_rows = 1 + random() % 40, .target_bytes = 1 + random() % 300};
    const auto whole = run(options, {Rows::sequence(0, total)});
    std::vector<Rows> pieces;
    for (std::uint64_t from = 0; from < total;) {
      const std::size_t count = std::min<std::size_t>(random() % 30, total - from);
      pieces.push_back(Rows::sequence(from, count));
      from += count;
    }
    REQUIRE(run(options, pieces) == whole);
    std::uint64_t next = 0;
    for (const auto& batch : whole) {
      REQUIRE_FALSE(batch.empty());
      REQUIRE(batch.size() <= options.target_rows);
      REQUIRE((batch.size() == 1 || batch.size() * 8 <= options.target_bytes));
      for (const std::uint64_t row : batch) REQUIRE(row == next++);
    }
    REQUIRE(next == total);
  }
}

TEST_CASE("the oldest row's wait gives out what there is") {
  Coalescer<Rows> coalescer({.target_rows = 10, .longest_wait = 5ms});
  std::vector<std::size_t> out;
  const auto take = [&](Rows&& rows) { out.push_back(rows.rows()); };
  const Clock::time_point start{1s};
  CHECK_FALSE(coalescer.deadline());
  coalescer.push(Rows::sequence(0, 1), start, take);
  coalescer.push(Rows::sequence(1, 2), start + 4ms, take);
  CHECK(coalescer.deadline() == start + 5ms);
  coalescer.poll(start + 5ms - 1ns, take);
  CHECK(out.empty());
  coalescer.poll(start + 5ms, take);
  CHECK(out == std::vector<std::size_t>{3});
  CHECK_FALSE(coalescer.deadline());
  // What a full batch leaves over waits from its own arrival.
  coalescer.push(Rows::sequence(3, 9), start + 6ms, take);
  coalescer.push(Rows::sequence(12, 4), start + 8ms, take);
  CHECK(coalescer.pending_rows() == 3);
  CHECK(coalescer.deadline() == start + 13ms);
  coalescer.flush(take);
  coalescer.flush(take);
  CHECK(out == std::vector<std::size_t>{3, 10, 3});
}

TEST_CASE("a wait for ever is no deadline") {
  Coalescer<Rows> coalescer({.target_rows = 10, .longest_wait = std::chrono::nanoseconds::max()});
  coalescer.push(Rows::sequence(0, 1), Clock::now(), [](Rows&&) {});
  CHECK_FALSE(coalescer.deadline());
}

TEST_CASE("an exception of the taker passes through, and no row is given twice") {
  Coalescer<Rows> coalescer({.target_rows = 2});
  const auto refuse = [](Rows&&) { throw std::runtime_error("full"); };
  CHECK_THROWS_AS(coalescer.push(Rows::sequence(0, 2), {}, refuse), std::runtime_error);
  CHECK(coalescer.pending_rows() == 0);
}

TEST_CASE("targets of nothing are refused") {
  CHECK_THROWS_AS(Coalescer<Rows>({.target_rows = 0}), Error);
  CHECK_THROWS_AS(Coalescer<Rows>({.target_bytes = 0}), Error);
  CHECK_THROWS_AS(Coalescer<Rows>({.longest_wait = -1ns}), Error);
}

}  // namespace flowstate::stream
