// Why bytes are no snapshot of such a book.
#pragma once

#include <cstdint>
#include <string_view>

namespace orderbook {

enum class SnapshotError : std::uint8_t {
  kNone = 0,
  kTruncated,    // shorter or longer than its counts say
  kBadMagic,     // not a snapshot
  kBadVersion,   // of a version this code does not read
  kBadKind,      // of another kind of book: with or without a queue, with or without ids
  kBadChecksum,  // damaged
  kBadContent,  // levels out of order, zero or too large quantities, prices outside the book's range, impossible terms
  kDuplicateId,  // twice in it, or already in another book of the arena
  kTooLarge,     // ids or a number of orders that this book's options do not admit
};

[[nodiscard]] constexpr std::string_view to_string(SnapshotError error) noexcept {
  constexpr std::string_view kNames[] = {"none",     "truncated",   "bad magic",    "bad version", "bad kind",
                                         "checksum", "bad content", "duplicate id", "too large"};
  const auto index = static_cast<std::size_t>(error);
  return index < std::size(kNames) ? kNames[index] : std::string_view("?");
}

}  // namespace orderbook
