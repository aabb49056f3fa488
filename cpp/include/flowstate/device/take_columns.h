// Rows of columns in device memory, by number: what a join's result is made of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "flowstate/device/join_work.h"
#include "flowstate/functors/cells.h"

namespace flowstate::device {

enum class TakeKind : std::uint8_t {
  kFlat = 0,       // by `cells.type`; a dictionary's indices too
  kNull = 1,       // no buffers
  kStruct = 2,     // children have the rows of the column
  kFixedList = 3,  // one child with `list_size` rows a row
  kList = 4,       // one child, by int32 offsets
  kLargeList = 5,  // by int64 offsets
};

// A borrowed column. Bitmaps from bit 0, offsets from 0.
struct TakeInput {
  TakeKind kind = TakeKind::kFlat;
  functors::Cells cells;
  std::int64_t rows = 0;
  std::int64_t values_bytes = 0;  // text and binary
  std::int32_t list_size = 0;
  std::vector<TakeInput> children;
  std::string name;
};

// A column of its own. Null slots hold zeros; `validity` is empty where nothing is null. Each buffer is as long as
// Arrow wants it, bitmaps rounded up to 4 bytes.
struct TakenColumn {
  std::int64_t length = 0;
  std::int64_t null_count = 0;
  DeviceBuffer values;
  DeviceBuffer offsets;
  DeviceBuffer validity;
  std::vector<TakenColumn> children;
};

// Row numbers on the device, -1 for null, and their bitmap, made at first use and shared by the columns that have no
// nulls of their own.
class TakeRows {
 public:
  TakeRows(const std::int32_t* row, std::int64_t count) noexcept : row_(row), count_(count) {}
  const std::int32_t* row() const noexcept { return row_; }
  std::int64_t count() const noexcept { return count_; }
  // Waits for the stream the first time.
  std::int64_t null_count(JoinWork& work);
  // 4 bytes per 32 rows.
  const std::uint32_t* bits(JoinWork& work);

 private:
  void look(JoinWork& work);
  const std::int32_t* row_;
  std::int64_t count_;
  std::int64_t null_count_ = -1;
  Array<std::uint32_t> bits_;
};

// Throws LENGTH where 32-bit offsets cannot address the result, or a list has too many items; CORRUPT for offsets that
// leave the data; what the stream throws; ABORTED.
TakenColumn take_column(JoinWork& work, const TakeInput& input, TakeRows& rows);

// One bit a row: whether it is not -1. Never null.
TakenColumn matched_column(JoinWork& work, TakeRows& rows);

}  // namespace flowstate::device
