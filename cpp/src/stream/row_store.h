// Rows in fixed-size records, one cache line or two each: header, validity bits, values. A record is written once and
// read at random, so its fields lie together; slots are reused last freed first. Values of bytes columns lie in an
// arena that is compacted when more than half of it is dead.
//
// reserve() may throw; what it made room for is then written without fail.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "flowstate/asof/join.h"
#include "flowstate/stream/streaming_join.h"
#include "prefetch.h"

namespace flowstate::stream {

inline constexpr std::uint32_t kNoSlot = 0xFFFFFFFFu;

struct RowHeader {
  std::int64_t time;
  std::int64_t sequence;
  std::int32_t source;
  std::uint32_t references;  // 0: the slot is free
};

class RowStore {
 public:
  // `words`: int64 values per row beside the columns, at word(slot, i).
  RowStore(std::vector<ColumnShape> columns, int words);

  // Room for `rows` more of this batch (its columns checked and of the shapes' types): Error OUT_OF_MEMORY.
  void reserve(std::int64_t rows, const std::vector<Column>& columns);
  // `count` records with zero words and one reference each; the caller writes the headers.
  void take(std::int64_t count, std::uint32_t* slots) noexcept;
  // Values of batch rows `rows[i]` (null: i) into records slots[i].
  void write(const std::vector<Column>& columns, const std::uint32_t* rows, const std::uint32_t* slots,
             std::int64_t count) noexcept;

  RowHeader& header(std::uint32_t slot) noexcept {
    return *reinterpret_cast<RowHeader*>(base_.get() + slot * stride_);
  }
  const RowHeader& header(std::uint32_t slot) const noexcept {
    return *reinterpret_cast<const RowHeader*>(base_.get() + slot * stride_);
  }
  std::int64_t& word(std::uint32_t slot, int i) noexcept {
    return reinterpret_cast<std::int64_t*>(base_.get() + slot * stride_ + sizeof(RowHeader))[i];
  }
  std::int64_t word(std::uint32_t slot, int i) const noexcept {
    return reinterpret_cast<const std::int64_t*>(base_.get() + slot * stride_ + sizeof(RowHeader))[i];
  }
  void prefetch(std::uint32_t slot) const noexcept {
    prefetch_read(base_.get(), static_cast<std::int64_t>(slot * stride_));
  }

  // One reference less; at none the slot is free. `keep`: one more.
  void release(std::uint32_t slot) noexcept {
    RowHeader& row = header(slot);
    if (--row.references == 0) free_row(slot);
  }
  void keep(std::uint32_t slot) noexcept { ++header(slot).references; }

  // (time, source, sequence)
  bool before(std::uint32_t a, std::uint32_t b) const noexcept {
    const RowHeader& x = header(a);
    const RowHeader& y = header(b);
    if (x.time != y.time) return x.time < y.time;
    if (x.source != y.source) return x.source < y.source;
    return x.sequence < y.sequence;
  }

  // The column of these rows; kNoSlot gives null. Throws LENGTH past 2^31 - 1 bytes of kBytes32.
  asof::OutputColumn gather(std::size_t column, const std::uint32_t* slots, std::int64_t count) const;

  // Squeezes the arena where most of it is dead. Throws nothing: without memory it stays as it is.
  void compact() noexcept;

  const std::vector<ColumnShape>& columns() const noexcept { return columns_; }
  std::int64_t live() const noexcept { return live_; }
  std::int64_t bytes() const noexcept {
    return live_ * static_cast<std::int64_t>(stride_) + static_cast<std::int64_t>(arena_live_);
  }
  std::int64_t record_bytes() const noexcept { return static_cast<std::int64_t>(stride_); }
  void clear() noexcept;

 private:
  struct Text {
    std::uint64_t offset;
    std::uint64_t length;
  };

  std::uint8_t* at(std::uint32_t slot, std::size_t column) noexcept {
    return base_.get() + slot * stride_ + offset_[column];
  }
  const std::uint8_t* at(std::uint32_t slot, std::size_t column) const noexcept {
    return base_.get() + slot * stride_ + offset_[column];
  }
  bool valid(std::uint32_t slot, std::size_t column) const noexcept {
    return (base_.get()[slot * stride_ + validity_ + column / 8] >> (column % 8)) & 1;
  }
  bool is_text(std::size_t column) const noexcept {
    return columns_[column].type == ColumnType::kBytes32 || columns_[column].type == ColumnType::kBytes64;
  }
  void free_row(std::uint32_t slot) noexcept;
  void grow_slots(std::size_t rows);
  asof::OutputColumn gather_text(std::size_t column, const std::uint32_t* slots, std::int64_t count) const;

  struct Free {
    void operator()(std::uint8_t* memory) const noexcept;
  };
  using Memory = std::unique_ptr<std::uint8_t[], Free>;
  static Memory allocate(std::size_t size);

  std::vector<ColumnShape> columns_;
  std::vector<std::size_t> offset_;  // of the column in a record
  std::vector<int> width_;           // bytes in a record
  std::size_t validity_ = 0;
  std::size_t stride_ = 0;
  bool any_text_ = false;
  std::vector<std::uint8_t> nullable_;  // a null was seen in the column
  Memory base_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;             // slots ever taken
  std::vector<std::uint32_t> free_;  // capacity for every slot
  std::int64_t live_ = 0;
  Memory arena_;
  std::size_t arena_size_ = 0;
  std::size_t arena_capacity_ = 0;
  std::size_t arena_live_ = 0;
};

}  // namespace flowstate::stream
