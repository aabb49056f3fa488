// Text to dense codes in order of arrival. Short texts (up to 12 bytes) are compared as two words; longer ones by hash,
// then by their bytes. Not thread-safe. O(1) per text on average.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flowstate/io/duck_api.h"

namespace flowstate::io {

class TextDictionary {
 public:
  TextDictionary();

  // The code of `text`; `row` is remembered as its first appearance when the text is new.
  std::int32_t intern(const duck::String& text, std::int64_t row);
  std::int32_t intern(std::string_view text, std::int64_t row);
  // Lowers the first appearance of a known code.
  void seen(std::int32_t code, std::int64_t row) noexcept {
    if (row < first_rows_[static_cast<std::size_t>(code)]) first_rows_[static_cast<std::size_t>(code)] = row;
  }

  std::int64_t size() const noexcept { return static_cast<std::int64_t>(first_rows_.size()); }
  std::int64_t bytes() const noexcept { return static_cast<std::int64_t>(arena_.size()); }
  std::int64_t first_row(std::int64_t code) const noexcept {
    return first_rows_[static_cast<std::size_t>(code)];
  }
  std::string_view text(std::int64_t code) const noexcept {
    const auto at = static_cast<std::size_t>(code);
    return {arena_.data() + ends_[at], ends_[at + 1] - ends_[at]};
  }
  void clear();

 private:
  struct Slot {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::int32_t code = -1;
  };

  std::int32_t find_or_add(std::uint64_t low, std::uint64_t high, std::string_view text, std::int64_t row);
  void grow();

  std::vector<Slot> slots_;
  std::uint64_t mask_ = 0;
  std::vector<char> arena_;
  std::vector<std::size_t> ends_;  // ends_[0] is 0
  std::vector<std::int64_t> first_rows_;
};

}  // namespace flowstate::io
