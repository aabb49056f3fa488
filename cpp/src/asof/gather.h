// Result columns: payload values picked by right row, and the columns the join makes itself (age, matched). Called
// block by block right after matching, while the right rows are still in cache.
//
// Blocks begin at multiples of 64 output rows, so that threads never share a word of a bitmap. A row index of -1
// gives a cleared validity bit and zero bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "context.h"
#include "flowstate/memory/buffer.h"
#include "times.h"

namespace flowstate::asof {

// One bit per row, set where rows[i] >= 0. Writes whole 64-bit words.
void match_bits(const std::int32_t* rows, std::int64_t count, std::uint64_t* bits) noexcept;

class PayloadColumn {
 public:
  // Outputs of `rows` rows. The source column is borrowed.
  PayloadColumn(const Column& source, std::int64_t rows);
  PayloadColumn(PayloadColumn&& other) noexcept;

  // Output rows [out, out + count), from source rows `rows`; `bits` are match_bits of the block. Thread-safe for
  // different blocks. Bytes columns only measure here and need copy_bytes afterwards.
  void gather(const std::int32_t* rows, std::int64_t count, std::int64_t out,
              const std::uint64_t* bits) noexcept;

  bool is_bytes() const noexcept {
    return source_->type == ColumnType::kBytes32 || source_->type == ColumnType::kBytes64;
  }

  // Second pass of a bytes column; `rows` for all output rows. Throws LENGTH past 2^31 - 1 bytes of kBytes32.
  void copy_bytes(const Context& context, const std::int32_t* rows);

  // Hands the column over, after the threads that wrote it have met; drops the bitmap when nothing is null.
  OutputColumn finish();

 private:
  struct Run {
    std::int64_t first;
    const Chunk* chunk;
  };

  const Run& run_of(std::int64_t row, std::size_t& hint) const noexcept;
  // `all`: no row is -1.
  void gather_values(const std::int32_t* rows, std::int64_t count, std::int64_t out, bool all) noexcept;
  template <typename Word>
  void gather_words(const std::int32_t* rows, std::int64_t count, std::int64_t out, bool all) noexcept;
  void gather_fixed(const std::int32_t* rows, std::int64_t count, std::int64_t out) noexcept;
  void gather_bools(const std::int32_t* rows, std::int64_t count, std::int64_t out) noexcept;
  template <typename Offset>
  void measure_bytes(const std::int32_t* rows, std::int64_t count, std::int64_t out) noexcept;
  template <typename Offset>
  void copy_bytes_as(const Context& context, const std::int32_t* rows);

  const Column* source_;
  std::vector<Run> runs_;  // chunks that have rows, by first row
  std::int64_t width_ = 0;
  bool nullable_ = false;
  bool stream_ = false;  // written past the caches
  std::int64_t length_ = 0;
  std::atomic<std::int64_t> valid_{0};
  OutputColumn output_;
};

// left time minus right time, times age_scale (floats: the plain difference). Throws OVERFLOW naming the left row.
class AgeColumn {
 public:
  AgeColumn(std::int64_t rows, TimeKind kind, std::int64_t scale, const std::string& name);

  // `left_rows` maps output rows of the block to left rows; null: they are the rows from `out` on.
  void gather(const std::int64_t* lt, const std::int32_t* left_rows, const std::int64_t* r_time,
              const std::int32_t* rows, std::int64_t count, std::int64_t out, const std::uint64_t* bits);
  // Throws Error OVERFLOW for the first row whose age does not fit.
  OutputColumn finish();

 private:
  std::int64_t length_;
  TimeKind kind_;
  std::int64_t scale_;
  std::string name_;
  std::atomic<std::int64_t> valid_{0};
  FirstRow too_large_;
  OutputColumn output_;
};

}  // namespace flowstate::asof
