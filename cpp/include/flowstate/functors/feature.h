// One column on its way into a feature matrix: where a row's value lies, and what it becomes. The rule, which the
// TypeScript twin (lib/device/plain-matrix.ts) follows to the bit:
//   v          the value as a double; int64 and uint64 rounded to nearest, ties to even; a bool is 0 or 1, a
//              dictionary column gives its index, a time its integer
//   d          v - mean in double; for integers with a whole mean the exact difference, then rounded to double
//   element    d * scale in double, rounded once to the element's type (small_float.h)
// A null row is the fill, as it is: neither shifted nor scaled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "flowstate/functors/hd.h"
#include "flowstate/functors/small_float.h"

namespace flowstate::functors {

enum class FeatureType : std::uint8_t {
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kFloat16,
  kFloat32,
  kFloat64,
  kBool,  // one bit a row, from bit 0
};
inline constexpr std::size_t kFeatureTypes = static_cast<std::size_t>(FeatureType::kBool) + 1;

struct FeatureColumn {
  const void* values = nullptr;
  const std::uint8_t* validity = nullptr;  // from bit 0; null: no row is null
  // The column's row by row of the matrix; what is outside [0, length) is null, -1 as well as damage. Null: the same row.
  const std::int32_t* index = nullptr;
  double mean = 0;
  std::uint64_t whole_mean = 0;  // an int64, or for kUint64 a uint64
  double scale = 1;
  std::uint64_t fill = 0;    // an element's bits
  std::uint32_t length = 0;  // rows; looked at with an index only
  FeatureType type = FeatureType::kFloat64;
  bool has_whole_mean = false;
  bool is_mask = false;  // 1 where the row has a value, else 0; values are not read
};
// A launch carries 32 of them in its parameters, which are limited to 4 KiB.
static_assert(sizeof(FeatureColumn) == 64);

// The row of a column that a row of the matrix shows; false where that is null.
FS_HD inline bool feature_row(const FeatureColumn& column, std::size_t row, std::size_t& source) noexcept {
  source = row;
  if (column.index != nullptr) {
    const auto chosen = static_cast<std::uint32_t>(column.index[row]);
    if (chosen >= column.length) return false;
    source = chosen;
  }
  return column.validity == nullptr || ((column.validity[source >> 3] >> (source & 7)) & 1) != 0;
}

// Values by row.
template <typename Value>
struct FeatureValues {
  const Value* values;
  FS_HD Value operator[](std::size_t row) const noexcept { return values[row]; }
};
struct FeatureHalves {
  const std::uint16_t* values;
  FS_HD double operator[](std::size_t row) const noexcept { return double_of_half(values[row]); }
};
struct FeatureBits {
  const std::uint8_t* values;
  FS_HD std::uint8_t operator[](std::size_t row) const noexcept {
    return static_cast<std::uint8_t>((values[row >> 3] >> (row & 7)) & 1);
  }
};

// Calls visit(values) with the column's values by their type.
template <typename Visit>
FS_HD void visit_feature(const FeatureColumn& column, const Visit& visit) {
  switch (column.type) {
    case FeatureType::kInt8:
      return visit(FeatureValues<std::int8_t>{static_cast<const std::int8_t*>(column.values)});
    case FeatureType::kUint8:
      return visit(FeatureValues<std::uint8_t>{static_cast<const std::uint8_t*>(column.values)});
    case FeatureType::kInt16:
      return visit(FeatureValues<std::int16_t>{static_cast<const std::int16_t*>(column.values)});
    case FeatureType::kUint16:
      return visit(FeatureValues<std::uint16_t>{static_cast<const std::uint16_t*>(column.values)});
    case FeatureType::kInt32:
      return visit(FeatureValues<std::int32_t>{static_cast<const std::int32_t*>(column.values)});
    case FeatureType::kUint32:
      return visit(FeatureValues<std::uint32_t>{static_cast<const std::uint32_t*>(column.values)});
    case FeatureType::kInt64:
      return visit(FeatureValues<std::int64_t>{static_cast<const std::int64_t*>(column.values)});
    case FeatureType::kUint64:
      return visit(FeatureValues<std::uint64_t>{static_cast<const std::uint64_t*>(column.values)});
    case FeatureType::kFloat16:
      return visit(FeatureHalves{static_cast<const std::uint16_t*>(column.values)});
    case FeatureType::kFloat32:
      return visit(FeatureValues<float>{static_cast<const float*>(column.values)});
    case FeatureType::kFloat64:
      return visit(FeatureValues<double>{static_cast<const double*>(column.values)});
    case FeatureType::kBool:
      return visit(FeatureBits{static_cast<const std::uint8_t*>(column.values)});
  }
}

// value - mean, rounded to double once.
template <typename Value>
FS_HD double whole_difference(Value value, std::uint64_t mean) noexcept {
  using Wide = std::conditional_t<std::is_same_v<Value, std::uint64_t>, std::uint64_t, std::int64_t>;
  const auto wide = static_cast<Wide>(value);
  const auto middle = static_cast<Wide>(mean);
  const auto bits = static_cast<std::uint64_t>(wide);
  return wide >= middle ? static_cast<double>(bits - mean) : -static_cast<double>(mean - bits);
}

// The element of a row that is not null.
template <typename Target, typename Value>
FS_HD typename Target::Bits feature_element(const FeatureColumn& column, Value value) noexcept {
  double shifted = 0;
  if constexpr (std::is_integral_v<Value>) {
    shifted = column.has_whole_mean ? whole_difference(value, column.whole_mean)
                                    : static_cast<double>(value) - column.mean;
  } else {
    shifted = static_cast<double>(value) - column.mean;
  }
  return Target::of(shifted * column.scale);
}

}  // namespace flowstate::functors
