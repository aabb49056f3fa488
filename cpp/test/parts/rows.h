// The smallest batch there is: numbers, each of so many bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace flowstate::stream {

struct Rows {
  std::vector<std::uint64_t> values;
  std::size_t row_bytes = 8;

  Rows() = default;
  explicit Rows(std::vector<std::uint64_t> content, std::size_t bytes_of_row = 8)
      : values(std::move(content)), row_bytes(bytes_of_row) {}
  static Rows sequence(std::uint64_t from, std::size_t count) {
    Rows rows;
    rows.values.resize(count);
    std::iota(rows.values.begin(), rows.values.end(), from);
    return rows;
  }

  std::size_t rows() const { return values.size(); }
  std::size_t bytes() const { return values.size() * row_bytes; }
  Rows slice(std::size_t from, std::size_t count) const {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(from);
    return Rows({first, first + static_cast<std::ptrdiff_t>(count)}, row_bytes);
  }
  void append(Rows&& other) { values.insert(values.end(), other.values.begin(), other.values.end()); }
};

}  // namespace flowstate::stream
