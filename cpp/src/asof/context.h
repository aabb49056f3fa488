// What every phase of one join call shares: the pool with the call's thread limit, the cancel token, and helpers to
// cut rows into tasks. Also the two reserved key codes and the view of one contiguous run of a chunked column.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/column.h"
#include "flowstate/error.h"
#include "flowstate/memory/buffer.h"
#include "flowstate/thread_pool.h"

namespace flowstate::asof {

// Rows that can match nothing (null time or key, unknown to the other side) keep a place in the arrays under one of
// two codes that never meet, so that inner loops need not know of them. Real keys count from kFirstKey.
inline constexpr std::int32_t kDeadLeft = 0;
inline constexpr std::int32_t kDeadRight = 1;
inline constexpr std::int32_t kFirstKey = 2;

// Rows per task of a simple pass: 64k rows of 8 bytes are half of a second-level cache, and 10 to 50 us of work,
// well above what handing out a task costs.
inline constexpr std::int64_t kTaskRows = 65536;

inline constexpr std::uint32_t kNone = 0xFFFFFFFFu;

// Thrown inside a trusting join only, and never leaves it.
struct Doubt {};

struct Context {
  ThreadPool& pool;
  int threads;
  const CancelToken& cancel;
  // Row checks and the left's order have been put off to the pass that reads the rows anyway. Whoever then meets a
  // row that is not as it should be throws (Doubt, or the check's own Error), and the join starts again untrusting.
  bool trusting = false;

  void check_cancelled() const {
    if (cancel.cancelled.load(std::memory_order_relaxed)) {
      throw Error(ErrorCode::ABORTED, "the join was cancelled");
    }
  }

  // fn(task, slot) on the call's threads.
  template <typename Fn>
  void tasks(std::int64_t count, Fn&& fn) const {
    check_cancelled();
    if (count == 1 || threads == 1) {
      for (std::int64_t task = 0; task < count; ++task) {
        if (task > 0) check_cancelled();
        fn(task, 0);
      }
      return;
    }
    pool.parallel_for(
        count,
        [&](std::int64_t task, int slot) {
          check_cancelled();
          fn(task, slot);
        },
        threads);
  }

  // fn(begin, end) over [0, rows) in pieces of `grain` rows.
  template <typename Fn>
  void ranges(std::int64_t rows, std::int64_t grain, Fn&& fn) const {
    if (rows <= 0) return;
    tasks((rows + grain - 1) / grain, [&](std::int64_t task, int) {
      const std::int64_t begin = task * grain;
      fn(begin, std::min(rows, begin + grain));
    });
  }
};

// The first row at which something went wrong. Threads note what they meet, in any order; the error that is thrown
// afterwards names the same row however many threads there were.
class FirstRow {
 public:
  void note(std::int64_t row) noexcept {
    std::int64_t seen = row_.load(std::memory_order_relaxed);
    while (row < seen && !row_.compare_exchange_weak(seen, row, std::memory_order_relaxed)) {
    }
  }
  bool found() const noexcept { return row() != INT64_MAX; }
  std::int64_t row() const noexcept { return row_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> row_{INT64_MAX};
};

// `count` rows of one chunk from `begin`; `row` is the first one's place in the column.
struct Piece {
  const Chunk* chunk;
  std::int64_t begin;
  std::int64_t count;
  std::int64_t row;
};

inline std::vector<Piece> pieces_of(const Column& column, std::int64_t grain = kTaskRows) {
  std::vector<Piece> pieces;
  std::int64_t row = 0;
  for (const Chunk& chunk : column.chunks) {
    for (std::int64_t begin = 0; begin < chunk.length; begin += grain) {
      const std::int64_t count = std::min(grain, chunk.length - begin);
      pieces.push_back({&chunk, begin, count, row});
      row += count;
    }
  }
  return pieces;
}

// One code per row, and never a null pointer: codes that are not there mean that there are no keys.
inline Buffer code_buffer(std::int64_t rows) { return Buffer((static_cast<std::size_t>(rows) + 1) * 4); }

inline bool bit_at(const std::uint8_t* bits, std::int64_t bit) noexcept {
  return (bits[bit >> 3] >> (bit & 7)) & 1;
}

inline std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace flowstate::asof
