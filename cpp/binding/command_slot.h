// One command and its answer in thirteen words that JavaScript and the addon share: lib/orderbook/command-row.ts has the
// same places. Read as a batch of one row, so that there is one way to run a command.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "flowstate/book/matching_book.h"

namespace flowstate::binding {

static_assert(std::endian::native == std::endian::little, "the first word is six bytes");

// 0: kind, side, type, time in force, post only, self-trade, a byte each; 1: id; 2: new id; 3: price; 4: quantity;
// 5: stop price; 6: display; 7: owner; 8: time; then the answer, 9: status and state, a byte each; 10: filled;
// 11: resting; 12: cancelled.
inline constexpr std::size_t kSlotWords = 13;

inline book::CommandColumns command_in(const std::uint64_t* slot) noexcept {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(slot);
  const auto* words = reinterpret_cast<const std::int64_t*>(slot);
  book::CommandColumns c;
  c.rows = 1;
  c.kind = {bytes, 1};
  c.side = {bytes + 1, 1};
  c.type = {bytes + 2, 1};
  c.time_in_force = {bytes + 3, 1};
  c.post_only = {bytes + 4, 1};
  c.self_trade = {bytes + 5, 1};
  c.id = {slot + 1, 1};
  c.new_id = {slot + 2, 1};
  c.price = {words + 3, 1};
  c.quantity = {slot + 4, 1};
  c.stop_price = {words + 5, 1};
  c.display = {slot + 6, 1};
  c.owner = {reinterpret_cast<const std::uint32_t*>(slot + 7), 1};
  c.time_ns = {words + 8, 1};
  return c;
}

inline book::AnswerColumns answers_in(std::uint64_t* slot) noexcept {
  auto* bytes = reinterpret_cast<std::uint8_t*>(slot + 9);
  return {{bytes, 1}, {bytes + 1, 1}, {slot + 10, 1}, {slot + 11, 1}, {slot + 12, 1}};
}

}  // namespace flowstate::binding
