#include "flowstate/io/text_dictionary.h"

#include <cstring>
#include <limits>

#include "flowstate/error.h"

namespace flowstate::io {

namespace {

constexpr std::size_t kInline = 12;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t hash = (a ^ (b * 0x9E3779B97F4A7C15ULL)) * 0xD6E8FEB86659FD93ULL;
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93ULL;
  return hash ^ (hash >> 29);
}

std::uint64_t hash_bytes(std::string_view text) noexcept {
  std::uint64_t hash = text.size();
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    hash = mix(hash, word);
  }
  std::uint64_t word = 0;
  std::memcpy(&word, at, left);
  return mix(hash, word);
}

}  // namespace

TextDictionary::TextDictionary() : ends_(1, 0) {
  slots_.resize(256);
  mask_ = 255;
}

void TextDictionary::clear() {
  slots_.assign(256, Slot{});
  mask_ = 255;
  arena_.clear();
  ends_.assign(1, 0);
  first_rows_.clear();
}

std::int32_t TextDictionary::intern(const duck::String& text, std::int64_t row) {
  if (text.length <= kInline) {
    // DuckDB's own form of a short text is the key already; bytes past its end are cut all the same.
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, &text, 8);
    std::memcpy(&high, text.prefix + 4, 8);
    low &= ~std::uint64_t{0} >> (text.length >= 4 ? 0 : 32 - 8 * text.length);
    high &= text.length > 4 ? ~std::uint64_t{0} >> (96 - 8 * text.length) : 0;
    return find_or_add(low, high, {text.prefix, text.length}, row);
  }
  return intern(std::string_view(text.data(), text.length), row);
}

std::int32_t TextDictionary::intern(std::string_view text, std::int64_t row) {
  // The length is part of the key, so a short text never equals a long one's hash pair.
  if (text.size() <= kInline) {
    char key[16] = {};
    const auto length = static_cast<std::uint32_t>(text.size());
    std::memcpy(key, &length, 4);
    std::memcpy(key + 4, text.data(), text.size());
    std::uint64_t low;
    std::uint64_t high;
    std::memcpy(&low, key, 8);
    std::memcpy(&high, key + 8, 8);
    return find_or_add(low, high, text, row);
  }
  const std::uint64_t hash = hash_bytes(text);
  return find_or_add(static_cast<std::uint32_t>(text.size()) | (hash << 32), hash, text, row);
}

std::int32_t TextDictionary::find_or_add(std::uint64_t low, std::uint64_t high, std::string_view value,
                                         std::int64_t row) {
  for (std::uint64_t at = mix(low, high) & mask_;; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.code < 0) {
      if (first_rows_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw Error(ErrorCode::LENGTH, "a text column has more than 2^31 distinct values");
      }
      const auto code = static_cast<std::int32_t>(first_rows_.size());
      slot = {low, high, code};
      arena_.insert(arena_.end(), value.begin(), value.end());
      ends_.push_back(arena_.size());
      first_rows_.push_back(row);
      if (first_rows_.size() * 2 > slots_.size()) grow();
      return code;
    }
    if (slot.low == low && slot.high == high && (value.size() <= kInline || text(slot.code) == value))
      return slot.code;
  }
}

void TextDictionary::grow() {
  std::vector<Slot> old(slots_.size() * 4);
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.code < 0) continue;
    std::uint64_t at = mix(slot.low, slot.high) & mask_;
    while (slots_[at].code >= 0) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
}

}  // namespace flowstate::io
