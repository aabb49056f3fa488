// What an event from a table must have, whichever way the table came: the CSV and the column reader share it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "orderbook/event.h"

namespace orderbook::feed_detail {

inline constexpr std::uint8_t kEventKinds = 10;
inline constexpr std::uint8_t kEventFlags = kEventEndOfGroup | kEventSnapshot | kEventNoSide | kEventNoPrice;

// A kind by its name or its number.
[[nodiscard]] constexpr std::optional<EventKind> parse_event_kind(std::string_view text) noexcept {
  constexpr std::array<std::string_view, kEventKinds> kNames = {
      "add", "reduce", "delete", "execute", "replace", "modify", "trade", "level", "clear", "status"};
  for (std::uint8_t kind = 0; kind < kEventKinds; ++kind) {
    if (text == kNames[kind] || (text.size() == 1 && text[0] == static_cast<char>('0' + kind))) {
      return static_cast<EventKind>(kind);
    }
  }
  return std::nullopt;
}

// What is missing from the event, or nothing.
[[nodiscard]] constexpr std::optional<std::string_view> event_problem(const Event& event) noexcept {
  const bool enters = event.kind == EventKind::kAdd || event.kind == EventKind::kLevel;
  const bool moves = event.kind == EventKind::kReplace || event.kind == EventKind::kModify;
  if ((event.flags & ~kEventFlags) != 0) return "flags hold unknown bits";
  if (enters && (event.flags & kEventNoSide) != 0) return "the event needs a side";
  if ((enters || moves) && (event.flags & kEventNoPrice) != 0) return "the event needs a price";
  return std::nullopt;
}

}  // namespace orderbook::feed_detail
