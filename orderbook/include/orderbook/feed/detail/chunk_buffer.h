// A cursor over input that comes in pieces: a message inside one chunk is read in place, one that straddles chunks is
// put together in a carry buffer. Memory grows with bytes that came, never with a length that a message claims.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace orderbook::feed_detail {

class ChunkBuffer {
 public:
  // The previous chunk must be used up (peek or line said so); what is left of it is kept.
  void feed(std::span<const std::byte> chunk) {
    if (!chunk_.empty()) carry_.insert(carry_.end(), chunk_.begin(), chunk_.end());
    chunk_ = chunk;
  }

  // `size` bytes at the cursor, or null until they are there. Valid until the next call.
  [[nodiscard]] const std::byte* peek(std::size_t size) {
    const std::size_t held = carry_.size() - carry_begin_;
    if (held == 0) {
      if (chunk_.size() >= size) return chunk_.data();
      keep(chunk_.size());
      return nullptr;
    }
    if (held < size) {
      keep(std::min(size - held, chunk_.size()));
      if (carry_.size() - carry_begin_ < size) return nullptr;
    }
    return carry_.data() + carry_begin_;
  }

  // The next line without its '\n'; nullopt until there is one. `consume_line` moves past it.
  [[nodiscard]] std::optional<std::string_view> line(bool is_finished) {
    const std::size_t held = carry_.size() - carry_begin_;
    if (held == 0) {
      if (chunk_.empty()) return std::nullopt;
      if (const auto length = find_newline(chunk_)) return take_line(chunk_.data(), *length, true);
      if (is_finished) return take_line(chunk_.data(), chunk_.size(), false);
      keep(chunk_.size());
      searched_ = carry_.size() - carry_begin_;
      return std::nullopt;
    }
    const std::span<const std::byte> tail{carry_.data() + carry_begin_ + searched_, held - searched_};
    if (const auto length = find_newline(tail)) {
      return take_line(carry_.data() + carry_begin_, searched_ + *length, true);
    }
    searched_ = held;
    if (const auto length = find_newline(chunk_)) {
      keep(*length + 1);
      return take_line(carry_.data() + carry_begin_, held + *length, true);
    }
    keep(chunk_.size());
    searched_ = carry_.size() - carry_begin_;
    if (is_finished) return take_line(carry_.data() + carry_begin_, searched_, false);
    return std::nullopt;
  }
  void consume_line() noexcept { consume(line_bytes_); }

  void consume(std::size_t size) noexcept {
    offset_ += size;
    searched_ = 0;
    const std::size_t held = carry_.size() - carry_begin_;
    if (held == 0) {
      chunk_ = chunk_.subspan(size);
      return;
    }
    const std::size_t from_carry = std::min(held, size);
    carry_begin_ += from_carry;
    chunk_ = chunk_.subspan(size - from_carry);
    if (carry_begin_ == carry_.size()) {
      carry_.clear();
      carry_begin_ = 0;
    }
  }

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // Bytes that came and were not consumed.
  [[nodiscard]] std::size_t pending() const noexcept { return carry_.size() - carry_begin_ + chunk_.size(); }

 private:
  static std::optional<std::size_t> find_newline(std::span<const std::byte> bytes) noexcept {
    if (bytes.empty()) return std::nullopt;
    const void* found = std::memchr(bytes.data(), '\n', bytes.size());
    if (found == nullptr) return std::nullopt;
    return static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
  }

  std::string_view take_line(const std::byte* data, std::size_t length, bool has_newline) noexcept {
    line_bytes_ = length + (has_newline ? 1 : 0);
    return {reinterpret_cast<const char*>(data), length};
  }

  void keep(std::size_t size) {
    if (carry_begin_ != 0) {
      carry_.erase(carry_.begin(), carry_.begin() + static_cast<std::ptrdiff_t>(carry_begin_));
      carry_begin_ = 0;
    }
    carry_.insert(carry_.end(), chunk_.begin(), chunk_.begin() + static_cast<std::ptrdiff_t>(size));
    chunk_ = chunk_.subspan(size);
  }

  std::span<const std::byte> chunk_;
  std::vector<std::byte> carry_;
  std::size_t carry_begin_ = 0;
  std::size_t searched_ = 0;    // bytes of the carry, from its begin, without a newline
  std::size_t line_bytes_ = 0;  // of the line shown, its newline included
  std::uint64_t offset_ = 0;
};

}  // namespace orderbook::feed_detail
