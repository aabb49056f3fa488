// The output buffers of one column, and copying DuckDB vectors into them. Different threads may fill different rows at
// once: bits that share a word are set atomically.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "flowstate/io/scan.h"

namespace flowstate::io {

inline constexpr std::int64_t kMaxOffset = 2147483647;

class ColumnStore {
 public:
  ColumnStore(const ScanColumn& column, std::int64_t capacity);

  // A vector's rows to [row, row + count). `codes` (kText): a dictionary that only the calling thread uses;
  // `ascending`: rows are later than all this dictionary has seen.
  void write(const void* data, const std::uint64_t* valid, std::int64_t row, std::int64_t count,
             TextDictionary* codes, bool ascending);

  // The first `rows` rows as a column; kText codes are as written.
  ScannedColumn finish(std::int64_t rows);

  Buffer& values() noexcept { return values_; }
  const std::uint64_t* validity() const noexcept { return validity_.as<std::uint64_t>(); }
  bool has_nulls() const noexcept { return null_count_.load(std::memory_order_relaxed) > 0; }

 private:
  struct BinaryPart {
    std::int64_t row;
    std::vector<std::int32_t> lengths;
    std::vector<char> bytes;
  };

  void write_nulls(const std::uint64_t* valid, std::int64_t row, std::int64_t count);
  void write_bools(const std::uint8_t* data, const std::uint64_t* valid, std::int64_t row,
                   std::int64_t count);
  void write_text(const duck::String* data, const std::uint64_t* valid, std::int64_t row, std::int64_t count,
                  TextDictionary& codes, bool ascending);
  void write_binary(const duck::String* data, const std::uint64_t* valid, std::int64_t row,
                    std::int64_t count);
  void write_intervals(const duck::Interval* data, const std::uint64_t* valid, std::int64_t row,
                       std::int64_t count);
  void join_parts(std::int64_t rows, ScannedColumn& column);

  ScanColumn column_;
  std::int64_t width_;  // bytes per row in values_, 0 for bits and kBinary
  Buffer values_;
  Buffer validity_;
  std::atomic<std::int64_t> null_count_{0};
  std::mutex mutex_;
  std::vector<BinaryPart> parts_;
};

// A dictionary as offsets and bytes, from views of its texts. Throws Error LENGTH beyond 2 GiB.
void pack_texts(const std::string& name, const std::vector<std::string_view>& texts, Buffer& offsets,
                Buffer& values);

inline bool is_valid(const std::uint64_t* valid, std::int64_t row) noexcept {
  return valid == nullptr || ((valid[row >> 6] >> (row & 63)) & 1) != 0;
}

// Turns codes into plain text where nearly every row has its own value; the rule is that of the other engine.
bool prefers_plain(std::int64_t distinct, std::int64_t rows) noexcept;
void make_plain(const std::string& name, ScannedColumn& column, const std::vector<std::string_view>& texts);

}  // namespace flowstate::io
