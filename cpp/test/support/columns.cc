#include "support/columns.h"

#include <cmath>
#include <cstring>

namespace flowstate::test {
namespace {

bool is_float(ColumnType type) {
  return type == ColumnType::kFloat16 || type == ColumnType::kFloat32 || type == ColumnType::kFloat64;
}

void put_scalar(std::uint8_t* at, ColumnType type, const Cell& cell) {
  if (type == ColumnType::kFloat64) {
    std::memcpy(at, &cell.d, 8);
  } else if (type == ColumnType::kFloat32) {
    const auto value = static_cast<float>(cell.d);
    std::memcpy(at, &value, 4);
  } else if (type == ColumnType::kFloat16) {
    const std::uint16_t value = double_to_half(cell.d);
    std::memcpy(at, &value, 2);
  } else {
    std::memcpy(at, &cell.i, static_cast<std::size_t>(byte_width(type)));  // little end first
  }
}

void set_bit(std::uint8_t* bits, std::int64_t bit, bool on) {
  const auto mask = static_cast<std::uint8_t>(1 << (bit & 7));
  bits[bit >> 3] = static_cast<std::uint8_t>(on ? bits[bit >> 3] | mask : bits[bit >> 3] & ~mask);
}

// Null slots hold rubbish, as they may in Arrow.
Cell rubbish(std::size_t row) { return {static_cast<std::int64_t>(row * 7 + 3), 12.5, "xyz"}; }

}  // namespace

std::uint8_t* Arena::bytes(std::size_t size) {
  blocks_.push_back(std::make_unique<std::uint8_t[]>(size == 0 ? 1 : size));
  return blocks_.back().get();
}

std::uint16_t double_to_half(double value) {
  if (std::isnan(value)) return 0x7E00;
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double size = std::fabs(value);
  if (size >= 65520) return static_cast<std::uint16_t>(sign | 0x7C00);
  if (size < std::ldexp(1, -14)) return static_cast<std::uint16_t>(sign | static_cast<int>(std::ldexp(size, 24)));
  int exponent;
  const double mantissa = std::frexp(size, &exponent);  // [0.5, 1)
  const int bits = static_cast<int>(std::ldexp(mantissa, 11)) - 1024;
  return static_cast<std::uint16_t>(sign | ((exponent + 14) << 10) | bits);
}

Column make_column(Arena& arena, ColumnType type, const Cells& cells, const std::string& name, const Layout& layout,
                   int width) {
  Column column;
  column.type = type;
  column.name = name;
  column.width = type == ColumnType::kFixed ? width : byte_width(type);
  std::vector<std::int64_t> cuts{0};
  for (const std::int64_t cut : layout.cuts) cuts.push_back(cut);
  cuts.push_back(static_cast<std::int64_t>(cells.size()));
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    const std::int64_t first = cuts[k];
    const std::int64_t length = cuts[k + 1] - first;
    Chunk chunk;
    chunk.length = length;
    chunk.bit_offset = layout.bit_offset;
    bool nulls = layout.always_validity;
    for (std::int64_t i = 0; i < length; ++i) nulls |= !cells[static_cast<std::size_t>(first + i)].has_value();
    if (nulls) {
      std::uint8_t* bits = arena.bytes(static_cast<std::size_t>(layout.bit_offset + length + 7) / 8);
      for (std::int64_t i = 0; i < length; ++i) {
        set_bit(bits, layout.bit_offset + i, cells[static_cast<std::size_t>(first + i)].has_value());
      }
      chunk.validity = bits;
    }
    const auto at = [&](std::int64_t i) {
      const auto row = static_cast<std::size_t>(first + i);
      return cells[row] ? *cells[row] : rubbish(row);
    };
    if (type == ColumnType::kBool) {
      const auto size = static_cast<std::size_t>(layout.bit_offset + length + 7) / 8;
      std::uint8_t* bits = arena.bytes(size);
      for (std::int64_t i = 0; i < length; ++i) set_bit(bits, layout.bit_offset + i, at(i).i != 0);
      chunk.values = bits;
      chunk.values_bytes = static_cast<std::int64_t>(size);
    } else if (type == ColumnType::kBytes32 || type == ColumnType::kBytes64) {
      std::string data = layout.bit_offset > 0 ? "prefix" : "";
      std::vector<std::int64_t> offsets{static_cast<std::int64_t>(data.size())};
      for (std::int64_t i = 0; i < length; ++i) {
        data += at(i).s;
        offsets.push_back(static_cast<std::int64_t>(data.size()));
      }
      std::uint8_t* values = arena.bytes(data.size());
      std::memcpy(values, data.data(), data.size());
      const std::size_t each = type == ColumnType::kBytes32 ? 4 : 8;
      std::uint8_t* to = arena.bytes(offsets.size() * each);
      for (std::size_t i = 0; i < offsets.size(); ++i) std::memcpy(to + i * each, &offsets[i], each);
      chunk.values = values;
      chunk.values_bytes = static_cast<std::int64_t>(data.size());
      chunk.offsets = to;
    } else {
      const auto each = static_cast<std::size_t>(column.width);
      std::uint8_t* values = arena.bytes(each * static_cast<std::size_t>(length));
      for (std::int64_t i = 0; i < length; ++i) {
        std::uint8_t* to = values + static_cast<std::size_t>(i) * each;
        if (type == ColumnType::kFixed) {
          std::string text = at(i).s;
          text.resize(each, '\0');
          std::memcpy(to, text.data(), each);
        } else {
          put_scalar(to, type, is_float(type) && !cells[static_cast<std::size_t>(first + i)] ? Cell{0, 12.5, {}} : at(i));
        }
      }
      chunk.values = values;
      chunk.values_bytes = static_cast<std::int64_t>(each) * length;
    }
    column.chunks.push_back(chunk);
  }
  return column;
}

