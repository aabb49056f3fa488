// Cells of Arrow columns in device memory, and what a join makes of them: a time as an int64 in the order of time, a
// key as 64 bits that are equal where the keys are. The rules are those of asof/times.cc and asof/key_reader.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "flowstate/column.h"
#include "flowstate/functors/atomic.h"
#include "flowstate/functors/clock.h"
#include "flowstate/functors/hd.h"
#include "flowstate/functors/small_float.h"

namespace flowstate::functors {

FS_HD inline bool bit_of(const std::uint8_t* bits, std::uint64_t i) noexcept {
  return ((bits[i >> 3] >> (i & 7)) & 1) != 0;
}

// A column; borrowed, bitmaps from bit 0. `type` is never kDictionary: indices are a column of their own.
struct Cells {
  const void* values = nullptr;
  const void* offsets = nullptr;
  const std::uint8_t* validity = nullptr;  // null: every row valid
  ColumnType type = ColumnType::kInt64;
  std::int32_t width = 8;

  FS_HD bool is_valid(std::uint64_t row) const noexcept {
    return validity == nullptr || bit_of(validity, row);
  }
  template <typename Value>
  FS_HD Value at(std::uint64_t row) const noexcept {
    return static_cast<const Value*>(values)[row];
  }
};

// An integer of any width; of a uint64 the bits.
FS_HD inline std::int64_t integer_of(const Cells& cells, std::uint64_t row) noexcept {
  switch (cells.type) {
    case ColumnType::kInt8:
      return cells.at<std::int8_t>(row);
    case ColumnType::kInt16:
      return cells.at<std::int16_t>(row);
    case ColumnType::kInt32:
      return cells.at<std::int32_t>(row);
    case ColumnType::kUInt8:
      return cells.at<std::uint8_t>(row);
    case ColumnType::kUInt16:
      return cells.at<std::uint16_t>(row);
    case ColumnType::kUInt32:
      return cells.at<std::uint32_t>(row);
    default:
      return cells.at<std::int64_t>(row);
  }
}

FS_HD inline double double_of(const Cells& cells, std::uint64_t row) noexcept {
  switch (cells.type) {
    case ColumnType::kFloat16:
      return double_of_half(cells.at<std::uint16_t>(row));
    case ColumnType::kFloat32:
      return cells.at<float>(row);
    default:
      return cells.at<double>(row);
  }
}

FS_HD inline bool is_float(ColumnType type) noexcept {
  return type == ColumnType::kFloat16 || type == ColumnType::kFloat32 || type == ColumnType::kFloat64;
}

// value * scale, where it fits: `low` and `high` are the limits divided by the scale, made on the host, because a
// division by a number known nowhere costs a GPU more than the rest.
struct Scale {
  std::int64_t factor = 1;
  std::int64_t low = INT64_MIN;
  std::int64_t high = INT64_MAX;

  static Scale of(std::int64_t factor) noexcept { return {factor, INT64_MIN / factor, INT64_MAX / factor}; }
  FS_HD bool fits(std::int64_t value) const noexcept { return value >= low && value <= high; }
};

enum class TimeDomain : std::uint8_t { kSigned, kUnsigned, kFloat };

// Row i of a time column. Rows without a time get 0 and dead[i] = 1.
struct TimeElement {
  Cells cells;
  Scale scale;
  TimeDomain domain;
  std::int64_t* t;
  std::uint8_t* dead;        // null: the column has neither nulls nor floats
  std::uint64_t* too_large;  // the first row that does not fit

  FS_HD void operator()(std::size_t i) const noexcept {
    bool none = !cells.is_valid(i);
    std::int64_t time = 0;
    if (!none) {
      if (domain == TimeDomain::kFloat) {
        const double value = double_of(cells, i);
        none = value != value;
        if (!none) time = ordered_bits(value);
      } else {
        const std::int64_t value = integer_of(cells, i);
        if (domain == TimeDomain::kUnsigned) {
          // Only plain numbers are unsigned, and those have no unit to scale from.
          time = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63));
        } else if (!scale.fits(value) || (cells.type == ColumnType::kUInt64 && value < 0)) {
          atomic_min(too_large, i);
        } else {
          time = value * scale.factor;
        }
      }
    }
    t[i] = time;
    if (dead != nullptr) dead[i] = none ? 1 : 0;
  }
};

enum class KeyState : std::uint8_t { kValid, kNull, kDead };

// Row i of a key column as 64 bits. Values of more than 8 bytes are several such columns, by `part`.
struct KeyWordElement {
  Cells cells;
  Scale scale;
  bool unsigned_foreign = false;  // uint64 against signed: 2^63 and more equals nothing
  std::int32_t part = 0;
  std::int64_t* word;
  KeyState* state;

  FS_HD void operator()(std::size_t i) const noexcept {
    std::int64_t value = 0;
    KeyState is = cells.is_valid(i) ? KeyState::kValid : KeyState::kNull;
    if (is == KeyState::kValid) {
      if (is_float(cells.type)) {
        const double number = double_of(cells, i) + 0.0;  // -0 becomes 0
        std::memcpy(&value, &number, sizeof value);
        if (number != number) value = 0x7FF8000000000000;
      } else if (cells.type == ColumnType::kBool) {
        value = bit_of(static_cast<const std::uint8_t*>(cells.values), i) ? 1 : 0;
      } else if (cells.type == ColumnType::kFixed) {
        const auto* bytes =
            static_cast<const std::uint8_t*>(cells.values) + i * static_cast<std::size_t>(cells.width);
        std::uint64_t packed = 0;
        for (std::int32_t k = 8 * part; k < cells.width && k < 8 * part + 8; ++k) {
          packed |= static_cast<std::uint64_t>(bytes[k]) << (8 * (k - 8 * part));
        }
        value = static_cast<std::int64_t>(packed);
      } else {
        value = integer_of(cells, i);
        const bool beyond =
            cells.type == ColumnType::kUInt64 ? unsigned_foreign && value < 0 : !scale.fits(value);
        if (beyond) {
          is = KeyState::kDead;
          value = 0;
        } else if (scale.factor != 1) {
          value *= scale.factor;
        }
      }
    }
    word[i] = value;
    state[i] = is;
  }
};

}  // namespace flowstate::functors
