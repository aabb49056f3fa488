// Columns built from plain values, cut into chunks at bit offsets that are not whole bytes. A value is one optional
// Cell per row; the builder owns the memory that the Column borrows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flowstate/column.h"

namespace flowstate::test {

// One value in the widest form: integers in `i` (uint64 as its bit pattern), floats in `d`, bytes in `s`.
struct Cell {
  std::int64_t i = 0;
  double d = 0;
  std::string s;
};
using Cells = std::vector<std::optional<Cell>>;

inline std::optional<Cell> cell(std::int64_t value) { return Cell{value, static_cast<double>(value), {}}; }
inline std::optional<Cell> cell_d(double value) { return Cell{0, value, {}}; }
inline std::optional<Cell> cell_s(std::string value) { return Cell{0, 0, std::move(value)}; }

struct Layout {
  std::vector<std::int64_t> cuts;  // rows where new chunks begin
  std::int64_t bit_offset = 0;     // of every chunk's bitmaps, and rows before the chunk in its buffers
  bool always_validity = false;    // a bitmap although nothing is null
  int dictionaries = 1;            // kDictionary: chunks use them in turn
};

// Keeps buffers alive; each is allocated at its exact size, so that a sanitizer sees any read past the end.
class Arena {
 public:
  std::uint8_t* bytes(std::size_t size);

 private:
  std::vector<std::unique_ptr<std::uint8_t[]>> blocks_;
};

Column make_column(Arena& arena, ColumnType type, const Cells& cells, const std::string& name,
                   const Layout& layout = {}, int width = 0);

// Dictionary column over values of `value_type`; repeated values may repeat in the dictionary too.
Column make_dictionary(Arena& arena, ColumnType index_type, ColumnType value_type, const Cells& cells,
                       const std::string& name, const Layout& layout = {}, int width = 0);

std::uint16_t double_to_half(double value);

}  // namespace flowstate::test
