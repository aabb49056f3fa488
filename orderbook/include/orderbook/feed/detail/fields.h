// A line split at commas, without copies.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace orderbook::feed_detail {

// The number of fields in the line, which may exceed those stored. An empty line has one empty field.
[[nodiscard]] inline std::size_t split_fields(std::string_view line,
                                              std::span<std::string_view> fields) noexcept {
  std::size_t count = 0;
  for (;;) {
    const std::size_t comma = line.find(',');
    if (count < fields.size()) fields[count] = line.substr(0, comma);
    ++count;
    if (comma == std::string_view::npos) return count;
    line.remove_prefix(comma + 1);
  }
}

[[nodiscard]] inline std::string_view without_carriage_return(std::string_view line) noexcept {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// At most 40 characters of hostile text, printable, for an error's message.
[[nodiscard]] inline std::string excerpt(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string shown(text.substr(0, kMost));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kMost) shown += "...";
  return shown;
}

}  // namespace orderbook::feed_detail
