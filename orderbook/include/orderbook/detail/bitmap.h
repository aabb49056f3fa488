// A set of slots as a 64-ary tree of words: the nearest member at or below a slot takes at most three count-leading-
// zeros, whatever the gap. For up to 64^3 slots. The words belong to the caller, zero is the empty set.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace orderbook::detail {

class Bitmap {
 public:
  static constexpr std::uint32_t kMaxSlots = 64 * 64 * 64;
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Words needed for `slots`, a power of two of at least 64.
  [[nodiscard]] static constexpr std::size_t words(std::uint32_t slots) noexcept {
    return leaf_words(slots) + mid_words(slots) + 1;
  }

  Bitmap(std::uint64_t* all, std::uint32_t slots) noexcept
      : leaf_(all), mid_(all + leaf_words(slots)), top_(mid_ + mid_words(slots)) {}

  void set(std::uint32_t slot) noexcept {
    leaf_[slot >> 6] |= bit(slot);
    mid_[slot >> 12] |= bit(slot >> 6);
    *top_ |= bit(slot >> 12);
  }

  void clear(std::uint32_t slot) noexcept {
    if ((leaf_[slot >> 6] &= ~bit(slot)) != 0) return;
    if ((mid_[slot >> 12] &= ~bit(slot >> 6)) != 0) return;
    *top_ &= ~bit(slot >> 12);
  }

  [[nodiscard]] bool test(std::uint32_t slot) const noexcept { return (leaf_[slot >> 6] & bit(slot)) != 0; }

  // The members of a slot's word that are not above the slot.
  [[nodiscard]] std::uint64_t word_up_to(std::uint32_t slot) const noexcept {
    return leaf_[slot >> 6] & (~std::uint64_t{0} >> (63 - (slot & 63)));
  }
  [[nodiscard]] static constexpr std::uint32_t highest(std::uint64_t bits) noexcept {
    return 63 - static_cast<std::uint32_t>(std::countl_zero(bits));
  }

  // The highest member <= slot, or kNone.
  [[nodiscard]] std::uint32_t at_or_below(std::uint32_t slot) const noexcept {
    std::uint32_t word = slot >> 6;
    std::uint64_t bits = word_up_to(slot);
    if (bits != 0) return (word << 6) + highest(bits);
    std::uint32_t group = word >> 6;
    bits = mid_[group] & (bit(word) - 1);
    if (bits == 0) {
      bits = *top_ & (bit(group) - 1);
      if (bits == 0) return kNone;
      group = highest(bits);
      bits = mid_[group];
    }
    word = (group << 6) + highest(bits);
    return (word << 6) + highest(leaf_[word]);
  }

 private:
  static constexpr std::size_t leaf_words(std::uint32_t slots) noexcept { return slots / 64; }
  static constexpr std::size_t mid_words(std::uint32_t slots) noexcept { return (slots / 64 + 63) / 64; }
  static constexpr std::uint64_t bit(std::uint32_t index) noexcept {
    return std::uint64_t{1} << (index & 63);
  }

  std::uint64_t* leaf_;
  std::uint64_t* mid_;
  std::uint64_t* top_;
};

}  // namespace orderbook::detail
