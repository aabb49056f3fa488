// Columns in device memory into one dense matrix there: cast, shifted, scaled, nulls filled or marked, row- or
// column-major. What an element becomes is functors/feature.h; how the memory is read and written,
// functors/feature_tiles.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "flowstate/device/device.h"
#include "flowstate/functors/feature.h"

namespace flowstate::device {

using functors::FeatureType;

enum class MatrixType : std::uint8_t { kFloat32, kFloat16, kBfloat16, kFloat64 };
enum class MatrixLayout : std::uint8_t {
  kRowMajor,     // [rows, columns]
  kColumnMajor,  // [columns, rows]
};

// One column of the matrix; borrowed device memory. Values are aligned to their width.
struct MatrixColumn {
  const void* values = nullptr;            // not read for a mask
  const std::uint8_t* validity = nullptr;  // from bit 0; null: no null
  // The column's row by row of the matrix (a join's match array): what lies outside [0, length) is null. Null: the
  // same row.
  const std::int32_t* index = nullptr;
  std::uint32_t length = 0;  // the column's rows; with an index only
  FeatureType type = FeatureType::kFloat64;
  bool is_mask = false;  // 1 where the row has a value, else 0
  double mean = 0;
  // Integer columns, in place of `mean`: subtracted exactly. An int64, for kUint64 a uint64, by its bits.
  std::optional<std::uint64_t> whole_mean;
  double scale = 1;
  double fill = 0;  // what null becomes, as it is
};

struct MatrixRequest {
  std::span<const MatrixColumn> columns;  // at most 2^32 - 1
  std::size_t rows = 0;
  MatrixType type = MatrixType::kFloat32;
  MatrixLayout layout = MatrixLayout::kRowMajor;
};

std::size_t matrix_element_bytes(MatrixType type) noexcept;

// Queues the matrix on `stream`, into `out` of rows * columns elements. `first_null`, device memory where given, must
// hold UINT64_MAX, or what an earlier call left, when the work begins; it then gets the least row * columns + column
// of a null, if there is one.
// Throws what the stream throws; launches that were accepted before then still run.
void assemble_matrix(Stream& stream, const MatrixRequest& request, void* out,
                     std::uint64_t* first_null = nullptr);

}  // namespace flowstate::device
