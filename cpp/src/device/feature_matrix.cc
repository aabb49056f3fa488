#include "flowstate/device/feature_matrix.h"

#include <algorithm>

#include "flowstate/functors/feature_tiles.h"

namespace flowstate::device {

namespace {

using functors::FeatureColumn;
using functors::FeatureColumns;
using functors::kFeatureColumns;

template <typename Target>
FeatureColumn column_of(const MatrixColumn& from) noexcept {
  FeatureColumn column;
  column.values = from.values;
  column.validity = from.validity;
  column.index = from.index;
  column.mean = from.mean;
  column.whole_mean = from.whole_mean.value_or(0);
  column.scale = from.scale;
  column.fill = Target::of(from.fill);
  column.length = from.length;
  column.type = from.type;
  column.has_whole_mean = from.whole_mean.has_value();
  column.is_mask = from.is_mask;
  return column;
}

template <typename Tile>
void launch(Stream& stream, const FeatureColumns& from, void* out) {
  stream.run_tiles(Tile::tiles_of(from), Tile{from, static_cast<typename Tile::Bits*>(out)});
}

template <typename Target>
void assemble(Stream& stream, const MatrixRequest& request, void* out, std::uint64_t* first_null) {
  FeatureColumns from;
  from.rows = request.rows;
  from.all = static_cast<std::uint32_t>(request.columns.size());
  from.first_null = first_null;
  for (std::size_t first = 0; first < request.columns.size(); first += kFeatureColumns) {
    const auto columns = request.columns.subspan(
        first, std::min<std::size_t>(kFeatureColumns, request.columns.size() - first));
    from.first = static_cast<std::uint32_t>(first);
    from.count = static_cast<std::uint32_t>(columns.size());
    std::transform(columns.begin(), columns.end(), from.column, column_of<Target>);
    if (request.layout == MatrixLayout::kRowMajor) {
      launch<functors::FeatureRowTile<Target>>(stream, from, out);
    } else {
      launch<functors::FeatureColumnTile<Target>>(stream, from, out);
    }
  }
}

}  // namespace

std::size_t matrix_element_bytes(MatrixType type) noexcept {
  switch (type) {
    case MatrixType::kFloat16:
    case MatrixType::kBfloat16:
      return 2;
    case MatrixType::kFloat32:
      return 4;
    case MatrixType::kFloat64:
      return 8;
  }
  return 0;
}

void assemble_matrix(Stream& stream, const MatrixRequest& request, void* out, std::uint64_t* first_null) {
  switch (request.type) {
    case MatrixType::kFloat16:
      return assemble<functors::AsFloat16>(stream, request, out, first_null);
    case MatrixType::kBfloat16:
      return assemble<functors::AsBfloat16>(stream, request, out, first_null);
    case MatrixType::kFloat32:
      return assemble<functors::AsFloat32>(stream, request, out, first_null);
    case MatrixType::kFloat64:
      return assemble<functors::AsFloat64>(stream, request, out, first_null);
  }
}

}  // namespace flowstate::device
