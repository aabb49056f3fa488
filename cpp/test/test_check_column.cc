// Hostile and broken columns are refused with the row named; sound ones pass, null slots may hold anything.
#include <catch2/catch.hpp>

#include "flowstate/column.h"
#include "flowstate/error.h"
#include "support/columns.h"

namespace flowstate::test {
namespace {

ErrorCode code_of(const Column& column, std::int64_t* row = nullptr) {
  try {
    check_column(column);
  } catch (const Error& error) {
    if (row != nullptr) {
      *row = -1;
      for (const auto& [name, value] : error.details()) {
        if (name == "row") *row = value;
      }
    }
    CHECK(std::string(error.what()).find(column.name) == 0);
    return error.code();
  }
  return ErrorCode::INTERNAL;  // stands for "no error"
}
constexpr ErrorCode kSound = ErrorCode::INTERNAL;

Cells strings() { return {cell_s("ab"), std::nullopt, cell_s(""), cell_s("cdef"), cell_s("g")}; }

}  // namespace

TEST_CASE("sound columns of every type pass") {
  Arena arena;
  const Cells numbers{cell(1), std::nullopt, cell(0), cell(1)};
  for (int type = 0; type <= 11; ++type) {
    const Column column = make_column(arena, static_cast<ColumnType>(type), numbers, "c", {{2}, 5, true, 1});
    CHECK(code_of(column) == kSound);
  }
  CHECK(code_of(make_column(arena, ColumnType::kBytes32, strings(), "c", {{1, 3}, 3, false, 1})) == kSound);
  CHECK(code_of(make_column(arena, ColumnType::kBytes64, strings(), "c")) == kSound);
  CHECK(code_of(make_column(arena, ColumnType::kFixed, strings(), "c", {}, 4)) == kSound);
  CHECK(code_of(make_dictionary(arena, ColumnType::kInt8, ColumnType::kBytes32, strings(), "c", {{2}, 1, false, 2})) ==
        kSound);
  CHECK(code_of(Column{}) == kSound);
}

TEST_CASE("fewer bytes than rows is LENGTH") {
  Arena arena;
  for (int type = 0; type <= 11; ++type) {
    Column column = make_column(arena, static_cast<ColumnType>(type), Cells(40, cell(1)), "c");
    column.chunks[0].values_bytes -= 1;
    CHECK(code_of(column) == ErrorCode::LENGTH);
    column.chunks[0].values_bytes += 1;
    column.chunks[0].values = nullptr;
    CHECK(code_of(column) == ErrorCode::LENGTH);
  }
  Column fixed = make_column(arena, ColumnType::kFixed, strings(), "c", {}, 4);
  fixed.chunks[0].length = INT64_MAX / 2;
  CHECK(code_of(fixed) == ErrorCode::LENGTH);
}

TEST_CASE("negative lengths and offsets of bitmaps are LENGTH") {
  Arena arena;
  Column column = make_column(arena, ColumnType::kInt32, {cell(1)}, "c");
  column.chunks[0].length = -1;
  CHECK(code_of(column) == ErrorCode::LENGTH);
  column.chunks[0].length = 1;
  column.chunks[0].bit_offset = -8;
  CHECK(code_of(column) == ErrorCode::LENGTH);
}

TEST_CASE("offsets that descend, begin below 0 or end past the data are CORRUPT, with the row") {
  Arena arena;
  Column column = make_column(arena, ColumnType::kBytes32, strings(), "c", {{2}, 0, false, 1});
  auto* offsets = const_cast<std::int32_t*>(static_cast<const std::int32_t*>(column.chunks[1].offsets));
  const std::int32_t kept = offsets[1];
  offsets[1] = 100;
  std::int64_t row = 0;
  CHECK(code_of(column, &row) == ErrorCode::CORRUPT);
  CHECK(row == 3);
  offsets[1] = kept;
  offsets[0] = -1;
  CHECK(code_of(column) == ErrorCode::CORRUPT);
  offsets[0] = 0;
  offsets[3] += 1;
  CHECK(code_of(column) == ErrorCode::CORRUPT);
  offsets[3] -= 1;
  CHECK(code_of(column) == kSound);
  column.chunks[0].offsets = nullptr;
  CHECK(code_of(column) == ErrorCode::LENGTH);
}

TEST_CASE("dictionary indices outside the dictionary are CORRUPT unless the row is null") {
  Arena arena;
  for (const ColumnType type : {ColumnType::kInt8, ColumnType::kUInt8, ColumnType::kInt16, ColumnType::kInt32,
                                ColumnType::kInt64, ColumnType::kUInt64}) {
    Column column = make_dictionary(arena, type, ColumnType::kBytes32, strings(), "c");
    const int width = byte_width(type);
    auto* indices = const_cast<std::uint8_t*>(column.chunks[0].values);
    const std::uint8_t kept = indices[3 * width];
    indices[3 * width] = 120;
    std::int64_t row = 0;
    CHECK(code_of(column, &row) == ErrorCode::CORRUPT);
    CHECK(row == 3);
    indices[3 * width] = kept;
    Cells nulls = strings();
    nulls[2].reset();
    Column with_null = make_dictionary(arena, type, ColumnType::kBytes32, nulls, "c");
    const_cast<std::uint8_t*>(with_null.chunks[0].values)[2 * width] = 120;
    CHECK(code_of(with_null) == kSound);
  }
}

TEST_CASE("negative dictionary indices and missing dictionaries are CORRUPT") {
  Arena arena;
  Column column = make_dictionary(arena, ColumnType::kInt32, ColumnType::kBytes32, strings(), "c");
  column.chunks[0].dictionary = 1;
  CHECK(code_of(column) == ErrorCode::CORRUPT);
  column.chunks[0].dictionary = -1;
  CHECK(code_of(column) == ErrorCode::CORRUPT);
  column.chunks[0].dictionary = 0;
  const_cast<std::uint8_t*>(column.chunks[0].values)[3] = 0x80;
  CHECK(code_of(column) == ErrorCode::CORRUPT);
}

TEST_CASE("what is wrong inside a dictionary is found") {
  Arena arena;
  Column column = make_dictionary(arena, ColumnType::kInt32, ColumnType::kBytes32, strings(), "c");
  column.dictionaries[0].chunks[0].values_bytes = 0;
  CHECK_THROWS_AS(check_column(column), Error);
  column.dictionaries[0] = column;
  CHECK_THROWS_AS(check_column(column), Error);
}

}  // namespace flowstate::test