Column make_dictionary(Arena& arena, ColumnType index_type, ColumnType value_type, const Cells& cells,
                       const std::string& name, const Layout& layout, int width) {
  const int count = layout.dictionaries;
  // Row r uses dictionary (its chunk's number % count); dictionary d lists the values of its rows, the second one
  // backwards, and each value as often as it is first seen by an odd or even row: duplicates are allowed.
  std::vector<std::int64_t> cuts{0};
  for (const std::int64_t cut : layout.cuts) cuts.push_back(cut);
  cuts.push_back(static_cast<std::int64_t>(cells.size()));
  std::vector<Cells> values(static_cast<std::size_t>(count));
  Cells indices(cells.size());
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    Cells& dictionary = values[k % static_cast<std::size_t>(count)];
    for (auto row = static_cast<std::size_t>(cuts[k]); row < static_cast<std::size_t>(cuts[k + 1]); ++row) {
      if (!cells[row] && row % 2 == 0) continue;  // some nulls as null indices, some as null dictionary values
      std::size_t at = 0;
      for (; at < dictionary.size(); ++at) {
        if (dictionary[at].has_value() != cells[row].has_value() || at % 2 != row % 2) continue;
        if (!cells[row]) break;
        const Cell& a = *dictionary[at];
        const Cell& b = *cells[row];
        if (a.i == b.i && std::memcmp(&a.d, &b.d, 8) == 0 && a.s == b.s) break;
      }
      if (at == dictionary.size()) dictionary.push_back(cells[row]);
      indices[row] = cell(static_cast<std::int64_t>(at));
    }
  }
  Column column = make_column(arena, index_type, indices, name, layout);
  column.index_type = index_type;
  column.type = ColumnType::kDictionary;
  for (std::size_t k = 0; k < column.chunks.size(); ++k) {
    column.chunks[k].dictionary = static_cast<std::int32_t>(k % static_cast<std::size_t>(count));
  }
  for (std::size_t d = 0; d < values.size(); ++d) {
    Layout inner;
    inner.bit_offset = layout.bit_offset;
    if (values[d].size() > 3) inner.cuts = {1};
    column.dictionaries.push_back(make_column(arena, value_type, values[d], name + ".dictionary", inner, width));
  }
  return column;
}

}  // namespace flowstate::test
